/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <diskuse.h>

#include <stdlib.h>

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
