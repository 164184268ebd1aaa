/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/lifecycle-int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

#define SAME_TASK_USEC (20 * USEC_PER_MSEC)
/*
 * Of a life with hooks: how long we wait for the one that is to come. Init may only exec
 * when its start-host hook is over: the file is there by then or never comes.
 */
#define WAIT_START_HOOK_USEC (50 * USEC_PER_MSEC)
#define WAIT_STOP_HOOK_USEC  (2 * USEC_PER_SEC)
/* The monitor reaps init within that, and then the kernel tells the exit code. */
#define WAIT_EXIT_USEC (25 * USEC_PER_MSEC)
/* So long after an end a line of the kernel may still be about it. */
#define LATE_LINE_USEC (30 * USEC_PER_SEC)

void lc_init(struct lifecycle *lc, const char *boot, const struct lc_ops *ops)
{
	*lc = (struct lifecycle){ .ops = *ops };
	snprintf(lc->boot, sizeof(lc->boot), "%s", boot);
}

void lc_done(struct lifecycle *lc)
{
	free(lc->v);
	*lc = (struct lifecycle){ 0 };
}

static size_t place_of(const struct lifecycle *lc, uint32_t vmid)
{
	size_t lo = 0, hi = lc->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (lc->v[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct lc_ct *lc_find(const struct lifecycle *lc, uint32_t vmid)
{
	size_t i = place_of(lc, vmid);

	return i < lc->n && lc->v[i].vmid == vmid ? &lc->v[i] : NULL;
}

struct lc_ct *lc_get(struct lifecycle *lc, uint32_t vmid)
{
	size_t i = place_of(lc, vmid);

	if (i < lc->n && lc->v[i].vmid == vmid)
		return &lc->v[i];
	GROW(lc->v, lc->n, lc->cap);
	memmove(&lc->v[i + 1], &lc->v[i], (lc->n - i) * sizeof(*lc->v));
	lc->v[i] = (struct lc_ct){ .vmid = vmid };
	lc->n++;
	return &lc->v[i];
}

void lc_id(const struct lifecycle *lc, uint32_t vmid, uint64_t life, const char *what,
	   char ret[EVENT_ID_MAX])
{
	snprintf(ret, EVENT_ID_MAX, "%.8s-%u-%ju-%s", lc->boot, vmid, (uintmax_t)life,
		 what);
}

/* ---- what goes out ------------------------------------------------------------------
 */

void lc_put_life(struct lifecycle *lc, const struct lc_ct *ct, bool ended)
{
	struct db_life row = {
		.vmid = ct->vmid,
		.life = ct->life,
		.init_start_ticks = ct->init_ticks,
		.started_real_usec =
			ct->up.real_usec ? ct->up.real_usec : ct->prestart.real_usec,
		.cause = ended ? ct->cause : CAUSE_UNKNOWN,
	};

	snprintf(row.boot, sizeof(row.boot), "%s", lc->boot);
	if (ended)
		row.stopped_real_usec = val_set(ct->gone.real_usec);
	if (lc->ops.life)
		lc->ops.life(lc->ops.arg, &row);
}

void lc_emit(struct lifecycle *lc, struct lc_event *e, const struct lc_ct *ct)
{
	e->ct = ct;
	if (lc->ops.event)
		lc->ops.event(lc->ops.arg, e);
}

struct lc_event lc_from_hook(enum event_type type, const struct spool_event *h)
{
	struct lc_event e = { .type = type,
			      .origin = ORIGIN_HOOK,
			      .when = { h->real_usec, h->boot_usec },
			      .hook = h };

	snprintf(e.id, sizeof(e.id), "%s", h->id);
	return e;
}

void lc_emit_note(struct lifecycle *lc, const struct lc_ct *ct,
		  const struct spool_event *h, const char *note)
{
	struct lc_event e = lc_from_hook(EVENT_RECONCILED, h);

	e.note = note;
	lc_emit(lc, &e, ct);
}

/* ---- a life begins ------------------------------------------------------------------
 */

void lc_begin_life(const struct lifecycle *lc, struct lc_ct *ct)
{
	*ct = (struct lc_ct){ .vmid = ct->vmid,
			      .life = MAX(ct->life + 1, lc->first_life),
			      .last_hook_boot_usec = ct->last_hook_boot_usec };
}

void lc_start_out(struct lifecycle *lc, struct lc_ct *ct, const struct spool_event *h)
{
	struct lc_event e = { .type = EVENT_STARTED,
			      .origin = ORIGIN_CGROUP,
			      .inferred = true,
			      .when = ct->up };

	if (h)
		e = lc_from_hook(EVENT_STARTED, h);
	else
		lc_id(lc, ct->vmid, ct->life, "started", e.id);
	ct->started = true;
	ct->started_inferred = !h;
	ct->up_deadline = 0;
	if (ct->phase != LC_ENDING)
		ct->phase = LC_UP;
	snprintf(ct->start_id, sizeof(ct->start_id), "%s", e.id);
	lc_emit(lc, &e, ct);
	lc_put_life(lc, ct, false);
}

/* ---- a life ends --------------------------------------------------------------------
 */

void lc_gather(struct lifecycle *lc, const struct lc_ct *ct, const struct spool_event *h,
	       struct stop_evidence *ev)
{
	ev->exit = ct->exit;
	ev->exit_value = ct->exit_value;
	ev->hook = h != NULL;
	ev->hook_reboot = h && h->reboot;
	ev->start_failed = ct->phase == LC_PRESTART;
	ev->node_booted |= ct->phase == LC_DOWN && ct->with_node;
	ev->reboot_file = ct->rebooting;
	if (lc->ops.evidence)
		lc->ops.evidence(lc->ops.arg, ct, ev);
}

void lc_end_life(struct lifecycle *lc, struct lc_ct *ct, const struct spool_event *h,
		 const struct stop_evidence *extra, struct lc_time now)
{
	struct stop_evidence ev = extra ? *extra : (struct stop_evidence){ 0 };
	struct stop_verdict verdict;
	struct lc_event e = { .type = EVENT_STOPPED,
			      .origin = ORIGIN_CGROUP,
			      .inferred = true };

	if (!ct->gone.boot_usec)
		ct->gone = h ? (struct lc_time){ h->real_usec, h->boot_usec } : now;
	lc_gather(lc, ct, h, &ev);
	/* an init that nobody told of yet had its start all the same */
	if ((ct->init_ticks || ct->init || ct->phase == LC_PRESTART) && !ct->started &&
	    !ev.start_failed) {
		if (!ct->up.real_usec)
			ct->up = ct->prestart;
		lc_start_out(lc, ct, NULL);
	}
	cause_decide(&ev, &verdict);
	if (h)
		e = lc_from_hook(EVENT_STOPPED, h);
	e.when = ct->gone;
	if (ev.start_failed)
		e.type = EVENT_START_FAILED;
	else if (verdict.rebooted)
		e.type = EVENT_REBOOTED;
	if (!h)
		lc_id(lc, ct->vmid, ct->life, "ended", e.id);
	e.verdict = &verdict;
	e.evidence = &ev;
	ct->phase = LC_DOWN;
	ct->failed = ev.start_failed;
	ct->cause = verdict.cause;
	ct->cause_weak = verdict.weak;
	ct->with_node = ev.node_booted;
	ct->stop_heard = h != NULL;
	ct->stop_inferred = !h;
	ct->end_deadline = ct->up_deadline = 0;
	snprintf(ct->stop_id, sizeof(ct->stop_id), "%s", e.id);
	/* the event first: a crash in between leaves what lc_restore() can complete */
	lc_emit(lc, &e, ct);
	lc_put_life(lc, ct, true);
}

/* ---- the kernel ---------------------------------------------------------------------
 */

/* A started life whose row was not written before a crash: is this its init? */
static bool adopts(const struct lc_ct *ct, struct lc_time began)
{
	return ct->phase == LC_UP && ct->started && !ct->init_ticks &&
	       began.boot_usec <= ct->up.boot_usec + 20 * USEC_PER_MSEC;
}

void lc_up(struct lifecycle *lc, uint32_t vmid, pid_t init, uint64_t ticks, bool execed,
	   struct lc_time began, struct lc_time now)
{
	struct lc_ct *ct = lc_get(lc, vmid);

	if (adopts(ct, began)) {
		ct->init_ticks = ticks;
		lc_put_life(lc, ct, false);
	}
	if (ct->init_ticks == ticks && ct->phase != LC_DOWN) {
		ct->init = init;
		ct->execed |= execed;
		if (execed && !ct->started && !ct->up_deadline)
			ct->up_deadline =
				now.boot_usec + (ct->hooked ? WAIT_START_HOOK_USEC : 0);
		return;
	}
	if (ct->phase == LC_DOWN && ct->init_ticks == ticks)
		return; /* its end is out: what is seen is its zombie */
	if (ct->phase == LC_UP || ct->phase == LC_ENDING)
		lc_end_life(lc, ct, NULL, NULL, now);
	if (ct->phase == LC_DOWN)
		lc_begin_life(lc, ct);
	ct->init = init;
	ct->init_ticks = ticks;
	ct->execed = execed;
	ct->up = began;
	if (execed)
		ct->up_deadline = now.boot_usec + (ct->hooked ? WAIT_START_HOOK_USEC : 0);
	if (ct->phase == LC_DOWN)
		ct->phase = LC_UP;
	/* in LC_PRESTART it stays until `started` is out: the start may fail yet */
}

void lc_gone(struct lifecycle *lc, uint32_t vmid, uint64_t ticks, enum init_exit exit,
	     int value, bool final, struct lc_time now)
{
	struct lc_ct *ct = lc_find(lc, vmid);
	uint64_t wait;

	if (!ct || ct->init_ticks != ticks || ct->phase == LC_DOWN)
		return;
	if (exit != INIT_EXIT_UNKNOWN) {
		ct->exit = exit;
		ct->exit_value = value;
	}
	if (ct->phase == LC_PRESTART) {
		/* its stop hook tells; without it lc_absent() */
		if (!ct->gone.boot_usec)
			ct->gone = now;
		if (ct->execed)
			ct->phase = LC_ENDING;
	} else if (ct->phase == LC_UP) {
		ct->phase = LC_ENDING;
		ct->gone = now;
	}
	if (ct->phase != LC_ENDING)
		return;
	wait = ct->hooked                               ? WAIT_STOP_HOOK_USEC
	       : final || ct->exit != INIT_EXIT_UNKNOWN ? 0
							: WAIT_EXIT_USEC;
	ct->end_deadline =
		ct->hooked && ct->end_deadline ? ct->end_deadline : now.boot_usec + wait;
}

void lc_wait(struct lifecycle *lc, uint32_t vmid, uint64_t until_boot_usec)
{
	struct lc_ct *ct = lc_find(lc, vmid);

	if (ct && ct->phase == LC_ENDING && ct->end_deadline < until_boot_usec)
		ct->end_deadline = until_boot_usec;
}

void lc_absent(struct lifecycle *lc, uint32_t vmid, struct lc_time now)
{
	struct lc_ct *ct = lc_find(lc, vmid);

	if (!ct)
		return;
	if (ct->phase == LC_UP ||
	    (ct->phase == LC_PRESTART && now.boot_usec >= ct->probe_boot_usec))
		lc_end_life(lc, ct, NULL, NULL, now);
}

/* The end is out and its cause was not certain: this is. */
static void better_cause(struct lifecycle *lc, struct lc_ct *ct, struct stop_evidence *ev,
			 const char *what, enum event_origin origin, struct lc_time now)
{
	struct lc_event e = { .type = EVENT_RECONCILED, .origin = origin, .when = now };
	struct stop_verdict verdict;

	lc_gather(lc, ct, NULL, ev);
	cause_decide(ev, &verdict);
	if (verdict.weak || (verdict.cause == ct->cause && !ct->cause_weak))
		return;
	ct->cause = verdict.cause;
	ct->cause_weak = false;
	lc_id(lc, ct->vmid, ct->life, what, e.id);
	e.note = "the cause of the end is now known";
	e.verdict = &verdict;
	e.evidence = ev;
	lc_emit(lc, &e, ct);
	lc_put_life(lc, ct, true);
}

/* Its pid may be another process by now, and what is told of that is not about it. */
static bool is_recent(const struct lc_ct *ct, struct lc_time now)
{
	return ct->phase == LC_DOWN &&
	       now.boot_usec < ct->gone.boot_usec + LATE_LINE_USEC;
}

void lc_learned(struct lifecycle *lc, uint32_t vmid, enum event_origin origin,
		struct lc_time now)
{
	struct stop_evidence ev = { 0 };
	struct lc_ct *ct = lc_find(lc, vmid);

	if (ct && ct->life && !ct->failed && is_recent(ct, now) && ct->cause_weak)
		better_cause(lc, ct, &ev, "learned", origin, now);
}

void lc_rebooted(struct lifecycle *lc, uint32_t vmid, struct lc_time now)
{
	struct stop_evidence ev = { 0 };
	struct lc_ct *ct = lc_find(lc, vmid);

	if (!ct || !ct->life || ct->failed)
		return;
	ct->rebooting = true;
	if (ct->phase == LC_DOWN && ct->cause_weak)
		better_cause(lc, ct, &ev, "rebooted", ORIGIN_CGROUP, now);
}

/* What was restored from the store has no time since boot. */
static bool not_before(struct lc_time t, struct lc_time began)
{
	return t.boot_usec ? t.boot_usec >= began.boot_usec
			   : t.real_usec >= began.real_usec;
}

/*
 * The next collector finds the same one in the list of tasks, with times of whole seconds.
 * Since boot it began a little off what the collector before had from its own two clocks;
 * another start after a failed one takes longer to come.
 */
static bool is_told(const struct lc_ct *ct, struct lc_time began, struct lc_time ended)
{
	return not_before(ct->gone, began) ||
	       (ct->gone.real_usec == ended.real_usec && ct->gone.boot_usec &&
		began.boot_usec < ct->gone.boot_usec + SAME_TASK_USEC);
}

void lc_start_failed(struct lifecycle *lc, uint32_t vmid, struct lc_time began,
		     struct lc_time ended)
{
	struct lc_ct *ct = lc_get(lc, vmid);

	/* of whole seconds, and the beginning is not: the same one is not told again */
	ended.real_usec = MAX(ended.real_usec, began.real_usec);
	ended.boot_usec = MAX(ended.boot_usec, began.boot_usec);
	if (ct->phase != LC_DOWN || is_told(ct, began, ended) ||
	    not_before(ct->up, began))
		return;
	lc_begin_life(lc, ct);
	ct->phase = LC_PRESTART;
	ct->asked = began;
	lc_end_life(lc, ct, NULL, NULL, ended);
}

void lc_oom_init(struct lifecycle *lc, uint32_t vmid, pid_t init, struct lc_time now)
{
	struct stop_evidence ev = { .oom_victim_init = true };
	struct lc_ct *ct = lc_find(lc, vmid);

	if (!ct || !init || ct->init != init)
		return;
	if (ct->phase == LC_ENDING) {
		lc_end_life(lc, ct, NULL, &ev, now);
		return;
	}
	if (!is_recent(ct, now) || (ct->cause == CAUSE_OOM_INIT && !ct->cause_weak))
		return;
	better_cause(lc, ct, &ev, "oom", ORIGIN_KERNEL, now);
}

/* ---- time ---------------------------------------------------------------------------
 */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : MIN(a, b);
}

uint64_t lc_tick(struct lifecycle *lc, struct lc_time now)
{
	uint64_t next = 0;

	for (size_t i = 0; i < lc->n; i++) {
		struct lc_ct *ct = &lc->v[i];

		if (ct->up_deadline && ct->up_deadline <= now.boot_usec) {
			if (ct->phase == LC_PRESTART)
				ct->phase = LC_UP;
			lc_start_out(lc, ct, NULL);
		}
		if (ct->end_deadline && ct->end_deadline <= now.boot_usec)
			lc_end_life(lc, ct, NULL, NULL, now);
		next = sooner(next, sooner(ct->up_deadline, ct->end_deadline));
	}
	return next;
}
