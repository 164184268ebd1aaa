/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ct.h"
#include <facts.h>

/*
 * What the kernel says of one container. A context is opened once for all of them: the
 * cgroup directories are held, no path is walked twice.
 */
struct ctlive {
	int rootfd;
	int lxc_dir;     /* <cgroup>/lxc, -1: there is none (nothing runs) */
	int monitor_dir; /* <cgroup>/lxc.monitor, -1 */
	char pidns[32];  /* our own pid namespace, as its link reads; "": not known */
	/*
	 * A process that started before this (clock ticks since boot) was there when the
	 * monitors' cgroups were listed. Set by whoever reads a live node, a second or
	 * more before now; 0: no process did.
	 */
	uint64_t before_ticks;
};

int ctlive_open(int rootfd, struct ctlive *ret, struct err *err);
void ctlive_close(struct ctlive *c);

/*
 * State, monitor, init and what `want` asks for, into *ct (vmid is set already).
 * `socket`: its command socket is there. 0, also for a container that stops meanwhile
 * (state CT_STOPPING); an error is one of the kernel's files not being readable. Until
 * init has exec'ed there is none, and the state is CT_STARTING, but see want->newborn.
 *
 * *ret_hold (may be NULL): a handle on init, to be closed with close(); -1: there is
 * none.
 */
int ctlive_read(const struct ctlive *c, const struct facts_want *want, bool socket,
		struct ct *ct, int *ret_hold, struct err *err);

/*
 * Is init still the process it was at ctlive_read(), so that what was asked of its number
 * since was not of another? Cheap with a handle; without (-1) its start time is read.
 */
bool ctlive_same(const struct ctlive *c, const struct ct *ct, int hold);

/*
 * cpu.stat of a container, held open for the two readings of a rate; -1: not there. The
 * CPU time used so far by it; absent: it is gone, another life has another file.
 */
int ctlive_cpu_open(const struct ctlive *c, uint32_t vmid);
struct val ctlive_cpu_usage_usec(int fd);
