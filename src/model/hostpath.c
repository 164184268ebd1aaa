/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hostpath.h"

#include <stdlib.h>
#include <string.h>

void hostpath_clear(struct hostpath *p)
{
	free(p->path);
	free(p->real);
	free(p->weak);
	*p = (struct hostpath){ 0 };
}

void hostpaths_done(struct hostpaths *l)
{
	for (size_t i = 0; i < l->n; i++)
		hostpath_clear(&l->v[i]);
	free(l->v);
	*l = (struct hostpaths){ 0 };
}

static int cmp_path(const void *path, const void *p)
{
	return strcmp(path, ((const struct hostpath *)p)->path);
}

const struct hostpath *hostpaths_find(const struct hostpaths *l, const char *path)
{
	if (!l || !l->n)
		return NULL;
	return bsearch(path, l->v, l->n, sizeof(*l->v), cmp_path);
}
