/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken for an event is one, and its texts lie within what was given. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spool_event e;
	struct err err;

	if (spool_parse(span_of((const char *)data, size), &e, &err) < 0)
		return 0;
	if (e.vmid < 100 || e.vmid > 999999999 || e.type == HOOK_NONE ||
	    e.type >= HOOK_TYPES || e.n_files > SPOOL_FILES || e.pid < 0)
		abort();
	for (size_t i = 0; i < e.n_files; i++)
		if (e.files[i].text.p < data ||
		    e.files[i].text.p + e.files[i].text.n > data + size ||
		    !e.files[i].name.n)
			abort();
	return 0;
}
