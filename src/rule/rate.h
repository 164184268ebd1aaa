/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <metric.h>

#include "val.h"

/*
 * What two samples of one life of a container say of the time between them. Pure. The
 * clock is CLOCK_BOOTTIME: nothing that is done to the wall clock makes a rate.
 */

/*
 * A counter's growth between them, absent where one has not got it, where it went
 * backwards (it was reset: what it had before is lost, nothing is known of the time
 * between), or the two are of the same moment or in the wrong order.
 */
struct val rate_delta(const struct sample *a, const struct sample *b, enum metric m);

/*
 * The same per second. A counter of microseconds per second is in millionths of one CPU
 * (or of time, for pressure).
 */
struct val rate_per_sec(const struct sample *a, const struct sample *b, enum metric m);

/* A gauge, absent where the sample has not got it. */
struct val rate_gauge(const struct sample *s, enum metric m);

/*
 * In samples of ascending time: the newest one that is at least `span_usec` older than
 * v[n - 1]; with a tenth of tolerance, as a tick is never quite on time. Where the
 * recording began later the oldest there is. SIZE_MAX: n < 2, or the nearest such one is
 * more than three times as far away (a gap: a mean over it would be no rate of this
 * moment).
 */
size_t rate_since(const struct sample *v, size_t n, uint64_t span_usec);
