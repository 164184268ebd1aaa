/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the protocol, and whether connected ones are asked for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netsocks l = { 0 };
	struct nl_status st = { 0 };
	struct span s;
	uint32_t inode;

	if (!size)
		return 0;
	s = span_of((const char *)data + 1, size - 1);
	(void)sockdiag_parse(s, data[0] & 3, data[0] >> 2 & 1, 8, &l, &st, NULL);
	if (l.n > 8)
		abort();
	for (size_t i = 0; i < l.n; i++) {
		_cleanup_free_ char *addr = netsock_addr_text(&l.v[i]);
		_cleanup_free_ char *peer = netsock_peer_text(&l.v[i]);

		if ((addr && !*addr) || (peer && !*peer) ||
		    l.v[i].name_n > NETSOCK_NAME_MAX ||
		    netsock_listens(&l.v[i]) != !(data[0] >> 2 & 1) ||
		    netsock_cmp(&l.v[i], &l.v[i]) != 0)
			abort();
		(void)netsock_state_name(&l.v[i]);
		(void)netsock_type_name(&l.v[i]);
	}
	netsocks_done(&l);
	if (sockdiag_parse_link(s, "socket", &inode) && (!inode || s.p[0] != 's'))
		abort();
	return 0;
}
