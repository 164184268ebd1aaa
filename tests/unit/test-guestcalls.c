/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filters of guest-read, entered for good by children of this program, each of which
 * then makes one system call: those that are not its own must kill it, whatever their
 * arguments. They are such that they would do no harm if they were let through.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest/calls.h"
#include "read/guestfds.h"
#include "test.h"

struct call {
	const char *name;
	long number, args[6];
};

#define CALL(name, ...)                                                                  \
	{                                                                                \
#name, SYS_##name,                                                       \
		{                                                                        \
			__VA_ARGS__                                                      \
		}                                                                        \
	}

/* None of them is needed, each would be of use to who has taken the process over. */
static const struct call forbidden[] = {
	/* files by path, or anew */
	CALL(openat, -1, -1),
	CALL(open_by_handle_at, -1, -1, 0),
	CALL(name_to_handle_at, -1, -1),
	CALL(newfstatat, -1, -1, -1),
	CALL(chdir, -1),
	CALL(fchdir, -1),
	CALL(memfd_create, -1, 0),
	CALL(io_uring_setup, 1, 0),
	CALL(fanotify_init, 0, 0),
	CALL(inotify_init1, 0),
	/* changes */
	CALL(unlinkat, -1, -1),
	CALL(renameat2, -1, -1, -1, -1),
	CALL(mkdirat, -1, -1),
	CALL(mknodat, -1, -1),
	CALL(linkat, -1, -1, -1, -1),
	CALL(symlinkat, -1, -1, -1),
	CALL(fchmod, -1),
	CALL(fchmodat, -1, -1),
	CALL(fchown, -1),
	CALL(fchownat, -1, -1),
	CALL(ftruncate, -1),
	CALL(fallocate, -1),
	CALL(pwrite64, -1),
	CALL(writev, -1),
	CALL(sendfile, -1, -1),
	CALL(splice, -1, 0, -1),
	CALL(copy_file_range, -1, 0, -1),
	CALL(fsetxattr, -1, -1),
	CALL(utimensat, -1, -1),
	CALL(ioctl, -1),
	CALL(fcntl, -1),
	CALL(getrandom, 0, 0),
	CALL(dup, -1),
	CALL(dup3, -1, -1),
	/* programs and processes */
	CALL(execve, -1),
	CALL(execveat, -1, -1),
	CALL(clone, 0),
	CALL(clone3, -1, 0),
	CALL(kill, 0, 0),
	CALL(tgkill, 0, 0, 0),
	CALL(pidfd_open, 0),
	CALL(pidfd_getfd, -1),
	CALL(pidfd_send_signal, -1),
	CALL(ptrace, 0x4200, 0), /* PTRACE_SETOPTIONS */
	CALL(process_vm_readv, 0),
	CALL(process_vm_writev, 0),
	CALL(kcmp, 0),
	CALL(prlimit64, 0, -1),
	CALL(sched_setaffinity, 0, 0),
	CALL(setpriority, 9),
	/* the network, and others on this machine */
	CALL(socket, -1),
	CALL(socketpair, -1),
	CALL(connect, -1),
	CALL(sendto, -1),
	CALL(sendmsg, -1),
	CALL(recvmsg, -1),
	CALL(shmget, 0, 0),
	CALL(msgget, 0, 0),
	CALL(mq_open, -1),
	CALL(pipe2, -1, -1),
	CALL(flock, -1),
	/* ids and rights */
	CALL(setuid, -1),
	CALL(setresuid, -1, -1, -1),
	CALL(setgroups, -1, -1),
	CALL(setfsuid, -1),
	CALL(setfsgid, -1),
	CALL(capset, -1, -1),
	CALL(prctl, -1),
	CALL(add_key, -1),
	CALL(keyctl, -1),
	/* namespaces and mounts */
	CALL(setns, -1),
	CALL(unshare, 0),
	CALL(chroot, -1),
	CALL(pivot_root, -1, -1),
	CALL(mount, -1, -1, -1),
	CALL(umount2, -1),
	CALL(open_tree, -1, -1, -1),
	CALL(move_mount, -1, -1, -1, -1, -1),
	CALL(fsopen, -1, -1),
	CALL(mount_setattr, -1, -1, -1),
	/* the kernel */
	CALL(bpf, -1),
	CALL(perf_event_open, -1, 0, -1, -1, -1),
	CALL(userfaultfd, -1),
	CALL(init_module, -1, 0, -1),
	CALL(finit_module, -1, -1, -1),
	CALL(delete_module, -1, 0),
	CALL(kexec_load, 0, -1, -1, -1),
	CALL(reboot, 0, 0),
	CALL(swapon, -1),
	CALL(quotactl, -1),
	CALL(syslog, -1),
	CALL(acct, -1),
	CALL(settimeofday, -1, -1),
	CALL(clock_settime, -1),
	CALL(sethostname, -1, -1),
	CALL(personality, -1),
	CALL(rt_sigaction, -1),
	CALL(rt_sigreturn),
#ifdef SYS_open /* those that newer architectures do not have */
	CALL(open, -1),
	CALL(creat, -1),
	CALL(stat, -1, -1),
	CALL(lstat, -1, -1),
	CALL(access, -1),
	CALL(readlink, -1, -1),
	CALL(fork),
#endif
#ifdef __x86_64__
	CALL(ioperm, -1, -1),
	CALL(iopl, -1),
	CALL(modify_ldt, -1),
	CALL(arch_prctl, -1),
	{ "getpid of the x32 ABI", 0x40000000 | SYS_getpid, { 0 } },
#endif
#ifndef WITH_SANITIZERS
	CALL(mprotect, 0, 0),
	CALL(futex, 0, 1),
#endif
	{ "one that there is not", 4000, { 0 } },
};

/* Their own, with arguments that are not. */
static const struct call odd[] = {
	CALL(fstat, -1, -1),
	CALL(newfstatat, -1, -1, -1),
	CALL(write, 2, -1, 0),
	CALL(write, 0, -1, 0),
	CALL(write, 3, -1, 0),
	CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
	CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 0),
	CALL(mmap, 0, 4096, PROT_READ, MAP_SHARED, 3),
	CALL(statx, AT_FDCWD, -1, 0, 0, -1),
	CALL(statx, -1, -1, 0, 0, -1),
};

/* Only while it opens. */
static const struct call opening[] = {
	CALL(openat2, 0, -1, -1, sizeof(struct open_how)),
	CALL(readlinkat, 0, -1, -1, 0),
	CALL(read, -1, 0, 0),
	CALL(seccomp, SECCOMP_SET_MODE_FILTER, 0, 0),
};

static const struct call opening_odd[] = {
	CALL(openat2, AT_FDCWD, -1, -1, sizeof(struct open_how)),
	CALL(readlinkat, AT_FDCWD, -1, -1, 0),
};

/* A journal is mapped, but only to be read. */
static const struct call journal_odd[] = {
	CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0),
	CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0),
	CALL(newfstatat, AT_FDCWD, -1, -1, AT_EMPTY_PATH),
	CALL(newfstatat, 3, -1, -1, 0),
	CALL(write, 2, -1, 0),
	CALL(openat2, 0, -1, -1, sizeof(struct open_how)),
};

/* To the end. They fail, or do nothing. */
static const struct call left[] = {
	CALL(pread64, -1, 0, 0),
	CALL(getdents64, -1, 0, 0),
	CALL(statx, 0x7fffffff, -1, 0, 0, -1),
	CALL(fstatfs, -1, 0),
	CALL(close, -1),
	CALL(write, GUESTFD_ANSWER, 0, 0),
	CALL(brk, 0),
	CALL(munmap, 0, 0),
	CALL(mremap, 0, 0, 0, 0),
	CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
	CALL(clock_gettime, 0, 0),
	CALL(exit_group, 0),
};

enum when { OPENS, READS, READS_JOURNAL };

static const char *const when_names[] = { "opens", "reads", "reads a journal" };
static struct filter filters[4]; /* by when; then what comes before the last */

static _noreturn_ void child(const struct call *c, enum when when)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    filter_enter(&filters[when == READS_JOURNAL ? 3 : OPENS], NULL) < 0 ||
	    (when && filter_enter(&filters[when], NULL) < 0))
		_exit(99);
	if (c)
		syscall(c->number, c->args[0], c->args[1], c->args[2], c->args[3],
			c->args[4], c->args[5]);
	syscall(SYS_exit_group, 0);
	_exit(98);
}

/* The status of a child that made that call behind the filter. */
static int try(const struct call *c, enum when when)
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(c, when);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static bool is_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static size_t count_refused(const struct call *v, size_t n, enum when when)
{
	size_t refused = 0;

	for (size_t i = 0; i < n; i++) {
		int status = try(&v[i], when);

		CHECK(is_killed(status), "%s was let through: status %x", v[i].name,
		      (unsigned)status);
		refused += is_killed(status);
	}
	return refused;
}

static void count_allowed(const struct call *v, size_t n, enum when when)
{
	for (size_t i = 0; i < n; i++) {
		int status = try(&v[i], when);

		CHECK(status == 0, "%s: status %x", v[i].name, (unsigned)status);
	}
}

static void forbidden_calls_are_refused(void)
{
	for (enum when w = OPENS; w <= READS_JOURNAL; w++)
		printf("# %zu of %zu forbidden calls refused while it %s\n",
		       count_refused(forbidden, ARRAY_SIZE(forbidden), w),
		       ARRAY_SIZE(forbidden), when_names[w]);
	CHECK(ARRAY_SIZE(forbidden) >= 60, "%zu", ARRAY_SIZE(forbidden));
}

static void its_own_calls_are_refused_with_odd_arguments(void)
{
	count_refused(odd, ARRAY_SIZE(odd), OPENS);
	count_refused(odd, ARRAY_SIZE(odd), READS);
	count_refused(opening_odd, ARRAY_SIZE(opening_odd), OPENS);
	count_refused(journal_odd, ARRAY_SIZE(journal_odd), READS_JOURNAL);
}

static void once_it_reads_it_opens_nothing_more(void)
{
	count_allowed(opening, ARRAY_SIZE(opening), OPENS);
	count_refused(opening, ARRAY_SIZE(opening), READS);
}

/* The control: it is not that everything is killed. */
static void its_own_calls_go_through(void)
{
	count_allowed(left, ARRAY_SIZE(left), OPENS);
	count_allowed(left, ARRAY_SIZE(left), READS);
	count_allowed(left, ARRAY_SIZE(left), READS_JOURNAL);
	CHECK(try(NULL, READS) == 0, "nothing but the end");
}

static void no_more_than_18_calls_are_left(void)
{
#ifndef WITH_SANITIZERS
	CHECK(guest_n_plain <= 18, "%zu", guest_n_plain);
#endif
	CHECK(guest_n_plain > GUEST_OPENING && guest_n_calls > guest_n_plain, "%zu",
	      guest_n_calls);
}

#ifdef __x86_64__
/* By the gate of 32 bit programs, where the numbers mean other calls. */
static void calls_of_32_bit_are_refused(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		long r = 20; /* getpid */

		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (filter_enter(&filters[0], NULL) < 0)
			_exit(99);
		__asm__ volatile("int $0x80"
				 : "+a"(r)
				 :
				 : "memory", "r8", "r9", "r10", "r11");
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, &status, 0);
	/* a kernel without them refuses them, too */
	CHECK(WIFSIGNALED(status), "status %x", (unsigned)status);
}
#endif

static void build(const struct filter_call *calls, size_t n, struct filter *ret)
{
	struct err err = { 0 };

	CHECK(filter_build(calls, n, ret, &err) == 0, "%s", err.msg);
}

int main(void)
{
	const struct filter_call *reading = guest_calls + GUEST_OPENING;

	build(guest_calls, guest_n_plain, &filters[OPENS]);
	build(reading, guest_n_plain - GUEST_OPENING, &filters[READS]);
	build(reading, guest_n_calls - GUEST_OPENING, &filters[READS_JOURNAL]);
	build(guest_calls, guest_n_calls, &filters[3]);
	RUN(forbidden_calls_are_refused);
	RUN(its_own_calls_are_refused_with_odd_arguments);
	RUN(once_it_reads_it_opens_nothing_more);
	RUN(its_own_calls_go_through);
	RUN(no_more_than_18_calls_are_left);
#ifdef __x86_64__
	RUN(calls_of_32_bit_are_refused);
#endif
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		filter_done(&filters[i]);
	return DONE();
}
