/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Variable-length numbers, little end first, 7 bits a byte (LEB128); signed ones zigzag. */
#define VARINT_MAX 10 /* bytes of the longest */

/* At p, where room is for VARINT_MAX; behind what was written. */
static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline size_t varint_size(uint64_t v)
{
	return v ? (size_t)(70 - __builtin_clzll(v)) / 7 : 1;
}

/* false: cut off, or more than 64 bits; then *p is somewhere before end. */
static inline bool varint_take(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint64_t b = *(*p)++;

		if (shift == 63 && (b & 0x7e))
			return false;
		v |= (b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* A difference, which wraps at 2^64, as a number that is small where it is near 0. */
static inline uint64_t zigzag(uint64_t d)
{
	return d << 1 ^ (0 - (d >> 63));
}

static inline uint64_t unzigzag(uint64_t z)
{
	return z >> 1 ^ (0 - (z & 1));
}
