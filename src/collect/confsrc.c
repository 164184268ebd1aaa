/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/confsrc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/sha1.h"
#include "collect/collector.h"
#include "collect/confdiff.h"
#include "read/pmxcfs.h"
#include "read/pveconf.h"
#include "read/pvefs.h"

/*
 * Configs, read by a process that can be abandoned: /etc/pve may hang. The counters of
 * .version say whether anything changed (facts: pve-node.md 2.3, 2.5), and only then the
 * configs are read; once a minute they are read whatever it says.
 */
#define POLL_USEC  (2 * USEC_PER_SEC)
#define KICK_USEC  (200 * USEC_PER_MSEC)
#define FULL_USEC  (60 * USEC_PER_SEC)
#define MAX_ANSWER ((size_t)256 << 20)

struct conf {
	uint32_t vmid;
	struct pveconf conf;
	char *name;
	bool seen; /* in this reading */
	bool backing_up;
	uint64_t version; /* of changes since the start */
};

struct confsrc {
	struct conf *v; /* by vmid */
	size_t n, cap;
	struct pvefs_job job;
	struct pvefs answer; /* filled bit by bit */
	struct loop_io *io, *timer;
	bool full, began, kicked, quorate, quorum_known;
	char *version; /* text of .version */
	uint64_t full_boot_usec;
	uint64_t stale_boot_usec; /* it does not answer since; 0: it does */
	struct collector *c;
};

static struct conf *find(const struct confsrc *s, uint32_t vmid, size_t *ret_at)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (ret_at)
		*ret_at = lo;
	return lo < s->n && s->v[lo].vmid == vmid ? &s->v[lo] : NULL;
}

char *confsrc_name(struct collector *c, uint32_t vmid)
{
	const struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	return f && f->name ? xstrdup(f->name) : NULL;
}

const struct pveconf *confsrc_get(struct collector *c, uint32_t vmid)
{
	const struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	return f ? &f->conf : NULL;
}

bool confsrc_is_locked(struct collector *c, uint32_t vmid)
{
	const struct pveconf *conf = confsrc_get(c, vmid);
	const char *lock = conf ? pveconf_str(&conf->main, "lock") : NULL;

	return str_eq(lock, "backup") || str_eq(lock, "snapshot");
}

/* PVE's name: hostname without blanks, or CT<vmid>. */
static char *name_of(const struct pveconf *conf, uint32_t vmid)
{
	const char *host = pveconf_str(&conf->main, "hostname");
	_cleanup_(buf_done) struct buf b = { 0 };

	for (; host && *host && b.n < EVENT_NAME_MAX - 1; host++)
		if (*host != ' ' && *host != '\t')
			buf_addc(&b, *host);
	return b.n ? xstrdup(buf_str(&b)) : xasprintf("CT%u", vmid);
}

/* ---- events -------------------------------------------------------------------------
 */

static struct event *conf_event(struct collector *c, enum event_type type, struct conf *f,
				const char *what)
{
	struct lc_time now = collector_now();
	struct event *e = collector_event(c, type, ORIGIN_CONFIG, f->vmid, now);

	snprintf(e->id, sizeof(e->id), "%.8s-%u-%s-%jx-%ju", c->boot, f->vmid, what,
		 (uintmax_t)now.boot_usec, (uintmax_t)f->version++);
	return e;
}

static void who(struct collector *c, struct jw *w, uint32_t vmid,
		const char *const *types, size_t n)
{
	struct stop_task t = tasksrc_at_work(c, vmid, types, n);

	jw_str(w, "task", t.type);
	jw_str(w, "user", t.user);
	jw_str(w, "upid", t.upid);
}

static void tell_file(struct collector *c, struct conf *f, const char *what)
{
	struct event *e = conf_event(c, EVENT_CONFIG_CHANGED, f, "config");
	struct data d;

	if (!data_open(&d))
		return;
	jw_str(d.w, "what", what);
	data_close(&d, &e->data);
}

static void tell_changes(struct collector *c, struct conf *f,
			 const struct conf_diff *diff)
{
	struct event *e;
	struct data d;

	if (!diff->n)
		return;
	e = conf_event(c, EVENT_CONFIG_CHANGED, f, "config");
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
	data_close(&d, &e->data);
}

static void tell_snapshot(struct collector *c, struct conf *f, const char *action,
			  const char *name)
{
	static const char *const types[] = { "vzsnapshot", "vzdelsnapshot",
					     "vzrollback" };
	struct event *e = conf_event(c, EVENT_SNAPSHOT, f, "snapshot");
	struct data d;

	if (!data_open(&d))
		return;
	jw_str(d.w, "action", action);
	jw_str(d.w, "snapshot", name);
	who(c, d.w, f->vmid, types, ARRAY_SIZE(types));
	data_close(&d, &e->data);
}

/* In the midst of a backup the lock is `snapshot` for a moment (facts: 7.3). */
static void tell_backup(struct collector *c, struct conf *f, const char *lock)
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
	e = conf_event(c, EVENT_BACKUP, f, "backup");
	if (!data_open(&d))
		return;
	jw_str(d.w, "phase", now ? "begin" : "end");
	who(c, d.w, f->vmid, types, 1);
	data_close(&d, &e->data);
}

static void compare(struct collector *c, struct conf *f, const struct pveconf *new)
{
	_cleanup_(conf_diff_done) struct conf_diff diff = { 0 };

	conf_diff(&f->conf, new, &diff);
	tell_changes(c, f, &diff);
	for (size_t i = 0; i < diff.n_snaps; i++)
		tell_snapshot(c, f,
			      diff.snaps[i].action == SNAP_CREATE ? "create" : "delete",
			      diff.snaps[i].name);
	if (diff.rolled_back)
		tell_snapshot(c, f, "rollback", diff.rolled_back);
	tell_backup(c, f, diff.lock_new);
}

/* ---- reading ------------------------------------------------------------------------
 */

static void conf_done(struct conf *f)
{
	pveconf_done(&f->conf);
	free(f->name);
}

static void take_file(struct confsrc *s, const struct pvefs_file *file)
{
	struct pveconf new = { 0 };
	char digest[41];
	struct span node;
	struct conf *f;
	uint64_t id;
	size_t at;
	int r;

	if (!pvefs_conf_path(file->path, &id, &node) || id > UINT32_MAX)
		return;
	f = find(s, (uint32_t)id, &at);
	if (f)
		f->seen = true;
	if (file->error)
		return;
	sha1_hex(file->data.p, file->data.n, digest);
	if (f && str_eq(f->conf.digest, digest))
		return;
	r = pveconf_parse(file->data.p, file->data.n, (uint32_t)id, &new, NULL);
	if (r < 0 && r != -EBADMSG)
		return;
	if (!f) {
		GROW(s->v, s->n, s->cap);
		memmove(&s->v[at + 1], &s->v[at], (s->n - at) * sizeof(*s->v));
		s->n++;
		f = &s->v[at];
		*f = (struct conf){ .vmid = (uint32_t)id, .seen = true };
		f->backing_up = str_eq(pveconf_str(&new.main, "lock"), "backup");
		f->name = name_of(&new, f->vmid);
		if (s->began)
			tell_file(s->c, f, "created");
	} else {
		compare(s->c, f, &new);
		pveconf_done(&f->conf);
	}
	f->conf = new;
	free(f->name);
	f->name = name_of(&f->conf, f->vmid);
}

static void drop_unseen(struct confsrc *s)
{
	size_t w = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct conf *f = &s->v[i];

		if (f->seen) {
			f->seen = false;
			s->v[w++] = *f;
			continue;
		}
		tell_file(s->c, f, "removed");
		conf_done(f);
	}
	s->n = w;
}

static void take_confs(struct confsrc *s)
{
	const struct pvefs_file *local = pvefs_get(&s->answer, "etc/pve/local");

	if (local && !local->error && local->data.n && !s->c->node) {
		_cleanup_free_ char *target = xstrndup(local->data.p, local->data.n);

		(void)pmxcfs_node_name(target, &s->c->node, NULL);
	}
	for (size_t i = 0; i < s->answer.n; i++)
		take_file(s, &s->answer.v[i]);
	drop_unseen(s);
	s->began = true;
	s->full_boot_usec = clock_boot_usec();
}

static void end_job(struct confsrc *s)
{
	loop_del_io(s->io);
	s->io = NULL;
	guard_done(&s->job.guard);
}

static void start_job(struct confsrc *s, bool full);

static void take_quorum(struct confsrc *s)
{
	const struct pvefs_file *local = pvefs_get(&s->answer, "etc/pve/local");

	s->quorum_known = local && !local->error && local->mode;
	if (s->quorum_known)
		s->quorate = pmxcfs_is_quorate(local->mode);
}

bool confsrc_is_stale(const struct collector *c)
{
	return !c->conf || c->conf->stale_boot_usec;
}

bool confsrc_quorum(struct collector *c, bool *ret_quorate)
{
	if (!c->conf || !c->conf->quorum_known || c->conf->stale_boot_usec)
		return false;
	*ret_quorate = c->conf->quorate;
	return true;
}

static void take_answer(struct confsrc *s)
{
	struct span v;
	bool changed;

	if (pvefs_parse(&s->answer) < 0)
		return;
	if (s->stale_boot_usec)
		loop_log(s->c->loop, 5, "pve-back", "/etc/pve answers again");
	s->stale_boot_usec = 0;
	take_quorum(s);
	v = pvefs_data(&s->answer, "etc/pve/.version");
	changed = !s->version || v.n != strlen(s->version) ||
		  (v.n && memcmp(v.p, s->version, v.n) != 0);
	if (s->full) {
		/* only now: what was missed is read at the next poll */
		take_confs(s);
		free(s->version);
		s->version = xstrndup(v.p ? v.p : "", v.n);
	} else if (changed || clock_boot_usec() > s->full_boot_usec + FULL_USEC) {
		pvefs_done(&s->answer);
		start_job(s, true);
	}
}

static void on_answer(void *arg, uint32_t events)
{
	struct confsrc *s = arg;
	struct buf *b = &s->answer.raw;
	ssize_t n;

	(void)events;
	do {
		buf_reserve(b, 1 << 16);
		n = read(s->job.guard.fd, b->p + b->n, b->cap - b->n - 1);
		if (n > 0)
			b->n += (size_t)n;
	} while (n > 0 && b->n < MAX_ANSWER);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (b->p)
		b->p[b->n] = '\0';
	end_job(s);
	if (n == 0)
		take_answer(s);
	if (!s->io)
		pvefs_done(&s->answer);
	collector_settle(s->c);
}

static void start_job(struct confsrc *s, bool full)
{
	static const struct pvefs_req reqs[] = {
		{ PVEFS_FILE, "etc/pve/.version" },
		{ PVEFS_LSTAT, "etc/pve/local" },
		{ PVEFS_CONFS, "etc/pve/lxc" },
	};

	s->full = full;
	if (pvefs_start(s->c->rootfd, reqs, full ? 3 : 2, &s->job, NULL) < 0)
		return;
	(void)fcntl(s->job.guard.fd, F_SETFL, O_NONBLOCK);
	s->io = loop_add_io(s->c->loop, s->job.guard.fd, EPOLLIN, false, on_answer, s);
	if (!s->io)
		guard_done(&s->job.guard);
}

static void on_timer(void *arg, uint32_t events)
{
	struct confsrc *s = arg;

	(void)events;
	if (s->io && clock_mono_usec() > s->job.guard.deadline_mono_usec) {
		if (!s->stale_boot_usec) {
			s->stale_boot_usec = clock_boot_usec();
			loop_log(s->c->loop, 4, "pve",
				 "/etc/pve does not answer: changes "
				 "of configs are not seen");
			collector_say(s->c, "stale", "/etc/pve does not answer", 0);
		}
		end_job(s);
		pvefs_done(&s->answer);
	}
	s->kicked = false;
	if (!s->io)
		start_job(s, !s->began);
	loop_at(s->timer, clock_boot_usec() + POLL_USEC);
	collector_settle(s->c);
}

void confsrc_kick(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s || s->kicked)
		return;
	s->kicked = true;
	s->full_boot_usec = 0; /* whatever .version says */
	loop_at(s->timer, clock_boot_usec() + KICK_USEC);
}

void confsrc_reconcile(struct collector *c)
{
	(void)c;
	while (waitpid(-1, NULL, WNOHANG) > 0) /* readers that were left behind */
		;
}

/* The first reading is waited for a moment: names of what is told first come from it. */
int confsrc_open(struct collector *c, struct err *err)
{
	struct confsrc *s = xcalloc(1, sizeof(*s));
	static const struct pvefs_req reqs[] = {
		{ PVEFS_FILE, "etc/pve/.version" },
		{ PVEFS_LINK, "etc/pve/local" },
		{ PVEFS_CONFS, "etc/pve/lxc" },
	};

	c->conf = s;
	s->c = c;
	s->timer = loop_add_timer(c->loop, on_timer, s);
	if (!s->timer)
		return err_set(err, -ENOMEM, "add a timer to the event loop");
	s->full = true;
	if (pvefs_read(c->rootfd, reqs, ARRAY_SIZE(reqs), &s->answer, NULL) == 0 &&
	    !s->answer.timed_out) {
		struct span v = pvefs_data(&s->answer, "etc/pve/.version");

		s->version = xstrndup(v.p ? v.p : "", v.n);
		take_confs(s);
	}
	pvefs_done(&s->answer);
	loop_at(s->timer, clock_boot_usec() + POLL_USEC);
	return 0;
}

void confsrc_close(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s)
		return;
	end_job(s);
	loop_del_io(s->timer);
	pvefs_done(&s->answer);
	for (size_t i = 0; i < s->n; i++)
		conf_done(&s->v[i]);
	free(s->v);
	free(s->version);
	free(s);
	c->conf = NULL;
}
