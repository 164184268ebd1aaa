/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "out/cell.h"

/*
 * A picture of a terminal, in memory: what is drawn here is shown by whoever has a
 * terminal, or compared by a test.
 */
#define SURFACE_MIN_W 20
#define SURFACE_MIN_H 5
#define SURFACE_MAX_W 1000
#define SURFACE_MAX_H 500

struct style {
	enum cell_color color;
	bool bold, reverse, underline;
};

struct surface_cell {
	char text[11];       /* one character with its marks, UTF-8, NUL-terminated */
	unsigned char width; /* columns; 0: the second half of the one before */
	struct style style;
};

struct surface {
	size_t w, h;
	bool utf8;              /* else a character that is not ASCII is shown as '?' */
	struct surface_cell *v; /* h rows of w */
};

/* Clamped to the bounds above, all blank. */
void surface_init(struct surface *s, size_t w, size_t h, bool utf8);
void surface_done(struct surface *s);

/*
 * Puts text at column x of row y, at most `width` columns of it; what is outside is not
 * drawn. `text` is escaped already (out/text.h): a control byte in it becomes '?'. The
 * columns that were used.
 */
size_t surface_put(struct surface *s, size_t x, size_t y, size_t width, const char *text,
		   struct style style);

/* The style of `width` cells from x on, their text stays. */
void surface_paint(struct surface *s, size_t x, size_t y, size_t width,
		   struct style style);

/* The lines as text, without the blanks at their ends. */
void surface_dump(const struct surface *s, struct buf *ret);
