/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC  ((uint64_t)1000000)
#define USEC_PER_MSEC ((uint64_t)1000)

/* CLOCK_REALTIME and CLOCK_MONOTONIC in microseconds. */
uint64_t clock_real_usec(void);
uint64_t clock_mono_usec(void);
/* CLOCK_BOOTTIME: goes on during suspend, no clock is ever set; that of events. */
uint64_t clock_boot_usec(void);
/* What this process had of the CPU so far. */
uint64_t clock_cpu_usec(void);

/* The next whole multiple of `step`: what is done then is done together. */
static inline uint64_t clock_next(uint64_t now_usec, uint64_t step_usec)
{
	return now_usec - now_usec % step_usec + step_usec;
}

/*
 * Half a second after it, `step` being whole seconds. At whole ones the recorder has its
 * tick; whatever else is done now and then is done in one wake-up between two of them.
 */
static inline uint64_t clock_off_beat(uint64_t now_usec, uint64_t step_usec)
{
	return clock_next(now_usec + USEC_PER_SEC / 2, step_usec) - USEC_PER_SEC / 2;
}

/*
 * A wall clock reading of this process's time zone as CLOCK_REALTIME: mon 1-12, day 1-31.
 * Of the hour that a change to winter time has twice, one is taken: a reading without
 * zone does not tell which. -EINVAL: no such date or time.
 */
struct clock_fields {
	unsigned year, mon, day, hour, min, sec;
};

int clock_local_usec(const struct clock_fields *f, uint64_t *ret_real_usec);
int clock_utc_usec(const struct clock_fields *f, uint64_t *ret_real_usec);

/* Sleeps for that long, over signals. */
void clock_sleep_usec(uint64_t usec);
