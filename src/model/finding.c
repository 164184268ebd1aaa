/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "finding.h"

#include <stdlib.h>

const char *severity_name(enum severity s)
{
	static const char *const names[] = {
		[SEV_INFO] = "info",
		[SEV_WARN] = "warning",
		[SEV_ERROR] = "error",
	};

	return names[s];
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].key);
		free(f->v[i].seen);
		free(f->v[i].fix);
	}
	free(f->v);
	*f = (struct findings){ 0 };
}

static int cmp(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->line != y->line)
		return x->line > y->line ? 1 : -1;
	return (x->vmid > y->vmid) - (x->vmid < y->vmid);
}

void findings_sort(struct findings *f)
{
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), cmp);
}
