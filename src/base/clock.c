/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <errno.h>
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

void clock_sleep_usec(uint64_t usec)
{
	struct timespec ts = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC) * 1000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
