/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/mountinfo.h"
#include "rule/mounttree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a mountinfo, and the tree that its numbers make: any graph at all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mounts m = { 0 };
	struct mounttree t = { 0 };

	mountinfo_parse((const char *)data, size, &m);
	mounttree_build(&m, &t);
	for (size_t i = 0; i < m.n; i++) {
		size_t at = mounttree_at(&t, m.v[i].point);
		size_t on = mounttree_on(&t, m.v[i].point);

		if (at != MOUNTTREE_NONE && !mounttree_seen(&t, at))
			abort();
		if (mounttree_seen(&t, i) &&
		    (at == MOUNTTREE_NONE || on == MOUNTTREE_NONE))
			abort();
		if (mounttree_bottom(&t, m.v[i].point) >= m.n &&
		    mounttree_bottom(&t, m.v[i].point) != MOUNTTREE_NONE)
			abort();
	}
	mounttree_done(&t);
	mounts_done(&m);
	return 0;
}
