/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "guest/calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/macros.h"
#include "read/guestfds.h"

#define ANY(call)                                                                        \
	{                                                                                \
		.number = SYS_##call                                                     \
	}

/* The first argument is a descriptor, not AT_FDCWD (an absolute path ignores it). */
#define AT_FD(call)                                                                      \
	{                                                                                \
		SYS_##call, 1,                                                           \
		{                                                                        \
			{                                                                \
				0, UINT64_C(1) << 31, 0                                  \
			}                                                                \
		}                                                                        \
	}

const struct filter_call guest_calls[] = {
	AT_FD(openat2),
	ANY(read),
	AT_FD(readlinkat),
	ANY(seccomp), /* the second filter */
	/* GUEST_OPENING: from here on */
	ANY(pread64),
	ANY(getdents64),
	AT_FD(statx),
	ANY(fstatfs),
	ANY(close),
	{ SYS_write, 1, { { 0, UINT32_MAX, GUESTFD_ANSWER } } },
	/* memory: never a file, never code */
	ANY(brk),
	ANY(munmap),
	ANY(mremap),
	{ SYS_mmap, 2, { { 2, PROT_EXEC, 0 }, { 4, UINT32_MAX, UINT32_MAX } } },
	ANY(clock_gettime),
	ANY(restart_syscall),
	ANY(exit_group),
#ifdef WITH_SANITIZERS
	ANY(madvise),
	ANY(sched_yield),
	ANY(mprotect),
	ANY(futex),
#endif
	/* for a journal alone: libsystemd maps its files, to be read. What it does once in
	 * its life (futex, getrandom, ...) is done before: sdjournal_load() */
	{ SYS_mmap, 1, { { 2, ~(uint64_t)PROT_READ, 0 } } },
	ANY(fstat),
	/* what fstat() is of some versions of the C library */
	{ SYS_newfstatat,
	  2,
	  { { 0, UINT64_C(1) << 31, 0 }, { 3, UINT32_MAX, AT_EMPTY_PATH } } },
#define FOR_JOURNAL 3
};

const size_t guest_n_calls = ARRAY_SIZE(guest_calls);
const size_t guest_n_plain = ARRAY_SIZE(guest_calls) - FOR_JOURNAL;
