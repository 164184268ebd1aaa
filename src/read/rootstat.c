/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/rootstat.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/num.h"
#include "read/hungroot.h"
#include "read/procfs.h"

#define ONE_TIMEOUT_USEC (300 * USEC_PER_MSEC)
/* none was done with for so long: others go on behind those that are being asked */
#define STEP_USEC (25 * USEC_PER_MSEC)

struct answer {
	pid_t init_pid;       /* in */
	uint64_t start_ticks; /* in */
	bool hangs;           /* in: a process is known to hang there, it is not asked */
	_Atomic pid_t asker;
	bool ok;
	_Atomic bool done; /* all else is there */
	struct fscount count;
};

/* Memory of all the processes, so that no answer costs a switch between them. */
struct rootstat_shared {
	_Atomic uint32_t go; /* what is to be asked is there */
	_Atomic size_t next; /* the first that nobody has taken */
	_Atomic size_t n_done;
	struct answer v[];
};

struct task {
	int rootfd;
	struct rootstat_shared *shared;
	size_t n;
};

static size_t shared_bytes(size_t n)
{
	return sizeof(struct rootstat_shared) + n * sizeof(struct answer);
}

/*
 * Until LXC has changed init's root, that is the node's own. Asked first: what once was
 * another does not become it again. No server of a file system is asked for this.
 */
static int check_own(const char *path, const struct stat *host)
{
	struct statx x;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &x) <
	    0)
		return -errno;
	return x.stx_ino == host->st_ino &&
			       makedev(x.stx_dev_major, x.stx_dev_minor) == host->st_dev
		       ? -EAGAIN
		       : 0;
}

/* A magic link, which the kernel follows to the root itself and no further. */
static int ask(struct answer *a, const struct stat *host)
{
	struct statfs fs;
	char path[32];
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)a->init_pid, "/root");
	r = check_own(path, host);
	if (r < 0)
		return r;
	if (statfs(path, &fs) < 0)
		return -errno;
	if (fs.f_bfree > fs.f_blocks)
		return -EINVAL;
	a->count = (struct fscount){
		.total_bytes = num_muldiv(fs.f_blocks, (uint64_t)fs.f_frsize, 1),
		.free_bytes = num_muldiv(fs.f_bfree, (uint64_t)fs.f_frsize, 1),
		.avail_bytes = num_muldiv(fs.f_bavail, (uint64_t)fs.f_frsize, 1),
		.files = fs.f_files,
		.files_free = fs.f_ffree,
	};
	return 0;
}

/* Its number alone could be another process's by now. */
static bool is_same(int rootfd, const struct answer *a)
{
	_uninit_ char buf[1024];
	struct proc_stat st;

	return !a->start_ticks ||
	       (procfs_read_stat(rootfd, a->init_pid, buf, sizeof(buf), &st, NULL) == 0 &&
		st.start_ticks == a->start_ticks);
}

static void wait_go(const _Atomic uint32_t *go)
{
	while (!atomic_load(go))
		(void)syscall(SYS_futex, go, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int child(int out, void *arg)
{
	const struct task *t = arg;
	pid_t self = getpid();
	struct stat host;
	size_t i;

	(void)out; /* its end is what tells the parent */
	if (fchdir(t->rootfd) < 0 || stat(".", &host) < 0)
		return -errno;
	wait_go(&t->shared->go);
	while ((i = atomic_fetch_add(&t->shared->next, 1)) < t->n) {
		struct answer *a = &t->shared->v[i];

		atomic_store(&a->asker, self);
		if (a->init_pid > 0 && !a->hangs)
			a->ok = ask(a, &host) == 0 && is_same(t->rootfd, a);
		atomic_store(&a->done, true);
		atomic_fetch_add(&t->shared->n_done, 1);
	}
	return 0;
}

/* One hand more. */
static int start(int rootfd, struct rootstat_job *job, struct err *err)
{
	struct task t = { .rootfd = rootfd, .shared = job->shared, .n = job->n };
	int r = guard_start(child, &t, ONE_TIMEOUT_USEC, &job->hands[job->n_hands], err);

	job->n_hands += r == 0;
	return r;
}

int rootstat_start(int rootfd, size_t n, struct rootstat_job *ret, struct err *err)
{
	struct rootstat_job job = { .rootfd = rootfd, .n = n };
	int r;

	job.shared = mmap(NULL, shared_bytes(n), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.shared == MAP_FAILED)
		return err_set(err, -errno, "mmap: %s", strerror(errno));
	r = start(rootfd, &job, err);
	if (r < 0) {
		munmap(job.shared, shared_bytes(n));
		return r;
	}
	*ret = job;
	return 0;
}

static void leave_out(pid_t init, void *arg)
{
	struct rootstat_job *job = arg;

	for (size_t i = 0; i < job->n; i++)
		if (job->shared->v[i].init_pid == init)
			job->shared->v[i].hangs = true;
}

void rootstat_ask(struct rootstat_job *job, const struct rootstat *v)
{
	if (!job->shared)
		return;
	for (size_t i = 0; i < job->n; i++) {
		job->shared->v[i].init_pid = v[i].init_pid;
		job->shared->v[i].start_ticks = v[i].start_ticks;
	}
	hungroot_each(job->rootfd, leave_out, job);
	job->looked_mono_usec = job->done_mono_usec = job->moved_mono_usec =
		clock_mono_usec();
	atomic_store(&job->shared->go, 1);
	(void)syscall(SYS_futex, &job->shared->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* One that is stuck may wake up and write: it has a mapping of its own. */
void rootstat_done(struct rootstat_job *job)
{
	for (size_t i = 0; i < job->n_hands; i++)
		guard_done(&job->hands[i]);
	if (job->shared)
		munmap(job->shared, shared_bytes(job->n));
	*job = (struct rootstat_job){ 0 };
}

/* Waits until one of them is at its end, or so long: how many there are still. */
static size_t wait_hands(struct rootstat_job *job, int msec)
{
	_uninit_ struct pollfd p[ROOTSTAT_HANDS];
	size_t n = 0, left, at[ROOTSTAT_HANDS];

	for (size_t i = 0; i < job->n_hands; i++) {
		if (job->hands[i].pid <= 0)
			continue;
		at[n] = i;
		p[n++] = (struct pollfd){ .fd = job->hands[i].fd, .events = POLLIN };
	}
	left = n;
	if (n && poll(p, n, msec) <= 0)
		return left;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		if (!p[i].revents)
			continue;
		(void)guard_collect(&job->hands[at[i]], 1, &b, NULL);
		left--;
	}
	return left;
}

/* As many again as there are, so that no number of them that hang takes long to pass. */
static void more_hands(struct rootstat_job *job)
{
	size_t want = MIN(2 * job->n_hands, (size_t)ROOTSTAT_HANDS);

	while (job->n_hands < want && atomic_load(&job->shared->next) < job->n)
		if (start(job->rootfd, job, NULL) < 0)
			return;
}

static size_t n_taken(const struct rootstat_job *job)
{
	return MIN(atomic_load(&job->shared->next), job->n);
}

static bool any_moves(struct rootstat_job *job)
{
	bool any = false;

	for (size_t i = 0; i < job->n_hands; i++) {
		struct guard *g = &job->hands[i];

		any |= g->pid > 0 && guard_moves(g->pid, &g->n_switches);
	}
	return any;
}

/*
 * Till all are done with, or in all that time not one was, nor was one taken. One hand that
 * has taken none yet, or that wants to run, was not let run: a slow machine alone is no
 * guest's fault.
 */
static bool go_on(struct rootstat_job *job, int msec)
{
	size_t left = wait_hands(job, msec), taken = n_taken(job);
	size_t n = atomic_load(&job->shared->n_done);
	uint64_t now = clock_mono_usec();
	bool hang = taken - MIN(n, taken) >= left;

	job->looked_mono_usec = now;
	if (!left)
		return false;
	if (n != job->n_done)
		job->done_mono_usec = now;
	else if (hang && now - job->done_mono_usec >= STEP_USEC)
		more_hands(job);
	if (n != job->n_done || taken != job->n_taken)
		job->moved_mono_usec = now;
	else if (now - job->moved_mono_usec >= GUARD_MOST * ONE_TIMEOUT_USEC ||
		 (hang && now - job->moved_mono_usec >= ONE_TIMEOUT_USEC &&
		  !any_moves(job)))
		return false;
	job->n_done = n;
	job->n_taken = taken;
	return true;
}

static bool is_asked(const struct rootstat_job *job)
{
	return job->shared && atomic_load(&job->shared->go);
}

void rootstat_step(struct rootstat_job *job)
{
	if (is_asked(job) && !job->over &&
	    clock_mono_usec() - job->looked_mono_usec >= STEP_USEC)
		job->over = !go_on(job, 0);
}

static void wait_all(struct rootstat_job *job)
{
	while (!job->over)
		job->over = !go_on(job, (int)(STEP_USEC / USEC_PER_MSEC));
}

void rootstat_finish(int rootfd, struct rootstat_job *job, struct rootstat *v)
{
	size_t taken;

	if (!is_asked(job)) {
		rootstat_done(job);
		return;
	}
	wait_all(job);
	taken = n_taken(job);
	for (size_t i = 0; i < job->n; i++) {
		struct answer *a = &job->shared->v[i];

		v[i].stuck = a->hangs || (i < taken && !atomic_load(&a->done));
		if (v[i].stuck && !a->hangs)
			hungroot_note(rootfd, a->init_pid, atomic_load(&a->asker));
		if (i >= taken || v[i].stuck || !a->ok)
			continue;
		v[i].count = a->count;
		v[i].used_bytes = val_set(a->count.total_bytes - a->count.free_bytes);
		v[i].total_bytes = val_set(a->count.total_bytes);
	}
	rootstat_done(job);
}
