/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hook/sys.h"

/*
 * Text into a buffer of fixed size, without stdio: what does not fit sets `full` and
 * leaves the rest out.
 */
struct put {
	char *p;
	size_t n, cap;
	bool full;
};

static inline void put_bytes(struct put *o, const char *p, size_t n)
{
	if (o->full || n > o->cap - o->n) {
		o->full = true;
		return;
	}
	__builtin_memcpy(o->p + o->n, p, n);
	o->n += n;
}

static inline void put_str(struct put *o, const char *s)
{
	put_bytes(o, s, str_len(s));
}

static inline void put_u64(struct put *o, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	put_bytes(o, digits + i, sizeof(digits) - i);
}

/* Exactly `width` digits, at most 16: the lowest ones. */
static inline void put_hex(struct put *o, uint64_t v, unsigned width)
{
	for (unsigned i = width; i-- > 0;)
		put_bytes(o, &"0123456789abcdef"[v >> 4 * i & 15], 1);
}

/* "KEY VALUE\n" */
static inline void put_key(struct put *o, const char *key, const char *value)
{
	put_str(o, key);
	put_str(o, " ");
	put_str(o, value);
	put_str(o, "\n");
}

static inline void put_num(struct put *o, const char *key, uint64_t value)
{
	put_str(o, key);
	put_str(o, " ");
	put_u64(o, value);
	put_str(o, "\n");
}
