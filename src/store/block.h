/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <metric.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Samples as bytes for the store: column by column, differences of differences for
 * counters and of values for gauges, as variable-length integers, then zstd. A gap (a
 * late or missing tick) and an absent column stay what they are.
 */
#define BLOCK_MAX_SAMPLES 60
#define BLOCK_MAX_BYTES   ((size_t)256 << 10) /* decoded: a bound for hostile input */

/* n <= BLOCK_MAX_SAMPLES. Appends to *ret. */
int block_encode(const struct sample *v, size_t n, struct buf *ret, struct err *err);

/* *ret_n <= BLOCK_MAX_SAMPLES samples into v. -EBADMSG: damaged. Columns unknown to this
 * program are skipped. */
int block_decode(struct span data, struct sample *v, size_t *ret_n, struct err *err);

/*
 * Thins `n` samples of `from_sec` to one for each `to_sec` (10 or 60): counters keep the
 * last value, gauges the greatest, `have` what all had. Never across a gap or a life.
 */
size_t block_rollup(const struct sample *v, size_t n, unsigned to_sec,
		    struct sample *ret);
