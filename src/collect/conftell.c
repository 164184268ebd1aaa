/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/conftell.h"

#include "base/clock.h"
#include "base/num.h"

/* The events that a config's changes give. */

/* One of an earlier boot has no place in the order of this one. */
static void set_time(struct event *e, const struct conf_when *w)
{
	uint64_t ago;

	if (!w->since_real_usec)
		return;
	ago = num_sub(e->time_real_usec, w->until_real_usec);
	e->inferred = true;
	e->time_real_usec = w->until_real_usec;
	if (ago < e->boot_usec) {
		e->boot_usec -= ago;
	} else {
		e->boot_usec = 0;
		*e->boot = '\0';
	}
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

static void put_who(struct collector *c, struct jw *w, const struct conf *f,
		    const struct conf_when *when,
		    bool (*fits)(const void *arg, const char *type), const void *arg)
{
	const struct task_find find = { .vmid = f->vmid,
					.since_real_usec = when->since_real_usec,
					.until_real_usec = when->until_real_usec,
					.fits = fits,
					.arg = arg };
	struct stop_task t = tasksrc_find(c, &find);

	jw_str(w, "task", t.type);
	jw_str(w, "user", t.user);
	jw_str(w, "upid", t.upid);
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

/* In the midst of a backup the lock is `snapshot` for a moment (facts: 7.3). */
static void tell_backup(struct collector *c, struct conf *f, const struct conf_when *w,
			const char *lock)
{
	static const char *const types[] = { "vzdump" };
	struct stop_task t = tasksrc_at_work(c, f->vmid, types, 1);
	bool now = str_eq(lock, "backup") ||
		   (f->backing_up && str_eq(lock, "snapshot") && t.type);
	struct event *e;
	struct data d;

	if (now == f->backing_up)
		return;
	f->backing_up = now;
	e = conf_event(c, EVENT_BACKUP, f, w, "backup");
	if (!data_open(&d))
		return;
	jw_str(d.w, "phase", now ? "begin" : "end");
	put_when(d.w, w);
	put_who(c, d.w, f, w, is_named, " vzdump ");
	data_close(&d, &e->data);
}

/* PVE's last write before the file goes: `lock: destroyed` and nothing else. */
static bool is_destroyed(const struct pveconf *p)
{
	return p->main.n_items == 1 && str_eq(pveconf_str(&p->main, "lock"), "destroyed");
}

void conftell_changes(struct collector *c, struct conf *f, const struct conf_when *w,
		      const struct pveconf *new)
{
	_cleanup_(conf_diff_done) struct conf_diff d = { 0 };

	if (is_destroyed(new))
		return;
	conf_diff(&f->conf, new, &d);
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
		tell_snapshot(c, f, w, "rollback", d.rolled_back, " vzrollback ");
	tell_backup(c, f, w, d.lock_new);
}
