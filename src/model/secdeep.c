/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "secdeep.h"

#include <stdlib.h>

#include "base/macros.h"

void secdeep_done(struct secdeep *d)
{
	free(d->error);
	free(d->profile);
	free(d->profile_error);
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].name);
	free(d->v);
	for (size_t i = 0; i < d->n_lines; i++)
		free(d->lines[i].name);
	free(d->lines);
	*d = (struct secdeep){ 0 };
}

void secdeep_free(struct secdeep *d)
{
	if (d)
		secdeep_done(d);
	free(d);
}

const char *secdeep_danger(unsigned i)
{
	static const char *const names[] = {
		"init_module", "finit_module",      "delete_module",
		"kexec_load",  "open_by_handle_at", "kexec_file_load",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}
