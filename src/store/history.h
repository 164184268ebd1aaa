/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <diskuse.h>
#include <history.h>

#include "base/err.h"
#include "store/db.h"
#include "store/ring.h"

/*
 * One way to everything that was recorded of a container: blocks of the store of the
 * level that the wanted step needs, coarser ones where that has been thinned out, finer
 * ones and the ring for what is not in it yet. PVE's RRD goes into what is missing.
 * Nothing is ever interpolated: time that was not recorded is a gap. A detail is there at
 * the point of its reading only, and its rate is that since the reading before.
 */
struct history_data;

struct history_range {
	uint32_t vmid;
	uint64_t since_real_usec, until_real_usec; /* (since, until] */
	uint64_t step_usec; /* 0: as finely as it was recorded; at most a week */
};

#define HISTORY_MAX_SAMPLES 1000000 /* a bound: eleven days by the second */

/* ring, db: NULL where there is none. -EFBIG: too much at that step. */
int history_collect(const struct ring *ring, struct db *db, const struct history_range *r,
		    struct history_data **ret, struct err *err);
void history_data_free(struct history_data *d); /* NULL is fine */

size_t history_samples(const struct history_data *d);   /* recorded ones */
uint64_t history_damaged(const struct history_data *d); /* blocks that were passed over */

/* Is there time in the range, two minutes or more, of which nothing was recorded? */
bool history_has_holes(const struct history_data *d);

/* Rows that lie wholly in such time; the others are not used. */
void history_add_rrd(struct history_data *d, const struct rrd_rows *rows);

/*
 * Use of the root file system, by time: what is said by the row that holds at the time of
 * a sample (disk_rows_at()) is its value. *rows is emptied.
 */
void history_add_disk(struct history_data *d, struct disk_rows *rows);

/*
 * The series. Counters are rates over each step, gauges the greatest in it.
 * cpus_milli: what the container may use, in thousandths of a CPU; absent: "cpu" is
 * known from PVE's RRD only.
 */
void history_make(const struct history_data *d, const unsigned *columns, size_t n_columns,
		  struct val cpus_milli, struct history *ret);
