/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/conffile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the file says, a value is off or a number in its range. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strv w = { 0 };
	struct settings s;
	const struct val *v = (const struct val *)&s;

	conffile_parse(span_of((const char *)data, size), "f", &s, &w, NULL);
	for (size_t i = 0; i < sizeof(s) / sizeof(*v); i++)
		if (v[i].kind == VAL_MAX ||
		    (v[i].kind == VAL_SET && (v[i].n < 1 || v[i].n > (uint64_t)16 << 40)))
			abort();
	if (w.n > 100)
		abort();
	strv_done(&w);
	return 0;
}
