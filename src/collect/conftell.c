/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/conftell.h"

#include "base/clock.h"
#include "base/num.h"
#include "read/tasklog.h"
#include "read/vzdumplog.h"

/* The events that a config's changes give. */

#define DAY_USEC (86400 * USEC_PER_SEC)

/* One of an earlier boot has no place in the order of this one. */
static void set_began(struct event *e, uint64_t when_real_usec)
{
	uint64_t ago = num_sub(e->time_real_usec, when_real_usec);

	e->time_real_usec -= ago;
	if (ago < e->boot_usec) {
		e->boot_usec -= ago;
	} else {
		e->boot_usec = 0;
		*e->boot = '\0';
	}
}

static void set_time(struct event *e, const struct conf_when *w)
{
	if (!w->since_real_usec)
		return;
	e->inferred = true;
	set_began(e, w->until_real_usec);
}

static struct event *conf_event(struct collector *c, enum event_type type, struct conf *f,
				const struct conf_when *w, const char *what)
{
	struct lc_time now = collector_now();
	struct event *e = collector_event(c, type, ORIGIN_CONFIG, f->vmid, now);

	snprintf(e->id, sizeof(e->id), "%.8s-%u-%s-%jx-%ju", c->boot, f->vmid, what,
		 (uintmax_t)now.boot_usec, (uintmax_t)f->n_told++);
	set_time(e, w);
	if (!e->name)
		e->name = xstrdup_or_null(f->name);
	return e;
}

static void put_when(struct jw *w, const struct conf_when *when)
{
	if (!when->since_real_usec)
		return;
	jw_stamp(w, "since", when->since_real_usec);
	jw_stamp(w, "until", when->until_real_usec);
	jw_str(w, "reason", when->reason);
}

static void put_task(struct jw *w, const struct stop_task *t)
{
	jw_str(w, "task", t->type);
	jw_str(w, "user", t->user);
	jw_str(w, "upid", t->upid);
}

static struct stop_task find_who(struct collector *c, const struct conf *f,
				 const struct conf_when *when,
				 bool (*fits)(const void *arg, const char *type),
				 const void *arg)
{
	const struct task_find find = { .vmid = f->vmid,
					.since_real_usec = when->since_real_usec,
					.until_real_usec = when->until_real_usec,
					.fits = fits,
					.arg = arg };

	return tasksrc_find(c, &find);
}

static void put_who(struct collector *c, struct jw *w, const struct conf *f,
		    const struct conf_when *when,
		    bool (*fits)(const void *arg, const char *type), const void *arg)
{
	struct stop_task t = find_who(c, f, when, fits, arg);

	put_task(w, &t);
}

/*
 * An id of the task: whoever finds it again, from another side or after a crash, tells
 * the same event. *told: by which it was told last; a second one that seems to be of the
 * same task is not the same.
 */
static void set_task_id(struct event *e, const struct stop_task *t, const char *what,
			uint64_t *told)
{
	uint64_t by = t->upid ? str_hash(t->upid) : 0;

	if (!by || by == *told)
		return;
	*told = by;
	snprintf(e->id, sizeof(e->id), "%s-%u-%016jx", what, e->vmid, (uintmax_t)by);
}

/* arg: types, with a blank around each. */
static bool is_named(const void *arg, const char *type)
{
	_cleanup_free_ char *word = xasprintf(" %s ", type);

	return strstr(arg, word) != NULL;
}

static bool can_have_made(const void *arg, const char *type)
{
	return conf_diff_by_task(arg, type);
}

void conftell_file(struct collector *c, struct conf *f, const struct conf_when *w,
		   bool created, const char *other)
{
	struct event *e = conf_event(c, EVENT_CONFIG_CHANGED, f, w, "config");
	struct data d;

	if (!data_open(&d))
		return;
	jw_str(d.w, "what", created ? "created" : "removed");
	jw_str(d.w, created ? "from" : "to", other);
	put_when(d.w, w);
	put_who(c, d.w, f, w, is_named,
		created ? " vzcreate vzrestore vzmigrate "
			: " vzdestroy vzmigrate vzcreate vzrestore vzclone ");
	data_close(&d, &e->data);
}

static void tell_diff(struct collector *c, struct conf *f, const struct conf_when *w,
		      const struct conf_diff *diff)
{
	struct event *e = conf_event(c, EVENT_CONFIG_CHANGED, f, w, "config");
	struct data d;

	if (!data_open(&d))
		return;
	jw_arr(d.w, "changes");
	for (size_t i = 0; i < diff->n; i++) {
		const struct conf_change *ch = &diff->v[i];

		jw_obj(d.w, NULL);
		jw_str(d.w, "key", ch->key);
		jw_text(d.w, "old", ch->old);
		jw_text(d.w, "new", ch->new);
		if (*ch->section)
			jw_str(d.w, "section", ch->section);
		jw_end(d.w);
	}
	jw_end(d.w);
	put_when(d.w, w);
	put_who(c, d.w, f, w, can_have_made, diff);
	data_close(&d, &e->data);
}

static void tell_snapshot(struct collector *c, struct conf *f, const struct conf_when *w,
			  const char *action, const char *name, const char *type)
{
	struct event *e = conf_event(c, EVENT_SNAPSHOT, f, w, "snapshot");
	struct data d;

	if (!data_open(&d))
		return;
	jw_str(d.w, "action", action);
	jw_str(d.w, "snapshot", name);
	put_when(d.w, w);
	put_who(c, d.w, f, w, is_named, type);
	data_close(&d, &e->data);
}

/* ---- backups ------------------------------------------------------------------------
 */

#define WAIT_USEC (10 * USEC_PER_SEC) /* for the last line of its log */

/* log: of this very backup, or { 0 }. task NULL: not known, it is looked for. */
static void backup_event(struct collector *c, struct conf *f, const struct conf_when *w,
			 bool begin, const struct vzdump_log *log,
			 const struct ended_task *task)
{
	struct stop_task by = task ? (struct stop_task){ .type = "vzdump",
							 .user = task->user,
							 .upid = task->upid }
				   : find_who(c, f, w, is_named, " vzdump ");
	struct event *e = conf_event(c, EVENT_BACKUP, f, w, "backup");
	const char *status = log->failed ? log->error : log->ended ? "OK" : NULL;
	struct data d;

	if (!status && task)
		status = task->status;
	f->backup_told_real_usec = clock_real_usec();
	if (begin)
		set_task_id(e, &by, "backup-begin", &f->begun_by);
	else
		set_task_id(e, &by, "backup-end", &f->ended_by);
	if (!data_open(&d))
		return;
	jw_str(d.w, "phase", begin ? "begin" : "end");
	if (*log->mode)
		jw_str(d.w, "mode", log->mode);
	if (!begin) {
		jw_str(d.w, "status", status);
		if (status && str_eq(status, "OK"))
			jw_str(d.w, "archive", log->archive);
		if (log->begun_real_usec && log->ended_real_usec > log->begun_real_usec)
			jw_int(d.w, "seconds",
			       (log->ended_real_usec - log->begun_real_usec) /
				       USEC_PER_SEC);
	}
	put_when(d.w, w);
	put_task(d.w, &by);
	data_close(&d, &e->data);
}

/* One that began before `since` is of another backup. */
static void read_log(struct collector *c, const struct conf *f, uint64_t since,
		     struct vzdump_log *ret)
{
	*ret = (struct vzdump_log){ 0 };
	if (vzdump_log_read(c->rootfd, f->vmid, ret, NULL) == 0 &&
	    ret->begun_real_usec + 5 * USEC_PER_SEC < since)
		vzdump_log_done(ret);
}

void conftell_backup_end(struct collector *c, struct conf *f, bool at_last)
{
	_cleanup_(vzdump_log_done) struct vzdump_log log = { 0 };
	const struct conf_when now = { 0 };

	read_log(c, f, f->backup_told_real_usec, &log);
	if (!log.ended && !at_last)
		return;
	f->backup_end_boot_usec = 0;
	backup_event(c, f, &now, false, &log, NULL);
}

/* In the midst of a backup the lock is `snapshot` for a moment (facts: 7.3). */
static void tell_backup(struct collector *c, struct conf *f, const struct conf_when *w,
			const char *lock)
{
	_cleanup_(vzdump_log_done) struct vzdump_log log = { 0 };
	static const char *const types[] = { "vzdump" };
	struct stop_task t = tasksrc_at_work(c, f->vmid, types, 1);
	bool now = str_eq(lock, "backup") ||
		   (f->backing_up && str_eq(lock, "snapshot") && t.type);

	if (now == f->backing_up)
		return;
	f->backing_up = now;
	if (now) {
		/* the one before it, whose log had no end yet */
		if (f->backup_end_boot_usec)
			conftell_backup_end(c, f, true);
		read_log(c, f, clock_real_usec() - 10 * USEC_PER_SEC, &log);
		backup_event(c, f, w, true, &log, NULL);
	} else if (w->since_real_usec) {
		read_log(c, f, w->since_real_usec - DAY_USEC, &log);
		backup_event(c, f, w, false, &log, NULL);
	} else {
		f->backup_end_boot_usec = clock_boot_usec() + WAIT_USEC;
		conftell_backup_end(c, f, false);
	}
}

void conftell_backed_up(struct collector *c, struct conf *f, const struct ended_task *t)
{
	_cleanup_(vzdump_log_done) struct vzdump_log log = { 0 };
	struct conf_when w = { 0 };

	if (f->backup_end_boot_usec)
		conftell_backup_end(c, f, true);
	if (f->backing_up || f->backup_told_real_usec >= t->began_real_usec)
		return;
	read_log(c, f, t->began_real_usec, &log);
	backup_event(c, f, &w, true, &log, t);
	set_began(&c->now.events[c->now.n_events - 1], t->began_real_usec);
	backup_event(c, f, &w, false, &log, t);
}

/* ---- changes -------------------------------------------------------------------------
 */

static void tell_rollback(struct collector *c, struct conf *f, const struct conf_when *w,
			  const char *to, const struct stop_task *t)
{
	struct event *e = conf_event(c, EVENT_SNAPSHOT, f, w, "snapshot");
	struct upid u = { 0 };
	struct data d;

	f->rollback_told_real_usec = clock_real_usec();
	if (w->since_real_usec && t->upid && upid_parse(span_str(t->upid), &u) == 0)
		set_began(e, MAX(u.start_real_usec, w->since_real_usec));
	upid_done(&u);
	set_task_id(e, t, "rollback", &f->rolled_back_by);
	if (!data_open(&d))
		return;
	jw_str(d.w, "action", "rollback");
	jw_str(d.w, "snapshot", to);
	put_when(d.w, w);
	put_task(d.w, t);
	data_close(&d, &e->data);
}

static struct stop_task find_rollback(struct collector *c, const struct conf *f,
				      const struct conf_when *w)
{
	const struct task_find find = { .vmid = f->vmid,
					.since_real_usec = w->since_real_usec,
					.until_real_usec = w->until_real_usec,
					.done = true,
					.fits = is_named,
					.arg = " vzrollback " };

	return tasksrc_find(c, &find);
}

void conftell_rolled_back(struct collector *c, struct conf *f, const struct pveconf *now,
			  const struct ended_task *t)
{
	const struct stop_task by = { .type = "vzrollback",
				      .user = t->user,
				      .upid = t->upid };
	const char *to = now ? pveconf_str(&now->main, "parent") : NULL;
	const struct conf_when w = { 0 };

	if (to && f->rollback_told_real_usec < t->began_real_usec)
		tell_rollback(c, f, &w, to, &by);
}

static void tell_locked_rollback(struct collector *c, struct conf *f,
				 const struct conf_when *w, const char *to)
{
	struct stop_task t = find_rollback(c, f, w);

	tell_rollback(c, f, w, to, &t);
}

/*
 * Nobody saw the lock: a task of that time that went well, and the snapshot that the
 * config says it comes from.
 */
static void tell_unseen_rollback(struct collector *c, struct conf *f,
				 const struct conf_when *w, const struct pveconf *now)
{
	const char *to = now ? pveconf_str(&now->main, "parent") : NULL;
	struct stop_task t = { 0 };

	if (to)
		t = find_rollback(c, f, w);
	if (t.upid)
		tell_rollback(c, f, w, to, &t);
}

void conftell_same(struct collector *c, struct conf *f, const struct conf_when *w,
		   const struct pveconf *now)
{
	tell_unseen_rollback(c, f, w, now);
}

/* PVE's last write before the file goes: `lock: destroyed` and nothing else. */
static bool is_destroyed(const struct pveconf *p)
{
	return p->main.n_items == 1 && str_eq(pveconf_str(&p->main, "lock"), "destroyed");
}

void conftell_changes(struct collector *c, struct conf *f, const struct conf_when *w,
		      const struct pveconf *old, const struct pveconf *new)
{
	_cleanup_(conf_diff_done) struct conf_diff d = { 0 };

	if (is_destroyed(new))
		return;
	conf_diff(old, new, &d);
	/* while PVE makes it everything in it is new */
	if (d.n && !f->creating)
		tell_diff(c, f, w, &d);
	f->creating &= str_eq(d.lock_new, "create");
	for (size_t i = 0; i < d.n_snaps; i++)
		if (d.snaps[i].action == SNAP_CREATE)
			tell_snapshot(c, f, w, "create", d.snaps[i].name, " vzsnapshot ");
		else
			tell_snapshot(c, f, w, "delete", d.snaps[i].name,
				      " vzdelsnapshot vzsnapshot ");
	if (d.rolled_back)
		tell_locked_rollback(c, f, w, d.rolled_back);
	else if (w->since_real_usec)
		tell_unseen_rollback(c, f, w, new);
	tell_backup(c, f, w, d.lock_new);
}
