/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct netroutes l = { 0 };
	struct nl_status st = { 0 };

	(void)netlink_parse_routes(s, 8, &l, &st, NULL);
	if (l.n > 8)
		abort();
	netroutes_done(&l);
	return 0;
}
