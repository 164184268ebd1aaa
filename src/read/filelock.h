/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Which process holds flock(2) exclusively on a regular file, by /proc/locks (kernel:
 * fs/locks.c, lock_get_status()). -ENOENT: no such file, or nobody does; -ESRCH: one that
 * cannot be seen from here.
 */
int filelock_holder(int rootfd, const char *path, pid_t *ret, struct err *err);

/* The text form: 0 is nobody. -ESRCH as above. */
int filelock_parse(struct span text, unsigned dev_major, unsigned dev_minor, uint64_t ino,
		   pid_t *ret);
