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

#define ONE_TIMEOUT_USEC (300 * USEC_PER_MSEC)
#define MAX_STUCK        4

struct answer {
	pid_t init_pid; /* in */
	bool ok;
	struct fscount count;
};

/*
 * Memory of both processes, so that no answer costs a switch between them. `next` is the
 * one that is being asked: where the process is stuck, if it is.
 */
struct rootstat_shared {
	_Atomic uint32_t go; /* what is to be asked is there */
	_Atomic size_t next;
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

static void wait_go(const _Atomic uint32_t *go)
{
	while (!atomic_load(go))
		(void)syscall(SYS_futex, go, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int child(int out, void *arg)
{
	const struct task *t = arg;
	struct stat host;
	size_t i;

	(void)out; /* its end is what tells the parent */
	if (fchdir(t->rootfd) < 0 || stat(".", &host) < 0)
		return -errno;
	wait_go(&t->shared->go);
	while ((i = atomic_load(&t->shared->next)) < t->n) {
		struct answer a = { .init_pid = t->shared->v[i].init_pid };

		if (a.init_pid > 0)
			a.ok = ask(&a, &host) == 0;
		t->shared->v[i] = a;
		atomic_store(&t->shared->next, i + 1);
	}
	return 0;
}

static int start(int rootfd, struct rootstat_job *job, struct err *err)
{
	struct task t = { .rootfd = rootfd, .shared = job->shared, .n = job->n };

	return guard_start(child, &t, ONE_TIMEOUT_USEC, &job->guard, err);
}

int rootstat_start(int rootfd, size_t n, struct rootstat_job *ret, struct err *err)
{
	struct rootstat_job job = { .n = n };
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

void rootstat_ask(struct rootstat_job *job, const struct rootstat *v)
{
	if (!job->shared)
		return;
	for (size_t i = 0; i < job->n; i++)
		job->shared->v[i].init_pid = v[i].init_pid;
	atomic_store(&job->shared->go, 1);
	(void)syscall(SYS_futex, &job->shared->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* One that is stuck may wake up and write: it has a mapping of its own. */
void rootstat_done(struct rootstat_job *job)
{
	guard_done(&job->guard);
	if (job->shared)
		munmap(job->shared, shared_bytes(job->n));
	*job = (struct rootstat_job){ 0 };
}

/* False: in all that time not one was done with. A slow machine alone is no guest's
 * fault. */
static bool comes_to_its_end(const struct rootstat_job *job)
{
	size_t seen;

	do {
		struct pollfd p = { .fd = job->guard.fd, .events = POLLIN };

		seen = atomic_load(&job->shared->next);
		if (poll(&p, 1, (int)(ONE_TIMEOUT_USEC / USEC_PER_MSEC)) > 0)
			return true;
	} while (atomic_load(&job->shared->next) != seen);
	return false;
}

/*
 * Waits for the process; where it is stuck, that one is marked and another process goes
 * on behind it.
 */
static void wait_all(int rootfd, struct rootstat_job *job, struct rootstat *v)
{
	for (unsigned stuck = 0; job->guard.pid > 0; stuck++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		size_t at;

		if (comes_to_its_end(job)) {
			(void)guard_collect(&job->guard, 1, &b, NULL);
			return;
		}
		guard_done(&job->guard);
		at = atomic_load(&job->shared->next);
		if (at >= job->n)
			return;
		v[at].stuck = true;
		atomic_store(&job->shared->next, at + 1);
		if (stuck + 1 >= MAX_STUCK || start(rootfd, job, NULL) < 0)
			return;
	}
}

void rootstat_finish(int rootfd, struct rootstat_job *job, struct rootstat *v)
{
	size_t done;

	if (!job->shared || !atomic_load(&job->shared->go)) {
		rootstat_done(job);
		return;
	}
	wait_all(rootfd, job, v);
	done = MIN(atomic_load(&job->shared->next), job->n);
	for (size_t i = 0; i < done; i++) {
		const struct answer *a = &job->shared->v[i];

		if (v[i].stuck || !a->ok)
			continue;
		v[i].count = a->count;
		v[i].used_bytes = val_set(a->count.total_bytes - a->count.free_bytes);
		v[i].total_bytes = val_set(a->count.total_bytes);
	}
	rootstat_done(job);
}
