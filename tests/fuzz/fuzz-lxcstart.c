/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/lxcstart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lxcstart s = { 0 };

	lxcstart_parse(span_of((const char *)data, size), &s);
	/* both texts of each item lie in what was allocated, terminated */
	for (size_t i = 0; i < s.n; i++) {
		const char *end = s.text + size + 2;

		if (s.v[i].key < s.text || s.v[i].value <= s.v[i].key ||
		    s.v[i].value + strlen(s.v[i].value) >= end)
			__builtin_trap();
	}
	if (s.n_own > s.n)
		__builtin_trap();
	(void)lxcstart_last(&s, "lxc.rootfs.path", false);
	lxcstart_done(&s);
	return 0;
}
