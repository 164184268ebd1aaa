/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/backupview.h"

#include "base/clock.h"
#include "base/num.h"
#include "out/text.h"
#include "pveconf.h"
#include "read/backups.h"
#include "read/jobs.h"
#include "read/pools.h"
#include "read/pvefs.h"
#include "read/storage.h"
#include "read/tasklog.h"
#include "read/vzdumpconf.h"

void backupview_done(struct backupview *v)
{
	facts_done(&v->facts);
	storages_done(&v->storages);
	backup_jobs_done(&v->jobs);
	pools_done(&v->pools);
	backup_archives_done(&v->archives);
	backup_results_done(&v->results);
	tasks_done(&v->created);
}

static const struct pvefs_req files[] = {
	{ PVEFS_FILE, "etc/pve/storage.cfg" },
	{ PVEFS_FILE, "etc/pve/jobs.cfg" },
	{ PVEFS_FILE, "etc/pve/vzdump.cron" },
	{ PVEFS_FILE, "etc/pve/user.cfg" },
};

/*
 * Of each file it is known what it holds, be it nothing. What keeps one of them from being
 * read mostly does so with the others: it is said once.
 */
static bool are_known(const struct app *app, const struct pvefs *p)
{
	bool known = true;
	int said = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct pvefs_file *f = pvefs_get(p, files[i].path);

		if (f && (!f->error || f->error == -ENOENT))
			continue;
		known = false;
		if (!f || f->error == said)
			continue;
		said = f->error;
		app_warn(app, "read /%s: %s", f->path, strerror(-said));
	}
	return known;
}

static void parse_files(const struct app *app, const struct pvefs *p,
			struct backupview *v)
{
	struct span storage = pvefs_data(p, files[0].path);
	struct span jobs = pvefs_data(p, files[1].path);
	struct span cron = pvefs_data(p, files[2].path);
	struct span user = pvefs_data(p, files[3].path);
	struct err err = { 0 };

	v->jobs_known = are_known(app, p);
	if (storage_parse(storage.p, storage.n, &v->storages, &err) < 0)
		app_warn(app, "storage.cfg: %s", err.msg);
	if (jobs_parse(jobs.p, jobs.n, &v->jobs, &err) < 0 ||
	    jobs_parse_cron(cron.p, cron.n, &v->jobs, &err) < 0 ||
	    pools_parse(user.p, user.n, &v->pools, &err) < 0) {
		v->jobs_known = false;
		app_warn(app, "backup jobs: %s", err.msg);
	}
}

/* Our node runs the jobs for its containers, so its own file completes them. */
static void complete_jobs(const struct app *app, struct backupview *v)
{
	_cleanup_(backup_defaults_done) struct backup_defaults defaults = { 0 };
	struct err err = { 0 };

	if (!v->jobs.n)
		return;
	if (vzdumpconf_read(app->rootfd, &defaults, &err) < 0)
		app_warn(app, "what jobs do not say: %s", err.msg);
	backup_jobs_complete(&v->jobs, &defaults);
}

static void read_config(const struct app *app, struct backupview *v)
{
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct err err = { 0 };

	/* one that hangs is waited for once */
	if (!v->facts.pve_error &&
	    pvefs_read(app->rootfd, files, ARRAY_SIZE(files), &p, &err) < 0) {
		app_warn(app, "read /etc/pve: %s", err.msg);
		return;
	}
	if (p.timed_out || v->facts.pve_error)
		app_warn(app, "jobs and storages are not known");
	parse_files(app, &p, v);
	complete_jobs(app, v);
}

static void read_archives(const struct app *app, uint32_t vmid, struct backupview *v)
{
	struct backup_place *places = xcalloc(v->storages.n, sizeof(*places));
	struct strv dirs = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < v->storages.n; i++) {
		const struct storage *s = &v->storages.v[i];
		char *dir = NULL;

		if (!storage_applies(s, v->facts.node) || !s->content[CONTENT_BACKUP])
			continue;
		if (storage_is_file_based(s) && s->path)
			dir = storage_dir(s, CONTENT_BACKUP);
		if (dir)
			strv_add(&dirs, dir);
		places[n++] = (struct backup_place){ s->id, s->type, s->path, dir };
	}
	if (backup_archives_read(app->rootfd, places, n, vmid, &v->archives, &err) < 0)
		app_warn(app, "%s", err.msg);
	for (size_t i = 0; i < v->archives.n_storages; i++) {
		const struct backup_storage *s = &v->archives.storages[i];

		if (s->error)
			app_warn(app, "%s", s->error);
		if (s->cut)
			app_warn(app,
				 "storage %s has so many files that not all were read",
				 s->id);
	}
	strv_done(&dirs);
	free(places);
}

static void read_results(const struct app *app, uint32_t vmid, struct backupview *v)
{
	struct err err = { 0 };
	int r = backup_results_read(app->rootfd, vmid, &v->results, &err);

	_cleanup_(upid_done) struct upid runs = { 0 };
	struct tasks_want created = { .vmid = vmid, .type = "vzcreate" };

	v->results_known = r == 0;
	v->vzdump_runs = backup_running(app->rootfd, &runs, NULL) > 0;
	if (r == 0)
		r = tasks_read(app->rootfd, &created, &v->created, &err);
	if (r < 0 && r != -ENOENT)
		app_warn(app, "tasks: %s", err.msg);
}

int backupview_read(const struct app *app, const char *arg, struct backupview *v)
{
	struct facts_want want = { 0 };
	uint32_t vmid = 0;
	int r;

	v->app = app;
	r = arg ? app_facts_one(app, arg, want, &v->facts)
		: app_facts(app, want, &v->facts);
	if (r != EXIT_FINE)
		return r;
	if (arg)
		vmid = v->facts.cts[0].vmid;
	read_config(app, v);
	read_archives(app, vmid, v);
	read_results(app, vmid, v);
	return EXIT_FINE;
}

static void find_jobs(struct backuprow *r)
{
	const struct backupview *v = r->view;

	for (size_t i = 0; i < v->jobs.n; i++) {
		const struct backup_job *j = &v->jobs.v[i];
		enum backup_cover c =
			backup_job_covers(j, r->ct->vmid, v->facts.node, &v->pools);

		if (c == COVER_YES) {
			strv_add(&r->jobs, xstrdup(j->id));
			if (!r->job)
				r->job = j;
		} else if (c == COVER_DISABLED) {
			strv_add(&r->off, xstrdup(j->id));
		}
	}
}

static void find_left_out(struct backuprow *r)
{
	const struct pve_typed *t = r->ct->conf ? &r->ct->conf->typed : NULL;

	for (size_t i = 0; t && i < t->n_mps; i++)
		if (!pve_mp_in_backup(&t->mps[i]))
			strv_add(&r->left_out, xasprintf("mp%u", t->mps[i].n));
}

/* The storage a log does not name, by the directory of the archive it made. */
static const char *storage_of(const struct backupview *v, const struct backup_result *r)
{
	if (r->storage || !r->target)
		return r->storage;
	for (size_t i = 0; i < v->archives.n_storages; i++) {
		const struct backup_storage *s = &v->archives.storages[i];
		struct span rest = span_str(r->target);

		if (s->dir && span_skip(&rest, s->dir) && span_skip(&rest, "/") &&
		    !memchr(rest.p, '/', rest.n))
			return s->id;
	}
	return NULL;
}

static bool any_running(const struct backupview *v)
{
	for (size_t i = 0; i < v->results.n; i++)
		if (v->results.v[i].outcome == BACKUP_RUNNING)
			return true;
	return false;
}

/*
 * A vzdump at work whose log tells no guest may be at any. The config was read a moment
 * before the logs: a backup that ended in between still had its lock.
 */
static bool is_stale(const struct backuprow *r)
{
	const char *lock = r->ct->conf ? pveconf_str(&r->ct->conf->main, "lock") : NULL;
	const struct backupview *v = r->view;

	if (!str_eq(lock, "backup") || !v->results_known || r->sum.running ||
	    (v->vzdump_runs && !any_running(v)))
		return false;
	for (size_t i = 0; i < v->results.n; i++)
		if (v->results.v[i].vmid == r->ct->vmid &&
		    val_or(v->results.v[i].end_real_usec, 0) + 60 * USEC_PER_SEC >
			    v->facts.time_real_usec &&
		    v->app->now_known)
			return false;
	return true;
}

static void note(struct backuprow *r, struct buf *b, bool alarm, const char *text)
{
	if (b->n)
		buf_adds(b, "; ");
	buf_adds(b, text);
	r->alarm |= alarm;
}

/* The word that counts comes first: a narrow terminal shows no more. */
static void note_failure(struct backuprow *r, struct buf *b)
{
	const struct backup_result *f = r->sum.failure;

	note(r, b, true, f->outcome == BACKUP_FAILED ? "failed" : "broken off");
	if (f->error && *f->error)
		buf_addf(b, ": %s", f->error);
	buf_adds(b, " (");
	text_stamp(b, f->start_real_usec);
	buf_addc(b, ')');
}

static void note_last(struct backuprow *r, struct buf *b)
{
	if (r->sum.last_real_usec.kind != VAL_SET) {
		if (!r->sum.running)
			note(r, b, true, "no backup known");
	} else if (val_or(r->created_real_usec, 0) > r->sum.last_real_usec.n) {
		note(r, b, true, "the backup is of an older container with this ID");
	}
}

static void make_note(struct backuprow *r)
{
	struct buf b = { 0 };
	bool known = r->view->jobs_known;

	if (r->sum.failure)
		note_failure(r, &b);
	if (r->sum.running) {
		note(r, &b, false, "running since ");
		text_stamp(&b, r->sum.running->start_real_usec);
	}
	if (r->stale_lock)
		note(r, &b, true, "stale lock backup: no vzdump runs");
	note_last(r, &b);
	if (known && !r->job)
		note(r, &b, true, r->off.n ? "job switched off" : "no job");
	if (r->ct->error)
		note(r, &b, true, r->ct->error);
	r->note = b.p;
}

/* An ID is used again: what was backed up before this container was made is not it. */
static void find_created(struct backuprow *r)
{
	const struct tasks *t = &r->view->created;

	for (size_t i = 0; i < t->n; i++)
		if (upid_is_about(&t->v[i].upid, r->ct->vmid) &&
		    (t->v[i].state == TASK_OK || t->v[i].state == TASK_WARNINGS)) {
			r->created_real_usec = val_set(t->v[i].upid.start_real_usec);
			return;
		}
}

void backuprow_init(struct backuprow *r, const struct backupview *v, const struct ct *ct)
{
	*r = (struct backuprow){ .view = v, .ct = ct };
	backup_summarize(ct->vmid, &v->archives, &v->results, &r->sum);
	if (r->sum.last)
		r->storage = r->sum.last->storage;
	else if (r->sum.success)
		r->storage = storage_of(v, r->sum.success);
	find_jobs(r);
	find_left_out(r);
	find_created(r);
	r->stale_lock = is_stale(r);
	make_note(r);
}

void backuprow_done(struct backuprow *r)
{
	strv_done(&r->jobs);
	strv_done(&r->off);
	strv_done(&r->left_out);
	free(r->note);
}

bool backuprow_is_problem(const struct backuprow *r)
{
	return r->alarm;
}

static void volid(struct jw *w, const struct backup_archive *a)
{
	_cleanup_free_ char *id = xasprintf("%s:backup/%s", a->storage, a->file);

	jw_text(w, "volid", tbytes_str(id));
}

void backuparchive_json(struct jw *w, const struct backup_archive *a)
{
	volid(w, a);
	if (a->vmid)
		jw_int(w, "vmid", a->vmid);
	jw_int(w, "ctime", a->ctime_real_usec / USEC_PER_SEC);
	jw_val(w, "size", a->size_bytes);
	jw_str(w, "format", a->format);
	jw_bool(w, "protected", a->is_protected);
	if (a->notes)
		jw_text(w, "notes",
			(struct tbytes){ (const uint8_t *)a->notes,
					 (uint32_t)a->notes_n });
	if (a->notes_cut)
		jw_bool(w, "notes_cut", true);
	jw_bool(w, "writing", a->writing);
	jw_bool(w, "standard_name", a->standard);
	jw_bool(w, "log", a->has_log);
}

static void opt_stamp(struct jw *w, const char *key, struct val v)
{
	if (v.kind == VAL_SET)
		jw_stamp(w, key, v.n);
}

static void opt_text(struct jw *w, const char *key, const char *s)
{
	if (s)
		jw_text(w, key, tbytes_str(s));
}

void backupresult_json(struct jw *w, const struct backup_result *r)
{
	jw_str(w, "result", backup_outcome_name(r->outcome));
	jw_stamp(w, "start", r->start_real_usec);
	opt_stamp(w, "end", r->end_real_usec);
	jw_val(w, "duration", r->duration_sec);
	opt_text(w, "storage", r->storage);
	opt_text(w, "target", r->target);
	opt_text(w, "mode", r->mode);
	opt_text(w, "error", r->error);
	opt_text(w, "upid", r->upid);
}

static void json_last(struct jw *w, const struct backuprow *r)
{
	const struct backup_summary *s = &r->sum;

	if (s->last_real_usec.kind != VAL_SET)
		return;
	jw_obj(w, "last");
	jw_stamp(w, "time", s->last_real_usec.n);
	if (r->view->app->now_known)
		jw_int(w, "age",
		       num_sub(r->view->facts.time_real_usec, s->last_real_usec.n) /
			       USEC_PER_SEC);
	if (s->last)
		backuparchive_json(w, s->last);
	opt_text(w, "storage", r->storage);
	if (!s->last && s->success)
		backupresult_json(w, s->success);
	jw_end(w);
}

static void json_jobs(struct jw *w, const struct backuprow *r)
{
	const struct backupview *v = r->view;

	if (!v->jobs_known)
		return;
	jw_bool(w, "covered", r->job != NULL);
	jw_arr(w, "jobs");
	for (size_t i = 0; i < v->jobs.n; i++) {
		const struct backup_job *j = &v->jobs.v[i];
		enum backup_cover c =
			backup_job_covers(j, r->ct->vmid, v->facts.node, &v->pools);

		if (c != COVER_YES && c != COVER_DISABLED)
			continue;
		jw_obj(w, NULL);
		opt_text(w, "id", j->id);
		opt_text(w, "schedule", j->schedule);
		jw_bool(w, "enabled", j->enabled);
		opt_text(w, "storage", j->storage);
		opt_text(w, "dumpdir", j->dumpdir);
		opt_text(w, "mode", j->mode);
		opt_text(w, "comment", j->comment);
		jw_end(w);
	}
	jw_end(w);
}

static void json_result(struct jw *w, const char *key, const struct backup_result *r)
{
	if (!r)
		return;
	jw_obj(w, key);
	backupresult_json(w, r);
	jw_end(w);
}

void backuprow_json(struct jw *w, const struct backuprow *r)
{
	const struct ct *ct = r->ct;

	jw_int(w, "vmid", ct->vmid);
	opt_text(w, "name", ct->name);
	if (ct->conf) {
		jw_bool(w, "template", ct_is_template(ct));
		opt_text(w, "lock", pveconf_str(&ct->conf->main, "lock"));
	}
	json_jobs(w, r);
	json_last(w, r);
	json_result(w, "failure", r->sum.failure);
	json_result(w, "running", r->sum.running);
	opt_stamp(w, "created", r->created_real_usec);
	if (r->view->results_known)
		jw_bool(w, "stale_lock", r->stale_lock);
	jw_int(w, "archives_count", r->sum.n_archives);
	jw_int(w, "archives_size", r->sum.archives_bytes);
	jw_int(w, "protected_count", r->sum.n_protected);
	jw_arr(w, "left_out");
	for (size_t i = 0; i < r->left_out.n; i++)
		jw_str(w, NULL, r->left_out.v[i]);
	jw_end(w);
	jw_bool(w, "problem", r->alarm);
	opt_text(w, "note", r->note);
	opt_text(w, "error", ct->error);
}
