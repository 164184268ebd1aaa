/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "cli/ctview.h"
#include "cli/statjson.h"
#include "cli/usage.h"

/* A rate per second of what grew over the interval. */
static void per_second(struct jw *w, const char *key, const struct usage *u, struct val d)
{
	if (u->interval_usec && d.kind == VAL_SET)
		jw_ratio(w, key, d.n * USEC_PER_SEC / u->interval_usec, 1);
}

/* What memory{} has no kernel file for: the rest of the sums, the headroom. */
static void json_split(struct jw *w, const struct usage *u)
{
	const struct mem_split *s = &u->mem;

	if (!s->known)
		return;
	jw_obj(w, "memory_sum");
	jw_sint(w, "other", s->other_bytes);
	if (s->kernel_known)
		jw_sint(w, "kernel_other", s->kernel_rest_bytes);
	jw_val(w, "not_droppable", s->needed_bytes);
	jw_val(w, "left_to_high", s->left_high_bytes);
	jw_val(w, "left_to_max", s->left_max_bytes);
	jw_end(w);
}

static void json_trends(struct jw *w, const struct usage *u)
{
	if (!u->n_trends)
		return;
	jw_arr(w, "disk_full_in");
	for (size_t i = 0; i < u->n_trends; i++) {
		jw_obj(w, NULL);
		jw_int(w, "window", u->trends[i].window_sec);
		jw_int(w, "seconds", u->trends[i].full_in_sec);
		jw_int(w, "bytes_per_day", u->trends[i].bytes_per_day);
		jw_end(w);
	}
	jw_end(w);
}

static void json_measured(struct jw *w, const struct usage *u)
{
	const struct cg_cpu *d = &u->cpu_delta;

	jw_obj(w, "cpu_limit");
	jw_ratio(w, "cpus", u->limit_centi, 100);
	if (u->interval_usec && u->limit_centi && d->usage_usec.kind == VAL_SET) {
		jw_ratio(w, "used", d->usage_usec.n * 100,
			 u->interval_usec * u->limit_centi);
		jw_ratio(w, "cputime", d->usage_usec.n, USEC_PER_SEC);
	}
	jw_val(w, "nr_periods", d->nr_periods);
	jw_val(w, "nr_throttled", d->nr_throttled);
	if (d->throttled_usec.kind == VAL_SET)
		jw_ratio(w, "throttled", d->throttled_usec.n, USEC_PER_SEC);
	jw_end(w);
}

static void json_io_line(struct jw *w, const struct usage *u, size_t i)
{
	const struct cg_io_dev *l = &u->ct->io.v[i];
	const struct blockdev *d =
		blockdev_find(&u->devs, (struct blockid){ l->major, l->minor });

	jw_obj(w, NULL);
	jw_int(w, "major", l->major);
	jw_int(w, "minor", l->minor);
	if (d && d->name)
		jw_str(w, "device", d->name);
	if (d && d->label)
		jw_text(w, "name", tbytes_str(d->label));
	jw_val(w, "rbytes", l->rbytes);
	jw_val(w, "wbytes", l->wbytes);
	jw_val(w, "rios", l->rios);
	jw_val(w, "wios", l->wios);
	jw_val(w, "dbytes", l->dbytes);
	jw_val(w, "dios", l->dios);
	if (u->interval_usec) {
		const struct cg_io_dev *g = &u->io_delta.v[i];

		per_second(w, "rbytes_per_second", u, g->rbytes);
		per_second(w, "wbytes_per_second", u, g->wbytes);
		per_second(w, "rios_per_second", u, g->rios);
		per_second(w, "wios_per_second", u, g->wios);
	}
	if (u->io_all.method == IO_TRUE_STACK)
		jw_bool(w, "counted", u->io_counted[i]);
	jw_end(w);
}

static void json_io(struct jw *w, const struct usage *u)
{
	const struct io_true *t = &u->io_all;

	if (!u->ct->io.present)
		return;
	jw_arr(w, "io");
	for (size_t i = 0; i < u->ct->io.n; i++)
		json_io_line(w, u, i);
	jw_end(w);
	jw_obj(w, "io_sum");
	jw_str(w, "method", io_true_method_name(t->method));
	jw_val(w, "rbytes", t->rbytes);
	jw_val(w, "wbytes", t->wbytes);
	per_second(w, "rbytes_per_second", u, u->io_now.rbytes);
	per_second(w, "wbytes_per_second", u, u->io_now.wbytes);
	jw_end(w);
}

static void json_nets(struct jw *w, const struct usage *u)
{
	jw_arr(w, "network");
	for (size_t i = 0; i < u->n_nets; i++) {
		const struct usage_net *n = &u->nets[i];

		jw_obj(w, NULL);
		jw_int(w, "net", n->n);
		jw_str(w, "host", n->host);
		if (n->ifname)
			jw_text(w, "name", tbytes_str(n->ifname));
		jw_int(w, "netin", n->in_bytes);
		jw_int(w, "netout", n->out_bytes);
		per_second(w, "netin_per_second", u, n->in_delta_bytes);
		per_second(w, "netout_per_second", u, n->out_delta_bytes);
		jw_end(w);
	}
	jw_end(w);
}

static void json_alerts(struct jw *w, const struct usage *u)
{
	jw_arr(w, "warnings");
	for (size_t i = 0; i < u->alerts.n; i++) {
		jw_obj(w, NULL);
		jw_str(w, "id", u->alerts.v[i].id);
		jw_bool(w, "severe", u->alerts.v[i].severe);
		jw_str(w, "text", u->alerts.v[i].text);
		jw_end(w);
	}
	jw_end(w);
}

static void json_unavailable(struct jw *w, const struct usage *u)
{
	const struct {
		const char *name;
		bool there;
		enum controller_place place;
	} all[] = {
		{ "memory", u->ct->memory.current_bytes.kind != VAL_ABSENT,
		  u->ctl.memory },
		{ "io", u->ct->io.present, u->ctl.io },
		{ "pids", u->ct->pids.current.kind != VAL_ABSENT, u->ctl.pids },
	};
	bool open = false;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const char *reason = controller_reason(all[i].place);

		if (all[i].there)
			continue;
		if (!open)
			jw_obj(w, "unavailable");
		open = true;
		jw_str(w, all[i].name, reason ? reason : "not known why");
	}
	if (open)
		jw_end(w);
}

int usage_print_json(const struct app *app, const struct usage *u)
{
	const struct ct *ct = u->ct;
	struct ctrow r = { 0 };
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.usage/1", u->facts.node, u->facts.time_real_usec,
		   &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (u->interval_usec)
		jw_ratio(w, "interval", u->interval_usec, USEC_PER_SEC);
	jw_obj(w, "container");
	ctrow_init(&r, &u->facts, ct);
	ctrow_json(w, &r);
	ctrow_done(&r);
	json_measured(w, u);
	json_cpu(w, "cpustat", &ct->cpu);
	json_cpuset(w, "cpuset", &ct->cpuset);
	json_memory(w, "memory", &ct->memory);
	json_split(w, u);
	json_trends(w, u);
	json_io(w, u);
	if (usage_is_up(u)) {
		json_nets(w, u);
		json_unavailable(w, u);
	}
	json_pids(w, "pids", &ct->pids);
	json_pressure(w, "pressure", &ct->pressure);
	json_alerts(w, u);
	jw_end(w);
	return app_json_end(app, w);
}
