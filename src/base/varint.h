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

/* What is left to read. What cannot be read is 0 and sets `bad`, which stays: it is enough to
 * look at it at the end of a piece. */
struct varint_in {
	const uint8_t *p, *end;
	bool bad;
};

/* bad: cut off, or more than 64 bits. */
static inline uint64_t varint_take(struct varint_in *in)
{
	uint64_t v = 0;

	for (unsigned shift = 0; in->p < in->end && shift < 64; shift += 7) {
		uint64_t b = *in->p++;

		if (shift == 63 && (b & 0x7e))
			break;
		v |= (b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	in->bad = true;
	return 0;
}

/* A byte as it is; bad: none is left. */
static inline unsigned varint_take_byte(struct varint_in *in)
{
	if (in->p < in->end)
		return *in->p++;
	in->bad = true;
	return 0;
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
