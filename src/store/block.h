/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <metric.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Samples as bytes for the store: column by column, differences or differences of
 * differences (what is smaller), as variable-length integers, then zstd. A gap (a late or
 * missing tick) and an absent column stay what they are.
 */
#define BLOCK_MAX_SAMPLES 60
#define BLOCK_MAX_BYTES   ((size_t)256 << 10) /* decoded: a bound for hostile input */

/* What is needed again and again; one for each thread. -ENOENT: libzstd is missing. */
struct block_codec;

int block_codec_new(struct block_codec **ret, struct err *err);
void block_codec_free(struct block_codec *c); /* NULL is fine */

/* 0 < n <= BLOCK_MAX_SAMPLES. Appends to *ret. */
int block_encode(struct block_codec *c, const struct sample *v, size_t n, struct buf *ret,
		 struct err *err);

/* *ret_n <= BLOCK_MAX_SAMPLES samples into v. -EBADMSG: damaged. Columns unknown to this
 * program are skipped. */
int block_decode(struct block_codec *c, struct span data,
		 struct sample v[static BLOCK_MAX_SAMPLES], size_t *ret_n,
		 struct err *err);

/*
 * Thins samples to one for each whole `to_sec` (10 or 60) of the wall clock: counters
 * and limits keep the last value, gauges the greatest (what memory was made of: that of the
 * second with the most), `have` what all had, the time is that of the last. Details are those
 * of the samples that have them: of several the last counters, and the gauges of that with
 * the most memory. A time without samples stays one. At most n; ret may be v. All of one
 * life.
 */
size_t block_rollup(const struct sample *v, size_t n, unsigned to_sec,
		    struct sample *ret);
