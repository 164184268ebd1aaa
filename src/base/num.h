/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "val.h"

/*
 * Numbers out of text: the whole span must be the number, nothing before or after it.
 * 0, or -EINVAL (not a number), or -ERANGE (does not fit). *ret is written on success
 * only.
 */
int num_parse_u64(struct span s, uint64_t *ret); /* [0-9]+ */
int num_parse_u32(struct span s, uint32_t *ret);
int num_parse_i64(struct span s, int64_t *ret);  /* -?[0-9]+ */
int num_parse_hex(struct span s, uint64_t *ret); /* [0-9a-fA-F]+ */

/* "max" or a number, as cgroup v2 writes its limits. */
int num_parse_val(struct span s, struct val *ret);

/*
 * A decimal fraction as an integer of `digits` decimals, the rest cut off, no floating
 * point: "1.5" with 2 digits is 150. [0-9]+(\.[0-9]*)?
 */
int num_parse_fixed(struct span s, unsigned digits, uint64_t *ret);

/*
 * The same with an exponent, as Perl prints small and large numbers: "8.1e-05" with 6
 * digits is 81. [0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?
 */
int num_parse_real(struct span s, unsigned digits, uint64_t *ret);

/* a * b / c without overflow in between; c 0 gives 0, a result that does not fit
 * UINT64_MAX. */
uint64_t num_muldiv(uint64_t a, uint64_t b, uint64_t c);

/*
 * "<before><n><after>" into `ret`: a path of a loop over a thousand containers, where
 * snprintf() is a good part of what is spent outside of the kernel. Gives `ret`; what
 * does not fit ends the program.
 */
char *num_path(char *ret, size_t cap, const char *before, uint64_t n, const char *after);

/* Appends the decimal digits. */
void num_add(struct buf *b, uint64_t n);

/* a - b, 0 where that would be negative (a counter that was reset). */
static inline uint64_t num_sub(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}
