/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/ctlive.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/sys.h"
#include "read/cgroup.h"
#include "read/procfs.h"

#define MAX_MONITORS 16 /* the monitor and hooks it runs */
#define MAX_CHILDREN 64
/* a guest's 65536 groups fit, which stand before what is looked for */
#define STATUS_MAX ((size_t)1 << 20)

struct pids {
	pid_t v[MAX_CHILDREN];
	size_t n;
};

static int open_dir(int rootfd, const char *name, int *ret, struct err *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/%s", cg_base(rootfd), name);
	r = fs_open(rootfd, path, O_PATH | O_DIRECTORY, ret, err);
	return r == -ENOENT ? 0 : r;
}

/* "pid:[4026531836]"; pid 0: our own. A magic link, read and not followed. */
static int read_pidns(int rootfd, pid_t pid, char *ret, size_t cap)
{
	char path[40];
	ssize_t n;

	if (pid)
		num_path(path, sizeof(path), "proc/", (uint64_t)pid, "/ns/pid");
	n = readlinkat(rootfd, pid ? path : "proc/self/ns/pid", ret, cap - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

int ctlive_open(int rootfd, struct ctlive *ret, struct err *err)
{
	struct ctlive c = { .rootfd = rootfd, .lxc_dir = -1, .monitor_dir = -1 };
	int r = open_dir(rootfd, "lxc", &c.lxc_dir, err);

	if (r == 0)
		r = open_dir(rootfd, "lxc.monitor", &c.monitor_dir, err);
	if (r < 0) {
		ctlive_close(&c);
		return r;
	}
	(void)read_pidns(rootfd, 0, c.pidns, sizeof(c.pidns));
	*ret = c;
	return 0;
}

void ctlive_close(struct ctlive *c)
{
	if (c->lxc_dir >= 0)
		close(c->lxc_dir);
	if (c->monitor_dir >= 0)
		close(c->monitor_dir);
	c->lxc_dir = c->monitor_dir = -1;
}

static int open_ct(const struct ctlive *c, uint32_t vmid, int *ret)
{
	char name[16];
	int fd;

	if (c->lxc_dir < 0)
		return -ENOENT;
	num_path(name, sizeof(name), "", vmid, "");
	fd = sys_openat(c->lxc_dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

/* What is asked of a process that ends meanwhile: ordinary. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -ENODEV;
}

/*
 * Is the process in the container's cgroup? The kernel says so, no guest can. 1, 0, or
 * what could not be read.
 */
static int in_cgroup(const struct ctlive *c, pid_t pid, uint32_t vmid, struct err *err)
{
	_uninit_ char buf[8192];
	struct span cgroup;
	char path[48];
	size_t n;
	int r;

	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	r = fs_read_once(c->rootfd, path, buf, sizeof(buf), &n, err);
	if (r < 0)
		return is_gone(r) ? 0 : r;
	return procfs_parse_cgroup(span_of(buf, n), &cgroup) == 0 &&
	       procfs_cgroup_is_ct(cgroup, vmid);
}

/*
 * A child of the monitor is init or a hook. Hooks stay in our pid namespace: one in
 * another is init. Only where that does not tell (lxc.namespace.share.pid) its cgroup is
 * read.
 */
static int is_init(const struct ctlive *c, pid_t pid, uint32_t vmid, struct err *err)
{
	char ns[sizeof(c->pidns)];

	if (*c->pidns && read_pidns(c->rootfd, pid, ns, sizeof(ns)) == 0 &&
	    !str_eq(ns, c->pidns))
		return 1;
	return in_cgroup(c, pid, vmid, err);
}

/*
 * The cheap proof that it is init. LXC gives init a session of its own just before it
 * execs (do_start() in its start.c, all versions); of what else the monitor forks a hook
 * could do that, too, but is in the monitor's cgroup, where init never is. The list of
 * that cgroup was read before the children were, so one that started later proves
 * nothing. A hook that has left that cgroup as well stands behind init in the list of
 * children; when init is gone nothing is left in the container's cgroup, which
 * is_empty_of_init() looks at. Where this does not tell, is_init() does: an init that is
 * still being set up or has only now started.
 */
static bool is_surely_init(const struct ctlive *c, const struct pids *monitors,
			   const struct proc_stat *st)
{
	if (st->session != st->pid || st->start_ticks >= c->before_ticks ||
	    st->ppid != monitors->v[0] || monitors->n >= MAX_MONITORS)
		return false;
	for (size_t i = 0; i < monitors->n; i++)
		if (monitors->v[i] == st->pid)
			return false;
	return true;
}

static bool same_bytes(struct tbytes a, struct tbytes b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/*
 * From its clone to its exec init is a copy of the monitor, with the mounts, the label
 * and the capabilities of that: nothing of it is the container's, and hooks may be at
 * work for as long as they like. Just before the exec it leads a session already. What
 * was restored from a checkpoint never execs, but has a name of its own.
 */
static bool is_newborn(const struct ctlive *c, pid_t monitor, const struct proc_stat *st)
{
	_uninit_ char buf[1024];
	struct proc_stat m;

	if (st->execed)
		return false;
	if (st->session != st->pid)
		return true;
	return monitor &&
	       procfs_read_stat(c->rootfd, monitor, buf, sizeof(buf), &m, NULL) == 0 &&
	       same_bytes(st->comm, m.comm);
}

/* True: it is taken for init; false: there is none yet, or no more. */
static bool use_init(const struct ctlive *c, const struct facts_want *want, struct ct *ct,
		     const struct proc_stat *st)
{
	if (st->state == 'Z' || st->state == 'X') {
		ct->state = CT_STOPPING;
	} else if (!want->newborn && is_newborn(c, ct->monitor_pid, st)) {
		ct->state = CT_STARTING;
		return false;
	}
	ct->init_pid = st->pid;
	ct->init_start_ticks = st->start_ticks;
	return true;
}

/*
 * Looks at one child of the monitor; the handle is taken before anything is read of it.
 * 1: it is init.
 */
static int try_child(const struct ctlive *c, const struct facts_want *want,
		     const struct pids *monitors, pid_t monitor, pid_t pid, struct ct *ct,
		     int *ret_hold, struct err *err)
{
	_cleanup_close_ int hold = -1;
	_uninit_ char buf[1024];
	struct proc_stat st;
	int r;

	if (ret_hold)
		hold = (int)syscall(SYS_pidfd_open, pid, 0);
	r = procfs_read_stat(c->rootfd, pid, buf, sizeof(buf), &st, err);
	if (r == 0 && !is_surely_init(c, monitors, &st)) {
		r = is_init(c, pid, ct->vmid, err);
		if (r <= 0)
			return r;
		/* after what was asked by its number */
		r = procfs_read_stat(c->rootfd, pid, buf, sizeof(buf), &st, err);
	}
	if (r < 0)
		return is_gone(r) ? 0 : r;
	if (st.ppid != monitor)
		return 0;
	ct->monitor_pid = monitor;
	if (use_init(c, want, ct, &st) && ret_hold)
		*ret_hold = take_fd(&hold);
	return 1;
}

/* Init is the monitor's child: whatever the guest does with its own cgroups and names. */
static int init_by_children(const struct ctlive *c, const struct facts_want *want,
			    const struct pids *monitors, struct ct *ct, int *ret_hold,
			    bool *ret_asked, struct err *err)
{
	for (size_t i = 0; i < monitors->n; i++) {
		pid_t kids[MAX_CHILDREN];
		size_t n = 0;
		int r = procfs_read_children(c->rootfd, monitors->v[i], kids,
					     MAX_CHILDREN, &n, err);

		if (is_gone(r))
			continue;
		if (r < 0)
			return r;
		*ret_asked = true;
		for (size_t k = 0; k < n; k++) {
			r = try_child(c, want, monitors, monitors->v[i], kids[k], ct,
				      ret_hold, err);
			if (r)
				return r;
		}
	}
	return 0;
}

/* PID 1 of a pid namespace one below the host's. */
static int is_pid1(const struct ctlive *c, pid_t pid, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	char path[48];
	unsigned depth;
	pid_t inner;
	int r;

	snprintf(path, sizeof(path), "proc/%d/status", pid);
	r = fs_read_file(c->rootfd, path, STATUS_MAX, &text, err);
	if (r < 0)
		return is_gone(r) ? 0 : r;
	return procfs_parse_nspid(span_of(buf_str(&text), text.n), &inner, &depth) == 0 &&
	       depth == 2 && inner == 1;
}

/* Where the kernel has no list of children, and in a copy of a node. */
static int init_by_procs(const struct ctlive *c, const struct facts_want *want, int dir,
			 struct ct *ct, struct err *err)
{
	static const char *const subs[] = { "ns", "ns/init.scope", "" };

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		pid_t pids[MAX_CHILDREN];
		size_t n = 0;
		int r = cg_read_procs(dir, subs[i], pids, MAX_CHILDREN, &n, err);

		/* a threaded cgroup has no list of processes */
		if (is_gone(r) || r == -EOPNOTSUPP)
			continue;
		for (size_t k = 0; r >= 0 && k < n; k++) {
			_uninit_ char buf[1024];
			struct proc_stat st;

			r = is_pid1(c, pids[k], err);
			if (r > 0)
				r = procfs_read_stat(c->rootfd, pids[k], buf, sizeof(buf),
						     &st, err);
			else if (r == 0)
				continue;
			if (is_gone(r)) {
				r = 0;
				continue;
			}
			if (r < 0)
				return r;
			(void)use_init(c, want, ct, &st);
			return 1;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0 whether there is one or not, or what could not be read: that is no answer. */
static int find_init(const struct ctlive *c, const struct facts_want *want, int dir,
		     struct ct *ct, int *ret_hold, struct err *err)
{
	struct pids monitors = { 0 };
	bool asked = false;
	char name[16];
	int r = 0;

	num_path(name, sizeof(name), "", ct->vmid, "");
	if (c->monitor_dir >= 0)
		r = cg_read_procs(c->monitor_dir, name, monitors.v, MAX_MONITORS,
				  &monitors.n, err);
	if (r < 0 && !is_gone(r))
		return r;
	if (monitors.n)
		ct->monitor_pid = monitors.v[0];
	if (dir < 0)
		return 0;
	r = init_by_children(c, want, &monitors, ct, ret_hold, &asked, err);
	if (r == 0 && !asked)
		r = init_by_procs(c, want, dir, ct, err);
	return MIN(r, 0);
}

/*
 * Nothing runs in the container's cgroup: what was taken for init is looked at again. It
 * may be one that went elsewhere, as only a privileged guest can.
 */
static bool is_empty_of_init(const struct ctlive *c, const struct ct *ct,
			     const struct cg_events *ev)
{
	return val_or(ev->populated, 1) == 0 &&
	       is_init(c, ct->init_pid, ct->vmid, NULL) <= 0;
}

/* "lxc-start -F -n 101", or as a monitor that went into the background calls itself. */
static bool is_monitor_of(struct span cmdline, uint32_t vmid)
{
	struct span arg, rest = cmdline;
	bool named = false;
	char id[16];

	num_path(id, sizeof(id), "", vmid, "");
	while (span_cut(&rest, '\0', &arg)) {
		if (named && span_eq(arg, id))
			return true;
		named = span_eq(arg, "-n");
	}
	arg = span_trim(span_of(cmdline.p, strnlen(cmdline.p, cmdline.n)));
	num_path(id, sizeof(id), " ", vmid, "");
	return span_skip(&arg, "[lxc monitor] ") && span_ends(arg, id);
}

/*
 * A monitor that has removed the container's cgroups and its own is in lxc.pivot, and
 * closes the socket next (cgfsng_monitor_destroy() in LXC's cgroups/cgfsng.c).
 */
static bool is_leaving(const struct ctlive *c, uint32_t vmid)
{
	_cleanup_close_ int dir = -1;
	pid_t pids[MAX_CHILDREN];
	size_t n = 0;

	if (open_dir(c->rootfd, "lxc.pivot", &dir, NULL) < 0 || dir < 0 ||
	    cg_read_procs(dir, "", pids, MAX_CHILDREN, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		_uninit_ char buf[1024];
		char path[48];
		size_t got;

		num_path(path, sizeof(path), "proc/", (uint64_t)pids[i], "/cmdline");
		if (fs_read_once(c->rootfd, path, buf, sizeof(buf), &got, NULL) == 0 &&
		    is_monitor_of(span_of(buf, got), vmid))
			return true;
	}
	return false;
}

/*
 * PVE's two states made finer. The socket is there from before the pre-start hook until
 * the cgroup is gone again; the monitor moves to lxc.monitor/<vmid> after pre-start.
 */
static void decide_state(const struct ctlive *c, struct ct *ct, bool socket,
			 const struct cg_events *ev)
{
	bool newborn = !ct->init_pid && ct->state == CT_STARTING;

	if (ct->init_pid && ct->state != CT_STOPPING)
		ct->state = val_or(ev->frozen, 0) ? CT_FROZEN : CT_RUNNING;
	else if (ct->init_pid)
		ct->init_pid = 0;
	else if (!socket)
		ct->state = CT_STOPPED;
	else if (newborn || (!ct->monitor_pid && !is_leaving(c, ct->vmid)))
		ct->state = CT_STARTING;
	else
		ct->state = CT_STOPPING;
}

static int read_stats(int dir, const struct facts_want *want, struct ct *ct,
		      struct err *err)
{
	int r = 0;

	if (want->cpu)
		r = cg_read_cpu(dir, &ct->cpu, err);
	if (r == 0 && want->memory)
		r = cg_read_memory(dir, want->memory_limits, &ct->memory, err);
	if (r == 0 && want->io)
		r = cg_read_io(dir, &ct->io, err);
	if (r == 0 && want->pids)
		r = cg_read_pids(dir, &ct->pids, err);
	if (r == 0 && want->pressure)
		r = cg_read_pressure(dir, &ct->pressure, err);
	if (r == 0 && want->cpuset)
		r = cg_read_cpuset(dir, &ct->cpuset, err);
	return r;
}

int ctlive_read(const struct ctlive *c, const struct facts_want *want, bool socket,
		struct ct *ct, int *ret_hold, struct err *err)
{
	_cleanup_close_ int dir = -1;
	struct cg_events ev = { 0 };
	int r = open_ct(c, ct->vmid, &dir);

	if (ret_hold)
		*ret_hold = -1;
	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "open cgroup lxc/%u: %s", ct->vmid, strerror(-r));
	if (!socket && dir < 0) {
		ct->state = CT_STOPPED;
		return 0;
	}
	r = find_init(c, want, dir, ct, ret_hold, err);
	if (r < 0) {
		ct->state = CT_UNKNOWN;
		return err_wrap(err, r, "container %u", ct->vmid);
	}
	if (ct->init_pid && dir >= 0) {
		r = cg_read_events(dir, &ev, err);
		if (r == 0 && is_empty_of_init(c, ct, &ev))
			ct->init_pid = 0;
		if (r == 0)
			r = read_stats(dir, want, ct, err);
		else
			ct->state = CT_STOPPING;
	} else {
		r = 0;
	}
	decide_state(c, ct, socket, &ev);
	if (want->freezer && ct->state == CT_RUNNING && cg_is_freezing(dir))
		ct->state = CT_FREEZING;
	if (r == -ENODEV || r == -ENOENT) {
		ct->state = CT_STOPPING;
		return 0;
	}
	return r < 0 ? err_wrap(err, r, "cgroup lxc/%u", ct->vmid) : 0;
}

bool ctlive_same(const struct ctlive *c, const struct ct *ct, int hold)
{
	_uninit_ char buf[1024];
	struct proc_stat st;

	if (hold >= 0)
		return syscall(SYS_pidfd_send_signal, hold, 0, NULL, 0) == 0;
	return procfs_read_stat(c->rootfd, ct->init_pid, buf, sizeof(buf), &st, NULL) ==
		       0 &&
	       st.start_ticks == ct->init_start_ticks;
}

int ctlive_cpu_open(const struct ctlive *c, uint32_t vmid)
{
	char path[32];

	if (c->lxc_dir < 0)
		return -1;
	num_path(path, sizeof(path), "", vmid, "/cpu.stat");
	return sys_openat(c->lxc_dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

struct val ctlive_cpu_usage_usec(int fd)
{
	_uninit_ char buf[4096];
	struct cg_cpu cpu = { 0 };
	size_t n;

	if (fd < 0 || fs_pread_small(fd, buf, sizeof(buf), &n) < 0 ||
	    cg_parse_cpu_stat(span_of(buf, n), &cpu) < 0)
		return (struct val){ 0 };
	return cpu.usage_usec;
}
