/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/procnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bounded, and texts of addresses are ended. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct procnet p = { 0 };

	procnet_parse_fib_trie(text, 32, &p);
	procnet_parse_if_inet6(text, 32, &p);
	procnet_parse_route(text, 32, &p);
	procnet_parse_igmp(text, 32, &p);
	procnet_name_addrs(&p);
	if (p.n_addrs > 32 || p.n_ifs > 32 || p.n_links > 32)
		abort();
	for (size_t i = 0; i < p.n_addrs; i++)
		if (!memchr(p.addrs[i].text, '\0', sizeof(p.addrs[i].text)) ||
		    p.addrs[i].interface.n > PROCNET_NAME_MAX)
			abort();
	procnet_done(&p);
	return 0;
}
