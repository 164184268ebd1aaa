/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <cgstat.h>
#include <incident.h>
#include <stdbool.h>
#include <stdint.h>

#include "rule/cause.h"
#include "settings.h"

/*
 * When is something an incident, and when is it over? Pure; times are of CLOCK_BOOTTIME.
 * A guest can bring most of them about at will: there is one of a kind at a time, and so
 * many an hour.
 */
#define INCIDENTS_PER_HOUR 8 /* of one container */

struct incident_slot {
	bool open;
	uint64_t opened_boot_usec, last_boot_usec;
	unsigned signs; /* in a row, towards opening */
};

struct incident_watch {
	struct incident_slot slot[INCIDENT_KINDS];
	uint64_t opened[INCIDENTS_PER_HOUR]; /* the latest openings */
	uint64_t refused;                    /* by that bound */
};

enum incident_step {
	STEP_NONE,
	STEP_OPEN,
	STEP_MORE,    /* it is open: one more sign of it */
	STEP_REFUSED, /* too many in this hour */
};

/* A sign of that kind of incident was seen now. */
enum incident_step incident_sign(struct incident_watch *w, enum incident_kind kind,
				 uint64_t now_boot_usec);

/*
 * Nothing of it was seen for long enough: it is closed by that. False for kinds that only
 * an event ends (a stop, a failed start: the next start; a freeze: the thaw).
 */
bool incident_over(struct incident_watch *w, enum incident_kind kind,
		   uint64_t now_boot_usec);

/* An event ended it. True: it was open. */
bool incident_close(struct incident_watch *w, enum incident_kind kind);

/* Nobody wanted that end. */
bool incident_unexpected(const struct stop_verdict *v, const struct stop_evidence *ev);

/* "memory", "io", "cpu": what its processes waited for most of the last minute; NULL:
 * none.
 */
const char *incident_pressure(const struct cg_pressure *p,
			      const struct incident_settings *from);
