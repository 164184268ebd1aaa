/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <drift.h>
#include <facts.h>
#include <stdio.h>

#include "cli/cmds.h"
#include "cli/driftdata.h"
#include "cli/opts.h"
#include "out/json.h"
#include "out/text.h"

struct drift_opts {
	bool unknown;
};

#define O(field) offsetof(struct drift_opts, field)
static const struct opt opts[] = {
	{ "unknown", 'u', OPT_FLAG, NULL,
	  "list what could not be compared, and why, of all containers too", O(unknown) },
};
#undef O

struct row {
	const struct drift *of;
	const struct drift_row *d;
};

struct view {
	bool one;
	struct driftdata d;
	struct row *rows;
	size_t n_rows, cap_rows;
	size_t n_running, n_compared, n_gaps;
};

static void view_done(struct view *v)
{
	driftdata_done(&v->d);
	free(v->rows);
}

static void add_rows(struct view *v)
{
	for (size_t i = 0; i < v->d.n; i++) {
		const struct drift *d = &v->d.v[i];

		v->n_running += d->running;
		v->n_compared += d->n_compared;
		v->n_gaps += d->n_gaps;
		for (size_t k = 0; k < d->n; k++) {
			GROW(v->rows, v->n_rows, v->cap_rows);
			v->rows[v->n_rows++] = (struct row){ d, &d->v[k] };
		}
	}
}

/* ---- columns ---- */

static void get_vmid(const void *p, struct cell *ret)
{
	*ret = cell_int(((const struct row *)p)->of->vmid);
}

static void get_name(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->of->name);
}

static void get_key(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->d->key);
}

static void get_configured(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->d->configured);
}

static void get_running(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->d->running);
}

static void get_needs(const void *p, struct cell *ret)
{
	static const char *const words[] = {
		[DRIFT_NOTHING] = "nothing",
		[DRIFT_HOTPLUG] = "pct set",
		[DRIFT_RESTART] = "restart",
	};
	const struct row *r = p;

	*ret = cell_str(words[r->d->action]);
	ret->color = r->d->action == DRIFT_NOTHING ? COLOR_NONE : COLOR_WARN;
}

static void get_cause(const void *p, struct cell *ret)
{
	static const char *const words[] = {
		[DRIFT_PENDING] = "pending",
		[DRIFT_EDITED] = "config edited since",
		[DRIFT_CHANGED] = "changed while running",
		[DRIFT_UNSURE] = "not known",
	};

	*ret = cell_str(words[((const struct row *)p)->d->cause]);
}

static void get_seen(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->d->seen);
}

static void get_fix(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->d->fix);
}

static const struct col cols[] = {
	{ "VMID", NULL, "container", .right = true, .get = get_vmid },
	{ "NAME", NULL, "its name", .hidden = true, .get = get_name },
	{ "KEY", NULL, "of the config, or what it is about", .get = get_key },
	{ "CONFIGURED", NULL, "what the config says; -: nothing", .shrink = true,
	  .get = get_configured },
	{ "RUNNING", NULL, "what runs; -: nothing of the kind", .shrink = true,
	  .get = get_running },
	{ "NEEDS", NULL, "what makes it as configured", .get = get_needs },
	{ "CAUSE", NULL, "how it came to differ", .minor = 1, .get = get_cause },
	{ "SEEN", NULL, "where the running value was seen", .shrink = true, .minor = 2,
	  .get = get_seen },
	{ "FIX", NULL, "a command that does it", .hidden = true, .get = get_fix },
};

/* ---- output ---- */

static void json_text(struct jw *w, const char *key, const char *text)
{
	if (text)
		jw_text(w, key, tbytes_str(text));
}

static void json_row(struct jw *w, const struct drift_row *r)
{
	jw_obj(w, NULL);
	json_text(w, "key", r->key);
	json_text(w, "configured", r->configured);
	json_text(w, "running", r->running);
	json_text(w, "seen", r->seen);
	jw_str(w, "cause", drift_cause_name(r->cause));
	jw_str(w, "action", drift_action_name(r->action));
	json_text(w, "fix", r->fix);
	jw_end(w);
}

static void json_ct(struct jw *w, const char *key, const struct drift *d,
		    const char *error)
{
	jw_obj(w, key);
	jw_int(w, "vmid", d->vmid);
	json_text(w, "name", d->name);
	jw_str(w, "status", d->status);
	json_text(w, "error", error);
	jw_int(w, "compared", d->n_compared);
	jw_arr(w, "drift");
	for (size_t i = 0; i < d->n; i++)
		json_row(w, &d->v[i]);
	jw_end(w);
	jw_arr(w, "unknown");
	for (size_t i = 0; i < d->n_gaps; i++) {
		jw_obj(w, NULL);
		json_text(w, "key", d->gaps[i].key);
		json_text(w, "why", d->gaps[i].why);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

static int print_json(const struct app *app, const struct facts *f, const struct view *v)
{
	struct err err = { 0 };
	struct jw *w;
	int r = jw_new(app->out, "ctscope.drift/1", f->node, f->time_real_usec, &w, &err);

	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_str(w, "error", f->pve_error);
	if (v->one) {
		json_ct(w, "container", &v->d.v[0], v->d.errors[0]);
	} else {
		jw_arr(w, "containers");
		for (size_t i = 0; i < v->d.n; i++)
			json_ct(w, NULL, &v->d.v[i], v->d.errors[i]);
		jw_end(w);
	}
	return app_json_end(app, w);
}

static void put(const struct app *app, const char *text)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, tbytes_str(text), false);
	fputs(buf_str(&b), app->out);
}

static void print_gaps(const struct app *app, const struct view *v)
{
	for (size_t i = 0; i < v->d.n; i++) {
		const struct drift *d = &v->d.v[i];

		for (size_t k = 0; k < d->n_gaps; k++) {
			fprintf(app->out, "not compared: ");
			if (!v->one)
				fprintf(app->out, "%u ", d->vmid);
			put(app, d->gaps[k].key);
			fputs(": ", app->out);
			put(app, d->gaps[k].why);
			fputc('\n', app->out);
		}
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_sum(const struct app *app, const struct view *v, bool listed)
{
	if (v->one && !v->n_running) {
		fprintf(app->out, "container %u is %s: nothing to compare\n",
			v->d.v[0].vmid, v->d.v[0].status);
		return;
	}
	if (v->n_rows)
		fprintf(app->out, "\n%zu difference%s", v->n_rows, plural(v->n_rows));
	else
		fputs("no drift", app->out);
	if (!v->one)
		fprintf(app->out, ", %zu running container%s", v->n_running,
			plural(v->n_running));
	fprintf(app->out, ": %zu value%s compared, %zu not known%s\n", v->n_compared,
		plural(v->n_compared), v->n_gaps,
		v->n_gaps && !listed ? " (--unknown lists them)" : "");
}

static int print_text(struct app *app, const struct drift_opts *o, const struct view *v)
{
	bool listed = v->one || o->unknown;
	int r = EXIT_FINE;

	if (v->n_rows || app->table.columns)
		r = app_table(app, cols, ARRAY_SIZE(cols), v->rows, v->n_rows,
			      sizeof(*v->rows), NULL);
	if (r || app->table.columns || app->table.noheadings)
		return r;
	print_sum(app, v, listed);
	if (listed)
		print_gaps(app, v);
	return r;
}

static int drift_run(struct app *app, int argc, char **argv)
{
	static const struct facts_want want = {
		.cpu = true,
		.memory = true,
		.memory_limits = true,
		.pids = true,
		.cpuset = true,
	};
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(view_done) struct view v = { 0 };
	struct drift_opts o = { 0 };
	int r = opts_parse(app, &cmd_drift, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n > 1)
		return app_error(app, EXIT_USAGE, "one container ID, or none for all");
	v.one = pos.n == 1;
	r = v.one ? app_facts_one(app, pos.v[0], want, &f) : app_facts(app, want, &f);
	if (r)
		return r;
	driftdata_read(app, &f, &v.d);
	add_rows(&v);
	if (v.one && (!v.d.n || v.d.errors[0]))
		return EXIT_BROKEN; /* the sentence is out */
	r = app->json ? print_json(app, &f, &v) : print_text(app, &o, &v);
	if (r == EXIT_FINE && v.n_rows)
		r = EXIT_FOUND;
	return r;
}

const struct cmd cmd_drift = {
	.name = "drift",
	.args = "[ID]",
	.help = "where what runs is not what the config says",
	.more = "Compares the config, its pending section included, with the kernel: memory,\n"
		"swap, cpulimit, cpuunits, cores, pids.max, rootfs and each mpN (what is mounted\n"
		"there, over it, read-only, mount options), each devN (its node inside, with the\n"
		"numbers the node's device has now), each netN with bridge, VLANs, rate, MTU and\n"
		"firewall, id maps, AppArmor profile, host name, nameserver and searchdomain; and\n"
		"with what it was started with: arch, tty, features, entrypoint, env, raw lxc.*\n"
		"lines. What devices the cgroup allows, the kernel tells nobody. What cannot be\n"
		"known is counted as not known and never shown as a difference. NEEDS is what\n"
		"makes it as configured: nothing (PVE sees to it), pct set while it runs, or a\n"
		"restart; FIX (-o) is a command where there is one that makes nothing worse. Exit\n"
		"code 1: something differs.\n"
		"\n"
		"  ctscope drift\n"
		"  ctscope drift 101\n"
		"  ctscope drift -o VMID,KEY,FIX --noheadings\n"
		"  ctscope drift --json | jq '.containers[] | select(.drift[0]) | .vmid'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = drift_run,
};
