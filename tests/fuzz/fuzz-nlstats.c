/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct netstats l = { 0 };
	struct nl_status st = { 0 };

	(void)netlink_parse_stats(s, 8, &l, &st, NULL);
	if (l.n > 8)
		abort();
	netstats_done(&l);
	return 0;
}
