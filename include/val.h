/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * A number the kernel or a file may or may not give. Three answers, never mixed up:
 * the file or key is not there (VAL_ABSENT, the zero value of the struct), it says "max"
 * (VAL_MAX: no limit), or it holds a number (VAL_SET).
 */
enum val_kind { VAL_ABSENT, VAL_MAX, VAL_SET };

struct val {
	uint64_t n;
	enum val_kind kind;
};

static inline struct val val_set(uint64_t n)
{
	return (struct val){ .n = n, .kind = VAL_SET };
}

/* The number, or what to take when there is none. */
static inline uint64_t val_or(struct val v, uint64_t otherwise)
{
	return v.kind == VAL_SET ? v.n : otherwise;
}
