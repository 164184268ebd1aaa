/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "collect/lifecycle-int.h"
#include "read/jsonin.h"

static void restore_life(struct lifecycle *lc, const struct db_life *l)
{
	struct lc_ct *ct = lc_get(lc, l->vmid);

	ct->life = l->life;
	ct->cause = l->cause;
	ct->cause_weak = l->cause == CAUSE_UNKNOWN;
	ct->stop_heard = true;
	if (!str_eq(l->boot, lc->boot))
		return;
	ct->init_ticks = l->init_start_ticks;
	if (l->stopped_real_usec.kind == VAL_SET) {
		ct->gone.real_usec = l->stopped_real_usec.n;
		return;
	}
	ct->up.real_usec = l->started_real_usec;
	ct->phase = l->init_start_ticks ? LC_UP : LC_PRESTART;
	ct->started = ct->execed = ct->phase == LC_UP;
}

static struct val number_of(const struct event *e, const char *key)
{
	struct jsonin j = { 0 };
	uint64_t n;
	struct val v = { 0 };

	if (e->data && jsonin_parse(e->data, strlen(e->data), &j, NULL) == 0 &&
	    jval_u64(jval_get(j.root, key), &n))
		v = val_set(n);
	jsonin_done(&j);
	return v;
}

/* The rows and the events are two writes: the events are what counts. */
static void restore_event(struct lifecycle *lc, const struct event *e)
{
	struct lc_ct *ct = e->vmid ? lc_get(lc, e->vmid) : NULL;
	struct lc_time when = { e->time_real_usec, e->boot_usec };
	bool lost_row = false;

	if (!ct || !str_eq(e->boot, lc->boot) || e->life < ct->life || !e->life)
		return;
	if (e->life > ct->life) {
		lc_begin_life(lc, ct);
		ct->life = e->life;
	}
	if (e->origin == ORIGIN_HOOK && e->type != EVENT_HOOKSCRIPT) {
		ct->hooked = true;
		ct->last_hook_boot_usec = MAX(ct->last_hook_boot_usec, e->boot_usec);
	}
	switch (e->type) {
	case EVENT_PRESTART:
		ct->phase = LC_PRESTART;
		ct->monitor = (pid_t)MIN(val_or(number_of(e, "monitor_pid"), 0),
					 (uint64_t)INT32_MAX);
		ct->prestart = when;
		ct->probe_boot_usec = when.boot_usec + LC_WAIT_PRESTART_USEC;
		break;
	case EVENT_STARTED:
		ct->phase = LC_UP;
		ct->execed = true;
		ct->started = ct->restored = true;
		ct->started_inferred = e->inferred;
		ct->up = when;
		if (!e->inferred) /* all of it was seen */
			ct->told.oom_kills = val_set(0);
		snprintf(ct->start_id, sizeof(ct->start_id), "%s", e->id);
		break;
	case EVENT_STOPPED:
	case EVENT_REBOOTED:
	case EVENT_START_FAILED:
		lost_row = ct->phase != LC_DOWN;
		ct->phase = LC_DOWN;
		ct->gone = when;
		ct->stop_inferred = e->inferred;
		ct->stop_heard = !e->inferred;
		snprintf(ct->stop_id, sizeof(ct->stop_id), "%s", e->id);
		break;
	case EVENT_OOM_KILL:
		ct->told.oom_kills = number_of(e, "total");
		break;
	case EVENT_FROZEN:
		ct->told.frozen = when;
		break;
	case EVENT_THAWED:
		ct->told.frozen = (struct lc_time){ 0 };
		break;
	default:
		break;
	}
	if (lost_row)
		lc_put_life(lc, ct, true);
}

/* It ended with the node, and nobody was there to see how. */
static void end_of_boot(struct lifecycle *lc, const struct db_life *l, struct lc_time now)
{
	struct stop_evidence booted = { .node_booted = true };
	struct lc_ct *ct = lc_find(lc, l->vmid);
	struct db_life row = *l;

	if (str_eq(l->boot, lc->boot) || l->stopped_real_usec.kind == VAL_SET || !ct ||
	    ct->life != l->life)
		return;
	ct->phase = LC_UP;
	ct->started = true;
	ct->init_ticks = l->init_start_ticks;
	ct->up.real_usec = l->started_real_usec;
	lc_end_life(lc, ct, NULL, &booted, now);
	ct->init_ticks = 0; /* of another boot: no identity in this one */
	row.stopped_real_usec = val_set(now.real_usec);
	row.cause = ct->cause;
	if (lc->ops.life)
		lc->ops.life(lc->ops.arg, &row);
}

void lc_restore(struct lifecycle *lc, const struct db_lives *lives,
		const struct events *latest, struct lc_time now)
{
	for (size_t i = 0; i < lives->n; i++)
		restore_life(lc, &lives->v[i]);
	for (size_t i = 0; i < latest->n; i++)
		restore_event(lc, &latest->v[i]);
	for (size_t i = 0; i < lives->n; i++)
		end_of_boot(lc, &lives->v[i], now);
}
