/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/hostlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every line is one, and none is empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	stderrlog_parse(span_of((const char *)data, size), 1000000, &l);
	for (size_t i = 0; i < l.n; i++)
		if (!l.v[i].text.n || memchr(l.v[i].text.p, '\n', l.v[i].text.n))
			abort();
	return 0;
}
