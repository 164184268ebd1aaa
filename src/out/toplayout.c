/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/topimpl.h"

#include "base/num.h"
#include "out/fit.h"
#include "out/text.h"

/* ---- which columns, and how wide ---- */

/* As wide as the figures get: the columns stay where they are from tick to tick. */
static const unsigned char least_width[TOPVIEW_COLS] = {
	[TC_VMID] = 4,   [TC_CPU] = 5,  [TC_CORES] = 5, [TC_MEM] = 7,   [TC_MAXMEM] = 7,
	[TC_MEMP] = 5,   [TC_SWAP] = 7, [TC_IO] = 7,    [TC_READ] = 7,  [TC_WRITE] = 7,
	[TC_NET] = 7,    [TC_IN] = 7,   [TC_OUT] = 7,   [TC_PRESS] = 5, [TC_PCPU] = 5,
	[TC_PIO] = 5,    [TC_PMEM] = 5, [TC_PIDS] = 5,  [TC_FLAGS] = 5, [TC_MARKS] = 12,
	[TC_GRAPH] = 10,
};

static const unsigned char narrow[] = { TC_VMID, TC_NAME, TC_CPU,   TC_MEM,   TC_MEMP,
					TC_IO,   TC_NET,  TC_PRESS, TC_FLAGS, TC_GRAPH };
static const unsigned char wide[] = { TC_VMID,   TC_NAME,  TC_CPU,  TC_CORES, TC_MEM,
				      TC_MAXMEM, TC_MEMP,  TC_SWAP, TC_READ,  TC_WRITE,
				      TC_IN,     TC_OUT,   TC_PCPU, TC_PIO,   TC_PMEM,
				      TC_PIDS,   TC_MARKS, TC_GRAPH };
#define WIDE_FROM 130

static void pick_named(const char *list, struct toplayout *l)
{
	struct span rest = span_str(list), name;
	bool add = span_skip(&rest, "+");

	for (size_t i = 0; add && i < ARRAY_SIZE(wide); i++)
		l->col[l->n++] = wide[i];
	while (span_cut(&rest, ',', &name))
		for (size_t i = 0; i < TOPVIEW_COLS && l->n < TOPVIEW_COLS; i++)
			if (!topview_cols[i].json_only &&
			    span_eq_nocase(name, topview_cols[i].heading))
				l->col[l->n++] = i;
}

bool topview_is_sorted(size_t col, enum topsort sort)
{
	static const unsigned char of[TOPVIEW_COLS] = {
		[TC_VMID] = 1 + TOPSORT_VMID, [TC_NAME] = 1 + TOPSORT_NAME,
		[TC_CPU] = 1 + TOPSORT_CPU,   [TC_MEM] = 1 + TOPSORT_MEM,
		[TC_SWAP] = 1 + TOPSORT_SWAP, [TC_IO] = 1 + TOPSORT_IO,
		[TC_READ] = 1 + TOPSORT_IO,   [TC_WRITE] = 1 + TOPSORT_IO,
		[TC_NET] = 1 + TOPSORT_NET,   [TC_IN] = 1 + TOPSORT_NET,
		[TC_OUT] = 1 + TOPSORT_NET,   [TC_PRESS] = 1 + TOPSORT_PSI,
		[TC_PCPU] = 1 + TOPSORT_PSI,  [TC_PIO] = 1 + TOPSORT_PSI,
		[TC_PMEM] = 1 + TOPSORT_PSI,  [TC_PIDS] = 1 + TOPSORT_PIDS,
	};

	return of[col] == 1 + sort;
}

static void pick_columns(const struct topview_opts *o, enum topsort sort, size_t w,
			 struct toplayout *l)
{
	bool is_wide = w >= WIDE_FROM;
	const unsigned char *v = is_wide ? wide : narrow;

	if (o->columns) {
		pick_named(o->columns, l);
		return;
	}
	for (size_t i = 0; i < (is_wide ? ARRAY_SIZE(wide) : ARRAY_SIZE(narrow)); i++) {
		l->col[l->n++] = v[i];
		if (is_wide || v[i] != TC_MEMP)
			continue;
		if (sort == TOPSORT_SWAP)
			l->col[l->n++] = TC_SWAP;
		if (sort == TOPSORT_PIDS)
			l->col[l->n++] = TC_PIDS;
	}
}

static size_t cell_width(size_t col, const struct toprow *r, bool exact)
{
	_cleanup_(cell_done) struct cell c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	topview_cols[col].get(r, &c);
	cell_print(&b, &c, exact);
	return text_width(tbytes_str(buf_str(&b)));
}

static void measure(const struct topframe *f, const struct topview_opts *o, size_t col,
		    struct fit_col *ret)
{
	ret->heading = strlen(topview_cols[col].heading);
	ret->natural = MAX(ret->heading, (size_t)least_width[col]);
	ret->shrink = topview_cols[col].shrink;
	ret->minor = topview_cols[col].minor;
	for (size_t i = 0; col != TC_GRAPH && i < f->n; i++)
		ret->natural =
			MAX(ret->natural, cell_width(col, &f->v[i], o->exact_bytes));
}

void topview_lay_out(const struct topframe *f, const struct topnav *nav,
		     const struct topview_opts *o, size_t w, struct toplayout *ret)
{
	struct fit_col v[TOPVIEW_COLS] = { 0 };
	struct toplayout l = { 0 };
	size_t n, used = 0;

	pick_columns(o, nav->sort, w, &l);
	n = l.n;
	for (size_t i = 0; i < n; i++) {
		measure(f, o, l.col[i], &v[i]);
		if (topview_is_sorted(l.col[i], nav->sort) || o->columns)
			v[i].minor = 0;
	}
	fit_columns(v, n, w);
	l.n = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].drop)
			continue;
		l.col[l.n] = l.col[i];
		l.width[l.n++] = v[i].width;
		used += v[i].width + 1;
	}
	for (size_t i = 0; i < l.n; i++)
		if (l.col[i] == TC_GRAPH && used < w + 1)
			l.width[i] = MIN(l.width[i] + w + 1 - used, (size_t)TOP_GRAPH);
	*ret = l;
}
