/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/tasklog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says which file it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(tasks_done) struct tasks t = { 0 };

	if (!size)
		return 0;
	taskindex_parse(span_of((const char *)data + 1, size - 1), data[0] & 1,
			data[0] & 2, &t);
	for (size_t i = 0; i < t.n; i++)
		if (!t.v[i].upid.text ||
		    (t.v[i].status && t.v[i].noticed_real_usec.kind != VAL_SET))
			abort();
	return 0;
}
