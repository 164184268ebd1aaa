/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/usage.h"

/*
 * Lines of `usage`, and the pieces they are made of:
 *
 *	Section
 *	  name          value  a note on it
 */
void usage_section(const struct app *app, const char *name);
void usage_row(const struct app *app, const char *name, const struct buf *value,
	       const struct buf *note);
void usage_size_row(const struct app *app, const char *name, struct val size,
		    const char *note);

/* Instead of rows: `what` ("memory") is not counted here, and why where that is known. */
void usage_not_available(const struct app *app, enum controller_place place,
			 const char *what);

/* A table among the rows, indented as they are. `shown`: as -o; NULL: all. */
void usage_subtable(const struct app *app, const struct col *cols, size_t ncols,
		    const char *shown, const void *rows, size_t n, size_t size);

/* Appended: what is absent is "-". */
void usage_put_size(const struct app *app, struct buf *b, struct val bytes);
void usage_put_signed(const struct app *app, struct buf *b, int64_t bytes);
void usage_put_count(struct buf *b, struct val v);
void usage_put_percent(struct buf *b, uint64_t n, uint64_t of);
void usage_put_seconds(struct buf *b, uint64_t usec); /* "1.25 s" */
void usage_put_cpus(struct buf *b, uint64_t centi);   /* "2 CPUs", "0.50 CPUs" */

/* n was counted over the interval that was measured, which is not 0. */
uint64_t usage_per_second(const struct usage *u, uint64_t n);
