/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lxcstart.h"

#include "base/str.h"

void lxcstart_done(struct lxcstart *s)
{
	free(s->v);
	free(s->text);
	*s = (struct lxcstart){ 0 };
}

const char *lxcstart_last(const struct lxcstart *s, const char *key, bool own)
{
	for (size_t i = own ? s->n_own : s->n; i-- > 0;)
		if (str_eq(s->v[i].key, key))
			return s->v[i].value;
	return NULL;
}
