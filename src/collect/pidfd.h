/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "rule/cause.h"

/* A pidfd of that process, or a negative errno (-ESRCH: it is gone). */
int pidfd_of(pid_t pid);

/* Has it ended (a zombie has)? Asked of the pidfd, at once. */
bool pidfd_ended(int fd);

/*
 * How a process ended that is not our child: PIDFD_GET_INFO with PIDFD_INFO_EXIT (Linux
 * 6.15), once its parent has reaped it. INIT_EXIT_UNKNOWN: not reaped yet, or the kernel
 * does not tell.
 */
enum init_exit pidfd_exit(int fd, int *ret_value);
