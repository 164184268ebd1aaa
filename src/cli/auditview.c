/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/auditview.h"

#include "pveconf.h"
#include "read/ctsec.h"
#include "read/facts.h"
#include "read/hostpath.h"
#include "read/pvefs.h"
#include "read/secdeep.h"
#include "read/storage.h"
#include "read/tasklog.h"
#include "rule/hostfile.h"

void audit_view_done(struct audit_view *v)
{
	findings_done(&v->found);
	waived_done(&v->waived);
	waivers_done(&v->waivers);
	hostpaths_done(&v->paths);
	storages_done(&v->storages);
	ctsecs_done(&v->secs);
	facts_done(&v->facts);
	free(v->groups);
	v->groups = NULL;
}

char *audit_path(const struct ct *ct)
{
	if (ct->here || !ct->node)
		return xasprintf("/etc/pve/lxc/%u.conf", ct->vmid);
	return xasprintf("/etc/pve/nodes/%s/lxc/%u.conf", ct->node, ct->vmid);
}

/* ---- reading ---- */

static bool any_hookscript(const struct facts *f)
{
	for (size_t i = 0; i < f->n_cts; i++)
		if (f->cts[i].conf && pveconf_item(&f->cts[i].conf->main, "hookscript"))
			return true;
	return false;
}

/* Only for where hookscripts are; a fault leaves them where they cannot be looked at. */
static void read_storages(struct audit_view *v)
{
	static const struct pvefs_req req = { PVEFS_FILE, "etc/pve/storage.cfg" };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct pvefs_job job = { 0 };
	struct err err = { 0 };
	struct span text;

	if (pvefs_start(v->app->rootfd, &req, 1, &job, &err) < 0 ||
	    pvefs_finish(&job, &p, &err) < 0) {
		app_warn(v->app, "storage.cfg: %s", err.msg);
		return;
	}
	text = pvefs_data(&p, req.path);
	if (storage_parse(text.p, text.n, &v->storages, &err) < 0)
		app_warn(v->app, "storage.cfg: %s", err.msg);
}

static bool may_be_in_work(const struct ct *ct)
{
	return ct->conf &&
	       (pveconf_item(&ct->conf->main, "lock") || ct->conf->n_snapshots);
}

/* A backup of several guests does not say in its name whose turn it is. */
static bool is_about(const struct upid *u, const struct ct *ct)
{
	return upid_is_about(u, ct->vmid) || (!*u->id && str_eq(u->type, "vzdump"));
}

/* Only for those that a task may have left as they are: mostly there are none. */
static void read_tasks(struct audit_view *v)
{
	static const struct tasks_want want = { .several = true };
	_cleanup_(tasks_done) struct tasks tasks = { 0 };
	bool any = false;

	for (size_t i = 0; i < v->facts.n_cts; i++)
		any |= may_be_in_work(&v->facts.cts[i]);
	/* without a task list nothing is known to be at work: as it was before */
	if (!any || tasks_read(v->app->rootfd, &want, &tasks, NULL) < 0)
		return;
	for (size_t k = 0; k < tasks.n; k++)
		for (size_t i = 0; i < v->facts.n_cts; i++) {
			struct ct *ct = &v->facts.cts[i];

			if (tasks.v[k].state == TASK_RUNNING && !ct->task &&
			    may_be_in_work(ct) && is_about(&tasks.v[k].upid, ct))
				ct->task = xstrdup(tasks.v[k].upid.type);
		}
}

/* In a copy of a node owners and modes are those of the copy. */
static void read_paths(struct audit_view *v)
{
	_cleanup_(strv_done) struct strv paths = { 0 };
	struct err err = { 0 };

	if (any_hookscript(&v->facts))
		read_storages(v);
	if (!v->app->live)
		return;
	hostfiles_wanted(&v->facts, &v->storages, &paths);
	if (hostpath_read(v->app->rootfd, &paths, &v->paths, &err) < 0) {
		app_warn(v->app, "%s", err.msg);
		return;
	}
	v->paths_known = true;
	for (size_t i = 0; i < v->paths.n; i++) {
		const struct hostpath *p = &v->paths.v[i];

		if (p->error == -ETIMEDOUT)
			app_warn(v->app, "%s: its file system does not answer", p->path);
		else if (p->error == -EBUSY)
			app_warn(v->app, "%s was not looked at, as others do not answer",
				 p->path);
	}
}

/* Of one whose config cannot be read either one sentence is enough. */
static bool is_asked_for(const struct audit_view *v, size_t i)
{
	const struct ct *ct = &v->facts.cts[i];

	return v->secs.v[i] && ct->conf && (!v->vmid || ct->vmid == v->vmid);
}

/* What was not looked at may be what matters: "nothing found" would not be true. */
static void tell_partly(struct audit_view *v, uint32_t vmid, const char *what)
{
	v->n_partly++;
	app_warn(v->app, "container %u: %s", vmid, what);
}

static void tell_left_out(struct audit_view *v, const struct ctsec *s)
{
	_cleanup_free_ char *what = NULL;

	if (s->left_out)
		what = xasprintf("%ju of its processes were not looked at: there are "
				 "more than %zu, or they could not be read",
				 (uintmax_t)s->left_out, s->n_procs);
	else if (s->cgroups_left)
		what = xasprintf("%ju of its cgroups were not looked into: processes may "
				 "be missing",
				 (uintmax_t)s->cgroups_left);
	if (what)
		tell_partly(v, s->vmid, what);
}

static void read_secs(struct audit_view *v)
{
	ctsec_read_all(v->app->rootfd, &v->facts, &v->secs);
	for (size_t i = 0; i < v->secs.n; i++) {
		if (!is_asked_for(v, i))
			continue;
		if (v->secs.v[i]->error)
			tell_partly(v, v->secs.v[i]->vmid, v->secs.v[i]->error);
		tell_left_out(v, v->secs.v[i]);
	}
}

/* Without one there is no reason to stop it. */
static bool has_filter(const struct ctsec *s)
{
	return s->n_procs && val_or(s->procs[0].seccomp, 1) != 0;
}

static int read_deep(struct audit_view *v)
{
	struct secnames *names;
	struct err err = { 0 };

	if (!v->app->live)
		return app_error(v->app, EXIT_USAGE,
				 "--deep asks the kernel of this node: not with --root");
	if (secnames_new(&names, &err) < 0)
		return app_error(v->app, EXIT_BROKEN, "--deep: %s", err.msg);
	for (size_t i = 0; i < v->secs.n; i++) {
		const struct ct *ct = &v->facts.cts[i];
		struct secdeep *d;

		if (!is_asked_for(v, i) || !has_filter(v->secs.v[i]))
			continue;
		d = xcalloc(1, sizeof(*d));
		secdeep_read(v->app->rootfd, names, ct,
			     app_started_real_usec(v->app, &v->facts, ct), d);
		v->secs.v[i]->deep = d;
		if (d->error)
			tell_partly(v, ct->vmid, d->error);
		if (d->profile_error)
			tell_partly(v, ct->vmid, d->profile_error);
	}
	secnames_free(names);
	return EXIT_FINE;
}

/* By app_facts(), of /etc/pve as a whole or in the same words. */
static bool was_said(const struct facts *f, const char *error)
{
	for (size_t i = 0; i < f->n_warnings; i++)
		if (str_eq(f->warnings[i], error))
			return true;
	return f->pve_error;
}

/*
 * Of one container the rules want the others, too: what they have in common. What is wrong
 * with those is for a call without an ID to tell.
 */
static int read_one(struct audit_view *v, const char *arg)
{
	_cleanup_(facts_done) struct facts one = { 0 };
	const struct app *app = v->app;
	struct facts_want want = { .ha = true };
	struct err err = { 0 };
	int r = app_facts_one(app, arg, (struct facts_want){ 0 }, &one);

	if (r != EXIT_FINE)
		return r;
	v->vmid = one.cts[0].vmid;
	if (!one.cts[0].conf && was_said(&one, one.cts[0].error))
		return EXIT_BROKEN;
	if (!one.cts[0].conf)
		return app_error(app, EXIT_BROKEN, "%s",
				 one.cts[0].error ? one.cts[0].error
						  : "its config cannot be read");
	if (facts_read(app->rootfd, app->live, &want, app->now_real_usec, &v->facts,
		       &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (!facts_find(&v->facts, v->vmid))
		return app_error(app, EXIT_BROKEN, "container %u is gone", v->vmid);
	return EXIT_FINE;
}

/* ---- sorting ---- */

static bool is_shown(const struct audit_view *v, const struct finding *f)
{
	return !v->vmid || f->vmid == v->vmid;
}

/* Takes out what is not about the container that was asked for. */
static void keep_shown(struct audit_view *v)
{
	size_t to = 0;

	for (size_t i = 0; i < v->found.n; i++) {
		struct finding *f = &v->found.v[i];

		if (is_shown(v, f))
			v->found.v[to++] = *f;
		else
			finding_clear(f);
	}
	v->found.n = to;
}

static void keep_severe(struct audit_view *v)
{
	size_t to = 0;

	for (size_t i = 0; i < v->found.n; i++) {
		struct finding *f = &v->found.v[i];

		if (f->severity >= v->least) {
			v->count[f->severity]++;
			v->found.v[to++] = *f;
		} else {
			v->n_less++;
			finding_clear(f);
		}
	}
	v->found.n = to;
}

static int cmp_finding(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int r;

	if (x->vmid != y->vmid)
		return x->vmid > y->vmid ? 1 : -1;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	r = strcmp(x->rule, y->rule);
	if (r)
		return r;
	if (x->line != y->line)
		return x->line > y->line ? 1 : -1;
	return strcmp(x->seen, y->seen);
}

static int cmp_group(const void *a, const void *b)
{
	const struct audit_group *x = a, *y = b;

	for (int s = SEV_ERROR; s >= SEV_INFO; s--)
		if (x->count[s] != y->count[s])
			return x->count[s] > y->count[s] ? -1 : 1;
	if (!x->ct || !y->ct)
		return x->ct ? 1 : y->ct ? -1 : 0;
	return x->ct->vmid > y->ct->vmid ? 1 : -1;
}

static uint32_t vmid_of(const struct audit_group *g)
{
	return g->ct ? g->ct->vmid : 0;
}

/* Both lists are by container, as the facts are: *at walks along. */
static void take_found(struct audit_view *v, struct audit_group *g, size_t *at)
{
	g->v = *at < v->found.n ? &v->found.v[*at] : NULL;
	for (; *at < v->found.n && v->found.v[*at].vmid == vmid_of(g); (*at)++) {
		g->count[v->found.v[*at].severity]++;
		g->n++;
	}
}

static void take_waived(struct audit_view *v, struct audit_group *g, size_t *at)
{
	g->first_waived = *at;
	for (; *at < v->waived.found.n && v->waived.found.v[*at].vmid == vmid_of(g);
	     (*at)++)
		g->n_waived++;
}

static void make_groups(struct audit_view *v)
{
	size_t at = 0, at_waived = 0;

	v->groups = xcalloc(v->facts.n_cts + 1, sizeof(*v->groups));
	for (size_t i = 0; i <= v->facts.n_cts; i++) {
		struct audit_group *g = &v->groups[v->n_groups];
		const struct ct *ct = i ? &v->facts.cts[i - 1] : NULL;

		if (v->vmid && (!ct || ct->vmid != v->vmid))
			continue;
		g->ct = ct;
		take_found(v, g, &at);
		take_waived(v, g, &at_waived);
		v->n_groups++;
		if (ct && !ct->conf) {
			v->n_unread++;
			v->unread = v->unread ? v->unread : ct;
		}
	}
	qsort(v->groups, v->n_groups, sizeof(*v->groups), cmp_group);
}

static void tell_waivers(struct audit_view *v)
{
	_cleanup_(strv_done) struct strv said = { 0 };

	waive_tell(&v->waivers, &v->waived, &v->pick, v->vmid, &said);
	for (size_t i = 0; i < said.n; i++)
		app_warn(v->app, "%s", said.v[i]);
}

int audit_view_read(struct audit_view *v, const char *arg)
{
	struct rule_in in = { .facts = &v->facts, .today = v->today };
	int r = arg ? read_one(v, arg)
		    : app_facts(v->app, (struct facts_want){ .ha = true }, &v->facts);

	if (r != EXIT_FINE)
		return r;
	if (v->facts.pve_error) /* that was said already */
		return EXIT_BROKEN;
	read_tasks(v);
	read_paths(v);
	read_secs(v);
	if (v->pick.deep)
		r = read_deep(v);
	if (r != EXIT_FINE)
		return r;
	in.secs = v->secs.v;
	in.storages = v->storages.n ? &v->storages : NULL;
	in.paths = v->paths_known ? &v->paths : NULL;
	in.waivers = &v->waivers;
	rules_run(&in, &v->pick, &v->found);
	keep_shown(v);
	if (v->found.n)
		qsort(v->found.v, v->found.n, sizeof(*v->found.v), cmp_finding);
	waive(&v->waivers, v->today, &v->found, &v->waived);
	tell_waivers(v);
	keep_severe(v);
	make_groups(v);
	return EXIT_FINE;
}
