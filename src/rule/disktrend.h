/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <diskuse.h>

/*
 * When a root file system will be full if it goes on as it did. Pure.
 *
 * How fast it grows is the median of the slopes between all pairs of 144 moments of the
 * window (Theil and Sen): a burst, or a file that came and went, does not move it. It is
 * given only where the record says enough to be believed:
 *	- it is known now, and was in at least 36 of those moments,
 *	- the first and the last of these are at least a quarter of the window apart,
 *	- it grew in the older half of the time as well as in the newer one: what came at
 *	  once is no trend,
 *	- it is full within 30 times the window; a day says nothing about next year.
 * When its size changed the window begins there. (The number of inodes says nothing: ZFS
 * has as many as there is room for.)
 */
#define DISK_TREND_POINTS 144
#define DISK_TREND_LEAST  36
#define DISK_TREND_AHEAD  30

struct disk_trend {
	uint64_t window_sec;
	uint64_t full_in_sec;   /* until nothing is left to be written; 0: that is now */
	uint64_t bytes_per_day; /* by which it grows; not 0 */
};

/* Rows of one container by time, up to now at least. False: nothing can be said. */
bool disk_trend(const struct disk_rows *rows, uint64_t now_real_usec, uint64_t window_sec,
		struct disk_trend *ret);
