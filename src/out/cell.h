/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "tbytes.h"
#include "val.h"

/*
 * One value on its way out. A column description (struct col) gives both the table and
 * the JSON, so the two never disagree. The zero value is "absent": an empty cell ("-") in
 * a table, no key in JSON.
 */
enum cell_kind {
	CELL_ABSENT,
	CELL_NULL,    /* no limit: "max" in a table, null in JSON */
	CELL_INT,     /* a plain number */
	CELL_BYTES,   /* human in a table (exact with --bytes), a number in JSON */
	CELL_SECONDS, /* a duration: "3h 5m", a number in JSON */
	CELL_STAMP,   /* wall clock in usec: local time, RFC 3339 in JSON */
	CELL_PPM,     /* a ratio in millionths: "12.5%" in a table, 0.125 in JSON */
	CELL_CENTI,   /* hundredths of what is shown, as PSI has it: 1.25 in both */
	CELL_BOOL,    /* "yes"/"no", true/false */
	CELL_STR,     /* borrowed, ours: escaped all the same */
	CELL_TEXT,    /* tenant bytes, borrowed */
	CELL_OWNED,   /* a string that the renderer frees */
	CELL_STRS,    /* borrowed list: "a,b" in a table, an array in JSON */
};

enum cell_color { COLOR_NONE, COLOR_GOOD, COLOR_WARN, COLOR_BAD, COLOR_DIM };

struct cell {
	enum cell_kind kind;
	enum cell_color color;
	bool flag;
	uint64_t n;
	const char *s;
	char *owned;
	struct tbytes t;
	const struct strv *strs;
};

struct cell cell_int(uint64_t n);
struct cell cell_bytes(uint64_t n);
struct cell cell_seconds(uint64_t n);
struct cell cell_stamp(uint64_t real_usec);
struct cell cell_ppm(uint64_t ppm);
struct cell cell_bool(bool b);
struct cell cell_str(const char *s);                     /* NULL: absent */
struct cell cell_text(struct tbytes t);                  /* p NULL: absent */
struct cell cell_owned(char *s);                         /* NULL: absent */
struct cell cell_strs(const struct strv *s);             /* none: absent */
struct cell cell_val(struct val v, enum cell_kind kind); /* ABSENT, NULL or kind */

void cell_done(struct cell *c);

/* The text of a table cell. */
void cell_print(struct buf *out, const struct cell *c, bool exact_bytes);

struct col {
	const char *heading; /* of the table and for -o; upper case */
	const char *key;     /* of the JSON; NULL: in the table only */
	const char *help;
	bool right;     /* numbers */
	bool shrink;    /* may be cut when the terminal is too narrow */
	bool hidden;    /* shown only when -o names it */
	bool json_only; /* never a table column */
	unsigned minor; /* left out of a terminal that is too narrow, largest first */
	void (*get)(const void *row, struct cell *ret);
};
