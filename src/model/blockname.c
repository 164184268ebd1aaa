/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blockname.h"

#include <stdlib.h>

void blockname_done(struct blockname *b)
{
	free(b->name);
	free(b->file);
	free(b->pool);
	free(b->ns);
	free(b->image);
	free(b->snap);
	*b = (struct blockname){ 0 };
}

void blocknames_done(struct blocknames *l)
{
	for (size_t i = 0; i < l->n; i++)
		blockname_done(&l->v[i]);
	free(l->v);
	*l = (struct blocknames){ 0 };
}

static int cmp(const void *key, const void *p)
{
	const struct blockname *a = key, *b = p;

	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return a->minor < b->minor ? -1 : a->minor > b->minor;
}

const struct blockname *blocknames_find(const struct blocknames *l, uint32_t major,
					uint32_t minor)
{
	const struct blockname key = { .major = major, .minor = minor };

	return l && l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), cmp) : NULL;
}
