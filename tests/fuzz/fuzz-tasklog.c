/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/tasklog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parts that are found are parts of the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), part;
	struct tasklog_end end;

	tasklog_parse_end(text, &end);
	if (end.body_n > size || end.message.n > size)
		abort();
	if (end.message.n &&
	    (end.message.p < data || end.message.p + end.message.n > data + size))
		abort();
	if (tasklog_vzdump_section(text, 101, &part) &&
	    (part.p < text.p || part.p + part.n > text.p + size))
		abort();
	return 0;
}
