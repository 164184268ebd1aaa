/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pmxcfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(members_done) struct members m = { 0 };
	_cleanup_(cfs_version_done) struct cfs_version v = { 0 };
	struct err err = { 0 };

	pmxcfs_parse_members((const char *)data, size, &m, &err);
	pmxcfs_parse_version((const char *)data, size, &v, &err);
	return 0;
}
