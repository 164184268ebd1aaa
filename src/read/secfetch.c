/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secfetch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "read/cgroup.h"
#include "read/procfs.h"
#include "read/procs.h"

#define STOP_USEC  ((uint64_t)100000) /* until it has stopped */
#define GUARD_USEC ((uint64_t)500000)
#define MAX_BYTES  (SECFETCH_MAX * (sizeof(uint32_t) + SECFILTER_MAX * 8) + 64)

struct job {
	int rootfd;
	uint32_t vmid;
	pid_t pid;
	uint64_t start_ticks;
};

void secfilters_done(struct secfilters *f)
{
	for (size_t i = 0; i < f->n; i++)
		secfilter_done(&f->v[i]);
	free(f->v);
	*f = (struct secfilters){ 0 };
}

/* Through the directory fd: it fails once the process that it was opened for is gone. */
static int check_proc(int dir, const struct job *j)
{
	_cleanup_free_ char *path = NULL;
	_uninit_ char buf[1024];
	struct proc_stat st;
	size_t n;
	int r = fs_read_small(dir, "stat", buf, sizeof(buf), &n, NULL);

	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &st);
	if (r == 0)
		r = procs_read_cgroup(dir, j->vmid, &path, &n);
	if (r < 0)
		return r;
	if (st.pid != j->pid || st.start_ticks != j->start_ticks)
		return -ESRCH;
	return st.state == 'S' || st.state == 'R' || st.state == 'I' ? 0 : -EBUSY;
}

/* Frozen, or asked to: it would not stop until it is thawed. */
static int check_frozen(const struct job *j)
{
	_cleanup_close_ int dir = -1;
	struct cg_events ev = { 0 };
	int r = cg_open(j->rootfd, j->vmid, &dir, NULL);

	if (r == 0)
		r = cg_read_events(dir, &ev, NULL);
	if (r < 0)
		return r;
	return val_or(ev.frozen, 0) || cg_is_freezing(dir) ? -EBUSY : 0;
}

static int wait_stop(pid_t pid, int *ret_signal)
{
	uint64_t end = clock_mono_usec() + STOP_USEC;

	while (clock_mono_usec() < end) {
		int st;
		pid_t got = waitpid(pid, &st, __WALL | WNOHANG);

		if (got < 0)
			return -errno;
		if (got == pid && !WIFSTOPPED(st))
			return -ESRCH;
		if (got == pid) {
			/* not our stop: a signal on its way, which has to go on */
			*ret_signal = st >> 16 ? 0 : WSTOPSIG(st);
			return 0;
		}
		clock_sleep_usec(50);
	}
	return -ETIMEDOUT;
}

static int send_filter(int out, pid_t pid, unsigned long i)
{
	_uninit_ struct secinsn v[SECFILTER_MAX];
	long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL);
	uint32_t count;
	int r;

	if (n < 0)
		return -errno;
	if (n > SECFILTER_MAX)
		return -EFBIG;
	n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, v);
	if (n < 0)
		return -errno;
	count = (uint32_t)n;
	r = fs_write_all(out, &count, sizeof(count));
	return r < 0 ? r : fs_write_all(out, v, count * sizeof(*v));
}

/* Stopped here, and going on when this returns. */
static int send_all(int out, pid_t pid)
{
	int sig = 0, r = wait_stop(pid, &sig);

	if (r < 0)
		return r;
	for (unsigned long i = 0; r == 0 && i < SECFETCH_MAX; i++)
		r = send_filter(out, pid, i);
	(void)ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)sig);
	/* ENOENT: behind the last. EINVAL: it has none, or the kernel gives none */
	return r == -ENOENT ? 0 : r;
}

/* In a process of its own, whose end detaches whatever happens. */
static int fetch(int out, void *arg)
{
	const struct job *j = arg;
	_cleanup_close_ int proc = -1, dir = -1;
	int r = fs_open(j->rootfd, "proc", O_PATH | O_DIRECTORY, &proc, NULL);

	if (r == 0)
		r = procs_open(proc, j->pid, &dir);
	if (r == 0)
		r = check_proc(dir, j);
	if (r == 0)
		r = check_frozen(j);
	if (r < 0)
		return r;
	if (ptrace(PTRACE_SEIZE, j->pid, NULL, NULL) < 0)
		return errno == EPERM ? -EBUSY : -errno;
	r = check_proc(dir, j);
	if (r < 0)
		return r;
	if (ptrace(PTRACE_INTERRUPT, j->pid, NULL, NULL) < 0)
		return -errno;
	return send_all(out, j->pid);
}

static int take(const struct buf *got, struct secfilters *ret)
{
	struct secfilters f = { 0 };
	size_t at = 0, cap = 0;

	while (got->n - at >= sizeof(uint32_t)) {
		struct secfilter one;
		uint32_t n;

		memcpy(&n, got->p + at, sizeof(n));
		at += sizeof(n);
		if (n > SECFILTER_MAX || n * sizeof(*one.v) > got->n - at ||
		    secfilter_parse(span_of(got->p + at, n * sizeof(*one.v)), &one) < 0) {
			secfilters_done(&f);
			return -EINVAL;
		}
		at += n * sizeof(*one.v);
		GROW(f.v, f.n, cap);
		f.v[f.n++] = one;
	}
	*ret = f;
	return 0;
}

int secfetch(int rootfd, uint32_t vmid, pid_t pid, uint64_t start_ticks,
	     struct secfilters *ret, struct err *err)
{
	struct job j = { rootfd, vmid, pid, start_ticks };
	_cleanup_(buf_done) struct buf got = { 0 };
	struct guard g = { 0 };
	int r = guard_start(fetch, &j, GUARD_USEC, &g, err);

	if (r == 0)
		r = guard_collect(&g, MAX_BYTES, &got, err);
	if (r == -EINVAL || r == -EIO)
		r = -ENOTSUP;
	if (r < 0)
		return err_set(err, r, "seccomp filters of process %d: %s", (int)pid,
			       strerror(-r));
	return take(&got, ret);
}
