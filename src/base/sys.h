/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * System calls of the loops over all containers. glibc's own are points where a thread
 * may be cancelled, which costs two atomic exchanges each as soon as there is a second
 * thread; nothing here is ever cancelled. Errors are as of glibc's: -1 and errno.
 */
static inline int sys_openat(int dir, const char *path, int flags)
{
	return (int)syscall(SYS_openat, dir, path, flags, 0);
}

static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static inline ssize_t sys_read(int fd, void *p, size_t n)
{
	return syscall(SYS_read, fd, p, n);
}

static inline ssize_t sys_pread(int fd, void *p, size_t n, off_t at)
{
	return syscall(SYS_pread64, fd, p, n, at);
}

static inline ssize_t sys_sendto(int fd, const void *p, size_t n, const void *to,
				 socklen_t to_n)
{
	return syscall(SYS_sendto, fd, p, n, 0, to, to_n);
}

static inline ssize_t sys_recvfrom(int fd, void *p, size_t n, int flags, void *from,
				   socklen_t *from_n)
{
	return syscall(SYS_recvfrom, fd, p, n, flags, from, from_n);
}
