/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pmxcfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(clusterlog_done) struct clusterlog l = { 0 };
	struct err err = { 0 };

	pmxcfs_parse_clusterlog((const char *)data, size, &l, &err);
	return 0;
}
