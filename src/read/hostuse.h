/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "cgstat.h"

/*
 * What the host as a whole is busy with: the first line of /proc/stat (kernel:
 * Documentation/filesystems/proc.rst) and /proc/pressure (accounting/psi.rst). What is
 * not there stays absent.
 */
struct hostuse {
	struct val busy_ticks, all_ticks; /* of all CPUs since boot; idle and iowait are
					     not busy, guests are in user already */
	struct cg_pressure pressure;
};

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; older kernels
 * have fewer. -EINVAL: there is no such line, or it has less than four numbers. */
int hostuse_parse_stat(struct span text, struct hostuse *ret);

int hostuse_read(int rootfd, struct hostuse *ret, struct err *err);
