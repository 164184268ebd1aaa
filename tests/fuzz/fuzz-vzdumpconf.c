/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/vzdumpconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the file says: one mode, and a storage or a directory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(backup_defaults_done) struct backup_defaults d = { 0 };

	vzdumpconf_parse(span_of((const char *)data, size), &d);
	if (!d.mode || !d.storage == !d.dumpdir)
		abort();
	return 0;
}
