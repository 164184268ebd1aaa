/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number that was taken prints as itself, leading zeros aside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	uint64_t u, fixed;
	uint32_t u32;
	int64_t i64;
	struct val v;

	if (num_parse_u64(s, &u) == 0) {
		_cleanup_(buf_done) struct buf b = { 0 };
		size_t zeros = 0;

		while (zeros + 1 < s.n && s.p[zeros] == '0')
			zeros++;
		buf_addf(&b, "%llu", (unsigned long long)u);
		if (b.n != s.n - zeros || memcmp(b.p, s.p + zeros, b.n) != 0)
			abort();
		if (num_parse_fixed(s, 0, &fixed) < 0 || fixed != u)
			abort();
		if (num_parse_val(s, &v) < 0 || v.kind != VAL_SET || v.n != u)
			abort();
		if (u <= UINT32_MAX && (num_parse_u32(s, &u32) < 0 || u32 != u))
			abort();
	}
	num_parse_i64(s, &i64);
	num_parse_hex(s, &u);
	num_parse_fixed(s, 6, &u);
	return 0;
}
