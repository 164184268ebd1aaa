/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waiver.h"

#include <stdlib.h>

void waivers_done(struct waivers *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].rule);
		free(w->v[i].key);
		free(w->v[i].reason);
	}
	free(w->v);
	free(w->name);
	*w = (struct waivers){ 0 };
}
