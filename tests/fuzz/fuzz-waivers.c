/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/waivers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the file says, a waiver has a rule, a container that can be, a day, a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct waivers w = { 0 };
	struct strv said = { 0 };

	waivers_parse(span_of((const char *)data, size), "f", &w, &said);
	for (size_t i = 0; i < w.n; i++) {
		const struct waiver *x = &w.v[i];

		if (!x->rule || !*x->rule || !x->reason || !*x->reason || !x->line ||
		    (x->vmid && (x->vmid < 100 || x->vmid > 999999999)) ||
		    x->until % 100 < 1 || x->until % 100 > 31 ||
		    x->until / 100 % 100 < 1 || x->until / 100 % 100 > 12 ||
		    (x->key && !*x->key))
			abort();
	}
	if (said.n > 100)
		abort();
	waivers_done(&w);
	strv_done(&said);
	return 0;
}
