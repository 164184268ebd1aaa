/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/pmxcfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both ways to read a list (with a blank in front it is read as JSON) agree. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(vmlist_done) struct vmlist a = { 0 }, b = { 0 };
	_cleanup_(buf_done) struct buf spaced = { 0 };
	struct err err = { 0 };
	int ra, rb;

	buf_adds(&spaced, " ");
	buf_add(&spaced, data, size);
	ra = pmxcfs_parse_vmlist((const char *)data, size, &a, &err);
	rb = pmxcfs_parse_vmlist(spaced.p, spaced.n, &b, &err);
	if (ra == 0 && rb == 0 && (a.n != b.n || a.version != b.version))
		abort();
	for (size_t i = 0; ra == 0 && i < a.n; i++) {
		if (i && a.v[i].vmid < a.v[i - 1].vmid)
			abort();
		if (!vmlist_find(&a, a.v[i].vmid))
			abort();
		if (rb == 0 && strcmp(a.v[i].node, b.v[i].node) != 0)
			abort();
	}
	return 0;
}
