/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

static uint64_t now_usec(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_real_usec(void)
{
	return now_usec(CLOCK_REALTIME);
}

uint64_t clock_mono_usec(void)
{
	return now_usec(CLOCK_MONOTONIC);
}

uint64_t clock_boot_usec(void)
{
	return now_usec(CLOCK_BOOTTIME);
}

uint64_t clock_cpu_usec(void)
{
	return now_usec(CLOCK_PROCESS_CPUTIME_ID);
}

static bool fields_valid(const struct clock_fields *f)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned leap = f->year % 4 == 0 && (f->year % 100 != 0 || f->year % 400 == 0);

	return f->year >= 1970 && f->year <= 9999 && f->mon >= 1 && f->mon <= 12 &&
	       f->day >= 1 && f->day <= days[f->mon - 1] + (f->mon == 2 ? leap : 0) &&
	       f->hour < 24 && f->min < 60 && f->sec <= 60;
}

int clock_local_usec(const struct clock_fields *f, uint64_t *ret)
{
	struct tm tm = {
		.tm_year = (int)f->year - 1900,
		.tm_mon = (int)f->mon - 1,
		.tm_mday = (int)f->day,
		.tm_hour = (int)f->hour,
		.tm_min = (int)f->min,
		.tm_sec = (int)f->sec,
		.tm_isdst = -1,
	};
	time_t t;

	if (!fields_valid(f))
		return -EINVAL;
	t = mktime(&tm);
	if (t < 0)
		return -EINVAL;
	*ret = (uint64_t)t * USEC_PER_SEC;
	return 0;
}

/* Since 1970; years begin in March here, so that the odd day is at the end of one. */
static uint64_t days_of(const struct clock_fields *f)
{
	uint64_t year = f->year - (f->mon <= 2), month = (f->mon + 9) % 12;

	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
	       f->day - 719469;
}

/* timegm(3) takes a hundred times as long: zones are found by trying all of them. */
int clock_utc_usec(const struct clock_fields *f, uint64_t *ret)
{
	if (!fields_valid(f))
		return -EINVAL;
	*ret = (((days_of(f) * 24 + f->hour) * 60 + f->min) * 60 + f->sec) * USEC_PER_SEC;
	return 0;
}

void clock_sleep_usec(uint64_t usec)
{
	struct timespec ts = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC) * 1000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
