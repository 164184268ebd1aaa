/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pmxcfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), line;
	struct err err = { 0 };

	while (span_line(&text, &line)) {
		_cleanup_(rrd_guest_done) struct rrd_guest g = { 0 };

		pmxcfs_parse_rrd_line(line, &g, &err);
	}
	return 0;
}
