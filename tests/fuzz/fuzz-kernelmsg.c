/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/hostlog.h"
#include "read/kernabout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A kernel line is about one guest at most, and names are found at any place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tbytes msg = { data, (uint32_t)size };

	if (span_starts(span_of((const char *)data, size), "oom-kill:") &&
	    kernabout_names(msg, 101) && kernabout_names(msg, 1010))
		abort();
	kernabout_names(msg, 101);
	log_names_guest(span_of((const char *)data, size), 101);
	return 0;
}
