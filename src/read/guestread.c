/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestread.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/cgroup.h"
#include "read/guestfds.h"
#include "read/guestwire.h"
#include "read/procfs.h"

#define PARALLEL 64
/* from the reader's own end to what has come of it here, on a machine that is busy */
#define GRACE_USEC (200 * USEC_PER_MSEC)
/* how long one that was killed may take to go; what takes longer is in the kernel */
#define DYING_MSEC 20

void guestread_program(int rootfd, struct buf *ret)
{
	_cleanup_free_ char *self = NULL;
	struct fs_stat st;
	char path[4096];
	ssize_t n = readlinkat(rootfd, "proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		self = xasprintf("%s/guest-read", path);
	}
	if (self && fs_stat(rootfd, self, true, &st, NULL) == 0 && S_ISREG(st.mode))
		buf_adds(ret, self);
	else
		buf_adds(ret, LIBEXECDIR "/ctscope/guest-read");
}

/* ---- the container's root ----------------------------------------------------------- */

/* Descriptors of one container, by enum guestfd; -1: not there. */
struct hold {
	int fd[GUESTFD_N];
	int proc; /* /proc/<init>: of this process, even when its number is used again */
	int pidfd;
};

static void hold_done(struct hold *h)
{
	for (size_t i = 0; i < GUESTFD_N; i++)
		cleanup_close(&h->fd[i]);
	cleanup_close(&h->proc);
	cleanup_close(&h->pidfd);
}

static int gone(const struct guestread_target *t, struct err *err)
{
	return err_set(err, -ESRCH, "container %u: its init %d is gone", t->vmid,
		       (int)t->init_pid);
}

/* The directory of the process, which has to be one of a real procfs: the "root" in it is
 * a magic link and nothing that somebody put there. */
static int open_proc(int rootfd, const struct guestread_target *t, struct hold *h,
		     struct err *err)
{
	struct statfs fs;
	char path[32];
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)t->init_pid, "");
	r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY, &h->proc, NULL);
	if (r < 0)
		return r == -ENOENT ? gone(t, err)
				    : err_set(err, r, "open %s: %s", path, strerror(-r));
	if (fstatfs(h->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, -ENOTSUP, "%s is not of a running node", path);
	h->pidfd = (int)syscall(SYS_pidfd_open, t->init_pid, 0);
	return h->pidfd < 0 ? gone(t, err) : 0;
}

static int check_start(const struct guestread_target *t, const struct hold *h,
		       struct err *err)
{
	_uninit_ char buf[1024];
	struct proc_stat st;
	size_t n;
	int r = fs_read_once(h->proc, "stat", buf, sizeof(buf), &n, err);

	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &st);
	if (r == -ESRCH || r == -ENOENT)
		return gone(t, err);
	if (r < 0)
		return r;
	if (st.start_ticks != t->start_ticks)
		return err_set(err, -ESRCH, "container %u: process %d is another by now",
			       t->vmid, (int)t->init_pid);
	return 0;
}

static int check_cgroup(const struct guestread_target *t, const struct hold *h,
			struct err *err)
{
	_uninit_ char buf[8192];
	struct span cgroup;
	size_t n;
	int r = fs_read_once(h->proc, "cgroup", buf, sizeof(buf), &n, err);

	if (r == -ESRCH || r == -ENOENT)
		return gone(t, err);
	if (r < 0)
		return r;
	if (procfs_parse_cgroup(span_of(buf, n), &cgroup) < 0 ||
	    !procfs_cgroup_is_ct(cgroup, t->vmid))
		return err_set(err, -ESRCH, "container %u: process %d is not in lxc/%u",
			       t->vmid, (int)t->init_pid, t->vmid);
	return 0;
}

static int open_of(const struct guestread_target *t, const struct hold *h,
		   const char *name, int flags, int *ret, struct err *err)
{
	int fd = openat(h->proc, name, flags | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return gone(t, err);
	if (fd < 0)
		return err_set(err, -errno, "open %s of container %u: %s", name, t->vmid,
			       strerror(errno));
	*ret = fd;
	return 0;
}

/*
 * Until LXC has changed init's root, that is the host's, seen in a mount namespace of its
 * own: what would be read then is not the container's.
 */
static int check_root(int rootfd, const struct guestread_target *t, int root,
		      struct err *err)
{
	/* a file system of the guest's is not asked: it may never answer */
	int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
	struct statx its;
	struct stat own;

	if (fstat(rootfd, &own) < 0 || statx(root, "", flags, STATX_INO, &its) < 0)
		return err_set(err, -errno, "stat the root of container %u: %s", t->vmid,
			       strerror(errno));
	if (own.st_dev == makedev(its.stx_dev_major, its.stx_dev_minor) &&
	    own.st_ino == its.stx_ino)
		return err_set(err, -EAGAIN,
			       "container %u has no root of its own yet: it is starting",
			       t->vmid);
	return 0;
}

/* Of a privileged container there is none: it has the host's. */
static int open_userns(const struct guestread_target *t, struct hold *h, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat own, its;
	int r = open_of(t, h, "ns/user", O_RDONLY, &fd, err);

	if (r < 0)
		return r;
	if (stat("/proc/self/ns/user", &own) < 0 || fstat(fd, &its) < 0)
		return err_set(err, -errno, "/proc/self/ns/user: %s", strerror(errno));
	if (own.st_dev != its.st_dev || own.st_ino != its.st_ino)
		h->fd[GUESTFD_USERNS] = take_fd(&fd);
	return 0;
}

static int open_lock(int rootfd, const struct guestread_target *t, struct hold *h,
		     struct err *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(rootfd), t->vmid);
	r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY, &h->fd[GUESTFD_LOCK], err);
	return r == -ENOENT ? gone(t, err) : r;
}

/* It is still there, so its number was never another's since pidfd_open(). */
static int check_alive(const struct guestread_target *t, const struct hold *h,
		       struct err *err)
{
	return syscall(SYS_pidfd_send_signal, h->pidfd, 0, NULL, 0) < 0 ? gone(t, err)
									: 0;
}

static int hold_open(int rootfd, const struct guestread_target *t, struct hold *h,
		     struct err *err)
{
	int r = open_proc(rootfd, t, h, err);

	if (r == 0)
		r = check_start(t, h, err);
	if (r == 0)
		r = check_cgroup(t, h, err);
	if (r == 0)
		r = open_of(t, h, "root", O_PATH | O_DIRECTORY, &h->fd[GUESTFD_ROOT],
			    err);
	if (r == 0)
		r = check_root(rootfd, t, h->fd[GUESTFD_ROOT], err);
	if (r == 0)
		r = open_of(t, h, "mountinfo", O_RDONLY, &h->fd[GUESTFD_MOUNTINFO], err);
	if (r == 0)
		r = open_userns(t, h, err);
	if (r == 0)
		r = open_lock(rootfd, t, h, err);
	return r == 0 ? check_alive(t, h, err) : r;
}

/* ---- the process -------------------------------------------------------------------- */

static int request_fd(const struct guestread_request *req, int *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int fd = -1;
	int r = guestwire_put_request(&b, req, err);

	if (r < 0)
		return r;
	fd = (int)syscall(SYS_memfd_create, "guest-read", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "memfd: %s", strerror(errno));
	r = fs_write_all(fd, b.p, b.n);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, r < 0 ? r : -errno, "write a request");
	*ret = take_fd(&fd);
	return 0;
}

struct launch {
	const char *program;
	const struct hold *hold;
};

/*
 * Every descriptor to its place. First all of them out of the way: one may stand where
 * another belongs. What is not there is closed, so that its place is empty.
 */
static int place_fds(const struct hold *h, int out)
{
	int away[GUESTFD_N];

	for (int i = 0; i < GUESTFD_N; i++) {
		int fd = i == GUESTFD_ANSWER ? out : h->fd[i];

		away[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, GUESTFD_N);
		if (fd >= 0 && away[i] < 0)
			return -errno;
	}
	for (int i = 0; i < GUESTFD_N; i++) {
		if (i == GUESTFD_STDERR)
			continue;
		if (away[i] < 0)
			close(i);
		else if (dup2(away[i], i) < 0)
			return -errno;
	}
	return 0;
}

/* In the child: becomes guest-read, with nothing of our environment. */
static int launch(int out, void *arg)
{
	const struct launch *l = arg;
	char name[] = "guest-read";
	char *const argv[] = { name, NULL }, *const envp[] = { NULL };
	int r = place_fds(l->hold, out);

	if (r < 0)
		return r;
	execve(l->program, argv, envp);
	return -errno;
}

static int start(int rootfd, const char *program, struct guestread_job *job)
{
	_cleanup_(hold_done) struct hold h = { .proc = -1, .pidfd = -1 };
	struct launch l = { .program = program, .hold = &h };
	int r;

	for (size_t i = 0; i < GUESTFD_N; i++)
		h.fd[i] = -1;
	r = request_fd(&job->request, &h.fd[GUESTFD_REQUEST], &job->err);
	if (r == 0)
		r = hold_open(rootfd, &job->target, &h, &job->err);
	if (r < 0)
		return r;
	return guard_start(launch, &l,
			   job->request.deadline_msec * USEC_PER_MSEC + GRACE_USEC,
			   &job->guard, &job->err);
}

/* ---- many of them ------------------------------------------------------------------- */

/*
 * It was killed: does it go? One in D state does not. It is not ours to wait for then.
 */
static bool is_stuck(pid_t pid)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
			    .events = POLLIN };
	bool stuck;

	if (p.fd < 0)
		return false;
	stuck = poll(&p, 1, DYING_MSEC) == 0;
	close(p.fd);
	return stuck;
}

static void take_answers(struct guestread_job *job, int r)
{
	size_t n = job->got.n;
	int parsed;

	buf_reserve(&job->got, 0);
	parsed = guestwire_take_answers(take_ptr(job->got.p), n, job->request.n,
					&job->answers, r < 0 ? NULL : &job->err);
	job->got = (struct buf){ 0 };
	if (r == 0)
		r = parsed;
	if (r == 0 && !job->answers.complete)
		r = err_set(&job->err, -EIO, "guest-read ended before it was done");
	if (r == -ETIMEDOUT && job->answers.waited)
		r = err_set(&job->err, -EBUSY, "another reader of the container hangs");
	job->error = r < 0 ? err_wrap(&job->err, r, "container %u", job->target.vmid) : 0;
}

static void finish(struct guestread_job *job, int r)
{
	pid_t pid = job->guard.pid;

	/* a reader that waits for another one is not stuck itself: it goes when killed */
	if (pid > 0) {
		kill(pid, SIGKILL);
		job->stuck = is_stuck(pid);
		guard_done(&job->guard);
	}
	take_answers(job, r);
}

static bool begin(int rootfd, const char *program, struct guestread_job *job)
{
	int r = start(rootfd, program, job);

	if (r < 0)
		take_answers(job, r);
	return r == 0;
}

/* Until one of those at work has something to say, or the time of one is up. */
static void wait_any(struct guestread_job *const *busy, size_t n)
{
	_uninit_ struct pollfd p[PARALLEL];
	uint64_t now = clock_mono_usec(), first = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = busy[i]->guard.fd, .events = POLLIN };
		first = MIN(first, busy[i]->guard.deadline_mono_usec);
	}
	(void)poll(p, n, (int)((num_sub(first, now) + 999) / 1000));
}

/* Takes what has come of it. False: it is at its end. */
static bool go_on(struct guestread_job *job)
{
	int r = guard_take(&job->guard, GUESTREAD_MAX_ANSWER, &job->got, &job->err);

	if (r == 1)
		return true;
	finish(job, r);
	return false;
}

size_t guestread_run(int rootfd, const char *program, struct guestread_job *jobs,
		     size_t n)
{
	struct guestread_job *busy[PARALLEL];
	size_t n_busy = 0, next = 0, stuck = 0;

	while (next < n || n_busy) {
		while (next < n && n_busy < PARALLEL) {
			struct guestread_job *job = &jobs[next++];

			if (begin(rootfd, program, job))
				busy[n_busy++] = job;
		}
		if (n_busy)
			wait_any(busy, n_busy);
		for (size_t i = 0; i < n_busy;) {
			if (go_on(busy[i])) {
				i++;
				continue;
			}
			stuck += busy[i]->stuck;
			busy[i] = busy[--n_busy];
		}
	}
	return stuck;
}

int guestread_ask(int rootfd, const char *program, struct guestread_job *job,
		  struct err *err)
{
	guestread_run(rootfd, program, job, 1);
	return job->error < 0 ? err_set(err, job->error, "%s", job->err.msg) : 0;
}

void guestread_job_done(struct guestread_job *job)
{
	guard_done(&job->guard);
	guestread_answers_done(&job->answers);
	buf_done(&job->got);
	*job = (struct guestread_job){ 0 };
}
