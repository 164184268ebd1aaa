/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <history.h>

#include "base/str.h"

static const struct history_def derived[HISTORY_COLUMNS - METRICS] = {
	[HISTORY_CPU_OWN -
	 METRICS] = { "cpu", "CPU time used, of what it may use (as PVE counts)",
		      HISTORY_SHARE },
	[HISTORY_MEM_USED -
		METRICS] = { "mem", "memory used, without the page cache (as PVE counts)",
			     HISTORY_BYTES },
	[HISTORY_MEM_SHARE - METRICS] = { "mem-share",
					  "mem, of the limit that it had at that time",
					  HISTORY_PART },
	[HISTORY_DISK -
		METRICS] = { "disk",
			     "used of the root file system (asked every 1 to 10 minutes)",
			     HISTORY_BYTES },
	[HISTORY_INODES - METRICS] = { "inodes",
				       "inodes used of the root file system (as often)",
				       HISTORY_COUNT },
};

static enum history_kind kind_of(const struct metric_def *m)
{
	if (str_eq(m->unit, "usec"))
		return HISTORY_SHARE;
	if (str_eq(m->unit, "ppm"))
		return HISTORY_PART;
	if (str_eq(m->unit, "bytes"))
		return m->counter ? HISTORY_BYTE_RATE : HISTORY_BYTES;
	return m->counter ? HISTORY_COUNT_RATE : HISTORY_COUNT;
}

void history_def(unsigned column, struct history_def *ret)
{
	const struct metric_def *m;

	if (column >= METRICS) {
		*ret = derived[column - METRICS];
		return;
	}
	m = &metric_defs[column];
	*ret = (struct history_def){ m->name, m->help, kind_of(m) };
}

int history_column_parse(const char *name, size_t n, unsigned *ret)
{
	for (unsigned i = 0; i < HISTORY_COLUMNS; i++) {
		struct history_def d;

		history_def(i, &d);
		if (!n || !span_eq(span_of(name, n), d.name))
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}

const char *history_source_name(enum history_source s)
{
	static const char *const names[HISTORY_SOURCES] = {
		[HISTORY_NONE] = "none", [HISTORY_RING] = "ring", [HISTORY_1S] = "1s",
		[HISTORY_10S] = "10s",   [HISTORY_60S] = "60s",   [HISTORY_RRD] = "rrd",
	};

	return s < HISTORY_SOURCES ? names[s] : "none";
}

void rrd_rows_done(struct rrd_rows *r)
{
	free(r->v);
	*r = (struct rrd_rows){ 0 };
}

void history_done(struct history *h)
{
	free(h->points);
	free(h->columns);
	free(h->v);
	free(h->sums);
	*h = (struct history){ 0 };
}
