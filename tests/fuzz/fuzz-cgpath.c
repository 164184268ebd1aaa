/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/cgtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct span part, struct span all)
{
	return !part.n || (part.p >= all.p && part.p + part.n <= all.p + all.n);
}

/* A path that a guest made: what is found in it lies in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct cgwhere w;

	cgtree_where(s, &w);
	if (!within(w.unit, s) || !within(w.container, s))
		abort();
	if (w.container.n && !cgkind_is_container(w.container_kind))
		abort();
	return 0;
}
