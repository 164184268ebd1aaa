/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

/*
 * The system calls of the hook, and nothing else: LXC waits for it four times a
 * container. With HOOK_RAW there is no C library at all, whose start-up takes several
 * times as long as everything the hook does (entry.c is the rest of that); without, for
 * tests, sanitizers and other machines, they go through syscall(2) of the library.
 * All return a negative errno on failure.
 */
_Static_assert(sizeof(long) == 8, "only for 64-bit machines");

#if defined(HOOK_RAW) && defined(__x86_64__)

static inline long sys6(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(HOOK_RAW) && defined(__aarch64__)

static inline long sys6(long n, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

#else

#include <errno.h>
#include <unistd.h>

static inline long sys6(long n, long a, long b, long c, long d, long e)
{
	long ret = syscall(n, a, b, c, d, e);

	return ret < 0 ? -errno : ret;
}

#endif

__attribute__((noreturn)) static inline void sys_exit(void)
{
	for (;;)
		sys6(SYS_exit_group, 0, 0, 0, 0, 0);
}

static inline int sys_openat(int dir, const char *path, int flags, unsigned mode)
{
	return (int)sys6(SYS_openat, dir, (long)path, flags | O_CLOEXEC, mode, 0);
}

static inline int sys_openat2(int dir, const char *path, const struct open_how *how)
{
	return (int)sys6(SYS_openat2, dir, (long)path, (long)how, sizeof(*how), 0);
}

static inline void sys_close(int fd)
{
	sys6(SYS_close, fd, 0, 0, 0, 0);
}

static inline long sys_read(int fd, void *p, size_t n)
{
	return sys6(SYS_read, fd, (long)p, (long)n, 0, 0);
}

static inline long sys_write(int fd, const void *p, size_t n)
{
	return sys6(SYS_write, fd, (long)p, (long)n, 0, 0);
}

static inline long sys_writev(int fd, const struct iovec *iov, int n)
{
	return sys6(SYS_writev, fd, (long)iov, n, 0, 0);
}

static inline long sys_getdents(int fd, void *p, size_t n)
{
	return sys6(SYS_getdents64, fd, (long)p, (long)n, 0, 0);
}

/* path "": of the descriptor itself; a symlink is not followed */
static inline int sys_statx(int dir, const char *path, struct statx *st)
{
	return (int)sys6(SYS_statx, dir, (long)path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
			 STATX_BASIC_STATS, (long)st);
}

static inline void sys_chgrp(int fd, uint32_t gid)
{
	sys6(SYS_fchown, fd, -1, (long)gid, 0, 0);
}

static inline void sys_umask(unsigned mask)
{
	sys6(SYS_umask, mask, 0, 0, 0, 0);
}

static inline int sys_rename(int dir, const char *from, const char *to)
{
	return (int)sys6(SYS_renameat2, dir, (long)from, dir, (long)to, 0);
}

static inline void sys_unlink(int dir, const char *path)
{
	sys6(SYS_unlinkat, dir, (long)path, 0, 0, 0);
}

static inline uint64_t sys_clock_nsec(clockid_t clock)
{
	struct timespec ts = { 0 };

	sys6(SYS_clock_gettime, clock, (long)&ts, 0, 0, 0);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline long sys_getrandom(void *p, size_t n, unsigned flags)
{
	return sys6(SYS_getrandom, (long)p, (long)n, flags, 0, 0);
}

static inline uint32_t sys_getpid(void)
{
	return (uint32_t)sys6(SYS_getpid, 0, 0, 0, 0, 0);
}

static inline uint32_t sys_getppid(void)
{
	return (uint32_t)sys6(SYS_getppid, 0, 0, 0, 0, 0);
}

static inline int sys_setitimer(const struct itimerval *it)
{
	return (int)sys6(SYS_setitimer, ITIMER_REAL, (long)it, 0, 0, 0);
}

/*
 * Before others that compute: LXC and the container's start wait for us. On an overloaded
 * node the time was spent waiting for a CPU after each lock; what we need of it is about
 * a tenth of a millisecond. Not real-time: who waits for our end would then come after
 * the one whom we interrupted. Who may not stays where it is. The slice of 100 us counts
 * from Linux 6.12 on.
 */
static inline void sys_go_first(void)
{
	/* struct sched_attr, its first version; SCHED_OTHER is 0 */
	const struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_nsec, deadline, period;
	} attr = { .size = sizeof(attr), .nice = -20, .runtime_nsec = 100000 };

	sys6(SYS_sched_setattr, 0, (long)&attr, 0, 0, 0);
}

/*
 * Calls fn on SIGALRM, which is unblocked, also while fn runs. Interrupts what blocks: no
 * SA_RESTART.
 */
int sys_on_alarm(void (*fn)(int));

/* Of our own, as there may be no library. */
static inline size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* The strings are equal in their first n bytes; what ends before is not. */
static inline int str_same(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] || !a[i])
			return 0;
	return 1;
}

static inline int str_is(const char *a, const char *b)
{
	return str_same(a, b, str_len(b)) && !a[str_len(b)];
}
