/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <incident.h>

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"

static const char *const kind_names[INCIDENT_KINDS] = {
	[INCIDENT_NONE] = "none",
	[INCIDENT_OOM_KILL] = "oom-kill",
	[INCIDENT_UNEXPECTED_STOP] = "unexpected-stop",
	[INCIDENT_START_FAILED] = "start-failed",
	[INCIDENT_PRESSURE] = "pressure",
	[INCIDENT_MEMORY_LIMIT] = "memory-limit",
	[INCIDENT_FROZEN] = "frozen",
	[INCIDENT_PIDS_LIMIT] = "pids-limit",
};

const char *incident_kind_name(enum incident_kind k)
{
	return k < INCIDENT_KINDS ? kind_names[k] : "unknown";
}

int incident_kind_parse(const char *name, enum incident_kind *ret)
{
	for (int i = INCIDENT_NONE + 1; i < INCIDENT_KINDS; i++) {
		if (!str_eq(kind_names[i], name))
			continue;
		*ret = (enum incident_kind)i;
		return 0;
	}
	return -EINVAL;
}

void incident_done(struct incident *i)
{
	free(i->name);
	free(i->summary);
	free(i->data);
	*i = (struct incident){ 0 };
}

void incidents_done(struct incidents *l)
{
	for (size_t i = 0; i < l->n; i++)
		incident_done(&l->v[i]);
	free(l->v);
	*l = (struct incidents){ 0 };
}
