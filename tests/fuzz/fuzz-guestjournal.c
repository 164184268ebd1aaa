/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/guestjournal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be put again, byte for byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(guestjournal_done) struct guestjournal j = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	if (guestjournal_parse(span_tbytes(span_of((const char *)data, size)), &j, NULL) <
	    0)
		return 0;
	guestjournal_put_head(&b, &j);
	for (size_t i = 0; i < j.n; i++)
		guestjournal_put(&b, &j.v[i]);
	if (b.n != size || memcmp(b.p, data, size))
		abort();
	return 0;
}
