/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/diskwire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(struct span text)
{
	struct disk_ask v[DISK_MAX_ASKED];
	_cleanup_(buf_done) struct buf b = { 0 };
	size_t n = 0;

	if (diskwire_parse_request(text, v, &n, NULL) < 0)
		return;
	if (!n || n > DISK_MAX_ASKED || diskwire_put_request(&b, v, n, NULL) < 0 ||
	    b.n != text.n || memcmp(b.p, text.p, b.n) != 0)
		abort();
}

static void answer(struct span text)
{
	struct disk_use v[DISK_MAX_ASKED];
	size_t n = 0;
	int error = 0;

	if (diskwire_parse_answer(text, v, &n, &error, NULL) < 0)
		return;
	if (n > DISK_MAX_ASKED || (error && n))
		abort();
	for (size_t i = 0; i < n; i++)
		if (v[i].used_bytes > v[i].size_bytes || v[i].inodes_used > v[i].inodes ||
		    (v[i].why == DISK_OK) != (v[i].size_bytes != 0))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	request(span_of((const char *)data, size));
	answer(span_of((const char *)data, size));
	return 0;
}
