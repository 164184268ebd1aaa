/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/backupview.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "out/text.h"
#include "pveconf.h"

struct backups_opts {
	bool problems;
};

#define ROW(name)                                                                        \
	static void get_##name(const void *p, struct cell *c)                            \
	{                                                                                \
		const struct backuprow *r = p;
#define END }

static struct cell cell_some(const char *s)
{
	return s ? cell_text(tbytes_str(s)) : (struct cell){ 0 };
}

static struct cell cell_stamp_val(struct val v)
{
	return v.kind == VAL_SET ? cell_stamp(v.n) : (struct cell){ 0 };
}

static struct cell joined(const struct strv *s)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < s->n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", s->v[i]);
	return cell_owned(b.p);
}

ROW(vmid)
*c = cell_int(r->ct->vmid);
END ROW(name) *c = cell_some(r->ct->name);
END ROW(last) *c = cell_stamp_val(r->sum.last_real_usec);
c->color = r->sum.last_real_usec.kind == VAL_SET ? COLOR_NONE : COLOR_BAD;
END ROW(age) if (r->view->app->now_known && r->sum.last_real_usec.kind == VAL_SET) *c =
	cell_seconds(num_sub(r->view->facts.time_real_usec, r->sum.last_real_usec.n) /
		     USEC_PER_SEC);
END ROW(size) const struct backup_archive *a = r->sum.last;

if (a)
	*c = cell_val(a->size_bytes, CELL_BYTES);
END ROW(storage) *c = cell_some(r->storage);
END ROW(jobs) *c = joined(&r->jobs);
END ROW(schedule) *c = cell_some(r->job ? r->job->schedule : NULL);
END ROW(note) *c = cell_some(r->note);
c->color = r->alarm ? COLOR_BAD : r->sum.running ? COLOR_GOOD : COLOR_NONE;
END ROW(archives) *c = cell_int(r->sum.n_archives);
END ROW(total) *c = cell_bytes(r->sum.archives_bytes);
END ROW(protected) const struct backup_archive *a = r->sum.last;

if (a)
	*c = cell_bool(a->is_protected);
END ROW(notes) const struct backup_archive *a = r->sum.last;

if (a && a->notes)
	*c = cell_text(
		(struct tbytes){ (const uint8_t *)a->notes, (uint32_t)a->notes_n });
END ROW(file) const struct backup_archive *a = r->sum.last;

*c = a ? cell_some(a->file) : cell_some(r->sum.success ? r->sum.success->target : NULL);
END ROW(failed) if (r->sum.failure) *c = cell_stamp(r->sum.failure->start_real_usec);
END ROW(error) *c = cell_some(r->sum.failure ? r->sum.failure->error : NULL);
END ROW(leftout) *c = joined(&r->left_out);
END
#undef ROW
#undef END

	static const struct col cols[] = {
		{ .heading = "VMID",
		  .get = get_vmid,
		  .right = true,
		  .help = "container" },
		{ .heading = "NAME",
		  .get = get_name,
		  .shrink = true,
		  .help = "its name" },
		{ .heading = "LAST",
		  .get = get_last,
		  .help = "when the last good backup began" },
		{ .heading = "AGE",
		  .get = get_age,
		  .right = true,
		  .help = "how long that is ago" },
		{ .heading = "SIZE",
		  .get = get_size,
		  .right = true,
		  .help = "of its archive; a backup server does not tell" },
		{ .heading = "STORAGE", .get = get_storage, .help = "where it is" },
		{ .heading = "SCHEDULE",
		  .get = get_schedule,
		  .help = "of the first job that covers it" },
		{ .heading = "NOTE",
		  .get = get_note,
		  .shrink = true,
		  .help = "what stands out" },
		{ .heading = "JOB",
		  .get = get_jobs,
		  .hidden = true,
		  .help = "jobs that cover it" },
		{ .heading = "ARCHIVES",
		  .get = get_archives,
		  .right = true,
		  .hidden = true,
		  .help = "how many there are on this node's storages" },
		{ .heading = "TOTAL",
		  .get = get_total,
		  .right = true,
		  .hidden = true,
		  .help = "their size" },
		{ .heading = "PROTECTED",
		  .get = get_protected,
		  .hidden = true,
		  .help = "is the last one protected from pruning" },
		{ .heading = "NOTES",
		  .get = get_notes,
		  .hidden = true,
		  .shrink = true,
		  .help = "notes of the last one" },
		{ .heading = "FILE",
		  .get = get_file,
		  .hidden = true,
		  .shrink = true,
		  .help = "archive of the last one" },
		{ .heading = "FAILED",
		  .get = get_failed,
		  .hidden = true,
		  .help = "when a backup failed after it" },
		{ .heading = "ERROR",
		  .get = get_error,
		  .hidden = true,
		  .shrink = true,
		  .help = "and why" },
		{ .heading = "LEFTOUT",
		  .get = get_leftout,
		  .hidden = true,
		  .help = "mount points that no backup includes" },
	};

/* Jobs that failed before they came to a guest, newest only, unless all went well since.
 */
static void warn_jobs(const struct backupview *v)
{
	for (size_t i = 0; i < v->results.n; i++) {
		const struct backup_result *r = &v->results.v[i];
		_cleanup_(buf_done) struct buf b = { 0 };

		if (r->outcome == BACKUP_ENDED_OK)
			return;
		if (r->vmid)
			continue;
		text_stamp(&b, r->start_real_usec);
		app_warn(v->app, "the backup job of %s failed before its first guest: %s",
			 buf_str(&b), r->error ? r->error : "");
		return;
	}
}

static void json_storages(struct jw *w, const struct backupview *v)
{
	jw_arr(w, "storages");
	for (size_t i = 0; i < v->archives.n_storages; i++) {
		const struct backup_storage *s = &v->archives.storages[i];

		jw_obj(w, NULL);
		jw_text(w, "storage", tbytes_str(s->id));
		jw_text(w, "type", tbytes_str(s->type));
		if (s->dir)
			jw_text(w, "path", tbytes_str(s->dir));
		jw_bool(w, "listed", s->dir && !s->error);
		if (s->error)
			jw_text(w, "error", tbytes_str(s->error));
		jw_end(w);
	}
	jw_end(w);
}

static void json_others(struct jw *w, const struct backupview *v)
{
	jw_arr(w, "other_archives");
	for (size_t i = 0; i < v->archives.n; i++) {
		if (v->archives.v[i].vmid && facts_find(&v->facts, v->archives.v[i].vmid))
			continue;
		jw_obj(w, NULL);
		backuparchive_json(w, &v->archives.v[i]);
		jw_end(w);
	}
	jw_end(w);
}

static int json_all(const struct backupview *v, const struct backuprow *rows, size_t n)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(v->app->out, "ctscope.backups/1", v->facts.node,
		   v->facts.time_real_usec, &w, &err) < 0)
		return app_error(v->app, EXIT_BROKEN, "%s", err.msg);
	jw_arr(w, "containers");
	for (size_t i = 0; i < n; i++) {
		jw_obj(w, NULL);
		backuprow_json(w, &rows[i]);
		jw_end(w);
	}
	jw_end(w);
	json_storages(w, v);
	json_others(w, v);
	return app_json_end(v->app, w);
}

static int show_all(struct app *app, const struct backups_opts *o)
{
	_cleanup_(backupview_done) struct backupview v = { 0 };
	struct backuprow *rows;
	size_t n = 0;
	int r = backupview_read(app, NULL, &v);

	if (r != EXIT_FINE)
		return r;
	rows = xcalloc(v.facts.n_cts, sizeof(*rows));
	for (size_t i = 0; i < v.facts.n_cts; i++) {
		if (!v.facts.cts[i].here)
			continue;
		backuprow_init(&rows[n], &v, &v.facts.cts[i]);
		if (!o->problems || backuprow_is_problem(&rows[n]))
			n++;
		else
			backuprow_done(&rows[n]);
	}
	warn_jobs(&v);
	r = app->json ? json_all(&v, rows, n)
		      : app_table(app, cols, ARRAY_SIZE(cols), rows, n, sizeof(*rows),
				  NULL);
	for (size_t i = 0; i < n; i++)
		backuprow_done(&rows[i]);
	free(rows);
	return r;
}

/* An archive, what a log says of it, or both. */
struct entry {
	const struct backup_archive *a;
	const struct backup_result *r;
	const struct backupview *v;
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* The log names the archive; while it is written its last extension is .dat. */
static bool is_target(const char *target, const struct backup_archive *a)
{
	const char *name = base_name(target), *dot = strrchr(name, '.');

	if (*target != '/')
		return false;
	if (!a->writing)
		return str_eq(name, a->file);
	return dot && strncmp(name, a->file, (size_t)(dot - name)) == 0 &&
	       str_eq(a->file + (dot - name), ".dat");
}

static const struct backup_result *result_of(const struct backupview *v,
					     const struct backup_archive *a)
{
	for (size_t i = 0; i < v->results.n; i++) {
		const struct backup_result *r = &v->results.v[i];

		if (r->vmid == a->vmid && r->target && is_target(r->target, a))
			return r;
	}
	return NULL;
}

static uint64_t entry_time(const struct entry *e)
{
	return e->a ? e->a->ctime_real_usec : e->r->start_real_usec;
}

static int cmp_entry(const void *a, const void *b)
{
	uint64_t x = entry_time(a), y = entry_time(b);

	return x > y ? -1 : x < y;
}

static void add_entry(struct entries *l, struct entry e)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = e;
}

static void collect(const struct backupview *v, uint32_t vmid, struct entries *ret)
{
	size_t archives;

	for (size_t i = 0; i < v->archives.n; i++)
		add_entry(ret, (struct entry){ &v->archives.v[i],
					       result_of(v, &v->archives.v[i]), v });
	archives = ret->n;
	for (size_t i = 0; i < v->results.n; i++) {
		bool known = v->results.v[i].vmid != vmid;

		for (size_t k = 0; !known && k < archives; k++)
			known = ret->v[k].r == &v->results.v[i];
		if (!known)
			add_entry(ret, (struct entry){ NULL, &v->results.v[i], v });
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_entry);
}

#define ENTRY(name)                                                                      \
	static void entry_##name(const void *p, struct cell *c)                          \
	{                                                                                \
		const struct entry *e = p;
#define END }

ENTRY(when)
*c = cell_stamp(entry_time(e));
END
	/* A success whose file is not there any more was pruned, or is on a backup
	   server. */
	ENTRY(result) if (e->a && e->a->writing) *c = cell_str(
		e->r && e->r->outcome == BACKUP_RUNNING ? "running" : "unfinished");
else if (e->a && !e->r) *c = cell_str("archive");
else if (!e->a && e->r->outcome == BACKUP_ENDED_OK && e->r->target &&
	 e->r->target[0] == '/') *c = cell_str("ok, gone");
else *c = cell_str(backup_outcome_name(e->r->outcome));
if (e->r && (e->r->outcome == BACKUP_FAILED || e->r->outcome == BACKUP_BROKEN_OFF))
	c->color = COLOR_BAD;
END ENTRY(size) if (e->a) *c = cell_val(e->a->size_bytes, CELL_BYTES);
END ENTRY(took) if (e->r) *c = cell_val(e->r->duration_sec, CELL_SECONDS);
END ENTRY(storage) *c = cell_some(e->a ? e->a->storage : e->r->storage);
END ENTRY(protected) if (e->a) *c = cell_bool(e->a->is_protected);
END ENTRY(file) *c = cell_some(e->a ? e->a->file : e->r->target);
END ENTRY(note) if (e->r && e->r->error) *c = cell_some(e->r->error);
else if (e->a && e->a->notes) *c = cell_text(
	(struct tbytes){ (const uint8_t *)e->a->notes, (uint32_t)e->a->notes_n });
END
#undef ENTRY
#undef END

	static const struct col entry_cols[] = {
		{ .heading = "TIME", .get = entry_when },
		{ .heading = "RESULT", .get = entry_result },
		{ .heading = "SIZE", .get = entry_size, .right = true },
		{ .heading = "TOOK", .get = entry_took, .right = true },
		{ .heading = "STORAGE", .get = entry_storage },
		{ .heading = "PROTECTED", .get = entry_protected },
		{ .heading = "ARCHIVE", .get = entry_file, .shrink = true },
		{ .heading = "NOTES", .get = entry_note, .shrink = true },
	};

static int json_one(const struct backupview *v, const struct backuprow *row)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(v->app->out, "ctscope.backups/1", v->facts.node,
		   v->facts.time_real_usec, &w, &err) < 0)
		return app_error(v->app, EXIT_BROKEN, "%s", err.msg);
	jw_obj(w, "container");
	backuprow_json(w, row);
	jw_arr(w, "archives");
	for (size_t i = 0; i < v->archives.n; i++) {
		jw_obj(w, NULL);
		backuparchive_json(w, &v->archives.v[i]);
		jw_end(w);
	}
	jw_end(w);
	jw_arr(w, "results");
	for (size_t i = 0; i < v->results.n; i++) {
		if (v->results.v[i].vmid != row->ct->vmid)
			continue;
		jw_obj(w, NULL);
		backupresult_json(w, &v->results.v[i]);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
	json_storages(w, v);
	return app_json_end(v->app, w);
}

static void text_jobs(const struct backuprow *r, struct buf *b)
{
	const struct backupview *v = r->view;

	for (size_t i = 0; i < v->jobs.n; i++) {
		const struct backup_job *j = &v->jobs.v[i];
		enum backup_cover c =
			backup_job_covers(j, r->ct->vmid, v->facts.node, &v->pools);

		if (c != COVER_YES && c != COVER_DISABLED)
			continue;
		buf_adds(b, "job       ");
		text_escape(b, tbytes_str(j->id), false);
		buf_adds(b, ": ");
		text_escape(b, tbytes_str(j->schedule ? j->schedule : "no schedule"),
			    false);
		if (j->storage || j->dumpdir) {
			buf_adds(b, " to ");
			text_escape(b, tbytes_str(j->storage ? j->storage : j->dumpdir),
				    false);
		}
		if (j->mode)
			buf_addf(b, ", mode %s", j->mode);
		buf_adds(b, c == COVER_DISABLED ? ", switched off\n" : "\n");
	}
}

/* The figures in words, above the table. */
static void text_head(struct app *app, const struct backuprow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_addf(&b, "container %u ", r->ct->vmid);
	text_escape(&b, tbytes_str(r->ct->name ? r->ct->name : ""), false);
	buf_adds(&b, "\nlast      ");
	if (r->sum.last_real_usec.kind == VAL_SET)
		text_stamp(&b, r->sum.last_real_usec.n);
	else
		buf_adds(&b, "none known");
	if (r->sum.last_real_usec.kind == VAL_SET && app->now_known) {
		buf_adds(&b, ", ");
		text_duration(&b, num_sub(r->view->facts.time_real_usec,
					  r->sum.last_real_usec.n) /
					  USEC_PER_SEC);
		buf_adds(&b, " ago");
	}
	buf_addc(&b, '\n');
	text_jobs(r, &b);
	if (r->left_out.n) {
		buf_adds(&b, "left out ");
		for (size_t i = 0; i < r->left_out.n; i++)
			buf_addf(&b, " %s", r->left_out.v[i]);
		buf_addc(&b, '\n');
	}
	if (r->note) {
		buf_adds(&b, "note      ");
		text_escape(&b, tbytes_str(r->note), false);
		buf_addc(&b, '\n');
	}
	fwrite(b.p, 1, b.n, app->out);
}

static int show_one(struct app *app, const char *arg)
{
	_cleanup_(backupview_done) struct backupview v = { 0 };
	struct entries entries = { 0 };
	struct backuprow row;
	int r = backupview_read(app, arg, &v);

	if (r != EXIT_FINE)
		return r;
	backuprow_init(&row, &v, &v.facts.cts[0]);
	if (app->json) {
		r = json_one(&v, &row);
	} else {
		text_head(app, &row);
		collect(&v, row.ct->vmid, &entries);
		if (entries.n) {
			fputs("\n", app->out);
			r = app_table(app, entry_cols, ARRAY_SIZE(entry_cols), entries.v,
				      entries.n, sizeof(*entries.v), NULL);
		}
	}
	free(entries.v);
	backuprow_done(&row);
	return r;
}

#define O(field) offsetof(struct backups_opts, field)
static const struct opt opts[] = {
	{ "problems", 'p', OPT_FLAG, NULL,
	  "only where one failed, is missing or not scheduled", O(problems) },
};
#undef O

static int backups_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct backups_opts o = { 0 };
	int r = opts_parse(app, &cmd_backups, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n > 1)
		return app_error(app, EXIT_USAGE, "expected at most one container ID");
	if (pos.n && (app->table.columns || o.problems))
		return app_error(app, EXIT_USAGE,
				 "%s goes with the list of all containers",
				 o.problems ? "--problems" : "-o");
	return pos.n ? show_one(app, pos.v[0]) : show_all(app, &o);
}

const struct cmd cmd_backups = {
	.name = "backups",
	.args = "[ID]",
	.help = "last backup, what failed, what no job covers",
	.more = "Read from the archives on this node's file storages, from vzdump's task logs\n"
		"(all that is known of a backup server here) and from the backup jobs. With an\n"
		"ID every archive and every result in the logs, newest first. A storage that\n"
		"does not answer within 2 s is named and left out.\n"
		"\n"
		"RESULT with an ID: ok, failed, running, broken-off (the job ended without a word\n"
		"about it), \"ok, gone\" (the archive is not there any more), archive (there is no\n"
		"log of it), unfinished (left behind by a backup that was killed).\n"
		"\n"
		"  ctscope backups --problems\n"
		"  ctscope backups 101\n"
		"  ctscope backups --json | jq '.containers[] | select(.covered | not).vmid'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = backups_run,
};
