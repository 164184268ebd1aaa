/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <diskuse.h>

#include <stdlib.h>

#include "base/macros.h"

#define MAX_CHANGE ((uint64_t)16 << 20)

static bool differ(uint64_t a, uint64_t b, uint64_t by)
{
	return (a > b ? a - b : b - a) >= MAX(by, (uint64_t)1);
}

bool disk_use_changed(const struct disk_use *before, const struct disk_use *now)
{
	uint64_t bytes = MIN(now->size_bytes / 1000, MAX_CHANGE);

	return differ(before->size_bytes, now->size_bytes, bytes) ||
	       differ(before->inodes, now->inodes, now->inodes / 1000) ||
	       differ(before->used_bytes, now->used_bytes, bytes) ||
	       differ(before->avail_bytes, now->avail_bytes, bytes) ||
	       differ(before->inodes_used, now->inodes_used, now->inodes / 1000);
}

void disk_rows_done(struct disk_rows *r)
{
	free(r->v);
	*r = (struct disk_rows){ 0 };
}

const struct disk_row *disk_rows_at(const struct disk_rows *r, uint64_t life,
				    uint64_t real_usec)
{
	size_t from = 0, to = r->n;
	const struct disk_row *row;

	/* the last that is not later */
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (r->v[mid].real_usec <= real_usec)
			from = mid + 1;
		else
			to = mid;
	}
	if (!from)
		return NULL;
	row = &r->v[from - 1];
	if (!row->known || (life && row->life != life) ||
	    real_usec - row->real_usec > DISK_HOLD_USEC)
		return NULL;
	return row;
}
