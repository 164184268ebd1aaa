/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <top.h>

#include "base/str.h"
#include "out/cell.h"
#include "out/surface.h"

/*
 * `top` as it looks: the columns (of the screen, of batch mode and of JSON), the lines
 * above them, and the picture of a whole screen.
 */
#define TOPVIEW_COLS 27
extern const struct col topview_cols[TOPVIEW_COLS];

struct topview_opts {
	const char *columns; /* -o; NULL: as many as there is room for */
	bool exact_bytes;
	const char *message;         /* of the last line, once; NULL: the keys */
	const struct topunit *units; /* with nav->unit */
	size_t n_units;
	const char *unit_note; /* why there are none, or not all; NULL: nothing */
};

/* Rows of the table that fit. */
size_t topview_page(const struct topframe *f, size_t h);

void topview_draw(struct surface *s, const struct topframe *f, const struct topnav *nav,
		  const struct topview_opts *o);

/* The lines above the table: 0 node, 1 its use, 2 where the figures are from. */
#define TOPVIEW_HEAD 3
void topview_head(const struct topframe *f, const struct topnav *nav, unsigned line,
		  struct buf *ret);

/*
 * What is wrong, the worst first, in one line: who had processes killed, is at a limit, is
 * frozen or waits too much (by the thresholds of ctscope.conf). False: nothing is.
 */
bool topview_trouble(const struct topframe *f, size_t width, struct buf *ret);

/* A row's graph in so many columns; `full`: the value of a whole bar. */
void topview_graph(const struct toprow *r, uint64_t full, size_t width, bool utf8,
		   struct buf *ret);

/* Words for its marks ("throttled OOM-kill 2"), or their letters; "" for none. */
void topview_marks(const struct toprow *r, bool letters, struct buf *ret);
