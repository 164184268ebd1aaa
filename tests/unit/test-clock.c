/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "test.h"

static bool is_as_timegm(const struct clock_fields *f)
{
	struct tm tm = { .tm_year = (int)f->year - 1900,
			 .tm_mon = (int)f->mon - 1,
			 .tm_mday = (int)f->day,
			 .tm_hour = (int)f->hour,
			 .tm_min = (int)f->min,
			 .tm_sec = (int)f->sec };
	uint64_t usec = 1;

	return clock_utc_usec(f, &usec) == 0 &&
	       usec == (uint64_t)timegm(&tm) * USEC_PER_SEC;
}

static void every_day_is_where_the_c_library_has_it(void)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	struct clock_fields f = { .hour = 23, .min = 59, .sec = 58 };
	unsigned n = 0, wrong = 0;

	for (f.year = 1970; f.year <= 2401; f.year++)
		for (f.mon = 1; f.mon <= 12; f.mon++)
			for (f.day = 1; f.day <= days[f.mon - 1]; f.day++, n++)
				wrong += !is_as_timegm(&f);
	CHECK_U64(n, 432 * 365);
	CHECK_U64(wrong, 0);
}

static void odd_days_and_the_ends_of_time(void)
{
	static const struct clock_fields good[] = {
		{ 1970, 1, 1, 0, 0, 0 },      { 2024, 2, 29, 0, 0, 0 },
		{ 2000, 2, 29, 12, 0, 0 },    { 9999, 12, 31, 23, 59, 59 },
		{ 2016, 12, 31, 23, 59, 60 },
	};
	static const struct clock_fields bad[] = {
		{ 1969, 12, 31, 23, 59, 59 }, { 10000, 1, 1, 0, 0, 0 },
		{ 2023, 2, 29, 0, 0, 0 },     { 2100, 2, 29, 0, 0, 0 },
		{ 2024, 2, 30, 0, 0, 0 },     { 2024, 0, 1, 0, 0, 0 },
		{ 2024, 13, 1, 0, 0, 0 },     { 2024, 4, 31, 0, 0, 0 },
		{ 2024, 1, 0, 0, 0, 0 },      { 2024, 1, 1, 24, 0, 0 },
		{ 2024, 1, 1, 0, 60, 0 },     { 2024, 1, 1, 0, 0, 61 },
	};
	uint64_t usec = 7;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK(is_as_timegm(&good[i]), "%zu", i);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(clock_utc_usec(&bad[i], &usec) == -EINVAL && usec == 7, "%zu", i);
		CHECK(clock_local_usec(&bad[i], &usec) == -EINVAL && usec == 7, "%zu", i);
	}
}

int main(void)
{
	RUN(every_day_is_where_the_c_library_has_it);
	RUN(odd_days_and_the_ends_of_time);
	return DONE();
}
