/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), line, type;
	uint64_t id;

	while (span_line(&text, &line))
		if (mounts_parse_line(line, &id, &type) && !type.n)
			abort();
	return 0;
}
