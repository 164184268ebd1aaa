/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/clock.h"
#include "collect/lifecycle-int.h"

/* The kernel tells in ticks when init was started: up to ten milliseconds too early. */
#define TICK_USEC (10 * USEC_PER_MSEC)
/* A stop hook that comes after its `stopped`: it confirms, and knows more. */
#define LATE_HOOK_USEC (120 * USEC_PER_SEC)

/* Something began that can only begin when what was before is over. */
static void end_unseen(struct lifecycle *lc, struct lc_ct *ct, struct lc_time now)
{
	if (ct->phase != LC_DOWN)
		lc_end_life(lc, ct, NULL, NULL, now);
}

static void on_pre_start(struct lifecycle *lc, struct lc_ct *ct,
			 const struct spool_event *h)
{
	struct lc_event e = lc_from_hook(EVENT_PRESTART, h);

	end_unseen(lc, ct, e.when);
	lc_begin_life(lc, ct);
	ct->phase = LC_PRESTART;
	ct->hooked = true;
	ct->monitor = h->monitor_pid;
	ct->prestart = e.when;
	ct->probe_boot_usec = h->boot_usec + LC_WAIT_PRESTART_USEC;
	lc_emit(lc, &e, ct);
	lc_put_life(lc, ct, false);
}

static bool same_init(const struct lc_ct *ct, pid_t pid, struct val ticks)
{
	if (!ct->init_ticks && !ct->init)
		return false;
	if (ticks.kind == VAL_SET && ct->init_ticks)
		return ticks.n == ct->init_ticks;
	return pid && pid == ct->init;
}

static void on_start_host(struct lifecycle *lc, struct lc_ct *ct,
			  const struct spool_event *h)
{
	struct lc_time when = { h->real_usec, h->boot_usec };
	bool same = same_init(ct, h->pid, h->start_ticks);

	if (same && ct->started) {
		ct->hooked = true;
		lc_emit_note(lc, ct, h,
			     ct->started_inferred
				     ? "the start that was concluded is confirmed"
				     : "this start was told before");
		ct->started_inferred = false;
		return;
	}
	if (!same && (ct->phase == LC_UP || ct->phase == LC_ENDING))
		lc_end_life(lc, ct, NULL, NULL, when);
	if (ct->phase == LC_DOWN)
		lc_begin_life(lc, ct);
	ct->hooked = true;
	ct->init = h->pid;
	ct->init_ticks = val_or(h->start_ticks, ct->init_ticks);
	ct->up = when;
	if (ct->phase != LC_ENDING)
		ct->phase = LC_UP;
	lc_start_out(lc, ct, h);
}

/* The stop hook of a life whose end is out already. */
static void on_late_stop(struct lifecycle *lc, struct lc_ct *ct,
			 const struct spool_event *h)
{
	struct stop_evidence ev = { 0 };
	struct stop_verdict verdict;
	struct lc_event e = lc_from_hook(EVENT_RECONCILED, h);

	ct->stop_heard = true;
	lc_gather(lc, ct, h, &ev);
	cause_decide(&ev, &verdict);
	e.note = "the end that was concluded is confirmed";
	if (ct->cause_weak && !verdict.weak && verdict.cause != ct->cause) {
		e.note =
			"the end that was concluded is confirmed, its cause is now known";
		e.verdict = &verdict;
		e.evidence = &ev;
		ct->cause = verdict.cause;
		ct->cause_weak = false;
		lc_put_life(lc, ct, true);
	}
	lc_emit(lc, &e, ct);
}

/*
 * LXC has a pid to tell from start-host on: the init that was only seen before its exec was
 * ready for it, though no start-host hook was heard.
 */
static void was_ready(struct lc_ct *ct, const struct spool_event *h)
{
	if (h->pid && h->pid == ct->init && ct->phase == LC_PRESTART)
		ct->phase = LC_UP;
}

static void on_stop(struct lifecycle *lc, struct lc_ct *ct, const struct spool_event *h,
		    bool alive)
{
	/* of an init that nobody told of: all before it was cut off or lost */
	bool unseen = ct->phase == LC_DOWN && h->pid && h->pid != ct->init;

	if (unseen && ct->life && (ct->init || ct->failed)) {
		lc_begin_life(lc, ct);
		ct->init = h->pid;
		ct->up = (struct lc_time){ h->real_usec, h->boot_usec };
		ct->phase = LC_UP;
		ct->hooked = true;
		lc_end_life(lc, ct, h, NULL, ct->up);
	} else if (ct->phase == LC_DOWN && ct->life && ct->stop_inferred &&
		   !ct->stop_heard &&
		   h->boot_usec < ct->gone.boot_usec + LATE_HOOK_USEC) {
		on_late_stop(lc, ct, h);
	} else if (ct->phase == LC_DOWN && lc->ops.starting &&
		   lc->ops.starting(lc->ops.arg, ct)) {
		/* PVE's pre-start hook failed before ours was run */
		lc_begin_life(lc, ct);
		ct->phase = LC_PRESTART;
		ct->hooked = true;
		lc_end_life(lc, ct, h, NULL,
			    (struct lc_time){ h->real_usec, h->boot_usec });
	} else if (ct->phase == LC_DOWN && ct->life) {
		lc_emit_note(lc, ct, h, "unconfirmed: nothing of it was running");
	} else if (ct->phase == LC_UP && alive) {
		lc_emit_note(lc, ct, h, "unconfirmed: init of the container runs on");
	} else {
		if (ct->phase == LC_DOWN) /* nothing was ever known of it */
			lc_begin_life(lc, ct);
		/* there was one, and its start-host hook was cut off by its deadline */
		if (h->pid && !ct->started && !ct->init) {
			ct->init = h->pid; /* no ticks: it is dead by now */
			ct->up = ct->prestart.boot_usec
					 ? ct->prestart
					 : (struct lc_time){ h->real_usec, h->boot_usec };
			ct->phase = LC_UP;
		}
		was_ready(ct, h);
		ct->hooked = true;
		lc_end_life(lc, ct, h, NULL,
			    (struct lc_time){ h->real_usec, h->boot_usec });
	}
}

/*
 * LXC is deaf before it runs the post-stop hook: whoever starts the container again then
 * has a pre-start hook before that.
 */
static bool is_of_run_before(const struct lc_ct *ct, const struct spool_event *h)
{
	return ct->phase != LC_DOWN && ct->life > 1 && ct->monitor && h->monitor_pid &&
	       ct->monitor != h->monitor_pid;
}

static void on_post_stop(struct lifecycle *lc, struct lc_ct *ct,
			 const struct spool_event *h, bool alive)
{
	struct lc_event e = lc_from_hook(EVENT_POSTSTOP, h);

	if (is_of_run_before(ct, h)) {
		struct lc_ct before = { .vmid = ct->vmid, .life = ct->life - 1 };

		lc_emit(lc, &e, &before);
		return;
	}
	if (ct->phase == LC_UP && alive) {
		lc_emit_note(lc, ct, h, "unconfirmed: init of the container runs on");
		return;
	}
	was_ready(ct, h);
	ct->over_heard = true;
	end_unseen(lc, ct, e.when);
	lc_emit(lc, &e, ct);
}

static bool is_guest_phase(enum hook_type t)
{
	return t >= HOOK_GUEST_PRE_START && t <= HOOK_GUEST_POST_STOP;
}

/*
 * It ran before the start that the kernel told of: the spool could not be read then. After
 * the hooks of a life's end comes the next one, however soon.
 */
static bool is_of_before(const struct lc_ct *ct, const struct spool_event *h)
{
	bool over = ct->phase == LC_DOWN && (ct->stop_heard || ct->over_heard);
	uint64_t up = ct->up.boot_usec;

	if (!ct->life || !up)
		return false;
	if (h->type == HOOK_PRE_START && !over)
		up += TICK_USEC;
	return h->boot_usec < up;
}

void lc_hook(struct lifecycle *lc, const struct spool_event *h, bool alive,
	     struct lc_time now)
{
	struct lc_ct *ct = lc_get(lc, h->vmid);
	struct lc_event e;

	(void)now;
	if (is_guest_phase(h->type)) {
		e = lc_from_hook(EVENT_HOOKSCRIPT, h);
		lc_emit(lc, &e, ct);
		return;
	}
	if (h->boot_usec < ct->last_hook_boot_usec) {
		lc_emit_note(lc, ct, h,
			     "late: a hook that ran after it was told before it");
		return;
	}
	ct->last_hook_boot_usec = h->boot_usec;
	if (is_of_before(ct, h)) {
		ct->hooked = true;
		lc_emit_note(lc, ct, h, "late: the start after it was told before it");
		return;
	}
	switch (h->type) {
	case HOOK_PRE_START:
		on_pre_start(lc, ct, h);
		break;
	case HOOK_START_HOST:
		on_start_host(lc, ct, h);
		break;
	case HOOK_STOP:
		on_stop(lc, ct, h, alive);
		break;
	case HOOK_POST_STOP:
		on_post_stop(lc, ct, h, alive);
		break;
	default:
		lc_emit_note(lc, ct, h, "a hook of a type that is not known");
	}
}
