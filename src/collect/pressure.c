/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/clock.h"
#include "collect/cgsrc.h"
#include "collect/incgather.h"
#include "read/cgroup.h"
#include "rule/incident.h"

/* Sustained pressure: an event and a sign of an incident. */
#define PRESSURE_WAIT_USEC (60 * USEC_PER_SEC)
#define PRESSURE_MOST_USEC (3600 * USEC_PER_SEC)

static const struct cg_psi *psi_of(const struct cg_pressure *p, const char *what)
{
	return str_eq(what, "memory") ? &p->memory
	       : str_eq(what, "io")   ? &p->io
				      : &p->cpu;
}

static void tell_pressure(struct collector *c, struct cgct *t, const char *what,
			  const struct cg_pressure *p)
{
	const struct cg_psi *psi = psi_of(p, what);
	struct lc_time now = collector_now();
	struct event *e =
		collector_event(c, EVENT_PRESSURE, ORIGIN_RECORDER, t->vmid, now);
	struct data d;

	collector_id(c, e, "pressure", now.boot_usec);
	if (data_open(&d)) {
		jw_str(d.w, "resource", what);
		data_ppm(d.w, "some_ppm", psi->some.avg60_centi);
		data_ppm(d.w, "full_ppm", psi->full.avg60_centi);
		jw_int(d.w, "seconds", 60);
		data_close(&d, &e->data);
	}
	t->pressure_told = now.boot_usec;
	t->pressure_wait = t->pressure_wait
				   ? MIN(t->pressure_wait * 2, PRESSURE_MOST_USEC)
				   : PRESSURE_WAIT_USEC;
	snprintf(t->pressure_id, sizeof(t->pressure_id), "%s", e->id);
	free(t->pressure_data);
	t->pressure_data = e->data ? xstrdup(e->data) : NULL;
}

/* An event a minute, and ever more seldom while it goes on. */
void pressure_look(struct collector *c, struct cgct *t)
{
	uint64_t now = clock_boot_usec(), some;
	struct cg_pressure p = { 0 };
	struct event told = { 0 };
	const char *what;

	if (t->dir < 0 || !t->init || recorder_is_calm(c, t->vmid) ||
	    cg_read_pressure(t->dir, &p, NULL) < 0)
		return;
	what = incident_pressure(&p, &c->settings.incidents);
	if (!what)
		return;
	if (now > t->pressure_seen + PRESSURE_WAIT_USEC)
		t->pressure_told = t->pressure_wait = 0;
	t->pressure_seen = now;
	if (!t->pressure_told || now > t->pressure_told + t->pressure_wait)
		tell_pressure(c, t, what, &p);
	snprintf(told.id, sizeof(told.id), "%s", t->pressure_id);
	told.data = t->pressure_data;
	some = val_or(psi_of(&p, what)->some.avg60_centi, 0);
	incsrc_sign(c, t->vmid, INCIDENT_PRESSURE, &told,
		    "something in it waited for %s %ju.%ju%% of the last minute",
		    str_eq(what, "memory") ? what
		    : str_eq(what, "io")   ? "a disk"
					   : "a CPU",
		    (uintmax_t)(some / 100), (uintmax_t)(some / 10 % 10));
}
