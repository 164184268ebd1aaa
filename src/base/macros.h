/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_            __attribute__((unused))
/* a large buffer that is read into before use: not worth zeroing each time */
#define _uninit_   __attribute__((uninitialized))
#define _noreturn_ __attribute__((noreturn))

/* Releases a local when it goes out of scope: _cleanup_(facts_done) struct facts f = { 0
 * }; */
#define _cleanup_(done) __attribute__((cleanup(done)))
#define _cleanup_free_  _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Keeps errno: it runs between a failing call and the return of its error. */
static inline void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		syscall(SYS_close, *fd); /* as base/sys.h says */
	errno = saved;
}

/* Hands over what a local owns: the local is empty afterwards. */
#define take_ptr(p)                                                                      \
	({                                                                               \
		__typeof__(p) *take_ = &(p);                                             \
		__typeof__(p) taken_ = *take_;                                           \
		*take_ = NULL;                                                           \
		taken_;                                                                  \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
