/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/audit.h>
#include <stdlib.h>

#include "read/secpolicy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken is within its bounds, and no longer than what it was taken from. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secpolicy p = { 0 };
	uint32_t line = 0;

	if (secpolicy_parse(span_of((const char *)data, size), AUDIT_ARCH_X86_64, &p,
			    NULL) < 0)
		return 0;
	if (p.n > SECPOLICY_MAX_RULES || p.n > size)
		abort();
	for (size_t i = 0; i < p.n; i++) {
		const struct secrule *r = &p.v[i];

		if (r->line <= line || r->n_args > SECPOLICY_ARGS ||
		    (r->name != NULL) == p.native_only)
			abort();
		line = r->line;
		for (unsigned k = 0; k < r->n_args; k++)
			if (r->args[k].index >= SECPOLICY_ARGS)
				abort();
	}
	secpolicy_done(&p);
	return 0;
}
