/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "settings.h"

/*
 * ctscope's own configuration, etc/ctscope/ctscope.conf below the root fd: INI, read with
 * libinih, every key documented in doc/ctscope.conf. The file is optional, and so is the
 * library: without either the defaults hold.
 */
#define CONFFILE_PATH      "etc/ctscope/ctscope.conf"
#define CONFFILE_MAX_BYTES ((size_t)64 << 10)

/* The built-in values, which the commented lines of doc/ctscope.conf repeat. */
void conffile_defaults(struct settings *ret);

/*
 * Reads the file over the defaults. A line that cannot be used leaves the default and
 * adds one sentence to *warnings ("etc/ctscope/ctscope.conf:12: ..."). 0, also when there
 * is no file; a file that is there and cannot be read, or no libinih for it, is -errno
 * with the defaults in *ret all the same.
 */
int conffile_read(int rootfd, struct settings *ret, struct strv *warnings,
		  struct err *err);

/* The same over bytes; `name` is what the sentences call the file. */
int conffile_parse(struct span text, const char *name, struct settings *ret,
		   struct strv *warnings, struct err *err);
