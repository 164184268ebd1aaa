/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/disktrend.h"

#include <stdlib.h>

#include "base/str.h"
#include "test.h"

#define SEC   UINT64_C(1000000)
#define HOUR  UINT64_C(3600)
#define DAY   (24 * HOUR)
#define START UINT64_C(1700000000)
#define GIB   (UINT64_C(1) << 30)
#define MIB   (UINT64_C(1) << 20)

/* Rows each `every` seconds of a function of the time since the beginning. */
static struct disk_rows series(uint64_t seconds, uint64_t every,
			       uint64_t (*used)(uint64_t sec))
{
	struct disk_rows r = { 0 };
	size_t cap = 0;

	for (uint64_t t = 0; t <= seconds; t += every) {
		GROW(r.v, r.n, cap);
		r.v[r.n++] = (struct disk_row){
			.vmid = 101,
			.life = 1,
			.real_usec = (START + t) * SEC,
			.known = true,
			.use = { .size_bytes = 100 * GIB,
				 .used_bytes = used(t),
				 .avail_bytes = 90 * GIB - used(t),
				 .inodes = 1000,
				 .inodes_used = 10 },
		};
	}
	return r;
}

/* Seconds until it is full, or -1. */
static int64_t full(const struct disk_rows *r, uint64_t now, uint64_t window)
{
	struct disk_trend t;

	return disk_trend(r, (START + now) * SEC, window, &t) ? (int64_t)t.full_in_sec
							      : -1;
}

static bool is_near(int64_t got, int64_t want, int64_t off)
{
	return got >= want - off && got <= want + off;
}

static uint64_t steady(uint64_t sec)
{
	return 10 * GIB + sec * (GIB / HOUR); /* a GiB an hour, but for the rest of it */
}

static uint64_t flat(uint64_t sec)
{
	(void)sec;
	return 10 * GIB;
}

static uint64_t shrinks(uint64_t sec)
{
	return 80 * GIB - sec * (GIB / HOUR);
}

static void what_grows_steadily_is_full_when_it_is(void)
{
	struct disk_rows r = series(DAY, 60, steady);
	struct disk_trend t = { 0 };

	/* 34 GiB used, 56 left, one an hour */
	CHECK(disk_trend(&r, (START + DAY) * SEC, DAY, &t), "a trend");
	CHECK_U64(t.window_sec, DAY);
	CHECK(is_near((int64_t)t.full_in_sec, 56 * HOUR, 120), "%ju s",
	      (uintmax_t)t.full_in_sec);
	CHECK(is_near((int64_t)t.bytes_per_day, 24 * GIB, MIB), "%ju",
	      (uintmax_t)t.bytes_per_day);
	disk_rows_done(&r);
	r = series(7 * DAY, 600, steady);
	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.avail_bytes = 7 * GIB;
	CHECK(is_near(full(&r, 7 * DAY, 7 * DAY), 7 * HOUR, 60), "%jd",
	      (intmax_t)full(&r, 7 * DAY, 7 * DAY));
	disk_rows_done(&r);
}

static void what_is_flat_or_shrinks_has_no_end(void)
{
	struct disk_rows r = series(DAY, 60, flat);

	CHECK(full(&r, DAY, DAY) == -1, "flat");
	disk_rows_done(&r);
	r = series(DAY, 60, shrinks);
	CHECK(full(&r, DAY, DAY) == -1, "shrinks");
	disk_rows_done(&r);
	CHECK(full(&(struct disk_rows){ 0 }, DAY, DAY) == -1, "no rows");
}

static uint64_t with_outliers(uint64_t sec)
{
	/* for ten minutes of each hour something large is there; once all is empty */
	if (sec >= 11 * HOUR && sec < 12 * HOUR)
		return 0;
	return steady(sec) + (sec % HOUR >= 3000 ? 40 * GIB : 0);
}

static void outliers_do_not_move_it(void)
{
	struct disk_rows r = series(DAY, 60, with_outliers);

	CHECK(is_near(full(&r, DAY, DAY), 56 * (int64_t)HOUR, 3 * HOUR), "%jd",
	      (intmax_t)full(&r, DAY, DAY));
	disk_rows_done(&r);
}

static uint64_t one_step(uint64_t sec)
{
	return sec < 12 * HOUR ? 10 * GIB : 50 * GIB;
}

static uint64_t early_step(uint64_t sec)
{
	return sec < 3 * HOUR ? 10 * GIB + sec * MIB : 50 * GIB;
}

static uint64_t saw(uint64_t sec)
{
	return 10 * GIB + sec % (4 * HOUR) * MIB; /* filled and emptied */
}

static void what_came_at_once_or_goes_again_is_no_trend(void)
{
	struct disk_rows r = series(DAY, 60, one_step);

	CHECK(full(&r, DAY, DAY) == -1, "a step: %jd", (intmax_t)full(&r, DAY, DAY));
	disk_rows_done(&r);
	r = series(DAY, 60, early_step);
	CHECK(full(&r, DAY, DAY) == -1, "grew, and stopped");
	disk_rows_done(&r);
	/* over whole teeth it does not grow, whatever the last of them does */
	r = series(7 * DAY, 600, saw);
	CHECK(full(&r, 7 * DAY, 7 * DAY) == -1, "a saw: %jd",
	      (intmax_t)full(&r, 7 * DAY, 7 * DAY));
	disk_rows_done(&r);
}

static void too_little_is_too_little(void)
{
	struct disk_rows r = series(6 * HOUR, 60, steady);

	CHECK(full(&r, 6 * HOUR, DAY) >= 0, "six hours of a day are enough");
	r.n -= 20;
	CHECK(full(&r, 6 * HOUR - 20 * 60, DAY) == -1, "less is not");
	CHECK(full(&r, 6 * HOUR - 20 * 60, 7 * DAY) == -1, "of a week even less");
	disk_rows_done(&r);
	/* a week with one row in three hours: most moments are not known */
	r = series(7 * DAY, 5 * HOUR, steady);
	CHECK(full(&r, 7 * DAY, 7 * DAY) == -1, "too few moments: %jd",
	      (intmax_t)full(&r, 7 * DAY, 7 * DAY));
	disk_rows_done(&r);
	/* nobody looked for an hour and more */
	r = series(DAY, 60, steady);
	CHECK(full(&r, DAY + HOUR, DAY) >= 0, "an hour ago");
	CHECK(full(&r, DAY + 2 * HOUR, DAY) == -1, "two hours ago");
	r.v[r.n - 1].known = false;
	CHECK(full(&r, DAY, DAY) == -1, "not known now");
	disk_rows_done(&r);
}

static void a_volume_that_was_resized_begins_anew(void)
{
	struct disk_rows r = series(DAY, 60, steady);

	/* until ten hours ago it was another, on which all was larger */
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].real_usec < (START + 14 * HOUR) * SEC) {
			r.v[i].use.size_bytes = 50 * GIB;
			r.v[i].use.used_bytes += 30 * GIB;
		}
	CHECK(is_near(full(&r, DAY, DAY), 56 * (int64_t)HOUR, 120), "%jd",
	      (intmax_t)full(&r, DAY, DAY));
	/* until two hours ago: too little */
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].real_usec < (START + 22 * HOUR) * SEC)
			r.v[i].use.size_bytes = 50 * GIB;
	CHECK(full(&r, DAY, DAY) == -1, "%jd", (intmax_t)full(&r, DAY, DAY));
	disk_rows_done(&r);
	/* there are fewer inodes as it fills, on ZFS */
	r = series(DAY, 60, steady);
	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.inodes = 100000 - i;
	CHECK(is_near(full(&r, DAY, DAY), 56 * (int64_t)HOUR, 120), "%jd",
	      (intmax_t)full(&r, DAY, DAY));
	disk_rows_done(&r);
}

static uint64_t slowly(uint64_t sec)
{
	return 10 * GIB + sec * 100; /* 8 MiB a day: 80 GiB last for 27 years */
}

static void what_is_far_beyond_the_window_is_not_said(void)
{
	struct disk_rows r = series(7 * DAY, 600, slowly);

	CHECK(full(&r, 7 * DAY, 7 * DAY) == -1, "%jd",
	      (intmax_t)full(&r, 7 * DAY, 7 * DAY));
	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.avail_bytes = 200 * DAY * 100;
	CHECK(is_near(full(&r, 7 * DAY, 7 * DAY), 200 * (int64_t)DAY, 120), "200 days");
	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.avail_bytes = 211 * DAY * 100;
	CHECK(full(&r, 7 * DAY, 7 * DAY) == -1, "211 days");
	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.avail_bytes = 0;
	CHECK(full(&r, 7 * DAY, 7 * DAY) == 0, "it is full");
	disk_rows_done(&r);
}

static uint64_t huge(uint64_t sec)
{
	return UINT64_C(1) << 62 | sec << 40;
}

static void the_largest_numbers_do_not_overflow(void)
{
	struct disk_rows r = series(DAY, 60, huge);

	for (size_t i = 0; i < r.n; i++)
		r.v[i].use.avail_bytes = UINT64_MAX;
	(void)full(&r, DAY, DAY);
	for (size_t i = 0; i < r.n; i++) {
		r.v[i].use.used_bytes = i % 2 ? UINT64_MAX : 0;
		r.v[i].use.avail_bytes = 1;
	}
	(void)full(&r, DAY, DAY);
	CHECK(full(&r, 0, DAY) == -1, "one row");
	CHECK(full(&r, DAY, 0) == -1, "no window");
	disk_rows_done(&r);
}

int main(void)
{
	RUN(what_grows_steadily_is_full_when_it_is);
	RUN(what_is_flat_or_shrinks_has_no_end);
	RUN(outliers_do_not_move_it);
	RUN(what_came_at_once_or_goes_again_is_no_trend);
	RUN(too_little_is_too_little);
	RUN(a_volume_that_was_resized_begins_anew);
	RUN(what_is_far_beyond_the_window_is_not_said);
	RUN(the_largest_numbers_do_not_overflow);
	return DONE();
}
