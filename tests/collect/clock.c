/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded by tests/collect/drill: the wall clock is CLOCK_ADD_MSEC later, so that the
 * next minute begins when the drill wants it.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static long add = -1;
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r < 0 || id != CLOCK_REALTIME)
		return r;
	if (add < 0) {
		const char *s = getenv("CLOCK_ADD_MSEC");

		add = s ? atol(s) : 0;
	}
	ts->tv_sec += add / 1000;
	ts->tv_nsec += add % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
	return 0;
}
