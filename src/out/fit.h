/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* A column on its way into a narrow terminal: what it would like, and what it gets. */
struct fit_col {
	size_t natural; /* columns of the terminal its widest cell or heading takes */
	size_t heading; /* its heading alone */
	bool shrink;    /* its cells may be cut */
	bool empty;     /* no row has a value: goes before all others */
	unsigned minor; /* 0: never left out for lack of room; the largest goes first */

	bool drop;
	size_t width;
};

/*
 * Makes n columns, one blank between them, fit `width`: columns without any value go
 * first, then the least important ones, then cells are cut where that is allowed. What
 * still does not fit is wider than the terminal: a long line is read more easily than a
 * torn one.
 */
void fit_columns(struct fit_col *v, size_t n, size_t width);

/* Cuts escaped text to `width`, ending it with ".." where something is missing. */
void fit_cut(struct buf *text, size_t width);
