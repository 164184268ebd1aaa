/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/blockdev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each(_unused_ struct blockid id, struct span name, void *arg)
{
	struct blockdevs *d = arg;
	char *label = blockdev_lvm_name(name);

	if (d->n < 4) {
		d->v[d->n].id = id;
		d->n++;
	}
	free(label);
}

/* The same bytes as diskstats, as names of LVM and as a mountinfo. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct blockdevs d = { .v = xcalloc(4, sizeof(*d.v)) };

	blockdev_parse_diskstats(s, each, &d);
	blockdev_label_mounts(&d, s);
	blockdevs_done(&d);
	return 0;
}
