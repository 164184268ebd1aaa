/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "collect/collector.h"
#include "collect/confsrc.h"
#include "read/cgroup.h"

#define UNSEEN_USEC USEC_PER_SEC /* the first look at all of them */

/* The data of life-cycle events; the keys are those of include/event.h. */

static void phase(struct jw *w, const char *name, uint64_t usec, bool failed)
{
	jw_obj(w, NULL);
	jw_str(w, "name", name);
	jw_int(w, "usec", usec);
	if (failed)
		jw_bool(w, "failed", true);
	jw_end(w);
}

static void data_hook(struct jw *w, const struct spool_event *h)
{
	jw_str(w, "hook", hook_type_name(h->type));
	if (h->pid)
		jw_int(w, "pid", (uint64_t)h->pid);
	if (h->monitor_pid)
		jw_int(w, "monitor_pid", (uint64_t)h->monitor_pid);
	if (h->took_usec)
		jw_int(w, "hook_usec", h->took_usec);
	if (h->invocation.n)
		jw_text(w, "invocation", h->invocation);
}

/* The last texts of the cgroup's files, as the stop hook read them. */
static void data_files(struct jw *w, const struct spool_event *h)
{
	if (!h->n_files)
		return;
	jw_arr(w, "files");
	for (size_t i = 0; i < h->n_files; i++) {
		jw_obj(w, NULL);
		jw_text(w, "name", h->files[i].name);
		jw_text(w, "text", h->files[i].text);
		if (h->files[i].cut)
			jw_bool(w, "cut", true);
		jw_end(w);
	}
	jw_end(w);
}

static struct span file_of(const struct spool_event *h, const char *name)
{
	for (size_t i = 0; h && i < h->n_files; i++) {
		struct tbytes n = h->files[i].name, t = h->files[i].text;

		if (span_eq(span_of((const char *)n.p, n.n), name))
			return span_of((const char *)t.p, t.n);
	}
	return (struct span){ 0 };
}

static struct val number_of(const struct spool_event *h, const char *name)
{
	struct span s = span_trim(file_of(h, name));
	uint64_t n;

	return s.n && num_parse_u64(s, &n) == 0 ? val_set(n) : (struct val){ 0 };
}

static void task(struct jw *w, const struct stop_task *t)
{
	jw_str(w, "task", t->type);
	jw_str(w, "user", t->user);
	jw_str(w, "upid", t->upid);
}

static void sentences(struct jw *w, const struct stop_verdict *v,
		      const struct stop_evidence *ev)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	char sig[16];

	jw_arr(w, "evidence");
	jw_str(w, NULL, v->why);
	if (ev->exit == INIT_EXIT_SIGNAL)
		buf_addf(&b, "init ended by %s", cause_signal_name(ev->exit_value, sig));
	else if (ev->exit == INIT_EXIT_CODE)
		buf_addf(&b, "init ended with code %d", ev->exit_value);
	else if (ev->crash && v->cause != CAUSE_SIGNAL)
		buf_addf(&b, "the kernel told of a crash of init: %s",
			 cause_signal_name(ev->crash, sig));
	else if (v->weak)
		buf_adds(&b, "the kernel does not tell how init ended");
	if (b.n)
		jw_str(w, NULL, buf_str(&b));
	if (ev->hook)
		jw_str(w, NULL,
		       ev->hook_reboot ? "the stop hook was told LXC_TARGET=reboot"
				       : "the stop hook was told LXC_TARGET=stop");
	if (ev->reboot_file)
		jw_str(w, NULL, "PVE left its mark to start it again (reboot)");
	if (ev->unit_stop && v->cause != CAUSE_ADMIN)
		jw_str(w, NULL, "systemd was told to stop its unit");
	if (ev->monitor && v->cause != CAUSE_SIGNAL)
		jw_str(w, NULL, "its monitor (lxc-start) was killed");
	if (ev->dump.type && v->cause != CAUSE_BACKUP)
		jw_str(w, NULL, "a backup was at work on it");
	if (ev->node_down && v->cause != CAUSE_HOST_SHUTDOWN)
		jw_str(w, NULL, "the node was shutting down");
	jw_end(w);
}

void data_evidence(struct jw *w, const struct stop_verdict *v,
		   const struct stop_evidence *ev)
{
	jw_str(w, "cause", stop_cause_name(v->cause));
	if (v->weak)
		jw_bool(w, "certain", false);
	if (ev->exit == INIT_EXIT_SIGNAL)
		jw_int(w, "signal", (uint64_t)ev->exit_value);
	else if (ev->exit == INIT_EXIT_CODE)
		jw_int(w, "exit", (uint64_t)ev->exit_value);
	else if (ev->crash)
		jw_int(w, "signal", (uint64_t)ev->crash);
	task(w, v->cause == CAUSE_BACKUP ? &ev->dump : &ev->task);
	if (ev->oom_kills.kind == VAL_SET && ev->oom_kills.n)
		jw_int(w, "oom_kills", ev->oom_kills.n);
	sentences(w, v, ev);
}

/* It was found ended as the collector began: some time since the one before it. */
static bool ended_unseen(struct collector *c, struct jw *w, const struct lc_event *e)
{
	const struct lc_ct *ct = e->ct;
	uint64_t since = MAX(confsrc_last_known(c), ct->up.real_usec);

	if (e->hook || !ct->up.boot_usec || ct->up.boot_usec >= c->started_boot_usec ||
	    ct->gone.boot_usec > c->started_boot_usec + UNSEEN_USEC ||
	    since >= ct->gone.real_usec)
		return false;
	jw_stamp(w, "since", since);
	jw_stamp(w, "until", ct->gone.real_usec);
	jw_str(w, "reason", "no collector ran");
	return true;
}

static void data_ended(struct collector *c, struct jw *w, const struct lc_event *e)
{
	const struct lc_ct *ct = e->ct;
	struct cg_memory m = { 0 };
	struct span s;

	if (e->type == EVENT_REBOOTED)
		jw_str(w, "from", e->evidence->task.type ? "task" : "inside");
	data_evidence(w, e->verdict, e->evidence);
	if (!ended_unseen(c, w, e) && ct->up.boot_usec &&
	    ct->gone.boot_usec > ct->up.boot_usec)
		jw_int(w, "uptime_sec",
		       (ct->gone.boot_usec - ct->up.boot_usec) / 1000000);
	jw_val(w, "peak_bytes", number_of(e->hook, "memory.peak"));
	s = file_of(e->hook, "memory.events");
	if (s.n && cg_parse_memory_events(s, &m) == 0 &&
	    !(e->evidence->oom_kills.kind == VAL_SET && e->evidence->oom_kills.n))
		jw_val(w, "oom_kills", m.events_oom_kill);
}

static void data_start_failed(struct collector *c, struct jw *w, const struct lc_event *e)
{
	const struct lc_ct *ct = e->ct;
	bool early = !ct->init_ticks;
	uint64_t up = ct->up.boot_usec, pre = ct->prestart.boot_usec,
		 gone = ct->gone.boot_usec;

	jw_str(w, "phase", early ? "prestart" : "init");
	jw_arr(w, "phases");
	if (pre)
		phase(w, "prestart", num_sub(early || !up ? gone : up, pre), early);
	if (!early)
		phase(w, "init", num_sub(gone, up ? up : gone), true);
	jw_end(w);
	task(w, &e->evidence->task);
	failure_data(c, ct, w);
}

static void data_started(struct jw *w, const struct lc_event *e)
{
	const struct lc_ct *ct = e->ct;

	if (!e->hook && ct->init)
		jw_int(w, "pid", (uint64_t)ct->init);
	if (ct->init_ticks)
		jw_int(w, "start_ticks", ct->init_ticks);
	jw_arr(w, "phases");
	if (ct->prestart.boot_usec) {
		phase(w, "prestart", 0, false);
		if (ct->init || ct->init_ticks)
			phase(w, "init",
			      num_sub(ct->up.boot_usec, ct->prestart.boot_usec), false);
	} else {
		phase(w, "init", 0, false);
	}
	jw_end(w);
}

void data_of_lifecycle(struct collector *c, const struct lc_event *e, char **ret)
{
	struct data d;

	if (!data_open(&d))
		return;
	if (e->hook)
		data_hook(d.w, e->hook);
	if (e->note) {
		jw_str(d.w, "what", e->hook ? hook_type_name(e->hook->type) : "cause");
		jw_str(d.w, "text", e->note);
		jw_str(d.w, "of",
		       e->hook && e->hook->type == HOOK_START_HOST ? e->ct->start_id
								   : e->ct->stop_id);
		if (e->verdict)
			data_evidence(d.w, e->verdict, e->evidence);
	} else if (e->type == EVENT_STARTED) {
		data_started(d.w, e);
	} else if (e->type == EVENT_START_FAILED) {
		data_start_failed(c, d.w, e);
	} else if (e->verdict) {
		data_ended(c, d.w, e);
	} else if (e->type == EVENT_HOOKSCRIPT) {
		jw_str(d.w, "phase", hook_type_name(e->hook->type) + strlen("guest-"));
	}
	if (e->hook)
		data_files(d.w, e->hook);
	data_close(&d, ret);
}
