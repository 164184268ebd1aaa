/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "out/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a tenant wrote, no byte of the output steers a terminal. */
static void check_output(const struct buf *b, bool lines)
{
	struct tbytes t = { (const uint8_t *)buf_str(b), (uint32_t)b->n };

	if (!text_is_utf8(t))
		abort();
	while (t.n) {
		uint32_t cp = 0;
		size_t n = text_utf8_next(t, &cp);

		if (cp < 0x20 && !(lines && cp == '\n'))
			abort();
		if ((cp >= 0x7f && cp <= 0x9f) || (cp >= 0x202a && cp <= 0x202e) ||
		    (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e || cp == 0x200f ||
		    cp == 0x61c || cp == 0xfeff || cp == 0x2028 || cp == 0x2029)
			abort();
		t.p += n;
		t.n -= (uint32_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tbytes t = { data, (uint32_t)size };

	for (int lines = 0; lines < 2; lines++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, t, lines);
		check_output(&b, lines);
	}
	text_width(t);
	return 0;
}
