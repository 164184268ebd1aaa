/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes as qdiscs, classes and filters, as VLANs of ports and as a namespace id.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct netqdiscs q = { 0 };
	struct netvlans v = { 0 };
	struct nl_status st = { 0 };
	struct val id = { 0 };

	(void)netlink_parse_qdiscs(s, 8, &q, &st, NULL);
	(void)netlink_parse_bridge_vlans(s, 8, &v, &st, NULL);
	(void)netlink_parse_nsid(s, &id, &st, NULL);
	if (q.n > 8 || v.n > 8 || (id.kind == VAL_SET && id.n > INT32_MAX))
		abort();
	netqdiscs_done(&q);
	netvlans_done(&v);
	return 0;
}
