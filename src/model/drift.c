/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drift.h"

#include "base/str.h"

const char *drift_cause_name(enum drift_cause c)
{
	static const char *const names[] = {
		[DRIFT_PENDING] = "pending",
		[DRIFT_EDITED] = "edited",
		[DRIFT_CHANGED] = "changed",
		[DRIFT_UNSURE] = "unsure",
	};

	return names[c];
}

const char *drift_action_name(enum drift_action a)
{
	static const char *const names[] = {
		[DRIFT_NOTHING] = "nothing",
		[DRIFT_HOTPLUG] = "hotplug",
		[DRIFT_RESTART] = "restart",
	};

	return names[a];
}

void drift_done(struct drift *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].key);
		free(d->v[i].configured);
		free(d->v[i].running);
		free(d->v[i].seen);
		free(d->v[i].fix);
	}
	for (size_t i = 0; i < d->n_gaps; i++) {
		free(d->gaps[i].key);
		free(d->gaps[i].why);
	}
	free(d->v);
	free(d->gaps);
	*d = (struct drift){ 0 };
}
