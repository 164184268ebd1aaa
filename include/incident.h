/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "val.h"

enum incident_kind {
	INCIDENT_NONE,
	INCIDENT_OOM_KILL,
	INCIDENT_UNEXPECTED_STOP,
	INCIDENT_START_FAILED,
	INCIDENT_PRESSURE,     /* sustained */
	INCIDENT_MEMORY_LIMIT, /* at its limit, reclaiming */
	INCIDENT_FROZEN,       /* longer than 30 s */
	INCIDENT_PIDS_LIMIT,
	INCIDENT_KINDS
};

/* One row of the store; `data` is the JSON object of what was kept with it. */
struct incident {
	uint64_t n; /* the number a user names it by, 1 and up; 0: not stored yet */
	enum incident_kind kind;
	uint32_t vmid;
	uint64_t life;
	char *name; /* of the container: tenant bytes, escape */
	uint64_t opened_real_usec;
	struct val closed_real_usec; /* absent: still open */
	uint64_t keep_from_real_usec,
		keep_until_real_usec; /* seconds never thinned out */
	char *summary;                /* one sentence */
	char *data;                   /* JSON: limits, processes, units, ids of events */
};

struct incidents {
	struct incident *v;
	size_t n;
};

void incident_done(struct incident *i);
void incidents_done(struct incidents *i);
const char *incident_kind_name(enum incident_kind k); /* "oom-kill", ... */
