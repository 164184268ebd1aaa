/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/disktrend.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"

#define DAY_SEC   86400
#define MAX_PAIRS (DISK_TREND_POINTS * (DISK_TREND_POINTS - 1) / 2)

struct point {
	uint64_t sec;
	uint64_t used_bytes;
};

/* Oldest first. */
struct points {
	struct point v[DISK_TREND_POINTS];
	size_t n;
};

static bool is_as_large(const struct disk_row *a, const struct disk_row *b)
{
	return a->use.size_bytes == b->use.size_bytes;
}

/* Since when it has been as large as it is now. */
static uint64_t begin_of(const struct disk_rows *rows, const struct disk_row *now)
{
	size_t i = (size_t)(now - rows->v);
	uint64_t begin = now->real_usec;

	while (i > 0 && (!rows->v[i - 1].known || is_as_large(&rows->v[i - 1], now)))
		begin = rows->v[--i].real_usec;
	return begin;
}

static void take_points(const struct disk_rows *rows, uint64_t now_real_usec,
			uint64_t window_sec, uint64_t begin, struct points *ret)
{
	const uint64_t step = window_sec * USEC_PER_SEC / DISK_TREND_POINTS;

	ret->n = 0;
	for (unsigned k = DISK_TREND_POINTS; k-- > 0;) {
		uint64_t at = num_sub(now_real_usec, k * step);
		const struct disk_row *row = disk_rows_at(rows, 0, at);

		if (row && row->real_usec >= begin)
			ret->v[ret->n++] =
				(struct point){ at / USEC_PER_SEC, row->use.used_bytes };
	}
}

static int cmp_slope(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Bytes a day; one that does not fit is the greatest there is. */
static int64_t slope(const struct point *a, const struct point *b)
{
	bool up = b->used_bytes >= a->used_bytes;
	uint64_t by = up ? b->used_bytes - a->used_bytes : a->used_bytes - b->used_bytes;
	uint64_t n = num_muldiv(by, DAY_SEC, b->sec - a->sec);
	int64_t s = (int64_t)MIN(n, (uint64_t)INT64_MAX);

	return up ? s : -s;
}

/* Of an even number the smaller of the two. `v`: room for all pairs. */
static int64_t median(const struct point *p, size_t n, int64_t *v)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (p[k].sec > p[i].sec)
				v[m++] = slope(&p[i], &p[k]);
	if (!m)
		return 0;
	qsort(v, m, sizeof(*v), cmp_slope);
	return v[(m - 1) / 2];
}

/* The first point of the newer half of the time. */
static size_t middle(const struct points *p)
{
	uint64_t half = p->v[0].sec + (p->v[p->n - 1].sec - p->v[0].sec) / 2;
	size_t i = 0;

	while (i < p->n && p->v[i].sec < half)
		i++;
	return i;
}

static int64_t growth(const struct points *p)
{
	int64_t *v = xreallocarray(NULL, MAX_PAIRS, sizeof(*v));
	size_t half = middle(p);
	int64_t all = 0;

	if (median(p->v, half, v) > 0 && median(p->v + half, p->n - half, v) > 0)
		all = median(p->v, p->n, v);
	free(v);
	return all;
}

bool disk_trend(const struct disk_rows *rows, uint64_t now_real_usec, uint64_t window_sec,
		struct disk_trend *ret)
{
	const struct disk_row *now = disk_rows_at(rows, 0, now_real_usec);
	struct points p;
	uint64_t sec;
	int64_t s;

	if (!now || window_sec < DISK_TREND_POINTS)
		return false;
	take_points(rows, now_real_usec, window_sec, begin_of(rows, now), &p);
	if (p.n < DISK_TREND_LEAST || p.v[p.n - 1].sec - p.v[0].sec < window_sec / 4)
		return false;
	s = growth(&p);
	if (s <= 0)
		return false;
	sec = num_muldiv(now->use.avail_bytes, DAY_SEC, (uint64_t)s);
	if (sec > window_sec * DISK_TREND_AHEAD)
		return false;
	*ret = (struct disk_trend){ window_sec, sec, (uint64_t)s };
	return true;
}
