/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/resolvconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct guestnet_list *l, const uint8_t *data, size_t size)
{
	if (l->n > GUESTNET_LIST || (l->more && l->n < GUESTNET_LIST))
		__builtin_trap();
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].n || l->v[i].p < data || l->v[i].p + l->v[i].n > data + size)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolver r;

	resolvconf_parse(span_of((const char *)data, size), &r);
	check(&r.nameservers, data, size);
	check(&r.search, data, size);
	check(&r.options, data, size);
	if (r.bad_nameservers > r.nameservers.n + r.nameservers.more)
		__builtin_trap();
	return 0;
}
