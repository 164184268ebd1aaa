/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/str.h"
#include "netif.h"
#include "rule/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name of a device is a container's only if it is what PVE would have written. */
static void check_name(struct tbytes name)
{
	static const struct {
		const char *prefix, *infix, *suffix;
	} forms[] = {
		[NETDEV_VETH] = { "veth", "i", "" },
		[NETDEV_VETH_TMP] = { "veth", "i", "p" },
		[NETDEV_FWBR] = { "fwbr", "i", "" },
		[NETDEV_FWLN] = { "fwln", "i", "" },
		[NETDEV_FWPR] = { "fwpr", "p", "" },
	};
	struct netdev_id id = netdev_parse_name(name);
	char again[64];

	if (id.role == NETDEV_OTHER)
		return;
	snprintf(again, sizeof(again), "%s%u%s%u%s", forms[id.role].prefix, id.vmid,
		 forms[id.role].infix, id.net, forms[id.role].suffix);
	if (name.n != strlen(again))
		abort();
	if (id.role == NETDEV_FWLN && memchr(name.p, 'o', name.n))
		return;
	if (memcmp(name.p, again, name.n) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	uint8_t family, addr[16], len;
	uint64_t map[64] = { 0 };

	check_name((struct tbytes){ data, (uint32_t)size });
	(void)netaddr_parse(text, &family, addr, &len);
	(void)network_parse_trunks(text, map);
	(void)network_rate(text);
	free(text);
	return 0;
}
