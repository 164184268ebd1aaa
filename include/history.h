/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric.h"
#include "val.h"

/*
 * What was recorded of a container, as a series: out of the recorder's ring, its blocks
 * at three levels, and PVE's RRD for what is older or missing.
 */
enum history_source {
	HISTORY_NONE,
	HISTORY_RING,
	HISTORY_1S,
	HISTORY_10S,
	HISTORY_60S,
	HISTORY_RRD,
	HISTORY_SOURCES
};

/* What can be asked for: by enum metric, then what follows from it. */
enum history_column {
	HISTORY_CPU_OWN = METRICS, /* CPU used, of what it may use */
	HISTORY_MEM_USED,          /* PVE's mem: memory.current less the page cache */
	HISTORY_MEM_SHARE,         /* that, of memory.max at that time */
	HISTORY_DISK,              /* used of the root file system */
	HISTORY_INODES,            /* used of it */
	HISTORY_COLUMNS
};

enum history_kind {
	HISTORY_BYTES,      /* a gauge */
	HISTORY_COUNT,      /* a gauge */
	HISTORY_BYTE_RATE,  /* bytes a second */
	HISTORY_COUNT_RATE, /* thousandths a second */
	HISTORY_SHARE,      /* millionths: of one CPU, of the time, of its limit */
	HISTORY_PART,       /* a gauge in millionths */
};

struct history_def {
	const char *name; /* metric_defs' own, or "cpu", "mem", "disk": PVE's */
	const char *help;
	enum history_kind kind;
};

/* column < HISTORY_COLUMNS; one that is not to be shown has the name "". */
void history_def(unsigned column, struct history_def *ret);

/* 0, or -EINVAL: no column has that name. */
int history_column_parse(const char *name, size_t n, unsigned *ret);

const char *history_source_name(enum history_source s); /* "ring", "1s", ..., "rrd" */

/* A row of PVE's RRD: an average over the step that ends at real_usec. */
struct rrd_row {
	uint64_t end_real_usec;
	uint64_t step_sec;
	struct val cpu_own_ppm; /* of its own cpus */
	struct val cpus_milli;  /* thousandths of a CPU */
	struct val mem_bytes;   /* PVE's: less the page cache */
	struct val disk_bytes;
	struct val netin, netout, diskread, diskwrite; /* bytes a second */
	struct val psi_ppm[6]; /* cpu some, full, io some, full, memory some, full */
};

struct rrd_rows {
	struct rrd_row *v; /* by time */
	size_t n;
};

void rrd_rows_done(struct rrd_rows *r);

/* A point stands for the time up to real_usec. */
struct history_point {
	uint64_t real_usec;
	uint64_t span_usec;
	enum history_source source; /* the coarsest that went into it */
	uint64_t life;              /* 0: not known (RRD) */
	bool gap; /* between the point before and this one something was not recorded, or
		     another life began */
};

/* Over everything that is shown, not only the points. */
struct history_summary {
	struct val min, avg, max, last;
};

struct history {
	struct history_point *points;
	size_t n;
	unsigned *columns;
	size_t n_columns;
	struct val *v;                /* n rows of n_columns */
	struct history_summary *sums; /* n_columns */
	uint64_t step_usec;           /* between points; 0: as it was recorded */
};

void history_done(struct history *h);
