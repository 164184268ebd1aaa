/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "collect/denied.h"
#include "read/journal.h"
#include "read/procfs.h"
#include "read/syscall.h"

/*
 * What the kernel and systemd say, out of the journal, in a thread of its own: the
 * journal's files are on a disk that may be slow. Without a journal, or the right to read
 * it, OOM kills are still counted; only who was killed is not known.
 */
#define MAX_LINES  4096 /* that wait for the loop */
#define MAX_DENIED 256  /* of these, what a guest can bring about at will */
#define MAX_UNITS  4096
#define BATCH      1024
#define RETRY_USEC (30 * USEC_PER_SEC)
#define PAUSE_USEC (100 * USEC_PER_MSEC) /* after a whole batch: others want the CPU */
#define HURRY_USEC (2 * USEC_PER_SEC)    /* something is about to be said */
#define LOOK_USEC  (10 * USEC_PER_MSEC)  /* meanwhile: journald tells after 250 ms */
#define NEAR_USEC  (2 * USEC_PER_SEC)    /* the monitor's end and the container's */

#define STOP_USEC (300 * USEC_PER_SEC) /* the unit's TimeoutStopSec, and more */

/* What systemd said of the unit of one container. */
struct unit {
	uint32_t vmid;
	uint64_t stop_boot_usec, exit_boot_usec; /* 0: it did not */
	char how[40];                            /* "killed 9" */
};

struct line {
	uint64_t real_usec;
	char *unit; /* NULL: of the kernel */
	char *text;
};

struct kernsrc {
	struct collector *c;
	int rootfd, wake; /* eventfd towards the loop */
	int stop, kick;   /* eventfds towards the thread */
	struct loop_io *io;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;
	/* under the lock */
	struct line *lines;
	size_t n_lines, cap_lines, n_denied;
	uint64_t lost, lost_denied;
	bool there;
	char why[256];

	/* of the loop */
	struct denied denied;
	struct unit *units;
	size_t n_units, cap_units;
};

static void lines_free(struct line *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].unit);
		free(v[i].text);
	}
	free(v);
}

/* ---- the thread ---------------------------------------------------------------------
 */

/* Under the lock. */
static void keep(struct kernsrc *s, const struct logline *l, const struct kernmsg *m)
{
	bool denied = m && m->kind == KERNMSG_DENIED;

	if (s->n_lines >= MAX_LINES || (denied && s->n_denied >= MAX_DENIED)) {
		s->lost += !denied;
		s->lost_denied += denied;
		return;
	}
	s->n_denied += denied;
	GROW(s->lines, s->n_lines, s->cap_lines);
	s->lines[s->n_lines++] = (struct line){
		.real_usec = l->time_real_usec,
		.unit = m ? NULL : xstrdup(l->origin),
		.text = xstrndup((const char *)l->text.p, l->text.n),
	};
}

/* The library is on that disk, too: it is loaded here. */
static void load_names(const struct kernmsg *m)
{
	if (m->kind == KERNMSG_DENIED && m->by == DENIED_SECCOMP)
		free(syscall_name(val_or(m->arch, 0), val_or(m->syscall, 0)));
}

static void hand_over(struct kernsrc *s, const struct loglines *l)
{
	const uint64_t one = 1;
	bool any = false;

	for (size_t i = 0; i < l->n; i++) {
		const struct logline *v = &l->v[i];
		bool unit = v->source == LOG_UNIT;
		struct kernmsg m = { 0 };

		if (!unit &&
		    !kernmsg_parse(span_of((const char *)v->text.p, v->text.n), &m))
			continue;
		load_names(&m);
		any = true;
		pthread_mutex_lock(&s->lock);
		keep(s, v, unit ? NULL : &m);
		pthread_mutex_unlock(&s->lock);
	}
	if (any)
		(void)!write(s->wake, &one, sizeof(one));
}

static void say_there(struct kernsrc *s, bool there, const char *why)
{
	pthread_mutex_lock(&s->lock);
	s->there = there;
	snprintf(s->why, sizeof(s->why), "%s", why);
	pthread_mutex_unlock(&s->lock);
}

/* False: it is to end. *hurry: until then it is looked at without being told. */
static bool wait_for(struct kernsrc *s, int fd, uint64_t usec, uint64_t *hurry)
{
	uint64_t now = clock_mono_usec(), n;
	struct pollfd p[3] = { { .fd = s->stop, .events = POLLIN },
			       { .fd = s->kick, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };

	if (now < *hurry)
		usec = LOOK_USEC;
	(void)poll(p, fd >= 0 ? 3 : 2, (int)(usec / 1000));
	if (p[1].revents & POLLIN) {
		(void)!read(s->kick, &n, sizeof(n));
		*hurry = clock_mono_usec() + HURRY_USEC;
	}
	return !(p[0].revents & POLLIN);
}

/* auditd takes audit's messages: they are not in the kernel's log then. */
static bool has_auditd(const struct kernsrc *s)
{
	struct fs_stat st;

	return fs_stat(s->rootfd, "run/auditd.pid", false, &st, NULL) == 0;
}

static bool follow(struct kernsrc *s, struct journal *j, uint64_t since)
{
	bool audit = has_auditd(s);
	struct err err = { 0 };
	uint64_t hurry = 0;

	say_there(s, true, "");
	for (;;) {
		_cleanup_(loglines_done) struct loglines lines = { 0 };
		bool on = true;

		if (journal_follow_kernel(j, since, audit, BATCH, &lines, &err) < 0) {
			say_there(s, false, err.msg);
			return true;
		}
		hand_over(s, &lines);
		if (!lines.n)
			on = wait_for(s, journal_fd(j), USEC_PER_SEC, &hurry);
		else if (lines.n == BATCH)
			on = wait_for(s, -1, PAUSE_USEC, &hurry);
		if (!on)
			return false;
		if (audit != has_auditd(s))
			return true; /* opened anew, with the other matches */
	}
}

static void *run(void *arg)
{
	struct kernsrc *s = arg;
	uint64_t since = clock_real_usec(), hurry = 0;
	bool on = true;

	while (on) {
		struct journal *j = NULL;
		struct err err = { 0 };

		if (journal_open(s->rootfd, true, &j, &err) == 0)
			on = follow(s, j, since);
		else
			say_there(s, false, err.msg);
		journal_free(j);
		since = clock_real_usec();
		if (on && !kernsrc_is_there(s->c))
			on = wait_for(s, -1, RETRY_USEC, &hurry);
	}
	return NULL;
}

/* ---- the loop -----------------------------------------------------------------------
 */

/* A profile that many containers share does not tell whose it was: the process does. */
static uint32_t vmid_of_pid(const struct kernsrc *s, pid_t pid)
{
	char path[40], text[4096];
	struct span cgroup, id;
	uint32_t vmid = 0;
	size_t n;

	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	if (fs_read_small(s->rootfd, path, text, sizeof(text), &n, NULL) < 0 ||
	    procfs_parse_cgroup(span_of(text, n), &cgroup) < 0 ||
	    !span_skip(&cgroup, "/lxc/"))
		return 0;
	return span_cut(&cgroup, '/', &id) && num_parse_u32(id, &vmid) == 0 ? vmid : 0;
}

/* An init that died of its own fault: before Linux 6.15 nothing else tells. */
static void on_crash(struct collector *c, const struct kernmsg *m)
{
	struct cgct *t;

	for (size_t i = 0; (t = cgsrc_at(c, i)); i++) {
		if (m->pid != (t->init ? t->init : t->last_init))
			continue;
		t->crash_pid = m->pid;
		t->crash_signal = m->signal;
		lc_learned(&c->lc, t->vmid, ORIGIN_KERNEL, collector_now());
	}
}

static struct unit *unit_of(struct kernsrc *s, const char *name)
{
	struct span n = span_str(name), id;
	uint32_t vmid;

	if (!span_skip(&n, "pve-container@") && !span_skip(&n, "pve-container-debug@"))
		return NULL;
	if (!span_cut(&n, '.', &id) || !span_eq(n, "service") ||
	    num_parse_u32(id, &vmid) < 0)
		return NULL;
	for (size_t i = 0; i < s->n_units; i++)
		if (s->units[i].vmid == vmid)
			return &s->units[i];
	if (s->n_units >= MAX_UNITS)
		return NULL;
	GROW(s->units, s->n_units, s->cap_units);
	s->units[s->n_units] = (struct unit){ .vmid = vmid };
	return &s->units[s->n_units++];
}

static void on_unit(struct kernsrc *s, const struct line *l)
{
	struct unit *u = unit_of(s, l->unit);
	struct lc_time now = collector_now();
	uint64_t when = now.boot_usec - MIN(num_sub(now.real_usec, l->real_usec),
					    MIN(now.boot_usec, NEAR_USEC));

	if (!u)
		return;
	if (str_eq(l->text, "stop")) {
		u->stop_boot_usec = when;
	} else {
		u->exit_boot_usec = when;
		snprintf(u->how, sizeof(u->how), "%s", l->text);
	}
	lc_learned(&s->c->lc, u->vmid, ORIGIN_KERNEL, now);
}

void kernsrc_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev)
{
	uint64_t gone = ct->gone.boot_usec;
	struct kernsrc *s = c->kern;

	for (size_t i = 0; s && i < s->n_units; i++) {
		const struct unit *u = &s->units[i];

		if (u->vmid != ct->vmid)
			continue;
		ev->unit_stop = u->stop_boot_usec > ct->up.boot_usec &&
				u->stop_boot_usec + STOP_USEC > gone &&
				u->stop_boot_usec <= gone + NEAR_USEC / 4;
		if (u->exit_boot_usec + NEAR_USEC > gone &&
		    u->exit_boot_usec < gone + NEAR_USEC &&
		    span_starts(span_str(u->how), "killed"))
			ev->monitor = u->how;
	}
}

static void on_line(struct kernsrc *s, const struct line *l)
{
	struct kernmsg m;
	struct cgct *t;
	uint32_t vmid;

	if (l->unit) {
		on_unit(s, l);
		return;
	}
	if (!kernmsg_parse(span_str(l->text), &m))
		return;
	switch (m.kind) {
	case KERNMSG_DENIED:
		vmid = m.vmid ? m.vmid : vmid_of_pid(s, m.pid);
		if (vmid)
			denied_add(s->c, &s->denied, &m, vmid);
		break;
	case KERNMSG_SUPPRESSED:
		s->denied.withheld += m.lines;
		break;
	case KERNMSG_FORK:
		t = cgsrc_find(s->c, m.vmid);
		if (t && t->dir >= 0)
			cgct_look_pids(s->c, t, false);
		break;
	case KERNMSG_CRASH:
		on_crash(s->c, &m);
		break;
	default:
		oom_message(s->c, &m);
	}
}

static void on_wake(void *arg, uint32_t events)
{
	struct kernsrc *s = arg;
	struct line *lines;
	uint64_t n, lost;
	size_t n_lines;

	(void)events;
	(void)!read(s->wake, &n, sizeof(n));
	pthread_mutex_lock(&s->lock);
	lines = s->lines;
	n_lines = s->n_lines;
	lost = s->lost;
	s->denied.withheld += s->lost_denied;
	s->lines = NULL;
	s->n_lines = s->cap_lines = s->n_denied = 0;
	s->lost = s->lost_denied = 0;
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n_lines; i++)
		on_line(s, &lines[i]);
	lines_free(lines, n_lines);
	if (lost)
		collector_say(s->c, "lost", "messages of the kernel: too many at once",
			      lost);
	collector_settle(s->c);
}

void kernsrc_hurry(struct collector *c)
{
	const uint64_t one = 1;

	if (c->kern)
		(void)!write(c->kern->kick, &one, sizeof(one));
}

bool kernsrc_is_there(const struct collector *c)
{
	bool there;

	if (!c->kern)
		return false;
	pthread_mutex_lock(&c->kern->lock);
	there = c->kern->there;
	pthread_mutex_unlock(&c->kern->lock);
	return there;
}

void kernsrc_reconcile(struct collector *c)
{
	if (c->kern)
		denied_look(c, &c->kern->denied);
}

int kernsrc_open(struct collector *c, struct err *err)
{
	struct kernsrc *s = xcalloc(1, sizeof(*s));

	c->kern = s;
	s->c = c;
	s->rootfd = c->rootfd;
	pthread_mutex_init(&s->lock, NULL);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0 || s->stop < 0 || s->kick < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	s->io = loop_add_io(c->loop, s->wake, EPOLLIN, false, on_wake, s);
	if (!s->io)
		return err_set(err, -ENOMEM, "add the journal to the event loop");
	s->runs = c->o->live && c->settings.collect.kernel_messages.kind == VAL_SET &&
		  pthread_create(&s->thread, NULL, run, s) == 0;
	return 0;
}

/* A thread that waits for its disk is not waited for. */
void kernsrc_close(struct collector *c)
{
	struct kernsrc *s = c->kern;
	const uint64_t one = 1;
	struct timespec ts;

	if (!s)
		return;
	loop_del_io(s->io);
	(void)!write(s->stop, &one, sizeof(one));
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 2;
	if (s->runs && pthread_timedjoin_np(s->thread, NULL, &ts) != 0)
		return; /* it still uses what it has */
	lines_free(s->lines, s->n_lines);
	denied_done(&s->denied);
	free(s->units);
	if (s->wake >= 0)
		close(s->wake);
	if (s->stop >= 0)
		close(s->stop);
	if (s->kick >= 0)
		close(s->kick);
	pthread_mutex_destroy(&s->lock);
	free(s);
	c->kern = NULL;
}
