/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/incident.h"

#define SEC  ((uint64_t)1000000)
#define HOUR (3600 * SEC)

/* signs: so many, each at most `gap` after the one before, open it; quiet ends it. */
static const struct {
	unsigned signs;
	uint64_t gap_usec, quiet_usec;
} kinds[INCIDENT_KINDS] = {
	[INCIDENT_OOM_KILL] = { 1, 0, 60 * SEC },
	[INCIDENT_UNEXPECTED_STOP] = { 1, 0, 0 },
	[INCIDENT_START_FAILED] = { 1, 0, 0 },
	[INCIDENT_PRESSURE] = { 3, 25 * SEC, 60 * SEC },
	[INCIDENT_MEMORY_LIMIT] = { 3, 25 * SEC, 60 * SEC },
	[INCIDENT_FROZEN] = { 1, 0, 0 },
	[INCIDENT_PIDS_LIMIT] = { 1, 0, 60 * SEC },
};

static bool may_open(struct incident_watch *w, uint64_t now)
{
	size_t oldest = 0;

	for (size_t i = 1; i < INCIDENTS_PER_HOUR; i++)
		if (w->opened[i] < w->opened[oldest])
			oldest = i;
	if (w->opened[oldest] && now < w->opened[oldest] + HOUR)
		return false;
	w->opened[oldest] = now;
	return true;
}

enum incident_step incident_sign(struct incident_watch *w, enum incident_kind kind,
				 uint64_t now)
{
	struct incident_slot *s = &w->slot[kind];

	if (s->open) {
		s->last_boot_usec = now;
		return STEP_MORE;
	}
	if (s->signs && now > s->last_boot_usec + kinds[kind].gap_usec)
		s->signs = 0;
	s->last_boot_usec = now;
	if (++s->signs < kinds[kind].signs)
		return STEP_NONE;
	s->signs = 0;
	if (!may_open(w, now)) {
		w->refused++;
		return STEP_REFUSED;
	}
	s->open = true;
	s->opened_boot_usec = now;
	return STEP_OPEN;
}

bool incident_over(struct incident_watch *w, enum incident_kind kind, uint64_t now)
{
	struct incident_slot *s = &w->slot[kind];

	if (!s->open || !kinds[kind].quiet_usec ||
	    now < s->last_boot_usec + kinds[kind].quiet_usec)
		return false;
	s->open = false;
	return true;
}

bool incident_close(struct incident_watch *w, enum incident_kind kind)
{
	bool was = w->slot[kind].open;

	w->slot[kind].open = false;
	w->slot[kind].signs = 0;
	return was;
}

bool incident_unexpected(const struct stop_verdict *v, const struct stop_evidence *ev)
{
	switch (v->cause) {
	case CAUSE_OOM_INIT:
	case CAUSE_SIGNAL:
	case CAUSE_UNKNOWN:
		return true;
	case CAUSE_HALTED_INSIDE: /* init that crashes ends the container, too */
		return ev->exit == INIT_EXIT_CODE && ev->exit_value != 0;
	default:
		return false;
	}
}

/* avg60 in hundredths of a percent */
static bool reaches(struct val avg_centi, struct val percent)
{
	return percent.kind == VAL_SET && avg_centi.kind == VAL_SET &&
	       avg_centi.n >= percent.n * 100;
}

const char *incident_pressure(const struct cg_pressure *p,
			      const struct incident_settings *from)
{
	if (reaches(p->memory.full.avg60_centi, from->memory_full_percent) ||
	    reaches(p->memory.some.avg60_centi, from->memory_some_percent))
		return "memory";
	if (reaches(p->io.full.avg60_centi, from->io_full_percent))
		return "io";
	if (reaches(p->cpu.some.avg60_centi, from->cpu_some_percent))
		return "cpu";
	return NULL;
}
