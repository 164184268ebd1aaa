/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A block as it lies in the store, and what it holds when it was not packed. */
#include <stdlib.h>

#include "store/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct block_codec *c;
	struct sample v[BLOCK_MAX_SAMPLES], again[BLOCK_MAX_SAMPLES];
	struct buf b = { 0 };
	size_t n = 0, k = 0;

	if (!c && block_codec_new(&c, NULL) < 0)
		return 0;
	if (block_decode(c, span_of((const char *)data, size), v, &n, NULL) < 0)
		return 0;
	if (!n || n > BLOCK_MAX_SAMPLES)
		abort();
	/* what was understood can be said again, and means the same */
	if (block_encode(c, v, n, &b, NULL) < 0 ||
	    block_decode(c, span_of(b.p, b.n), again, &k, NULL) < 0 || k != n)
		abort();
	for (size_t i = 0; i < n; i++)
		if (memcmp(&v[i].v, &again[i].v, sizeof(v[i].v)) != 0 ||
		    v[i].boot_usec != again[i].boot_usec || v[i].have != again[i].have)
			abort();
	buf_done(&b);
	return 0;
}
