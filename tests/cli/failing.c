/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the program under test (tests/cli/torture): the FAIL_AT-th call of a
 * kind fails, all others work. FAIL_KIND is malloc (malloc, calloc, realloc, strdup:
 * ENOMEM), fd (open, openat, openat2, socket, pipe2: EMFILE), read (read, pread: EIO),
 * write (write: ENOSPC) or fork (EAGAIN). How many there were is written to the file
 * FAIL_COUNT at the end.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long seen;
static long fail_at = -1;
static const char *kind;
static bool on;
static pid_t owner;

static void start(void) __attribute__((constructor));
static void end(void) __attribute__((destructor));

static void start(void)
{
	const char *at = getenv("FAIL_AT");

	kind = getenv("FAIL_KIND");
	if (!kind)
		return;
	fail_at = at ? atol(at) : -1;
	owner = getpid();
	on = true;
}

static void end(void)
{
	const char *file = getenv("FAIL_COUNT");
	char text[32];
	int fd, n;

	if (!on || getpid() != owner)
		return;
	on = false;
	if (!file)
		return;
	n = snprintf(text, sizeof(text), "%ld\n", (long)seen);
	fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)!syscall(SYS_write, fd, text, (size_t)n);
	(void)syscall(SYS_close, fd);
}

static bool fails(const char *what, int error)
{
	if (!on || strcmp(kind, what) != 0 || atomic_fetch_add(&seen, 1) + 1 != fail_at)
		return false;
	errno = error;
	return true;
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	return fails("malloc", ENOMEM) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails("malloc", ENOMEM) ? NULL : __libc_realloc(p, n);
}

static long result(long r)
{
	return r;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (fails("fd", EMFILE))
		return -1;
	return (int)result(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (fails("fd", EMFILE))
		return -1;
	return (int)result(syscall(SYS_openat, dir, path, flags, mode));
}

int socket(int domain, int type, int protocol)
{
	return fails("fd", EMFILE) ? -1
				   : (int)syscall(SYS_socket, domain, type, protocol);
}

int pipe2(int fds[2], int flags)
{
	return fails("fd", EMFILE) ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
	return fails("read", EIO) ? -1 : syscall(SYS_read, fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	return fails("read", EIO) ? -1 : syscall(SYS_pread64, fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
	return fails("write", ENOSPC) ? -1 : syscall(SYS_write, fd, p, n);
}

pid_t fork(void)
{
	static pid_t (*real)(void);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fork");
	return fails("fork", EAGAIN) ? -1 : real();
}

/* openat2 has no wrapper in the library: it comes through here */
long syscall(long nr, ...)
{
	va_list ap;
	long a[6];

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_openat2 && fails("fd", EMFILE))
		return -1;
	{
		register long r10 __asm__("r10") = a[3];
		register long r8 __asm__("r8") = a[4];
		register long r9 __asm__("r9") = a[5];
		long r;

		__asm__ volatile("syscall"
				 : "=a"(r)
				 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10),
				   "r"(r8), "r"(r9)
				 : "rcx", "r11", "memory");
		if (r < 0 && r > -4096) {
			errno = (int)-r;
			return -1;
		}
		return r;
	}
}
