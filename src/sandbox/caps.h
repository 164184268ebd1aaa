/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"

/*
 * From the host's root to what a container's root may read, and no more.
 *
 * `userns` is the container's user namespace. The process joins it, takes its uid 0 and
 * gid 0 for file systems (fsuid, fsgid), gives up all groups, and keeps of the
 * capabilities CAP_DAC_READ_SEARCH only, which is one of that namespace then: it counts
 * for files whose owner and group the namespace has ids for. So the kernel itself decides
 * as it does for the container's root: a file of the host's root in a bind mount is
 * refused, one of the guest's syslog is not.
 *
 * Inside that namespace its root has every capability over the process. It may not trace
 * it or look into its /proc files, if the process was not dumpable before it came
 * (sandbox_begin()): that is asked of the host's namespace. It may send signals, change
 * limits and priorities; what keeps it from doing so is that it cannot name the process,
 * which is in no pid namespace of the guest. A container that was given the host's
 * processes (lxc.namespace.share.pid) can.
 *
 * -1: a privileged container, whose root is the host's. The capability is one of the host
 * then; all others are given up in the same way. Nothing but the pid namespace is between
 * the guest's root and the process then, which is the least of what it has over the host.
 *
 * Needs to be called as root, by a process of one thread.
 */
int caps_become_guest(int userns, struct err *err);
