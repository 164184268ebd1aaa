/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "waiver.h"

/*
 * /etc/ctscope/waivers.conf: a waiver a line, four words and more,
 *
 *	RULE[/KEY]  CTID|*  UNTIL  REASON...
 *
 * parted by blanks or tabs: the id of a rule and, where it is about one line of the config
 * only, that line's key; the container or "*"; the last day, YYYY-MM-DD; why, to the end
 * of the line. Empty lines, and those that begin with '#', are nothing.
 */
#define WAIVERS_PATH      "etc/ctscope/waivers.conf"
#define WAIVERS_MAX_BYTES ((size_t)256 << 10)

/*
 * Parses the text. A line that cannot be used is left out and adds one sentence to
 * *warnings ("<name>:3: ..."), at most 100 of them; the others hold. Whether there is such
 * a rule or container is not looked at here.
 */
void waivers_parse(struct span text, const char *name, struct waivers *ret,
		   struct strv *warnings);

/*
 * Reads the file, relative to the root fd; `name` as above. -ENOENT: there is none; *ret
 * is empty after every error.
 */
int waivers_read(int rootfd, const char *path, const char *name, struct waivers *ret,
		 struct strv *warnings, struct err *err);

/* "2027-03-31" as 20270331. False: it is no day. */
bool waiver_parse_day(struct span s, uint32_t *ret);
