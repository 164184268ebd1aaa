/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/pools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the index says of a guest and what its pool says are the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pools_done) struct pools p = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	if (pools_parse((const char *)data, size, &p, &err) < 0)
		return 0;
	for (size_t i = 0; i < p.n; i++) {
		n += p.v[i].n_vmids;
		for (size_t k = 0; k < p.v[i].n_vmids; k++)
			if (pools_of(&p, p.v[i].vmids[k]) != p.v[i].name)
				abort();
	}
	if (n != p.n_members)
		abort();
	return 0;
}
