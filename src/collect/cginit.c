/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/pidfd.h"
#include "read/ctlive.h"
#include "read/procfs.h"

/* The first process of a container: found, held by a pidfd, and how it ended. */
#define OOM_WAIT_USEC USEC_PER_SEC /* for the kernel's message about one */
/* Init is lxc-start until it has exec'ed: looked at again after so many ms, doubled. */
#define PROBE_FIRST_USEC (1 * USEC_PER_MSEC)
#define PROBE_MAX_USEC   (16 * USEC_PER_MSEC) /* of a young one, else a second */
#define PROBE_FOR_USEC   (30 * USEC_PER_SEC)

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
		kernsrc_hurry(c); /* why it ended */
		t->gone = collector_now();
		cgct_look_memory(c, t, false); /* before the cgroup is removed */
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

void cgct_drop_init(struct cgct *t)
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
	t->frozen = t->frozen_seen = false;
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

/* Of a life that an earlier collector knew: what came meanwhile is told, and only that. */
static void take_told(struct collector *c, struct cgct *t)
{
	const struct lc_ct *ct = lc_find(&c->lc, t->vmid);

	if (!ct || ct->init_ticks != t->ticks || t->oom_kills.kind == VAL_SET)
		return;
	t->oom_kills = ct->told.oom_kills;
	t->oom_unseen = true;
	t->frozen = ct->told.frozen.boot_usec != 0;
	t->frozen_boot_usec = ct->told.frozen.boot_usec;
}

static void hold_init(struct collector *c, struct cgct *t, const struct ct *ct,
		      int *pidfd)
{
	cgct_drop_init(t);
	t->init = ct->init_pid;
	t->ticks = ct->init_start_ticks;
	t->monitor = ct->monitor_pid;
	t->pidfd = take_fd(pidfd);
	t->since_boot_usec = clock_boot_usec();
	if (t->pidfd >= 0)
		t->io = loop_add_io(c->loop, t->pidfd, EPOLLIN, true, on_pidfd, t);
	cgsrc_watch_again(c, t);
	t->memory_boot_usec = t->pids_boot_usec = 0;
	take_told(c, t);
	cgct_look_memory(c, t, t->oom_kills.kind != VAL_SET);
	t->oom_unseen = false;
	cgct_look_pids(c, t, t->pids_events.kind != VAL_SET);
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

/*
 * A new init: what hooks said of the lives before it was written before it began, and
 * comes first, however far behind we are. False: it is over already.
 */
static bool drain_before(struct collector *c, struct cgct *t)
{
	const struct lc_ct *ct = lc_find(&c->lc, t->vmid);
	bool drop = t->drop;

	if (ct && ct->init_ticks == t->ticks)
		return true;
	spoolsrc_drain(c);
	ct = lc_find(&c->lc, t->vmid);
	if (ct && ct->init_ticks == t->ticks)
		return ct->phase != LC_DOWN;
	if (ct && ct->phase == LC_DOWN && ct->init == t->init && !ct->init_ticks)
		return false;
	/* the life that was over was another's */
	t->drop = drop;
	return true;
}

static void tell_up(struct collector *c, struct cgct *t)
{
	struct lc_time now;

	if (!drain_before(c, t))
		return;
	now = collector_now();
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
		cgct_look_frozen(c, t);
	}
}

/* Is there an init now? Asked whenever something moved. */
void cgct_look_init(struct collector *c, struct cgct *t)
{
	static const struct facts_want want = { .no_config = true, .newborn = true };
	_cleanup_close_ int hold = -1;
	struct ct ct = { .vmid = t->vmid };

	if (t->pidfd >= 0 && !pidfd_ended(t->pidfd)) {
		tell_up(c, t);
		return;
	}
	if (ctlive_read(cgsrc_live(c), &want, true, &ct, &hold, NULL) < 0 ||
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

/* The event loop tells of the end of one that is waited for: it is not asked again. */
void cgct_look_again(struct collector *c, struct cgct *t)
{
	if (t->io && !t->gone.boot_usec)
		tell_up(c, t);
	else
		cgct_look_init(c, t);
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
		cgct_look_memory(c, t, false);
	}
	tell_exit(c, t, false);
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
	if (t && t->crash_pid && t->crash_pid == ct->init)
		ev->crash = t->crash_signal;
	ev->emptied = recorder_emptied(c, ct->vmid, gone);
	snprintf(path, sizeof(path), "var/lib/lxc/%u/reboot", ct->vmid);
	if (!ev->hook && fs_stat(c->rootfd, path, false, &st, NULL) == 0 &&
	    st.mtime_real_usec + 60 * USEC_PER_SEC > ct->gone.real_usec)
		ev->reboot_file = true;
}
