/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/dropin.h"
#include "read/lxcconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every item lies within the text; only our own text is let through to LXC. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct span text = span_of(p, size);
	struct lxcconf_item i;
	unsigned line = 0, last = 0;

	dropin_check(text, "/hook", NULL);
	while (lxcconf_next(&text, &line, &i)) {
		if (i.line <= last || (!i.broken && !span_starts(i.key, "lxc.")) ||
		    (i.value.n && (i.value.p < p || i.value.p + i.value.n > p + size)))
			abort();
		last = i.line;
	}
	return 0;
}
