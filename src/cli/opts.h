/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/app.h"

/*
 * Options by table: one entry is the parsing, the help and the completion. Values go into
 * the command's option struct at `off`.
 */
enum opt_kind {
	OPT_FLAG,     /* bool = true */
	OPT_STR,      /* const char *, borrowed from argv */
	OPT_STRV,     /* struct strv: each time one more */
	OPT_U64,      /* uint64_t */
	OPT_DURATION, /* uint64_t usec: "10" and "1.5" are seconds; 90s 15m 2h 14d 3w */
	OPT_TIME,     /* uint64_t real usec: see opts_parse_time() */
};

struct opt {
	const char *name; /* "since", without dashes */
	char letter;      /* 0: none */
	enum opt_kind kind;
	const char *arg; /* "TIME", or NULL for a flag */
	const char *help;
	size_t off;
};

/*
 * Parses argv (arguments after the command's name) by the common options and the
 * command's own ones into `dst` and `app`; what is not an option is kept in *pos, in
 * order. 0; 1: --help was printed, the command is done; -EINVAL: usage, the sentence is
 * printed.
 */
int opts_parse(struct app *app, const struct cmd *cmd, void *dst, int argc, char **argv,
	       struct strv *pos);

/*
 * A point in time as journalctl takes it: "2026-11-20 03:12[:30]", "2026-11-20", "03:12"
 * (today), "now", "today", "yesterday", "-15m" or "15m ago", "@1795191740", RFC 3339 with
 * Z. Local time of this machine, relative to `now`. -EINVAL with the sentence.
 */
int opts_parse_time(const char *text, uint64_t now_real_usec, uint64_t *ret,
		    struct err *err);

int opts_parse_duration(const char *text, uint64_t *ret_usec, struct err *err);

/* ctscope --help and ctscope COMMAND --help. */
void opts_help_all(FILE *f);
void opts_help(FILE *f, const struct cmd *cmd);
