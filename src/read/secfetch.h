/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "read/secfilter.h"

/*
 * The seccomp filters of a running process, from the kernel (ptrace(2),
 * PTRACE_SECCOMP_GET_FILTER: Linux 4.4 with CONFIG_CHECKPOINT_RESTORE; CAP_SYS_ADMIN).
 *
 * There is no way to have them without stopping the process, so this is for who asked for
 * it. It is stopped for as long as the copying takes, some ten microseconds; a system call
 * that it waits in is restarted by the kernel, but for the few that signal(7) names, which
 * give EINTR as after any SIGCONT. What is done about the risks:
 *  - it is done by a process of its own that ends 100 ms after the stop whatever happens.
 *    The kernel detaches what a tracer traces when that ends in whatever way (PTRACE_SEIZE;
 *    no EXITKILL), and it goes on. While it is stopped nothing is waited for or written;
 *  - what is stopped, traced by another or frozen is left alone: -EBUSY; what is in D for
 *    half a second, too: -EAGAIN;
 *  - a signal that comes in between is handed on;
 *  - the process is verified by its start time, through one directory fd of /proc/<pid>
 *    that is still good after it was seized, and by its cgroup: -ESRCH.
 */
struct secfilters {
	struct secfilter *v; /* the one that was added last first */
	size_t n;
	uint64_t stop_usec; /* it was seen to have stopped so long before it was let go */
};

void secfilters_done(struct secfilters *f);

#define SECFETCH_MAX 64 /* filters of one process */

/*
 * -ENOTSUP: this kernel does not give them; -ETIMEDOUT: it did not stop, and was let go.
 * None at all is no error.
 */
int secfetch(int rootfd, uint32_t vmid, pid_t pid, uint64_t start_ticks,
	     struct secfilters *ret, struct err *err);
