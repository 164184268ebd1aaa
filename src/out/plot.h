/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "val.h"

/*
 * A series as an area in characters: braille (two values a character, four steps a line)
 * or plain ASCII (one value, two steps). What is absent stays blank; what is there and
 * zero has its lowest dot, so that no data is told from nothing used.
 */
struct plot {
	const struct val *v;
	size_t n;
	uint64_t top;    /* the value at the upper edge, from 1 on */
	unsigned height; /* lines */
	bool ascii;
};

/* Values that go into a character. */
static inline size_t plot_values(bool ascii)
{
	return ascii ? 1 : 2;
}

/* Line 0 is the uppermost. */
void plot_line(struct buf *out, const struct plot *p, unsigned line);
