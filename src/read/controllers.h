/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"

/*
 * Why a figure is missing: where this kernel has its controllers, by /proc/cgroups
 * (kernel: Documentation/admin-guide/cgroup-v1/cgroups.rst).
 */
enum controller_place {
	CTL_UNKNOWN,
	CTL_V2,       /* on the unified hierarchy, or free to be */
	CTL_V1,       /* held by a cgroup v1 mount */
	CTL_DISABLED, /* switched off at boot */
	CTL_MISSING,  /* not built into this kernel */
};

struct controllers {
	enum controller_place cpu, memory, io, pids, cpuset;
};

int controllers_read(int rootfd, struct controllers *ret, struct err *err);
void controllers_parse(struct span text, struct controllers *ret);

/* "held by cgroup v1 on this machine", ...; NULL: no reason to give. */
const char *controller_reason(enum controller_place p);
