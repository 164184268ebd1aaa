/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * What a process takes from itself before it looks at anything that a guest controls.
 * Everything fails closed: who gets an error must not go on.
 */

/*
 * Before anything else, and above all before a namespace of a guest is joined: no
 * privileges by execve(2), no ptrace by anybody who has no right over the host's own
 * processes. The change of a user namespace alone does not make a process undumpable.
 */
int sandbox_begin(struct err *err);

/*
 * The process's own descriptors become its root and its working directory: no path leads
 * anywhere else, and a descriptor N can be opened anew as "/N". -ENOTSUP: /proc is
 * something else. Needs CAP_SYS_CHROOT.
 */
int sandbox_shut_in(struct err *err);

/* Closes every descriptor from `first` on. */
int sandbox_close_from(unsigned first, struct err *err);

/*
 * No core file, no new process, no file made larger; so much memory, so many descriptors
 * and so much CPU at most. memory_bytes 0: not limited (sanitizers map terabytes).
 */
struct sandbox_limits {
	uint64_t memory_bytes, cpu_sec, descriptors;
};

int sandbox_limit(const struct sandbox_limits *l, struct err *err);

/*
 * The process ends after so long, and after so long on a CPU (0: that is not limited), by
 * a signal (SIGALRM, SIGPROF) that nothing in it can catch or block, whatever it
 * inherited. Only a wait in the kernel that no signal ends outlasts it.
 */
int sandbox_deadline(uint32_t msec, uint32_t cpu_msec, struct err *err);

/*
 * No privileges by execve(2), no ptrace, no core; killed when the parent dies. After the
 * last change of ids or capabilities: each of those takes the latter two back. `parent`:
 * getppid() at the very start; -ESRCH: it has died since.
 */
int sandbox_lock(pid_t parent, struct err *err);
