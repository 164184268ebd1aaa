/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "collect/pidfd.h"
#include "read/cgroup.h"
#include "read/ctlive.h"
#include "read/procfs.h"
#include "read/unixsock.h"

/*
 * The containers as the kernel shows them: lxc/<id> of the cgroup tree, by inotify (which
 * kernfs serves for *.events files) with polling behind it, and a pidfd of each init.
 */
#define OOM_NEAR_USEC (3 * USEC_PER_SEC)    /* kills so near before an end belong to it */
#define OOM_WAIT_USEC (300 * USEC_PER_MSEC) /* for the kernel's message about one */
/* Init is lxc-start until it has exec'ed: looked at again after so many ms, doubled. */
#define PROBE_FIRST_USEC (1 * USEC_PER_MSEC)
#define PROBE_MAX_USEC   (16 * USEC_PER_MSEC) /* of a young one, else a second */
#define PROBE_FOR_USEC   (30 * USEC_PER_SEC)

enum wd_kind { WD_DIR, WD_NS, WD_EVENTS, WD_MEMORY, WD_PIDS, WD_LXC, WD_KINDS };

struct wd {
	int wd;
	uint32_t vmid;
	enum wd_kind kind;
};

struct cgsrc {
	struct cgct **v; /* by vmid */
	size_t n, cap;
	struct wd *wds; /* by wd */
	size_t n_wds, cap_wds;
	int inotify, base_wd, lxc_wd;
	struct loop_io *io;
	struct ctlive live;
	char path[96]; /* /proc/self/fd/<rootfd>/sys/fs/cgroup */
	size_t slice;  /* of v: who is looked at next */
	uint64_t slice_boot_usec;
	bool began; /* the first look is over */
	bool look_again;
	struct collector *c;
};

/* ---- lists --------------------------------------------------------------------------
 */

static size_t place_of(const struct cgsrc *s, uint32_t vmid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid]->vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct cgct *cgsrc_find(const struct collector *c, uint32_t vmid)
{
	const struct cgsrc *s = c->cg;
	size_t i = s ? place_of(s, vmid) : 0;

	return s && i < s->n && s->v[i]->vmid == vmid ? s->v[i] : NULL;
}

struct cgct *cgsrc_at(const struct collector *c, size_t i)
{
	return c->cg && i < c->cg->n ? c->cg->v[i] : NULL;
}

static size_t wd_place(const struct cgsrc *s, int wd)
{
	size_t lo = 0, hi = s->n_wds;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->wds[mid].wd < wd)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void wd_add(struct cgsrc *s, int wd, uint32_t vmid, enum wd_kind kind)
{
	size_t i = wd_place(s, wd);

	if (i < s->n_wds && s->wds[i].wd == wd)
		return;
	GROW(s->wds, s->n_wds, s->cap_wds);
	memmove(&s->wds[i + 1], &s->wds[i], (s->n_wds - i) * sizeof(*s->wds));
	s->wds[i] = (struct wd){ wd, vmid, kind };
	s->n_wds++;
}

static void wd_forget(struct cgsrc *s, int wd)
{
	size_t i = wd_place(s, wd);

	if (i >= s->n_wds || s->wds[i].wd != wd)
		return;
	memmove(&s->wds[i], &s->wds[i + 1], (s->n_wds - i - 1) * sizeof(*s->wds));
	s->n_wds--;
}

static const struct wd *wd_find(const struct cgsrc *s, int wd)
{
	size_t i = wd_place(s, wd);

	return i < s->n_wds && s->wds[i].wd == wd ? &s->wds[i] : NULL;
}

/* ---- watches ------------------------------------------------------------------------
 */

static void watch(struct cgsrc *s, struct cgct *t, enum wd_kind kind)
{
	static const struct {
		const char *file;
		uint32_t mask;
	} what[WD_KINDS] = {
		[WD_DIR] = { "", IN_CREATE | IN_ONLYDIR },
		[WD_NS] = { "/ns/cgroup.events", IN_MODIFY },
		[WD_EVENTS] = { "/cgroup.events", IN_MODIFY },
		[WD_MEMORY] = { "/memory.events", IN_MODIFY },
		[WD_PIDS] = { "/pids.events", IN_MODIFY },
		/* PVE's mark of a reboot from inside appears there */
		[WD_LXC] = { "", IN_CREATE | IN_MOVED_TO | IN_ONLYDIR },
	};
	char path[192];

	if (t->wd[kind] >= 0)
		return;
	snprintf(path, sizeof(path), "%s/lxc/%u%s", s->path, t->vmid, what[kind].file);
	if (kind == WD_LXC)
		snprintf(path, sizeof(path), "/proc/self/fd/%d/var/lib/lxc/%u",
			 s->c->rootfd, t->vmid);
	t->wd[kind] = inotify_add_watch(s->inotify, path, what[kind].mask);
	if (t->wd[kind] >= 0)
		wd_add(s, t->wd[kind], t->vmid, kind);
	else if (errno == ENOSPC)
		loop_log(s->c->loop, 4, "watches",
			 "no more inotify watches (fs.inotify.max_user_watches): looked "
			 "at every ten seconds instead");
}

static void unwatch(struct cgsrc *s, struct cgct *t, enum wd_kind kind)
{
	if (t->wd[kind] < 0)
		return;
	(void)inotify_rm_watch(s->inotify, t->wd[kind]);
	wd_forget(s, t->wd[kind]);
	t->wd[kind] = -1;
}

/* ---- counters -----------------------------------------------------------------------
 */

/* What a counter grew by since it was last read, and its new value. */
static uint64_t grown(struct val *have, struct val now, bool first)
{
	uint64_t by = 0;

	if (now.kind != VAL_SET)
		return 0;
	if (have->kind == VAL_SET)
		by = num_sub(now.n, have->n);
	else if (!first)
		by = now.n;
	*have = now;
	return by;
}

static void limit_event(struct collector *c, struct cgct *t, enum event_type type,
			uint64_t times, uint64_t total, struct val current,
			struct val limit)
{
	struct lc_time now = collector_now();
	struct event *e = collector_event(c, type, ORIGIN_CGROUP, t->vmid, now);
	struct data d;

	collector_id(c, e, event_type_name(type), total);
	if (!data_open(&d))
		return;
	jw_val(d.w, type == EVENT_PIDS_LIMIT ? "current" : "current_bytes", current);
	jw_val(d.w, type == EVENT_PIDS_LIMIT ? "limit" : "limit_bytes", limit);
	jw_int(d.w, "times", times);
	data_close(&d, &e->data);
	if (type == EVENT_PIDS_LIMIT)
		incsrc_sign(c, t->vmid, INCIDENT_PIDS_LIMIT, e,
			    "at its limit of processes: %ju forks were refused",
			    (uintmax_t)times);
	else
		incsrc_sign(c, t->vmid, INCIDENT_MEMORY_LIMIT, e,
			    "at its memory limit, reclaiming again and again");
}

/*
 * At most one event of a kind in ten seconds: what comes meanwhile is counted in the next
 * one. A guest sits at its limit for hours.
 */
static bool due(struct cgct *t, enum limit_kind kind, uint64_t now, uint64_t grew,
		uint64_t *ret_times)
{
	t->pending[kind] += grew;
	if (!t->pending[kind] || (t->told[kind] && now < t->told[kind] + RECONCILE_USEC))
		return false;
	t->told[kind] = now;
	*ret_times = t->pending[kind];
	t->pending[kind] = 0;
	return true;
}

/* memory.events alone: it is read often, and all the rest only when something happened.
 */
static int read_events(const struct cgct *t, const char *file, char *buf, size_t cap,
		       size_t *ret_n)
{
	return t->dir < 0 ? -ENOENT : fs_read_once(t->dir, file, buf, cap, ret_n, NULL);
}

static void look_memory(struct collector *c, struct cgct *t, bool first)
{
	uint64_t now = clock_boot_usec(), kills, hits, times = 0;
	struct cg_memory m = { 0 };
	char buf[512];
	size_t n;
	bool tell;

	if (read_events(t, "memory.events", buf, sizeof(buf), &n) < 0 ||
	    cg_parse_memory_events(span_of(buf, n), &m) < 0)
		return;
	hits = grown(&t->max_events, m.events_max, first);
	kills = grown(&t->oom_kills, m.events_oom_kill, first);
	tell = due(t, LIMIT_MEMORY, now, hits, &times);
	if (kills || tell)
		(void)cg_read_memory(t->dir, true, &m, NULL);
	if (kills) {
		bool near = now < t->oom_boot_usec + OOM_NEAR_USEC;

		t->oom_near = (near ? t->oom_near : 0) + kills;
		t->oom_boot_usec = now;
		oom_kills_seen(c, t, kills, &m);
	}
	if (tell)
		limit_event(c, t, EVENT_MEMORY_LIMIT, times, t->max_events.n,
			    m.current_bytes, m.max_bytes);
}

static void look_pids(struct collector *c, struct cgct *t, bool first)
{
	struct span line, key;
	struct val max = { 0 };
	struct cg_pids p = { 0 };
	uint64_t hits, times = 0;
	char buf[128];
	size_t n;

	if (read_events(t, "pids.events", buf, sizeof(buf), &n) < 0)
		return;
	for (struct span text = span_of(buf, n); span_line(&text, &line);)
		if (span_field(&line, &key) && span_eq(key, "max") &&
		    num_parse_val(span_trim(line), &max) < 0)
			return;
	hits = grown(&t->pids_events, max, first);
	if (!due(t, LIMIT_PIDS, clock_boot_usec(), hits, &times))
		return;
	if (cg_read_pids(t->dir, &p, NULL) == 0)
		limit_event(c, t, EVENT_PIDS_LIMIT, times, p.events_max.n, p.current,
			    p.max);
}

static void look_frozen(struct collector *c, struct cgct *t)
{
	struct lc_time now = collector_now();
	struct cg_events ev = { 0 };
	struct event *e;
	struct data d;
	bool frozen;

	if (t->dir < 0 || !t->init || cg_read_events(t->dir, &ev, NULL) < 0 ||
	    ev.frozen.kind != VAL_SET)
		return;
	frozen = ev.frozen.n != 0;
	if (frozen == t->frozen)
		return;
	t->frozen = frozen;
	e = collector_event(c, frozen ? EVENT_FROZEN : EVENT_THAWED, ORIGIN_CGROUP,
			    t->vmid, now);
	collector_id(c, e, frozen ? "frozen" : "thawed", now.boot_usec);
	if (data_open(&d)) {
		static const char *const types[] = { "vzdump", "vzsnapshot",
						     "vzsuspend" };
		struct stop_task task =
			tasksrc_at_work(c, t->vmid, types, ARRAY_SIZE(types));

		if (!frozen && t->frozen_boot_usec)
			jw_int(d.w, "duration_usec",
			       num_sub(now.boot_usec, t->frozen_boot_usec));
		jw_str(d.w, "task", task.type);
		jw_str(d.w, "user", task.user);
		jw_str(d.w, "upid", task.upid);
		data_close(&d, &e->data);
	}
	t->frozen_boot_usec = frozen ? now.boot_usec : 0;
	if (!frozen)
		incsrc_over(c, t->vmid, INCIDENT_FROZEN, e->id);
}

/* ---- init ---------------------------------------------------------------------------
 */

static void tell_exit(struct collector *c, struct cgct *t, bool final)
{
	int value = 0;
	enum init_exit exit = pidfd_exit(t->pidfd, &value);

	lc_gone(&c->lc, t->vmid, t->ticks, exit, value,
		final || exit != INIT_EXIT_UNKNOWN, t->gone);
	if (exit == INIT_EXIT_SIGNAL && value == SIGKILL && t->oom_boot_usec &&
	    t->gone.boot_usec < t->oom_boot_usec + OOM_NEAR_USEC && kernsrc_is_there(c))
		lc_wait(&c->lc, t->vmid, t->gone.boot_usec + OOM_WAIT_USEC);
}

static void on_pidfd(void *arg, uint32_t events)
{
	struct cgct *t = arg;
	struct collector *c = t->c;

	if (!t->gone.boot_usec) {
		t->gone = collector_now();
		look_memory(c, t, false); /* before the cgroup is removed */
		spoolsrc_drain(c);
	}
	/* drained: the life may be over, and its watch with it */
	if (t->pidfd >= 0) {
		tell_exit(c, t, events & EPOLLHUP);
		/* a zombie stays readable: from now on only its burial is news */
		loop_set_io(t->io, 0);
		if (events & EPOLLHUP) {
			loop_del_io(t->io);
			t->io = NULL;
		}
	}
	collector_settle(c);
}

static void drop_init(struct cgct *t)
{
	loop_del_io(t->io);
	t->io = NULL;
	if (t->pidfd >= 0)
		close(t->pidfd);
	t->pidfd = -1;
	if (t->init) {
		t->last_init = t->init;
		t->last_ticks = t->ticks;
	}
	t->init = 0;
	t->ticks = 0;
	t->gone = (struct lc_time){ 0 };
	t->execed = false;
	t->frozen = false;
	t->probe_boot_usec = 0;
}

static int read_comm(struct collector *c, pid_t pid, char *ret, size_t cap)
{
	char path[40];
	size_t n = 0;
	int r;

	snprintf(path, sizeof(path), "proc/%d/comm", pid);
	r = fs_read_small(c->rootfd, path, ret, cap - 1, &n, NULL);
	ret[r < 0 ? 0 : n] = '\0';
	return r;
}

/* Until it execs, init is a copy of the monitor and has its name. */
static bool has_execed(struct collector *c, pid_t init, pid_t monitor, uint64_t age_usec)
{
	char a[64], b[64];

	if (!monitor || age_usec > PROBE_FOR_USEC)
		return true;
	if (read_comm(c, init, a, sizeof(a)) < 0)
		return false;
	return read_comm(c, monitor, b, sizeof(b)) == 0 && !str_eq(a, b);
}

/* When the process began, by its start time in ticks since boot. */
static struct lc_time began_at(uint64_t ticks, struct lc_time now)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t boot = num_muldiv(ticks, USEC_PER_SEC, hz ? hz : 100);
	struct lc_time t = { now.real_usec - num_sub(now.boot_usec, boot), boot };

	return boot <= now.boot_usec ? t : now;
}

static void hold_init(struct collector *c, struct cgct *t, const struct ct *ct,
		      int *pidfd)
{
	drop_init(t);
	t->init = ct->init_pid;
	t->ticks = ct->init_start_ticks;
	t->monitor = ct->monitor_pid;
	t->pidfd = take_fd(pidfd);
	t->since_boot_usec = clock_boot_usec();
	if (t->pidfd >= 0)
		t->io = loop_add_io(c->loop, t->pidfd, EPOLLIN, true, on_pidfd, t);
	watch(c->cg, t, WD_NS);
	look_memory(c, t, t->oom_kills.kind != VAL_SET);
	look_pids(c, t, t->pids_events.kind != VAL_SET);
}

/* Once for each life, also for one that went on while no collector ran. */
static void record(struct collector *c, struct cgct *t)
{
	const struct lc_ct *ct = lc_find(&c->lc, t->vmid);

	if (!ct || ct->phase != LC_UP || !ct->started || t->recorded_life == ct->life)
		return;
	t->recorded_life = ct->life;
	recorder_add(c, ct->vmid, ct->life);
	netsrc_started(c, ct);
}

static void tell_up(struct collector *c, struct cgct *t)
{
	struct lc_time now = collector_now();

	if (!t->execed)
		t->execed = has_execed(c, t->init, t->monitor,
				       now.boot_usec - t->since_boot_usec);
	lc_up(&c->lc, t->vmid, t->init, t->ticks, t->execed, began_at(t->ticks, now),
	      now);
	if (!t->execed) {
		bool young = now.boot_usec < t->since_boot_usec + 3 * USEC_PER_SEC;

		t->probe_usec = t->probe_boot_usec ? t->probe_usec * 2 : PROBE_FIRST_USEC;
		t->probe_usec = MIN(t->probe_usec, young ? PROBE_MAX_USEC : USEC_PER_SEC);
		t->probe_boot_usec = now.boot_usec + t->probe_usec;
	} else {
		t->probe_boot_usec = 0;
		record(c, t);
		look_frozen(c, t);
	}
}

/* Is there an init now? Asked whenever something moved. */
static void look_init(struct collector *c, struct cgct *t)
{
	static const struct facts_want want = { .no_config = true };
	_cleanup_close_ int hold = -1;
	struct ct ct = { .vmid = t->vmid };

	if (t->pidfd >= 0 && !pidfd_ended(t->pidfd)) {
		tell_up(c, t);
		return;
	}
	if (ctlive_read(&c->cg->live, &want, true, &ct, &hold, NULL) < 0 ||
	    !ct.init_pid || !ct.init_start_ticks) {
		ct_done(&ct);
		return;
	}
	if (ct.init_start_ticks != t->ticks || ct.init_pid != t->init) {
		hold_init(c, t, &ct, &hold);
		tell_up(c, t);
	}
	ct_done(&ct);
}

bool cgsrc_is_alive(struct collector *c, const struct lc_ct *ct)
{
	struct cgct *t = cgsrc_find(c, ct->vmid);
	char buf[1024];
	struct proc_stat st;

	if (t && t->pidfd >= 0 && t->ticks == ct->init_ticks)
		return !pidfd_ended(t->pidfd);
	if (!ct->init ||
	    procfs_read_stat(c->rootfd, ct->init, buf, sizeof(buf), &st, NULL) < 0)
		return false;
	return st.start_ticks == ct->init_ticks && st.state != 'Z' && st.state != 'X';
}

/* A hook says that it ended: what does the kernel say of how? */
void cgsrc_poll_exit(struct collector *c, uint32_t vmid)
{
	struct cgct *t = cgsrc_find(c, vmid);

	if (!t || t->pidfd < 0 || !pidfd_ended(t->pidfd))
		return;
	if (!t->gone.boot_usec) {
		t->gone = collector_now();
		look_memory(c, t, false);
	}
	tell_exit(c, t, false);
}

/* ---- the tree -----------------------------------------------------------------------
 */

static struct cgct *attach(struct collector *c, uint32_t vmid)
{
	struct cgsrc *s = c->cg;
	struct cgct *t = cgsrc_find(c, vmid);
	char path[96];
	size_t i;

	if (!t) {
		t = xcalloc(1, sizeof(*t));
		*t = (struct cgct){ .c = c, .vmid = vmid, .dir = -1, .pidfd = -1 };
		for (size_t k = 0; k < WD_KINDS; k++)
			t->wd[k] = -1;
		i = place_of(s, vmid);
		GROW(s->v, s->n, s->cap);
		memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(*s->v));
		s->v[i] = t;
		s->n++;
	}
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
	snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(c->rootfd), vmid);
	(void)fs_open(c->rootfd, path, O_PATH | O_DIRECTORY, &t->dir, NULL);
	for (size_t k = 0; k < WD_LXC; k++)
		unwatch(s, t, (enum wd_kind)k);
	/* another cgroup of that name: its counters begin at nothing */
	t->oom_kills = t->max_events = t->pids_events = (struct val){ 0 };
	if (s->began)
		t->oom_kills = t->max_events = t->pids_events = val_set(0);
	watch(s, t, WD_DIR);
	watch(s, t, WD_EVENTS);
	watch(s, t, WD_NS);
	watch(s, t, WD_MEMORY);
	watch(s, t, WD_PIDS);
	watch(s, t, WD_LXC);
	return t;
}

static void detach(struct collector *c, struct cgct *t)
{
	/* the mark of a reboot comes after it */
	for (size_t i = 0; i < WD_LXC; i++)
		unwatch(c->cg, t, (enum wd_kind)i);
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
}

static bool vmid_of(const char *name, uint32_t *ret)
{
	return *name != '0' && num_parse_u32(span_str(name), ret) == 0;
}

/* The same directory as the one that is held? A new one has another inode number. */
static bool same_dir(struct collector *c, const struct cgct *t)
{
	struct fs_stat a, b;
	char path[96];

	if (t->dir < 0)
		return false;
	snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(c->rootfd), t->vmid);
	return fs_stat(c->rootfd, path, false, &a, NULL) == 0 &&
	       fs_stat(t->dir, ".", false, &b, NULL) == 0 && a.ino == b.ino;
}

static void look(struct collector *c, uint32_t vmid)
{
	struct cgct *t = cgsrc_find(c, vmid);

	if (!t || !same_dir(c, t))
		t = attach(c, vmid);
	look_init(c, t);
	look_memory(c, t, t->oom_kills.kind != VAL_SET);
	look_pids(c, t, t->pids_events.kind != VAL_SET);
}

static void on_wd(struct collector *c, const struct inotify_event *e)
{
	struct cgsrc *s = c->cg;
	const struct wd *w;
	struct cgct *t;
	uint32_t vmid;

	if (e->mask & IN_Q_OVERFLOW) {
		cgsrc_reconcile(c);
		return;
	}
	if (e->wd == s->lxc_wd || e->wd == s->base_wd) {
		if (e->wd == s->base_wd || (e->mask & IN_IGNORED))
			cgsrc_reconcile(c);
		else if (e->len && vmid_of(e->name, &vmid) && (e->mask & IN_CREATE))
			look(c, vmid);
		else if (e->len && vmid_of(e->name, &vmid) && (t = cgsrc_find(c, vmid)) &&
			 !same_dir(c, t))
			detach(c, t);
		return;
	}
	w = wd_find(s, e->wd);
	t = w ? cgsrc_find(c, w->vmid) : NULL;
	if (!t)
		return;
	if (e->mask & IN_IGNORED) { /* the file is gone */
		t->wd[w->kind] = -1;
		wd_forget(s, e->wd);
	} else if (w->kind == WD_LXC) {
		if (e->len && str_eq(e->name, "reboot"))
			lc_rebooted(&c->lc, t->vmid, collector_now());
	} else if (w->kind == WD_MEMORY) {
		look_memory(c, t, false);
	} else if (w->kind == WD_PIDS) {
		look_pids(c, t, false);
	} else {
		watch(s, t, WD_NS);
		look_init(c, t);
		look_frozen(c, t);
	}
}

static void on_inotify(void *arg, uint32_t events)
{
	struct collector *c = arg;
	_uninit_ char buf[8192]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	(void)events;
	/* what hooks said of it came first */
	spoolsrc_drain(c);
	n = read(c->cg->inotify, buf, sizeof(buf));
	for (char *p = buf; n > 0 && p < buf + n;) {
		const struct inotify_event *e = (const void *)p;

		on_wd(c, e);
		p += sizeof(*e) + e->len;
	}
	collector_settle(c);
}

/* ---- reconciling --------------------------------------------------------------------
 */

static void watch_tree(struct cgsrc *s)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/lxc", s->path);
	s->lxc_wd = inotify_add_watch(
		s->inotify, path, IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR);
	if (s->lxc_wd < 0) /* no container since the boot: it will be made */
		s->base_wd =
			inotify_add_watch(s->inotify, s->path, IN_CREATE | IN_ONLYDIR);
	else if (s->base_wd >= 0) {
		(void)inotify_rm_watch(s->inotify, s->base_wd);
		s->base_wd = -1;
	}
}

/* A life that is believed to be up, or starting, and has nothing left of it. */
static void look_absent(struct collector *c, const uint32_t *socks, size_t n_socks)
{
	for (size_t i = 0; i < c->lc.n; i++) {
		const struct lc_ct *ct = &c->lc.v[i];
		bool up = ct->phase == LC_UP, pre = ct->phase == LC_PRESTART;

		if (up && !cgsrc_is_alive(c, ct) && ct->init_ticks) {
			struct cgct *t = cgsrc_find(c, ct->vmid);

			if (!t || t->ticks != ct->init_ticks || t->pidfd < 0)
				lc_absent(&c->lc, ct->vmid, collector_now());
		} else if (((up && !ct->init_ticks) || pre) &&
			   !unixsock_has(socks, n_socks, ct->vmid)) {
			lc_absent(&c->lc, ct->vmid, collector_now());
		}
	}
}

static void forget_gone(struct collector *c)
{
	struct cgsrc *s = c->cg;
	size_t w = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct cgct *t = s->v[i];
		const struct lc_ct *ct = lc_find(&c->lc, t->vmid);

		if (t->dir < 0 && (!ct || ct->phase == LC_DOWN)) {
			drop_init(t);
			oom_forget(t);
			unwatch(s, t, WD_LXC);
			free(t);
		} else {
			s->v[w++] = t;
		}
	}
	s->n = w;
}

void cgsrc_reconcile(struct collector *c)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	_cleanup_free_ uint32_t *socks = NULL;
	struct cgsrc *s = c->cg;
	size_t n_socks = 0;
	struct cgct *t;
	char path[96];
	uint32_t vmid;

	if (!s)
		return;
	watch_tree(s);
	ctlive_close(&s->live);
	if (ctlive_open(c->rootfd, &s->live, NULL) < 0)
		s->live = (struct ctlive){ .rootfd = c->rootfd,
					   .lxc_dir = -1,
					   .monitor_dir = -1 };
	snprintf(path, sizeof(path), "%s/lxc", cg_base(c->rootfd));
	(void)fs_list(c->rootfd, path, 1 << 16, &names, NULL);
	for (size_t i = 0; i < names.n; i++)
		if (vmid_of(names.v[i], &vmid) &&
		    (!s->began || !(t = cgsrc_find(c, vmid)) || t->dir < 0))
			look(c, vmid);
	s->began = true;
	if (unixsock_read_monitors(c->rootfd, c->o->live, &socks, &n_socks, NULL) == 0)
		look_absent(c, socks, n_socks);
	forget_gone(c);
}

/* ---- what the life cycle asks --------------------------------------------------------
 */

void cgsrc_started(struct collector *c, const struct lc_ct *ct)
{
	struct cgct *t = cgsrc_find(c, ct->vmid);

	/* the hook tells of an init that was not found yet */
	if (!t || t->ticks != ct->init_ticks)
		c->cg->look_again = true;
	if (t)
		t->recorded_life = ct->life;
	recorder_add(c, ct->vmid, ct->life);
	netsrc_started(c, ct);
}

void cgsrc_ended(struct collector *c, const struct lc_ct *ct)
{
	struct cgct *t = cgsrc_find(c, ct->vmid);

	recorder_remove(c, ct->vmid);
	if (t)
		t->oom_due_boot_usec = t->oom_pending ? 1 : 0;
	if (t && (t->ticks == ct->init_ticks || !ct->init_ticks))
		t->drop = true;
}

void cgsrc_evidence(struct collector *c, const struct lc_ct *ct, struct stop_evidence *ev)
{
	struct cgct *t = cgsrc_find(c, ct->vmid);
	uint64_t gone = ct->gone.boot_usec;
	struct fs_stat st;
	char path[64];

	if (t && t->oom_boot_usec && t->oom_boot_usec + OOM_NEAR_USEC > gone)
		ev->oom_kills = val_set(t->oom_near);
	if (t && t->oom_victim && t->oom_victim == ct->init)
		ev->oom_victim_init = true;
	ev->emptied = recorder_emptied(c, ct->vmid, gone);
	snprintf(path, sizeof(path), "var/lib/lxc/%u/reboot", ct->vmid);
	if (!ev->hook && fs_stat(c->rootfd, path, false, &st, NULL) == 0 &&
	    st.mtime_real_usec + 60 * USEC_PER_SEC > ct->gone.real_usec)
		ev->reboot_file = true;
}

/* What inotify may have missed: a hundredth of all, a hundred times in ten seconds. */
static void look_slice(struct collector *c, uint64_t now)
{
	struct cgsrc *s = c->cg;

	s->slice_boot_usec = now + RECONCILE_USEC / 100;
	for (size_t k = 0; k < s->n / 100 + 1 && s->n; k++) {
		struct cgct *t;

		s->slice = s->slice + 1 < s->n ? s->slice + 1 : 0;
		t = s->v[s->slice];
		if (t->dir >= 0 && !same_dir(c, t)) {
			detach(c, t);
			continue;
		}
		if (t->dir < 0)
			continue;
		look_init(c, t);
		look_memory(c, t, t->oom_kills.kind != VAL_SET);
		look_pids(c, t, t->pids_events.kind != VAL_SET);
		look_frozen(c, t);
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : MIN(a, b);
}

uint64_t cgsrc_due(struct collector *c, struct lc_time now)
{
	struct cgsrc *s = c->cg;
	uint64_t next = 0;

	if (!s)
		return 0;
	if (s->look_again) {
		s->look_again = false;
		for (size_t i = 0; i < c->lc.n; i++)
			if (c->lc.v[i].phase == LC_UP &&
			    (!cgsrc_find(c, c->lc.v[i].vmid) ||
			     cgsrc_find(c, c->lc.v[i].vmid)->ticks !=
				     c->lc.v[i].init_ticks))
				look(c, c->lc.v[i].vmid);
	}
	if (s->began && now.boot_usec >= s->slice_boot_usec)
		look_slice(c, now.boot_usec);
	next = s->began ? s->slice_boot_usec : 0;
	for (size_t i = 0; i < s->n; i++) {
		struct cgct *t = s->v[i];

		if (t->drop) {
			t->drop = false;
			drop_init(t);
		}
		if (t->probe_boot_usec && t->probe_boot_usec <= now.boot_usec)
			look_init(c, t);
		next = sooner(next, t->probe_boot_usec);
		next = sooner(next, oom_due(c, t, now.boot_usec));
	}
	return next;
}

int cgsrc_open(struct collector *c, struct err *err)
{
	struct cgsrc *s = xcalloc(1, sizeof(*s));

	c->cg = s;
	s->c = c;
	s->base_wd = s->lxc_wd = -1;
	s->live =
		(struct ctlive){ .rootfd = c->rootfd, .lxc_dir = -1, .monitor_dir = -1 };
	snprintf(s->path, sizeof(s->path), "/proc/self/fd/%d/%s", c->rootfd,
		 cg_base(c->rootfd));
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify < 0)
		return err_set(err, -errno, "inotify: %s", strerror(errno));
	s->io = loop_add_io(c->loop, s->inotify, EPOLLIN, false, on_inotify, c);
	return s->io ? 0 : err_set(err, -ENOMEM, "add the cgroups to the event loop");
}

void cgsrc_close(struct collector *c)
{
	struct cgsrc *s = c->cg;

	if (!s)
		return;
	loop_del_io(s->io);
	for (size_t i = 0; i < s->n; i++) {
		drop_init(s->v[i]);
		oom_forget(s->v[i]);
		if (s->v[i]->dir >= 0)
			close(s->v[i]->dir);
		free(s->v[i]);
	}
	if (s->inotify >= 0)
		close(s->inotify);
	ctlive_close(&s->live);
	free(s->v);
	free(s->wds);
	free(s);
	c->cg = NULL;
}
