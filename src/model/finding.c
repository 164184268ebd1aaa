/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "finding.h"

#include <stdlib.h>
#include <string.h>

const char *severity_name(enum severity s)
{
	static const char *const names[] = {
		[SEV_INFO] = "info",
		[SEV_WARN] = "warning",
		[SEV_ERROR] = "error",
	};

	return names[s];
}

void finding_clear(struct finding *f)
{
	free(f->key);
	free(f->seen);
	free(f->fix);
	*f = (struct finding){ 0 };
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_clear(&f->v[i]);
	free(f->v);
	*f = (struct findings){ 0 };
}

static int cmp(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	int r;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	r = strcmp(x->rule, y->rule);
	if (r)
		return r;
	if (x->vmid != y->vmid)
		return x->vmid > y->vmid ? 1 : -1;
	if (x->line != y->line)
		return x->line > y->line ? 1 : -1;
	return strcmp(x->seen, y->seen);
}

void findings_sort(struct findings *f)
{
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), cmp);
}
