/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "sandbox/caps.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"
#include "test.h"

/* Each is tried by a child, as it is for good: 0, or the number of the line that failed. */
#define NEED(cond)                                                                       \
	do {                                                                             \
		if (!(cond))                                                             \
			return __LINE__;                                                 \
	} while (0)

static int status_of(int (*fn)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int line = fn();

		if (line)
			printf("# line %d failed: %s\n", line, strerror(errno));
		fflush(stdout);
		_exit(line != 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int begun(void)
{
	NEED(sandbox_begin(NULL) == 0);
	NEED(prctl(PR_GET_DUMPABLE) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

static void at_the_beginning_nobody_may_trace_it(void)
{
	CHECK(status_of(begun) == 0, "see above");
}

static int closed(void)
{
	int fds[2];

	NEED(pipe(fds) == 0 && dup2(fds[0], 100) == 100);
	NEED(sandbox_close_from(3, NULL) == 0);
	for (int fd = 3; fd < 128; fd++)
		NEED(fcntl(fd, F_GETFD) < 0);
	NEED(fcntl(1, F_GETFD) >= 0);
	return 0;
}

static void no_descriptor_is_left_from_a_number_on(void)
{
	CHECK(status_of(closed) == 0, "see above");
}

static int limited(void)
{
	const struct sandbox_limits l = { .cpu_sec = 7, .descriptors = 40 };
	struct rlimit r;

	NEED(sandbox_limit(&l, NULL) == 0);
	NEED(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 7 && r.rlim_max == 7);
	NEED(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max == 40);
	NEED(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
	NEED(getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_max == 0);
	NEED(getrlimit(RLIMIT_NPROC, &r) == 0 && r.rlim_max == 0);
	NEED(getrlimit(RLIMIT_MEMLOCK, &r) == 0 && r.rlim_max == 0);
	NEED(dup2(1, 40) < 0 && dup2(1, 39) == 39);
	return 0;
}

static void limits_are_set_for_good(void)
{
	CHECK(status_of(limited) == 0, "see above");
}

/* Whatever it inherited: the signal ignored and blocked. */
static int waits_for_ever(void)
{
	sigset_t all;

	sigfillset(&all);
	signal(SIGALRM, SIG_IGN);
	sigprocmask(SIG_SETMASK, &all, NULL);
	NEED(sandbox_deadline(30, 0, NULL) == 0);
	clock_sleep_usec(120 * USEC_PER_SEC);
	return __LINE__;
}

static int works_for_ever(void)
{
	sigset_t all;

	sigfillset(&all);
	signal(SIGPROF, SIG_IGN);
	sigprocmask(SIG_SETMASK, &all, NULL);
	NEED(sandbox_deadline(120000, 30, NULL) == 0);
	for (uint64_t cpu = clock_cpu_usec(); clock_cpu_usec() - cpu < 60 * USEC_PER_SEC;)
		;
	return __LINE__;
}

/* It sleeps beyond the time that it may have of the CPU. */
static int works_little(void)
{
	NEED(sandbox_deadline(120000, 30, NULL) == 0);
	clock_sleep_usec(100 * USEC_PER_MSEC);
	return 0;
}

static void the_deadline_of_the_cpu_ends_who_uses_it(void)
{
	int status = status_of(works_for_ever);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF, "status %x",
	      (unsigned)status);
	CHECK(status_of(works_little) == 0, "see above");
}

static void the_deadline_ends_it(void)
{
	uint64_t start = clock_mono_usec();
	int status = status_of(waits_for_ever);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM, "status %x",
	      (unsigned)status);
	CHECK(clock_mono_usec() - start < 60 * USEC_PER_SEC, "too late");
}

static int locked(void)
{
	struct err err = { 0 };
	int sig = 0;

	NEED(sandbox_lock(getppid(), NULL) == 0);
	NEED(prctl(PR_GET_DUMPABLE) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	NEED(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL);
	/* one that was our parent, and has died before we asked to be told */
	NEED(sandbox_lock(getppid() + 1, &err) == -ESRCH);
	return 0;
}

static void a_parent_that_has_died_before_is_noticed(void)
{
	CHECK(status_of(locked) == 0, "see above");
}

static int shut_in(void)
{
	char path[32];
	struct stat st;
	int fd;

	if (getuid() != 0)
		return 0;
	fd = open("/etc/passwd", O_PATH | O_CLOEXEC);
	NEED(fd >= 0 && sandbox_shut_in(NULL) == 0);
	NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == ENOENT);
	NEED(open("/proc/self/status", O_RDONLY) < 0 && errno == ENOENT);
	NEED(open("etc", O_RDONLY) < 0 && open("../../../etc/passwd", O_RDONLY) < 0);
	NEED(open("/../../status", O_RDONLY) < 0 && errno == ENOENT);
	/* what it holds can be opened anew, and that is all there is */
	snprintf(path, sizeof(path), "/%d", fd);
	NEED(open(path, O_RDONLY) >= 0);
	NEED(stat("/..", &st) == 0);
	/* and a user namespace may still be joined */
	NEED(unshare(CLONE_NEWUSER) == 0 || errno == EPERM || errno == EUSERS);
	return 0;
}

static void no_path_leads_out_of_its_own_descriptors(void)
{
	CHECK(status_of(shut_in) == 0, "see above");
}

/* ---- a filter ----------------------------------------------------------------------- */

static const struct filter_call some[] = {
	{ .number = SYS_exit_group },
	{ .number = SYS_getpid },
	{ .number = SYS_seccomp },
	{ SYS_lseek, 2, { { 0, UINT64_C(0xffffffff), 5 }, { 2, 3, 1 } } },
};

static struct filter filter;

static _noreturn_ void call_behind(long number, long a, long b, long c)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (filter_enter(&filter, NULL) < 0)
		_exit(99);
	syscall(number, a, b, c);
	syscall(SYS_exit_group, 0);
	_exit(98);
}

static bool is_allowed(long number, long a, long b, long c)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		call_behind(number, a, b, c);
	waitpid(pid, &status, 0);
	CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS),
	      "status %x", (unsigned)status);
	return status == 0;
}

static void a_filter_looks_at_numbers_and_arguments(void)
{
	struct err err = { 0 };

	CHECK(filter_build(some, ARRAY_SIZE(some), &filter, &err) == 0, "%s", err.msg);
	CHECK(is_allowed(SYS_getpid, 0, 0, 0), "getpid");
	CHECK(!is_allowed(SYS_getppid, 0, 0, 0), "getppid");
	CHECK(is_allowed(SYS_lseek, 5, 0, 1), "lseek(5, 0, 1)");
	CHECK(is_allowed(SYS_lseek, 5, 9, 5), "the mask leaves bits out");
	CHECK(!is_allowed(SYS_lseek, 5, 0, 2), "the third argument");
	CHECK(!is_allowed(SYS_lseek, 6, 0, 1), "the first argument");
	filter_done(&filter);
}

static void no_filter_is_not_entered(void)
{
	struct err err = { 0 };

	CHECK(filter_enter(&filter, &err) == -EINVAL, "%s", err.msg);
}

/* ---- in the user namespace of a guest ----------------------------------------------- */

/*
 * The root of a guest, as PVE makes it: a user namespace whose owner is the host's root,
 * with ids from 100000 on. Here it has what a guest seldom has: the number of the process.
 */
struct tracer {
	int to[2], from[2], ns;
	pid_t pid;
};

static void write_to(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, text, strlen(text));
		close(fd);
	}
}

/* A bit for each way that was open to it: 1 ptrace, 2 memory, 4 its files, 8 signals. */
static uint8_t try_all(pid_t pid)
{
	static const char *const files[] = {
		"mem", "root", "cwd", "fd", "environ", "maps"
	};
	char byte, path[64];
	struct iovec own = { &byte, 1 }, its = { &filter, 1 };
	uint8_t got = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, pid, 0, 0);
		got |= 1;
	}
	if (process_vm_readv(pid, &own, 1, &its, 1, 0) == 1)
		got |= 2;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			got |= 4;
			close(fd);
		}
	}
	return kill(pid, 0) == 0 ? got | 8 : got;
}

static _noreturn_ void guests_root(struct tracer *t)
{
	uint8_t got = 0;
	pid_t pid;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(1);
	(void)!write(t->from[1], "u", 1);
	if (read(t->to[0], &c, 1) != 1 || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	(void)!write(t->from[1], "r", 1);
	while (read(t->to[0], &pid, sizeof(pid)) == sizeof(pid)) {
		got = try_all(pid);
		(void)!write(t->from[1], &got, 1);
	}
	_exit(0);
}

static bool tracer_start(struct tracer *t)
{
	char c, path[64];

	if (getuid() != 0 || pipe2(t->to, O_CLOEXEC) < 0 || pipe2(t->from, O_CLOEXEC) < 0)
		return false;
	fflush(stdout);
	t->pid = fork();
	if (t->pid == 0) {
		close(t->to[1]);
		close(t->from[0]);
		guests_root(t);
	}
	close(t->to[0]);
	close(t->from[1]);
	if (read(t->from[0], &c, 1) != 1)
		return false;
	write_to(t->pid, "uid_map", "0 100000 65536\n");
	write_to(t->pid, "gid_map", "0 100000 65536\n");
	(void)!write(t->to[1], "m", 1);
	if (read(t->from[0], &c, 1) != 1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)t->pid);
	t->ns = open(path, O_RDONLY | O_CLOEXEC);
	return t->ns >= 0;
}

static void tracer_end(struct tracer *t)
{
	close(t->to[1]);
	close(t->from[0]);
	if (t->ns >= 0)
		close(t->ns);
	if (t->pid > 0)
		waitpid(t->pid, NULL, 0);
}

enum victim { JOINS_ONLY, BEGINS, BEGINS_AND_JOINS, IS_READY };

static _noreturn_ void be_victim(const struct tracer *t, enum victim what, int ready)
{
	pid_t parent = getppid();
	int r = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (what != JOINS_ONLY)
		r = sandbox_begin(NULL);
	/* between setns() and the change of ids, where a slow machine may hold it up */
	if (r == 0 && (what == JOINS_ONLY || what == BEGINS_AND_JOINS))
		r = setns(t->ns, CLONE_NEWUSER);
	if (r == 0 && what == IS_READY)
		r = sandbox_shut_in(NULL);
	if (r == 0 && what == IS_READY)
		r = caps_become_guest(t->ns, NULL);
	if (r == 0 && what == IS_READY)
		r = sandbox_lock(parent, NULL);
	(void)!write(ready, r == 0 ? "y" : "n", 1);
	for (;;)
		pause();
}

static int tried_on(struct tracer *t, enum victim what)
{
	int fds[2];
	uint8_t got = 0xff;
	char c = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_victim(t, what, fds[1]);
	CHECK(read(fds[0], &c, 1) == 1 && c == 'y', "%d: it did not come so far", what);
	(void)!write(t->to[1], &pid, sizeof(pid));
	CHECK(read(t->from[0], &got, 1) == 1, "%d: nobody tried", what);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	return got;
}

static void the_guests_root_can_neither_trace_nor_look_into_it(void)
{
	struct tracer t = { { -1, -1 }, { -1, -1 }, -1, 0 };

	if (!tracer_start(&t)) {
		printf("# no user namespaces here, or not root: not tried\n");
		tracer_end(&t);
		return;
	}
	/* the control: who only joins the namespace is the guest's */
	CHECK(tried_on(&t, JOINS_ONLY) == 15, "control: %d", tried_on(&t, JOINS_ONLY));
	CHECK(tried_on(&t, BEGINS) == 0, "outside: %d", tried_on(&t, BEGINS));
	/* signals are asked of the namespace alone: no pid namespace has it, see caps.h */
	CHECK((tried_on(&t, BEGINS_AND_JOINS) & ~8) == 0, "joined: %d",
	      tried_on(&t, BEGINS_AND_JOINS));
	CHECK((tried_on(&t, IS_READY) & ~8) == 0, "at work: %d", tried_on(&t, IS_READY));
	tracer_end(&t);
}

int main(void)
{
	RUN(at_the_beginning_nobody_may_trace_it);
	RUN(no_descriptor_is_left_from_a_number_on);
	RUN(limits_are_set_for_good);
	RUN(the_deadline_ends_it);
	RUN(the_deadline_of_the_cpu_ends_who_uses_it);
	RUN(a_parent_that_has_died_before_is_noticed);
	RUN(no_path_leads_out_of_its_own_descriptors);
	RUN(a_filter_looks_at_numbers_and_arguments);
	RUN(no_filter_is_not_entered);
	RUN(the_guests_root_can_neither_trace_nor_look_into_it);
	return DONE();
}
