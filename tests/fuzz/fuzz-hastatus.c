/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/ha.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ha_done) struct ha h = { 0 };
	struct err err = { 0 };

	ha_parse_status((const char *)data, size, &h.status, &err);
	ha_state_of(&h, 100);
	return 0;
}
