/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "out/topview.h"

/* What the files of topview share, see there. */

/* By the order of topview_cols. */
enum topcol {
	TC_VMID,
	TC_NAME,
	TC_STATUS,
	TC_CPU,
	TC_CORES,
	TC_MEM,
	TC_MAXMEM,
	TC_MEMP,
	TC_SWAP,
	TC_MAXSWAP,
	TC_IO,
	TC_READ,
	TC_WRITE,
	TC_NET,
	TC_IN,
	TC_OUT,
	TC_PRESS,
	TC_PCPU,
	TC_PIO,
	TC_PMEM,
	TC_PIDS,
	TC_MAXPIDS,
	TC_FLAGS,
	TC_MARKS,
	TC_GRAPH,
	TC_KILLS,
	TC_CORERATIO,
};

/* Which columns there is room for. */
struct toplayout {
	size_t col[TOPVIEW_COLS]; /* index into topview_cols */
	size_t width[TOPVIEW_COLS];
	size_t n;
};

void topview_lay_out(const struct topframe *f, const struct topnav *nav,
		     const struct topview_opts *o, size_t w, struct toplayout *ret);

/* The columns that belong to an order: they are shown, and stand out. */
bool topview_is_sorted(size_t col, enum topsort sort);

/* "last 60 s", the heading of the graph. */
void topview_put_span(struct buf *b, uint64_t usec);
