/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define UTSNAME_MAX 64 /* kernel: __NEW_UTS_LEN */

/*
 * The host name that a container's init has: uname(2) in its UTS namespace, by a process
 * that enters that namespace alone, which has neither files nor processes. The name is
 * whatever the guest set, of any bytes but NUL.
 */
struct utsname_of {
	pid_t pid;
	uint64_t start_ticks;
	/* out */
	int error; /* -ESRCH: it is not that process (any more) */
	char name[UTSNAME_MAX + 1];
};

/* Of many, by one child. Those it did not come to have -ETIMEDOUT. */
int utsname_read(int rootfd, struct utsname_of *v, size_t n, struct err *err);
