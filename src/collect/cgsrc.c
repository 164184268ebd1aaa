/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "read/cgroup.h"
#include "read/ctlive.h"
#include "read/unixsock.h"

/*
 * The containers as the kernel shows them: lxc/<id> of the cgroup tree, by inotify (which
 * kernfs serves for *.events files) with polling behind it, and a pidfd of each init.
 */
#define SLICES     10 /* so many looks at a part of the containers are one at all */
#define SLICE_USEC (RECONCILE_USEC / SLICES)

struct wd {
	int wd;
	uint32_t vmid;
	enum cgwd kind;
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
	unsigned round;            /* of reconciling */
	bool blind;                /* said that there are not watches enough */
	uint64_t looked_boot_usec; /* at all, as notifications were lost */
	uint64_t lost;             /* notifications, since that was told */
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

static void wd_add(struct cgsrc *s, int wd, uint32_t vmid, enum cgwd kind)
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

/* ENOENT and the like are ordinary: then there is nothing to watch. */
static void no_watches(struct cgsrc *s, int e)
{
	if (e != ENOSPC && e != ENOMEM && e != EBADF)
		return;
	loop_log(s->c->loop, 4, "watches",
		 "no more inotify watches (fs.inotify.max_user_watches, "
		 "max_user_instances): looked at every ten seconds instead");
	if (!s->blind)
		collector_say(s->c, "lost",
			      "no more inotify watches: what is not watched is looked at "
			      "every ten seconds",
			      0);
	s->blind = true;
}

static void watch(struct cgsrc *s, struct cgct *t, enum cgwd kind)
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
	else
		no_watches(s, errno);
}

void cgsrc_watch_again(struct collector *c, struct cgct *t)
{
	watch(c->cg, t, WD_NS);
	watch(c->cg, t, WD_MEMORY);
	watch(c->cg, t, WD_PIDS);
}

const struct ctlive *cgsrc_live(const struct collector *c)
{
	return &c->cg->live;
}

static void unwatch(struct cgsrc *s, struct cgct *t, enum cgwd kind)
{
	if (t->wd[kind] < 0)
		return;
	(void)inotify_rm_watch(s->inotify, t->wd[kind]);
	wd_forget(s, t->wd[kind]);
	t->wd[kind] = -1;
}

/* ---- the tree -----------------------------------------------------------------------
 */

static struct cgct *attach(struct collector *c, uint32_t vmid)
{
	struct cgsrc *s = c->cg;
	struct cgct *t = cgsrc_find(c, vmid);
	struct stat st;
	char path[96];
	size_t i;

	if (!t) {
		t = xcalloc(1, sizeof(*t));
		*t = (struct cgct){
			.c = c, .vmid = vmid, .dir = -1, .events = -1, .pidfd = -1
		};
		for (size_t k = 0; k < WD_KINDS; k++)
			t->wd[k] = -1;
		i = place_of(s, vmid);
		GROW(s->v, s->n, s->cap);
		memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(*s->v));
		s->v[i] = t;
		s->n++;
	}
	cgct_let_go(t);
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
	snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(c->rootfd), vmid);
	(void)fs_open(c->rootfd, path, O_PATH | O_DIRECTORY, &t->dir, NULL);
	t->ino = t->dir >= 0 && fstat(t->dir, &st) == 0 ? st.st_ino : 0;
	for (size_t k = 0; k < WD_LXC; k++)
		unwatch(s, t, (enum cgwd)k);
	/* another cgroup of that name: its counters begin at nothing */
	t->oom_kills = t->max_events = t->pids_events = (struct val){ 0 };
	t->own_max_events = (struct val){ 0 };
	t->memory_boot_usec = t->pids_boot_usec = 0;
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
		unwatch(c->cg, t, (enum cgwd)i);
	cgct_let_go(t);
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
	int lxc = c->cg->live.lxc_dir; /* opened anew at each reconciling */
	struct fs_stat now;
	char path[96];

	if (t->dir < 0)
		return false;
	snprintf(path, sizeof(path), "%u", t->vmid);
	if (lxc < 0)
		snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(c->rootfd), t->vmid);
	return fs_stat(lxc < 0 ? c->rootfd : lxc, path, false, &now, NULL) == 0 &&
	       now.ino == t->ino;
}

void cgsrc_look(struct collector *c, uint32_t vmid)
{
	struct cgct *t = cgsrc_find(c, vmid);

	if (!c->cg)
		return;
	if (!t || !same_dir(c, t))
		t = attach(c, vmid);
	cgct_look_init(c, t);
	cgct_look_memory(c, t, t->oom_kills.kind != VAL_SET);
	cgct_look_pids(c, t, t->pids_events.kind != VAL_SET);
}

static void on_wd(struct collector *c, const struct inotify_event *e)
{
	struct cgsrc *s = c->cg;
	const struct wd *w;
	struct cgct *t;
	uint32_t vmid;

	if (e->mask & IN_Q_OVERFLOW) {
		s->lost++;
		return;
	}
	if (e->wd == s->lxc_wd || e->wd == s->base_wd) {
		if (e->wd == s->base_wd || (e->mask & IN_IGNORED))
			cgsrc_reconcile(c);
		else if (e->len && vmid_of(e->name, &vmid) && (e->mask & IN_CREATE))
			cgsrc_look(c, vmid);
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
		cgct_look_memory(c, t, false);
	} else if (w->kind == WD_PIDS) {
		cgct_look_pids(c, t, false);
	} else {
		watch(s, t, WD_NS);
		cgct_look_init(c, t);
		cgct_look_frozen(c, t);
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
	if (s->lxc_wd < 0)
		no_watches(s, errno);
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

		if (up && ct->init_ticks) {
			struct cgct *t = cgsrc_find(c, ct->vmid);

			/* else the event loop tells */
			if ((!t || t->ticks != ct->init_ticks || t->pidfd < 0) &&
			    !cgsrc_is_alive(c, ct))
				lc_absent(&c->lc, ct->vmid, collector_now());
		} else if ((up || pre) && !unixsock_has(socks, n_socks, ct->vmid)) {
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

		if (t->dir < 0 && !t->oom_pending && (!ct || ct->phase == LC_DOWN)) {
			cgct_drop_init(t);
			oom_forget(t);
			unwatch(s, t, WD_LXC);
			free(t->pressure_data);
			free(t);
		} else {
			s->v[w++] = t;
		}
	}
	s->n = w;
}

#define MAX_LISTED (1 << 16)

struct listing {
	struct listed {
		uint32_t vmid;
		uint64_t ino;
	} * v;
	size_t n, cap;
};

static int add_listed(const char *name, uint64_t ino, void *arg)
{
	struct listing *l = arg;
	uint32_t vmid;

	if (!vmid_of(name, &vmid))
		return 0;
	if (l->n >= MAX_LISTED)
		return -EFBIG;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct listed){ vmid, ino };
	return 0;
}

/*
 * What inotify may have missed: who is there now, who is not any more, and whose directory
 * is another one. One list says it of all.
 */
static void look_tree(struct collector *c)
{
	struct cgsrc *s = c->cg;
	struct listing l = { 0 };
	struct cgct *t;
	char path[96];

	s->round++;
	snprintf(path, sizeof(path), "%s/lxc", cg_base(c->rootfd));
	(void)fs_each_ino(c->rootfd, path, add_listed, &l, NULL);
	for (size_t i = 0; i < l.n; i++) {
		t = cgsrc_find(c, l.v[i].vmid);
		if (!s->began || !t || t->dir < 0 ||
		    (t->ino != l.v[i].ino && !same_dir(c, t)))
			cgsrc_look(c, l.v[i].vmid);
		if ((t = cgsrc_find(c, l.v[i].vmid)))
			t->listed = s->round;
	}
	for (size_t i = 0; (t = cgsrc_at(c, i)); i++)
		if (t->dir >= 0 && t->listed != s->round && !same_dir(c, t))
			detach(c, t);
	free(l.v);
}

void cgsrc_reconcile(struct collector *c)
{
	_cleanup_free_ uint32_t *socks = NULL;
	struct cgsrc *s = c->cg;
	size_t n_socks = 0;

	if (!s)
		return;
	watch_tree(s);
	ctlive_close(&s->live);
	if (ctlive_open(c->rootfd, &s->live, NULL) < 0)
		s->live = (struct ctlive){ .rootfd = c->rootfd,
					   .lxc_dir = -1,
					   .monitor_dir = -1 };
	look_tree(c);
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
	recorder_add(c, ct->vmid, ct->life);
	netsrc_started(c, ct);
	if (!t)
		return;
	t->recorded_life = ct->life;
	if (t->ticks == ct->init_ticks)
		cgct_look_frozen(c, t);
}

void cgsrc_ended(struct collector *c, const struct lc_ct *ct)
{
	struct cgct *t = cgsrc_find(c, ct->vmid);

	recorder_remove(c, ct->vmid);
	if (t)
		oom_ended(t);
	if (t && (t->ticks == ct->init_ticks || !ct->init_ticks))
		t->drop = true;
}

static void look_at(struct collector *c, struct cgct *t)
{
	if (t->dir < 0)
		return;
	for (size_t k = 0; c->cg->blind && k < WD_KINDS; k++)
		watch(c->cg, t, (enum cgwd)k); /* there may be room again */
	cgct_look_again(c, t);
	cgct_look_memory(c, t, t->oom_kills.kind != VAL_SET);
	cgct_look_pids(c, t, t->pids_events.kind != VAL_SET);
	/* else it was asked as soon as init was known to run */
	if (t->pidfd < 0)
		cgct_look_frozen(c, t);
}

/* What inotify may have missed: some of all, so often that all are seen in ten seconds. */
static void look_slice(struct collector *c, uint64_t now)
{
	struct cgsrc *s = c->cg;

	s->slice_boot_usec = clock_off_beat(now, SLICE_USEC);
	for (size_t k = 0; k < s->n / SLICES + 1 && s->n; k++) {
		s->slice = s->slice + 1 < s->n ? s->slice + 1 : 0;
		look_at(c, s->v[s->slice]);
	}
}

/* Notifications were lost: everything is looked at, once a second at most. */
static void look_all(struct collector *c, uint64_t now)
{
	struct cgsrc *s = c->cg;

	s->looked_boot_usec = now;
	collector_say(c, "lost", "inotify: notifications were lost, all is looked at",
		      s->lost);
	s->lost = 0;
	cgsrc_reconcile(c);
	for (size_t i = 0; i < s->n; i++)
		look_at(c, s->v[i]);
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
				cgsrc_look(c, c->lc.v[i].vmid);
	}
	if (s->lost && now.boot_usec >= s->looked_boot_usec + USEC_PER_SEC)
		look_all(c, now.boot_usec);
	if (s->began && now.boot_usec >= s->slice_boot_usec)
		look_slice(c, now.boot_usec);
	next = s->began ? s->slice_boot_usec : 0;
	for (size_t i = 0; i < s->n; i++) {
		struct cgct *t = s->v[i];

		if (t->drop) {
			t->drop = false;
			cgct_drop_init(t);
		}
		if (t->probe_boot_usec && t->probe_boot_usec <= now.boot_usec)
			cgct_look_init(c, t);
		next = sooner(next, t->probe_boot_usec);
		if (t->oom_pending)
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
	if (s->inotify < 0) {
		no_watches(s, ENOSPC);
		return 0;
	}
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
		cgct_drop_init(s->v[i]);
		oom_forget(s->v[i]);
		cgct_let_go(s->v[i]);
		if (s->v[i]->dir >= 0)
			close(s->v[i]->dir);
		free(s->v[i]->pressure_data);
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
