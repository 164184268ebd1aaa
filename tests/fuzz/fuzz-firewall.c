/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int kind = FW_CLUSTER; kind <= FW_GUEST; kind++) {
		_cleanup_(fw_file_done) struct fw_file f = { 0 };
		struct err err = { 0 };
		struct fw_missing m;

		if (fw_parse((const char *)data, size, (enum fw_kind)kind, &f, &err) == 0)
			fw_filters(&f, &f, true, 1755054010, &m);
	}
	return 0;
}
