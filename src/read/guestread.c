/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestread.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/guestfds.h"
#include "read/guesthold.h"
#include "read/guestwire.h"

/*
 * So many are at work at a time. Those that have been so for longer than most ever are
 * hold no place, up to a number of processes: where many hang, the others need not wait
 * for their time to be up.
 */
#define PARALLEL   64
#define MOST       192
#define YOUNG_USEC (100 * USEC_PER_MSEC)
/* of the answers to all of them */
#define MAX_KEPT ((size_t)256 << 20)
/* from the reader's own end to what has come of it here, on a machine that is busy */
#define GRACE_USEC (200 * USEC_PER_MSEC)
/* the same from when all is open on, with nothing left to load or to wait for */
#define OPENED_USEC (50 * USEC_PER_MSEC)
/* how long one that was killed may take to go; what takes longer is in the kernel */
#define DYING_USEC (100 * USEC_PER_MSEC)
#define DYING_MOST 20

/* ---- the program -------------------------------------------------------------------- */

/*
 * Is it in nobody's hands but those in which the running program is? It is started as the
 * host's root.
 */
static bool is_trusted(const struct stat *st)
{
	struct stat self;

	return !(st->st_mode & (S_IWGRP | S_IWOTH)) &&
	       (st->st_uid == 0 ||
		(stat("/proc/self/exe", &self) == 0 && st->st_uid == self.st_uid));
}

/* The directory is the running program's, and nobody else could put something in it. */
static bool has_ours(const char *dir, const char *name)
{
	_cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st, own, its;

	return fd >= 0 && fstat(fd, &st) == 0 && is_trusted(&st) &&
	       stat("/proc/self/exe", &own) == 0 &&
	       fstatat(fd, name, &its, AT_SYMLINK_NOFOLLOW) == 0 &&
	       own.st_dev == its.st_dev && own.st_ino == its.st_ino &&
	       fstatat(fd, "guest-read", &its, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(its.st_mode) && is_trusted(&its);
}

void guestread_program(int rootfd, struct buf *ret)
{
	char path[4096];
	ssize_t n = readlinkat(rootfd, "proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	if (slash && slash != path && has_ours(path, slash + 1))
		buf_addf(ret, "%s/guest-read", path);
	else
		buf_adds(ret, LIBEXECDIR "/ctscope/guest-read");
}

static int open_program(const char *path, int *ret, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !is_trusted(&st))
		return err_set(err, -EPERM,
			       "%s is not started: others than root may change it", path);
	*ret = take_fd(&fd);
	return 0;
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
	int program;
	const struct guesthold *hold;
};

/*
 * Every descriptor to its place. First all of them out of the way: one may stand where
 * another belongs. What is not there is closed, so that its place is empty.
 */
static int place_fds(const struct guesthold *h, int out)
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
	int program = fcntl(l->program, F_DUPFD_CLOEXEC, GUESTFD_N);
	int r = program < 0 ? -errno : place_fds(l->hold, out);

	if (r < 0)
		return r;
	syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
	return -errno;
}

static int start(int rootfd, int program, struct guestread_job *job)
{
	_cleanup_(guesthold_done) struct guesthold h;
	_cleanup_close_ int request = -1;
	struct launch l = { .program = program, .hold = &h };
	int r;

	guesthold_init(&h);
	r = request_fd(&job->request, &request, &job->err);
	if (r == 0)
		r = guesthold_open(rootfd, &job->target, &h, &job->err);
	if (r < 0)
		return r;
	h.fd[GUESTFD_REQUEST] = take_fd(&request);
	r = guard_start(launch, &l,
			job->request.deadline_msec * USEC_PER_MSEC + GRACE_USEC,
			&job->guard, &job->err);
	if (r < 0)
		return r;
	job->init_fd = take_fd(&h.pidfd);
	job->began_mono_usec = clock_mono_usec();
	return 0;
}

/* ---- one that ends ------------------------------------------------------------------ */

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
	if (job->answers.failed)
		r = err_set(&job->err, -GUESTREAD_EXIT,
			    "guest-read could not make itself safe: %s",
			    strerror(job->answers.failed));
	if (r == 0 && !job->answers.complete)
		r = err_set(&job->err, -EIO, "guest-read ended before it was done");
	if (r == -ETIMEDOUT && job->answers.blocked)
		r = err_set(&job->err, -EBUSY, "another reader of the container hangs");
	job->error = r < 0 ? err_wrap(&job->err, r, "container %u", job->target.vmid) : 0;
}

/* So that it can be found: it holds what it hangs in until that lets it go. */
static void name_stuck(struct guestread_job *job)
{
	struct err old = job->err;

	if (job->error)
		err_set(&job->err, job->error,
			"%s; process %d, which read it, hangs in the kernel and was left "
			"behind",
			old.msg, (int)job->stuck_pid);
}

/* At its end, or left behind. A reader that waits for another one is not stuck itself. */
static void end(struct guestread_job *job)
{
	if (job->stuck)
		job->stuck_pid = job->guard.pid;
	guard_done(&job->guard);
	cleanup_close(&job->init_fd);
	if (job->dying)
		cleanup_close(&job->reader_fd);
	job->dying = false;
	take_answers(job, job->result);
	if (job->stuck)
		name_stuck(job);
}

/*
 * Its result is known. One that was killed does not always go: in D state it stays, and
 * that is looked at while others are at work. False: it is at its end.
 */
static bool kill_reader(struct guestread_job *job, int r)
{
	job->result = r;
	if (job->guard.pid > 0) {
		kill(job->guard.pid, SIGKILL);
		job->reader_fd = (int)syscall(SYS_pidfd_open, job->guard.pid, 0);
		job->dying = job->reader_fd >= 0;
		job->dying_until_usec = clock_mono_usec() + DYING_USEC;
	}
	if (!job->dying)
		end(job);
	return job->dying;
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static bool still_dies(struct guestread_job *job)
{
	bool went = is_ready(job->reader_fd);

	if (!went && clock_mono_usec() < job->dying_until_usec)
		return true;
	/* what waits for a CPU to die on is in no file system */
	if (!went && job->dying_steps++ < DYING_MOST &&
	    guard_moves(job->guard.pid, &job->guard.n_switches)) {
		job->dying_until_usec = clock_mono_usec() + DYING_USEC;
		return true;
	}
	job->stuck = !went;
	end(job);
	return false;
}

/* ---- many of them ------------------------------------------------------------------- */

struct run {
	int rootfd, program;
	const struct guestread_beside *beside; /* NULL: nothing */
	struct guestread_job *busy[MOST];
	size_t n_busy;
	size_t kept; /* bytes of answers */
};

/* Its own deadline began before it had opened all. */
static void look_opened(struct guestread_job *job)
{
	if (job->opened || !guestwire_is_opened(span_of(job->got.p, job->got.n)))
		return;
	job->opened = true;
	guard_renew(&job->guard,
		    job->request.deadline_msec * USEC_PER_MSEC + OPENED_USEC);
}

/* Takes what has come of it. False: it is at its end. */
static bool go_on(struct run *run, struct guestread_job *job)
{
	size_t before = job->got.n;
	size_t max = MIN(GUESTREAD_MAX_ANSWER, before + num_sub(MAX_KEPT, run->kept));
	int r;

	if (job->dying)
		return still_dies(job);
	r = guard_take(&job->guard, max, &job->got, &job->err);
	run->kept += job->got.n - before;
	if (r == 1 && job->got.n > before)
		look_opened(job);
	/* what stops must not wait for us to be done with it */
	if (r == 1 && is_ready(job->init_fd) && !is_ready(job->guard.fd))
		r = guesthold_gone(&job->target, &job->err);
	return r == 1 || kill_reader(job, r);
}

/* Until one of those at work has something to say, or the time of one is up. */
static void wait_any(const struct run *run, bool others_wait)
{
	_uninit_ struct pollfd p[2 * MOST];
	uint64_t now = clock_mono_usec(), first = UINT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < run->n_busy; i++) {
		const struct guestread_job *job = run->busy[i];
		uint64_t old = job->began_mono_usec + YOUNG_USEC;

		p[n++] = (struct pollfd){
			.fd = job->dying ? job->reader_fd : job->guard.fd,
			.events = POLLIN,
		};
		p[n++] = (struct pollfd){ .fd = job->dying ? -1 : job->init_fd,
					  .events = POLLIN };
		first = MIN(first, job->dying ? job->dying_until_usec
					      : job->guard.deadline_mono_usec);
		if (others_wait && old > now)
			first = MIN(first, old);
	}
	if (run->beside)
		first = MIN(first, now + run->beside->every_usec);
	(void)poll(p, n, (int)((num_sub(first, now) + 999) / 1000));
}

static void step_beside(const struct run *run)
{
	if (run->beside)
		run->beside->step(run->beside->arg);
}

static bool has_place(const struct run *run)
{
	uint64_t now = clock_mono_usec();
	size_t young = 0;

	if (run->n_busy < PARALLEL)
		return true;
	for (size_t i = 0; i < run->n_busy; i++)
		young += now < run->busy[i]->began_mono_usec + YOUNG_USEC;
	return young < PARALLEL && run->n_busy < MOST;
}

static void begin(struct run *run, struct guestread_job *job)
{
	int r = start(run->rootfd, run->program, job);

	if (r < 0)
		take_answers(job, r);
	else
		run->busy[run->n_busy++] = job;
}

static size_t run_all(struct run *run, struct guestread_job *jobs, size_t n)
{
	size_t next = 0, stuck = 0;

	while (next < n || run->n_busy) {
		while (next < n && has_place(run)) {
			begin(run, &jobs[next++]);
			step_beside(run);
		}
		step_beside(run);
		if (run->n_busy)
			wait_any(run, next < n);
		for (size_t i = 0; i < run->n_busy;) {
			if (go_on(run, run->busy[i])) {
				i++;
				continue;
			}
			stuck += run->busy[i]->stuck;
			run->busy[i] = run->busy[--run->n_busy];
		}
	}
	return stuck;
}

size_t guestread_run_beside(int rootfd, const char *program, struct guestread_job *jobs,
			    size_t n, const struct guestread_beside *beside)
{
	_cleanup_close_ int fd = -1;
	struct err err = { 0 };
	int r = open_program(program, &fd, &err);
	struct run run = { .rootfd = rootfd, .program = fd, .beside = beside };

	if (r == 0)
		return run_all(&run, jobs, n);
	for (size_t i = 0; i < n; i++)
		take_answers(&jobs[i], err_set(&jobs[i].err, r, "%s", err.msg));
	return 0;
}

size_t guestread_run(int rootfd, const char *program, struct guestread_job *jobs,
		     size_t n)
{
	return guestread_run_beside(rootfd, program, jobs, n, NULL);
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
