/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC  ((uint64_t)1000000)
#define USEC_PER_MSEC ((uint64_t)1000)

/* CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME in microseconds. */
uint64_t clock_real_usec(void);
uint64_t clock_mono_usec(void);
uint64_t clock_boot_usec(void);

/* Sleeps for that long, over signals. */
void clock_sleep_usec(uint64_t usec);
