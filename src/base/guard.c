/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"

#define LEAVING_MSEC 5
#define MAX_LEFT     64

/*
 * Children that were killed and had not gone yet, by number: 0 is a free place. Nobody
 * else waits for them, so until then their numbers are no other process's. Of the whole
 * program, as children are.
 */
static _Atomic pid_t behind[MAX_LEFT];

/*
 * A child that is left behind must not keep the caller's output open: whoever reads that
 * would wait for its end.
 */
static void let_go_of_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
}

static _noreturn_ void child(guard_fn *fn, void *arg, int out, pid_t parent)
{
	int r;

	let_go_of_stdio();

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* it died before that: nobody would end one that waits to be told what to read */
	if (getppid() != parent)
		_exit(ESRCH);
	r = fn(out, arg);
	_exit(r < 0 ? -r & 0xff : 0);
}

/* One more than there is room for stays a zombie until the program ends. */
static void leave(pid_t pid)
{
	for (size_t i = 0; i < MAX_LEFT; i++) {
		pid_t none = 0;

		if (atomic_compare_exchange_strong(&behind[i], &none, pid))
			return;
	}
}

/* Taken out before it is waited for: another thread must not wait for its number, too. */
void guard_reap(void)
{
	for (size_t i = 0; i < MAX_LEFT; i++) {
		pid_t pid = atomic_load(&behind[i]) ? atomic_exchange(&behind[i], 0) : 0;

		if (pid && waitpid(pid, NULL, WNOHANG) == 0)
			leave(pid);
	}
}

bool guard_is_left(pid_t pid)
{
	for (size_t i = 0; i < MAX_LEFT; i++)
		if (atomic_load(&behind[i]) == pid)
			return true;
	return false;
}

/* The kernel counts how often it let go of a CPU (proc.rst, 1.1: status). */
static uint64_t switches_of(struct span text, bool *ret_runs)
{
	struct span line;
	uint64_t n, sum = 0;

	while (span_line(&text, &line)) {
		struct span s = line;

		if (span_skip(&s, "State:"))
			*ret_runs = span_starts(span_trim(s), "R");
		else if ((span_skip(&s, "voluntary_ctxt_switches:") ||
			  span_skip(&s, "nonvoluntary_ctxt_switches:")) &&
			 num_parse_u64(span_trim(s), &n) == 0)
			sum += n;
	}
	return sum;
}

bool guard_moves(pid_t pid, uint64_t *n_switches)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[32], text[4096];
	uint64_t old = *n_switches;
	bool runs = false;
	size_t n;

	num_path(path, sizeof(path), "", (uint64_t)pid, "/status");
	if (proc < 0 || fs_read_small(proc, path, text, sizeof(text), &n, NULL) < 0)
		return false;
	*n_switches = switches_of(span_of(text, n), &runs);
	return runs || *n_switches != old;
}

/* The last eighth of its time begins with a look, to have one to compare with. */
static void set_deadline(struct guard *g, uint64_t timeout_usec)
{
	uint64_t now = clock_mono_usec();

	g->timeout_usec = timeout_usec;
	g->deadline_mono_usec = now + timeout_usec - timeout_usec / 8;
	g->latest_mono_usec = now + GUARD_MOST * timeout_usec;
	g->looked = false;
}

bool guard_is_over(struct guard *g)
{
	uint64_t now = clock_mono_usec();
	bool moves;

	if (now < g->deadline_mono_usec)
		return false;
	moves = guard_moves(g->pid, &g->n_switches);
	g->slow = moves && now >= g->latest_mono_usec;
	if (now >= g->latest_mono_usec || (g->looked && !moves))
		return true;
	g->looked = true;
	g->deadline_mono_usec =
		MIN(now + MAX(g->timeout_usec / 8, 1), g->latest_mono_usec);
	return false;
}

int guard_start(guard_fn *fn, void *arg, uint64_t timeout_usec, struct guard *ret,
		struct err *err)
{
	pid_t pid, self = getpid();
	int fds[2];

	guard_reap();
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return err_set(err, r, "fork: %s", strerror(-r));
	}
	if (pid == 0) {
		close(fds[0]);
		child(fn, arg, fds[1], self);
	}
	close(fds[1]);
	/* a large answer should not take a switch of process for each 64 KiB */
	(void)fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	*ret = (struct guard){ .pid = pid, .fd = fds[0] };
	set_deadline(ret, timeout_usec);
	return 0;
}

void guard_renew(struct guard *g, uint64_t timeout_usec)
{
	set_deadline(g, timeout_usec);
}

void guard_done(struct guard *g)
{
	if (g->pid <= 0)
		return;
	kill(g->pid, SIGKILL);
	close(g->fd);
	if (waitpid(g->pid, NULL, WNOHANG) == 0)
		leave(g->pid);
	*g = (struct guard){ .slow = g->slow };
}

static int wait_readable(struct guard *g)
{
	for (;;) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };
		uint64_t left = num_sub(g->deadline_mono_usec, clock_mono_usec());
		int r = poll(&p, 1, (int)((left + 999) / 1000));

		if (r > 0)
			return 0;
		if (r == 0 && guard_is_over(g))
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* The child has closed the pipe; it may still be on its way out, and may hang there. */
static bool is_on_its_way(const struct guard *g)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, g->pid, 0),
			    .events = POLLIN };
	bool alive;

	if (p.fd < 0)
		return false;
	alive = poll(&p, 1, LEAVING_MSEC) == 0;
	close(p.fd);
	return alive;
}

static int reap(const struct guard *g, struct err *err)
{
	int status;
	pid_t r;

	do
		r = waitpid(g->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, -EIO, "lost a reader process: %s", strerror(errno));
	/* a deadline of its own, of the clock or the CPU, before ours */
	if (WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF))
		return err_set(err, -ETIMEDOUT, "no answer in time");
	if (!WIFEXITED(status))
		return err_set(err, -EIO, "a reader process died of signal %d",
			       WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(err, -WEXITSTATUS(status), "%s",
			       strerror(WEXITSTATUS(status)));
	return 0;
}

static int too_late(struct guard *g, struct err *err)
{
	return !guard_is_over(g) ? 1 : err_set(err, -ETIMEDOUT, "no answer in time");
}

int guard_take(struct guard *g, size_t max, struct buf *ret, struct err *err)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	ssize_t n;
	int r;

	if (poll(&p, 1, 0) <= 0)
		return too_late(g, err);
	buf_reserve(ret, 1 << 16);
	n = read(g->fd, ret->p + ret->n, ret->cap - ret->n - 1);
	if (n < 0)
		return errno == EINTR ? 1
				      : err_set(err, -errno, "read: %s", strerror(errno));
	ret->n += (size_t)n;
	ret->p[ret->n] = '\0';
	if (n > 0)
		return ret->n <= max ? 1
				     : err_set(err, -EFBIG,
					       "more than %zu bytes of answer", max);
	if (is_on_its_way(g))
		return too_late(g, err);
	r = reap(g, err);
	close(g->fd);
	*g = (struct guard){ 0 };
	return r;
}

int guard_collect(struct guard *g, size_t max, struct buf *ret, struct err *err)
{
	size_t start = ret->n;
	int r;

	do {
		r = wait_readable(g);
		if (r < 0)
			err_set(err, r, "%s",
				r == -ETIMEDOUT ? "no answer in time" : strerror(-r));
		else
			r = guard_take(g, start + max, ret, err);
	} while (r == 1);
	guard_done(g);
	return r;
}
