/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/dhcplease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dhcp_lease *l)
{
	const struct guestnet_list *lists[] = { &l->routers, &l->dns };
	size_t sum = l->interface.n + l->server.n + l->domain.n;

	if (!l->family || (l->prefix_len.kind == VAL_SET && l->prefix_len.n > 32))
		__builtin_trap();
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		if (lists[k]->n > GUESTNET_LIST)
			__builtin_trap();
		for (size_t i = 0; i < lists[k]->n; i++)
			for (uint32_t n = 0; n < lists[k]->v[i].n; n++)
				sum += lists[k]->v[i].p[n]; /* all of it is there */
	}
	for (uint32_t n = 0; n < l->server.n; n++)
		sum += l->server.p[n];
	for (uint32_t n = 0; n < l->domain.n; n++)
		sum += l->domain.p[n];
	if (sum == SIZE_MAX)
		__builtin_trap();
}

/* The first byte chooses the client. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_leases l = { 0 };
	struct dhcp_texts texts;
	struct dhcp_lease one;
	struct span s;
	int r = -1;

	if (!size)
		return 0;
	s = span_of((const char *)data + 1, size - 1);
	if (data[0] % 3 == 0)
		dhcplease_parse_dhclient(s, 4, &l);
	else if (data[0] % 3 == 1)
		r = dhcplease_parse_keys(s, val_set(1795191740000000), &one);
	else
		r = dhcplease_parse_packet(s, (struct val){ 0 }, &texts, &one);
	if (r == 0)
		check(&one);
	if (l.n > 4)
		__builtin_trap();
	for (size_t i = 0; i < l.n; i++)
		check(&l.v[i]);
	dhcp_leases_done(&l);
	return 0;
}
