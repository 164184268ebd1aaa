/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secfetch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "read/cgroup.h"
#include "read/procfs.h"
#include "read/procs.h"

#define WAIT_USEC  1000000 /* until it stops: it runs on, or waits for a CPU */
#define STOP_USEC  100000  /* until it goes on again, at the very most */
#define GUARD_USEC ((uint64_t)2000000)
#define D_TRIES    20
#define D_USEC     25000
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
	if (st.state == 'D')
		return -EAGAIN;
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

/* Until it has stopped; the timer of fetch() ends us, and with us the wait. */
static int wait_stop(pid_t pid, int *ret_signal)
{
	int st;
	pid_t got;

	do
		got = waitpid(pid, &st, __WALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (!WIFSTOPPED(st))
		return -ESRCH;
	/* not our stop: a signal on its way, which has to go on */
	*ret_signal = st >> 16 ? 0 : WSTOPSIG(st);
	return 0;
}

/* A count, and so many instructions. */
static int add_filter(struct buf *b, pid_t pid, unsigned long i)
{
	long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL);
	uint32_t count = (uint32_t)n;

	if (n > SECFILTER_MAX)
		return -EFBIG;
	if (n < 0)
		return -errno;
	buf_add(b, &count, sizeof(count));
	buf_reserve(b, count * sizeof(struct secinsn));
	n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, b->p + b->n);
	if (n != (long)count)
		return n < 0 ? -errno : -EIO;
	b->n += count * sizeof(struct secinsn);
	return 0;
}

/* Then we are ended, and what we trace is let go. */
static void end_after(unsigned usec)
{
	const struct itimerval t = { .it_value = { .tv_sec = usec / 1000000,
						   .tv_usec = usec % 1000000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static uint64_t timer_left(void)
{
	struct itimerval t = { 0 };

	(void)getitimer(ITIMER_REAL, &t);
	return (uint64_t)t.it_value.tv_usec;
}

/* It stops here, and is going on when this returns. */
static int take_filters(pid_t pid, struct buf *b)
{
	uint64_t left, usec;
	int sig = 0, r;

	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		return -errno;
	r = wait_stop(pid, &sig);
	if (r < 0)
		return r;
	end_after(STOP_USEC);
	left = timer_left();
	for (unsigned long i = 0; r == 0 && i < SECFETCH_MAX; i++)
		r = add_filter(b, pid, i);
	(void)ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)sig);
	usec = num_sub(left, timer_left());
	memcpy(b->p, &usec, sizeof(usec));
	/* behind the last */
	return r == -ENOENT ? 0 : r;
}

/* Nothing may keep us from letting it go again: not another's turn, not a full pipe. */
static void prepare(struct buf *b)
{
	const struct sched_param first = { .sched_priority = 1 };
	const uint64_t head = 0;
	sigset_t alarm;

	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		(void)setpriority(PRIO_PROCESS, 0, -20);
	buf_reserve(b, MAX_BYTES);
	buf_add(b, &head, sizeof(head));
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	end_after(WAIT_USEC);
}

/* In a process of its own, whose end detaches whatever happens. */
static int fetch(int out, void *arg)
{
	const struct job *j = arg;
	_cleanup_(buf_done) struct buf b = { 0 };
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
	prepare(&b);
	if (ptrace(PTRACE_SEIZE, j->pid, NULL, NULL) < 0)
		return errno == EPERM ? -EBUSY : -errno;
	/* it was the right one before: whose number it is now cannot change any more */
	r = check_proc(dir, j);
	if (r == 0)
		r = take_filters(j->pid, &b);
	end_after(0);
	return r < 0 ? r : fs_write_all(out, b.p, b.n);
}

static int take(struct span got, struct secfilters *ret)
{
	struct secfilters f = { 0 };
	size_t cap = 0;
	uint32_t n;

	if (got.n < sizeof(f.stop_usec))
		return -EINVAL;
	memcpy(&f.stop_usec, got.p, sizeof(f.stop_usec));
	got = span_of(got.p + sizeof(f.stop_usec), got.n - sizeof(f.stop_usec));
	while (got.n >= sizeof(n)) {
		struct secfilter one;

		memcpy(&n, got.p, sizeof(n));
		got = span_of(got.p + sizeof(n), got.n - sizeof(n));
		if (n > SECFILTER_MAX || n * sizeof(*one.v) > got.n ||
		    secfilter_parse(span_of(got.p, n * sizeof(*one.v)), &one) < 0) {
			secfilters_done(&f);
			return -EINVAL;
		}
		got = span_of(got.p + n * sizeof(*one.v), got.n - n * sizeof(*one.v));
		GROW(f.v, f.n, cap);
		f.v[f.n++] = one;
	}
	*ret = f;
	return 0;
}

static int why_not(const struct job *j, int r, struct err *err)
{
	const char *why = strerror(-r);

	if (r == -EBUSY)
		why = "it is frozen, stopped or traced by another";
	else if (r == -EAGAIN)
		why = "it waits in the kernel, for a disk maybe";
	else if (r == -ETIMEDOUT)
		why = "it did not stop in time";
	else if (r == -EINVAL || r == -EIO)
		why = "this kernel does not give them";
	return err_set(err, r == -EINVAL || r == -EIO ? -ENOTSUP : r,
		       "seccomp filters of process %d: %s", (int)j->pid, why);
}

static int try_once(struct job *j, struct secfilters *ret)
{
	_cleanup_(buf_done) struct buf got = { 0 };
	struct guard g = { 0 };
	int r = guard_start(fetch, j, GUARD_USEC, &g, NULL);

	if (r == 0)
		r = guard_collect(&g, MAX_BYTES, &got, NULL);
	return r < 0 ? r : take(span_of(buf_str(&got), got.n), ret);
}

int secfetch(int rootfd, uint32_t vmid, pid_t pid, uint64_t start_ticks,
	     struct secfilters *ret, struct err *err)
{
	struct job j = { rootfd, vmid, pid, start_ticks };
	int r = try_once(&j, ret);

	/* for a disk, or for a child of vfork() to be a program of its own */
	for (int i = 0; r == -EAGAIN && i < D_TRIES; i++) {
		clock_sleep_usec(D_USEC);
		r = try_once(&j, ret);
	}
	return r < 0 ? why_not(&j, r, err) : 0;
}
