/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/vzdumplog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A log of one guest's backup: texts are bounded. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vzdump_log l;

	vzdump_log_parse(span_of((const char *)data, size), 109, &l);
	if (!memchr(l.mode, '\0', sizeof(l.mode)) || (l.failed && !l.ended) ||
	    (l.error && strlen(l.error) > 1024) ||
	    (l.archive && strlen(l.archive) > 1024))
		abort();
	vzdump_log_done(&l);
	return 0;
}
