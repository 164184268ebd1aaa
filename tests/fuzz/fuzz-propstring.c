/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/pveprop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is refused has a reason, what is taken has none, and both functions agree. */
static void judge(int parsed, int checked, const struct buf *why)
{
	if (parsed != checked || (parsed == 0) != (why->n == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span v = span_of((const char *)data, size);
	struct buf why[6] = { 0 };
	_cleanup_(pve_net_done) struct pve_net net = { 0 };
	_cleanup_(pve_mp_done) struct pve_mp mp = { 0 }, root = { 0 };
	_cleanup_(pve_dev_done) struct pve_dev dev = { 0 };
	_cleanup_(pve_features_done) struct pve_features f = { 0 };
	_cleanup_free_ char *unused = NULL;
	struct pve_delete *del;
	size_t n;
	uint64_t bytes;

	judge(pve_net_parse(v, &net, &why[0]), pve_net_check(v, NULL), &why[0]);
	judge(pve_mp_parse(v, &mp, &why[1]), pve_mp_check(v, NULL), &why[1]);
	judge(pve_rootfs_parse(v, &root, &why[2]), pve_rootfs_check(v, NULL), &why[2]);
	judge(pve_dev_parse(v, &dev, &why[3]), pve_dev_check(v, NULL), &why[3]);
	judge(pve_features_parse(v, &f, &why[4]), pve_features_check(v, NULL), &why[4]);
	judge(pve_unused_parse(v, &unused, &why[5]), pve_unused_check(v, NULL), &why[5]);
	pve_size_parse(v, &bytes);
	pve_delete_parse(v, &del, &n);
	pve_delete_free(del, n);
	for (size_t i = 0; i < 6; i++)
		buf_done(&why[i]);
	return 0;
}
