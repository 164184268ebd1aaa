/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/collector.h"
#include "read/procfs.h"
#include "read/tasklog.h"
#include "read/vzdumplog.h"

/*
 * Who did it: PVE's list of running and latest tasks (facts: pve-node.md 6.2). `active`
 * is rewritten as a task begins, before it does anything; that it ended stands there only
 * when somebody looked, so a running task is one whose process is there.
 */
#define ACTIVE_PATH        "var/log/pve/tasks/active"
#define ACTIVE_MAX         ((size_t)256 << 10)
#define NEAR_SEC           3                    /* a task that ended so shortly before */
#define PAST_USEC          (600 * USEC_PER_SEC) /* older ones are not told at the start */
#define KEEP_TASKS         256
#define DEAD_BEFORE        1 /* dead_boot_usec of one that had ended when we began */
#define PAST_AT_START_USEC (15 * USEC_PER_SEC)

struct known {
	struct upid upid;
	uint32_t vmid; /* 0: of several, or the node */
	bool alive;
	bool tell_begin, tell_end; /* events that are due: see tasksrc_settle() */
	bool ended_told;
	uint64_t dead_boot_usec;  /* when we saw that it is no more; 0: not yet */
	uint64_t used_life;       /* the life whose end it explained */
	struct val end_real_usec; /* as the list has it, whole seconds */
	char *status;
};

struct tasksrc {
	struct known *v; /* oldest first */
	size_t n, cap;
	int inotify, wd;
	struct loop_io *io;
	struct fs_stat seen;
	bool began, due;
	struct tasks past; /* of the index too, as it was at past_boot_usec */
	uint64_t past_boot_usec, opened_boot_usec;
};

static void known_done(struct known *k)
{
	upid_done(&k->upid);
	free(k->status);
}

static struct known *find(struct tasksrc *s, const char *upid)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i].upid.text, upid))
			return &s->v[i];
	return NULL;
}

/* A time of the list, now or not long ago. */
static struct lc_time past(struct lc_time now, uint64_t real_usec)
{
	uint64_t ago = num_sub(now.real_usec, real_usec);

	return (struct lc_time){ now.real_usec - ago,
				 now.boot_usec - MIN(ago, now.boot_usec) };
}

/*
 * The list says when somebody noticed, up to ten seconds late (facts: pve-node.md 6.2), and
 * in whole seconds; the last change of the log is nearer. Its text we may not read.
 */
static struct lc_time ended_at(struct collector *c, const struct known *k)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	struct lc_time now = collector_now();
	uint64_t end = now.real_usec;
	struct fs_stat st;

	if (k->end_real_usec.kind == VAL_SET &&
	    k->end_real_usec.n + 2 * USEC_PER_SEC < end)
		end = k->end_real_usec.n + USEC_PER_SEC;
	tasklog_path(&k->upid, &path);
	if (fs_stat(c->rootfd, buf_str(&path), true, &st, NULL) == 0 &&
	    st.mtime_real_usec >= k->upid.start_real_usec)
		end = MIN(end, st.mtime_real_usec);
	return past(now, MAX(end, k->upid.start_real_usec));
}

static void task_event(struct collector *c, const struct known *k, bool end)
{
	struct lc_time when = end ? ended_at(c, k) : collector_now();
	struct event *e;
	struct data d;

	/* of a container: PVE's own types for them, or one that we know */
	if (!k->vmid ||
	    (!span_starts(span_str(k->upid.type), "vz") && !lc_find(&c->lc, k->vmid)))
		return;
	if (!end && k->upid.start_real_usec + PAST_USEC > when.real_usec)
		when = past(when, k->upid.start_real_usec); /* whole seconds */
	e = collector_event(c, EVENT_TASK, ORIGIN_TASK, k->vmid, when);
	snprintf(e->id, sizeof(e->id), "task-%u-%x-%jx-%jx-%s", k->vmid, k->upid.pid,
		 (uintmax_t)k->upid.pstart_ticks,
		 (uintmax_t)(k->upid.start_real_usec / USEC_PER_SEC),
		 end ? "end" : "begin");
	if (!data_open(&d))
		return;
	jw_str(d.w, "task", k->upid.type);
	jw_str(d.w, "state", end ? "end" : "begin");
	jw_str(d.w, "user", k->upid.user);
	jw_str(d.w, "upid", k->upid.text);
	if (end)
		jw_str(d.w, "status", k->status);
	data_close(&d, &e->data);
}

static void check_alive(struct collector *c, struct known *k)
{
	if (!k->alive || task_alive(c->rootfd, &k->upid) != 0)
		return;
	k->alive = false;
	k->dead_boot_usec = clock_boot_usec();
}

static void forget_old(struct tasksrc *s)
{
	size_t w = 0, spare = s->n > KEEP_TASKS ? s->n - KEEP_TASKS : 0;

	for (size_t i = 0; i < s->n; i++) {
		if (spare && !s->v[i].alive) {
			known_done(&s->v[i]);
			spare--;
		} else {
			s->v[w++] = s->v[i];
		}
	}
	s->n = w;
}

static bool failed(const char *status)
{
	return !str_eq(status, "OK") && !span_starts(span_str(status), "WARNINGS");
}

static void take_task(struct collector *c, struct task *t)
{
	struct tasksrc *s = c->tasks;
	struct known *k = find(s, t->upid.text);
	uint64_t now = clock_real_usec();

	if (!k) {
		GROW(s->v, s->n, s->cap);
		k = &s->v[s->n++];
		*k = (struct known){ .upid = t->upid, .alive = true };
		t->upid = (struct upid){ 0 };
		if (num_parse_u32(span_str(k->upid.id), &k->vmid) < 0)
			k->vmid = 0;
		check_alive(c, k);
		/* one that had ended before we first looked explains nothing now */
		if (!s->began && !k->alive)
			k->dead_boot_usec = DEAD_BEFORE;
		if (k->upid.start_real_usec + PAST_USEC > now)
			k->tell_begin = true;
		else
			k->ended_told = true;
	}
	if (t->status && !k->status) {
		k->status = take_ptr(t->status);
		k->end_real_usec = t->noticed_real_usec;
	}
	if (k->status && k->alive) { /* it says so itself */
		k->alive = false;
		k->dead_boot_usec = clock_boot_usec();
	}
	if (k->status && !k->ended_told) {
		k->ended_told = true;
		k->tell_end = true;
	}
}

/*
 * Its UPID has whole seconds, and to the tick when its process began: mostly the same. Not
 * before the end of that tick, or a start right after a failed one passes for that.
 */
static struct lc_time began_at(const struct known *k)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), real = k->upid.start_real_usec;
	uint64_t ticks =
		num_muldiv(k->upid.pstart_ticks + 1, USEC_PER_SEC, hz ? hz : 100);
	struct lc_time now = collector_now();
	uint64_t boot = num_sub(now.boot_usec, num_sub(now.real_usec, real));

	return (struct lc_time){ real, ticks + USEC_PER_SEC > boot ? ticks : boot };
}

/* What a task that began or ended means for others. */
static void settle_others(struct collector *c, const struct known *k)
{
	const struct ended_task ended = { k->upid.start_real_usec, k->upid.user,
					  k->upid.text, k->status };
	bool well = k->status && !failed(k->status);

	if (!k->tell_begin && !k->tell_end)
		return;
	confsrc_look(c);
	if (!k->vmid)
		return;
	/* it may come after the end that it explains */
	if (k->tell_begin &&
	    (cause_task_stops(k->upid.type) || str_eq(k->upid.type, "vzdump")))
		lc_learned(&c->lc, k->vmid, ORIGIN_TASK, collector_now());
	if (!k->tell_end)
		return;
	/* of one that had ended before we looked, the configs tell */
	if (well && k->dead_boot_usec != DEAD_BEFORE &&
	    str_eq(k->upid.type, "vzrollback"))
		confsrc_rolled_back(c, k->vmid, &ended);
	if (str_eq(k->upid.type, "vzdump"))
		confsrc_backed_up(c, k->vmid, &ended);
}

/*
 * The list is also looked at while an event of another source is being made: what it has
 * to tell comes after that.
 */
void tasksrc_settle(struct collector *c)
{
	struct tasksrc *s = c->tasks;

	if (!s || !s->due)
		return;
	s->due = false;
	for (size_t i = 0; i < s->n; i++) {
		/* others look at the list, too, which may grow and move */
		struct known k = s->v[i];

		s->v[i].tell_begin = s->v[i].tell_end = false;
		if (k.tell_begin)
			task_event(c, &k, false);
		if (k.tell_end)
			task_event(c, &k, true);
		settle_others(c, &k);
		if (k.tell_end && k.vmid && str_eq(k.upid.type, "vzstart") &&
		    failed(k.status))
			lc_start_failed(&c->lc, k.vmid, began_at(&k), ended_at(c, &k));
	}
}

/* Only when the file changed: it is replaced, so its inode tells. */
static void look(struct collector *c)
{
	_cleanup_(tasks_done) struct tasks tasks = { 0 };
	_cleanup_(buf_done) struct buf text = { 0 };
	struct tasksrc *s = c->tasks;
	struct fs_stat st = { 0 };

	if (fs_stat(c->rootfd, ACTIVE_PATH, false, &st, NULL) < 0 ||
	    (st.ino == s->seen.ino && st.mtime_real_usec == s->seen.mtime_real_usec &&
	     st.size_bytes == s->seen.size_bytes))
		return;
	if (fs_read_file(c->rootfd, ACTIVE_PATH, ACTIVE_MAX, &text, NULL) < 0)
		return;
	s->seen = st;
	taskindex_parse(span_of(text.p, text.n), true, false, &tasks);
	for (size_t i = tasks.n; i-- > 0;) /* newest first in the file */
		take_task(c, &tasks.v[i]);
	s->began = s->due = true;
}

static void on_inotify(void *arg, uint32_t events)
{
	struct collector *c = arg;
	_uninit_ char buf[4096];

	(void)events;
	while (read(c->tasks->inotify, buf, sizeof(buf)) > 0)
		;
	look(c);
	collector_settle(c);
}

void tasksrc_reconcile(struct collector *c)
{
	struct tasksrc *s = c->tasks;
	char path[64];

	if (!s)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/var/log/pve/tasks", c->rootfd);
	s->wd = inotify_add_watch(s->inotify, path,
				  IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
	look(c);
	for (size_t i = 0; i < s->n; i++)
		check_alive(c, &s->v[i]);
	tasksrc_settle(c);
	forget_old(s);
}

static struct stop_task as_task(const struct known *k)
{
	return (struct stop_task){ .type = k->upid.type,
				   .user = k->upid.user,
				   .upid = k->upid.text,
				   .all = !k->vmid };
}

struct stop_task tasksrc_at_work(struct collector *c, uint32_t vmid,
				 const char *const *types, size_t n)
{
	struct tasksrc *s = c->tasks;

	if (!s)
		return (struct stop_task){ 0 };
	look(c);
	for (size_t i = s->n; i-- > 0;) {
		struct known *k = &s->v[i];
		bool match = !types;

		for (size_t t = 0; t < n && !match; t++)
			match = str_eq(types[t], k->upid.type);
		if (!match || (k->vmid && k->vmid != vmid) || (!k->vmid && *k->upid.id))
			continue;
		check_alive(c, k);
		if (k->alive)
			return as_task(k);
	}
	return (struct stop_task){ 0 };
}

const char *tasksrc_start_status(struct collector *c, uint32_t vmid,
				 uint64_t since_real_usec)
{
	struct tasksrc *s = c->tasks;

	for (size_t i = s ? s->n : 0; i-- > 0;) {
		const struct known *k = &s->v[i];

		if (k->vmid != vmid || !str_eq(k->upid.type, "vzstart"))
			continue;
		/* the newest is this start's: one that is at work says nothing yet */
		return k->status && failed(k->status) &&
				       k->upid.start_real_usec + 2 * USEC_PER_SEC >
					       since_real_usec
			       ? k->status
			       : NULL;
	}
	return NULL;
}

/* What was at work a while ago: the index goes further back than what we saw ourselves. */
static const struct tasks *read_past(struct collector *c)
{
	uint64_t now = clock_boot_usec();
	struct tasksrc *s = c->tasks;

	if (!s->past_boot_usec || now > s->past_boot_usec + 5 * USEC_PER_SEC) {
		tasks_done(&s->past);
		(void)tasks_read(c->rootfd, &(struct tasks_want){ 0 }, &s->past, NULL);
		s->past_boot_usec = now;
	}
	return &s->past;
}

static struct stop_task as_past(const struct task *t)
{
	return (struct stop_task){ .type = t->upid.type,
				   .user = t->upid.user,
				   .upid = t->upid.text,
				   .all = !*t->upid.id };
}

static const struct task *find_past(struct collector *c, const struct task_find *f)
{
	const struct tasks *past = read_past(c);

	for (size_t i = 0; i < past->n; i++) {
		const struct task *t = &past->v[i];
		/* one whose end nobody knows may have ended at once */
		uint64_t end = t->state == TASK_RUNNING ? UINT64_MAX
			       : t->end_real_usec.kind == VAL_SET
				       ? t->end_real_usec.n
				       : t->upid.start_real_usec;

		if (f->done && t->state != TASK_OK && t->state != TASK_WARNINGS)
			continue;
		if (t->upid.start_real_usec <= f->until_real_usec &&
		    end >= num_sub(f->since_real_usec, NEAR_SEC * USEC_PER_SEC) &&
		    upid_is_about(&t->upid, f->vmid) && f->fits(f->arg, t->upid.type))
			return t;
	}
	return NULL;
}

/*
 * The last stopall of an earlier boot, in a life that went on until then: pve-guests runs
 * it as root@pam when the node goes down, and it is nobody's who logs in by another name.
 */
static const struct task *find_shutdown(struct collector *c, const struct lc_ct *ct)
{
	uint64_t booted = num_sub(clock_real_usec(), clock_boot_usec());
	const struct tasks *past = read_past(c);

	for (size_t i = 0; i < past->n; i++) {
		const struct upid *u = &past->v[i].upid;

		if (u->start_real_usec < booted &&
		    u->start_real_usec + USEC_PER_SEC > ct->up.real_usec && !*u->id &&
		    str_eq(u->type, "stopall"))
			return str_eq(u->user, "root@pam") ? &past->v[i] : NULL;
	}
	return NULL;
}

struct stop_task tasksrc_find(struct collector *c, const struct task_find *f)
{
	uint64_t now = clock_boot_usec();
	struct tasksrc *s = c->tasks;

	if (!s)
		return (struct stop_task){ 0 };
	if (f->since_real_usec) {
		const struct task *t = find_past(c, f);

		return t ? as_past(t) : (struct stop_task){ 0 };
	}
	look(c);
	for (size_t i = s->n; i-- > 0;) {
		struct known *k = &s->v[i];

		if (k->vmid != f->vmid || !f->fits(f->arg, k->upid.type))
			continue;
		check_alive(c, k);
		if (k->alive || k->dead_boot_usec + 2 * NEAR_SEC * USEC_PER_SEC > now)
			return as_task(k);
	}
	return (struct stop_task){ 0 };
}

/*
 * Was the task at work when the container ended? It is still, or ended only just. One
 * that explained the end of an earlier life and is no more explains no other.
 */
static bool explains(struct collector *c, struct known *k, const struct lc_ct *ct)
{
	check_alive(c, k);
	if (k->upid.start_real_usec > ct->gone.real_usec + USEC_PER_SEC)
		return false;
	if (k->alive)
		return true;
	return (!k->used_life || k->used_life == ct->life) &&
	       k->dead_boot_usec + NEAR_SEC * USEC_PER_SEC > ct->gone.boot_usec &&
	       k->upid.start_real_usec + USEC_PER_SEC > ct->up.real_usec;
}

/* stopall is the node's own when it comes out of pve-guests.service. */
static bool of_shutdown(struct collector *c, const struct known *k)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	char path[48];

	snprintf(path, sizeof(path), "proc/%u/cgroup", k->upid.pid);
	return str_eq(k->upid.type, "stopall") &&
	       fs_read_file(c->rootfd, path, 8192, &text, NULL) == 0 &&
	       span_find(span_of(text.p, text.n), "/pve-guests.service") != NULL;
}

static bool node_goes_down(struct collector *c)
{
	/* systemd-user-sessions makes it when it stops; one that is old is somebody's */
	struct fs_stat st;

	return fs_stat(c->rootfd, "run/nologin", false, &st, NULL) == 0 &&
	       st.mtime_real_usec + 600 * USEC_PER_SEC > clock_real_usec();
}

/*
 * Is that job at work on this container, or was it only just, and how? The log is
 * overwritten by each backup: one of before says nothing.
 */
static enum backup_mode dump_mode(struct collector *c, const struct known *k,
				  const struct lc_ct *ct)
{
	_cleanup_(vzdump_log_done) struct vzdump_log log = { 0 };
	enum backup_mode otherwise = k->vmid || confsrc_is_locked(c, ct->vmid)
					     ? BACKUP_MODE_UNKNOWN
					     : BACKUP_NONE;

	if (vzdump_log_read(c->rootfd, ct->vmid, &log, NULL) < 0 ||
	    log.begun_real_usec + USEC_PER_SEC < k->upid.start_real_usec)
		return otherwise;
	if (log.ended &&
	    log.ended_real_usec + NEAR_SEC * USEC_PER_SEC < ct->gone.real_usec)
		return BACKUP_NONE;
	return str_eq(log.mode, "stop") ? BACKUP_STOP
	       : *log.mode              ? BACKUP_LIVE
					: BACKUP_MODE_UNKNOWN;
}

static bool stops(const void *arg, const char *type)
{
	(void)arg;
	return cause_task_stops(type);
}

/* It ended while no collector ran: a task of then that went well. */
static void past_evidence(struct collector *c, const struct lc_ct *ct,
			  struct stop_evidence *ev)
{
	const struct task_find find = { .vmid = ct->vmid,
					.since_real_usec = MAX(ct->up.real_usec,
							       confsrc_last_known(c)),
					.until_real_usec = ct->gone.real_usec,
					.done = true,
					.fits = stops };

	const struct task *t, *all = NULL;

	/* one that began since was seen: no task of before ended it */
	if (ev->hook || !find.since_real_usec ||
	    ct->up.boot_usec >= c->tasks->opened_boot_usec ||
	    clock_boot_usec() >= c->tasks->opened_boot_usec + PAST_AT_START_USEC)
		return;
	t = find_past(c, &find);
	if (ev->node_booted)
		all = find_shutdown(c, ct);
	/* what stopall asks for are tasks of their own */
	if (all && (!t || t->upid.start_real_usec >= all->upid.start_real_usec))
		t = all;
	if (t)
		ev->task = as_past(t);
}

/* False: that was the last one to be looked at. */
static bool add_evidence(struct collector *c, struct known *k, const struct lc_ct *ct,
			 struct stop_evidence *ev)
{
	if (str_eq(k->upid.type, "vzdump")) {
		enum backup_mode mode = ev->dump.type ? BACKUP_NONE : dump_mode(c, k, ct);

		if (mode == BACKUP_NONE)
			return true;
		ev->dump = as_task(k);
		ev->backup = mode;
	} else if (of_shutdown(c, k)) {
		ev->node_down = true;
		ev->task = as_task(k);
		k->used_life = ct->life;
		return false;
	} else if (!ev->task.type && cause_task_stops(k->upid.type)) {
		ev->task = as_task(k);
		if (k->vmid)
			k->used_life = ct->life;
	} else if (ev->start_failed && !ev->task.type &&
		   str_eq(k->upid.type, "vzstart")) {
		ev->task = as_task(k);
	}
	return true;
}

void tasksrc_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev)
{
	struct tasksrc *s = c->tasks;

	if (!s)
		return;
	look(c);
	ev->node_down = node_goes_down(c);
	for (size_t i = s->n; i-- > 0;) {
		struct known *k = &s->v[i];

		if ((k->vmid && k->vmid != ct->vmid) || (!k->vmid && *k->upid.id) ||
		    !explains(c, k, ct))
			continue;
		if (!add_evidence(c, k, ct, ev))
			return;
	}
	if (!ev->task.type && !ev->dump.type)
		past_evidence(c, ct, ev);
}

int tasksrc_open(struct collector *c, struct err *err)
{
	struct tasksrc *s = xcalloc(1, sizeof(*s));

	c->tasks = s;
	s->opened_boot_usec = clock_boot_usec();
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify < 0) { /* looked at every ten seconds, and when one ends */
		loop_log(c->loop, 4, "tasks", "tasks are not watched: %s",
			 strerror(errno));
		return 0;
	}
	s->io = loop_add_io(c->loop, s->inotify, EPOLLIN, true, on_inotify, c);
	return s->io ? 0 : err_set(err, -ENOMEM, "add the tasks to the event loop");
}

void tasksrc_close(struct collector *c)
{
	struct tasksrc *s = c->tasks;

	if (!s)
		return;
	loop_del_io(s->io);
	if (s->inotify >= 0)
		close(s->inotify);
	for (size_t i = 0; i < s->n; i++)
		known_done(&s->v[i]);
	tasks_done(&s->past);
	free(s->v);
	free(s);
	c->tasks = NULL;
}
