/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

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
};

int ctlive_open(int rootfd, struct ctlive *ret, struct err *err);
void ctlive_close(struct ctlive *c);

/*
 * State, monitor, init and what `want` asks for, into *ct (vmid is set already).
 * `socket`: its command socket is there. 0, also for a container that stops meanwhile
 * (state CT_STOPPING); an error is one of the kernel's files not being readable.
 */
int ctlive_read(const struct ctlive *c, const struct facts_want *want, bool socket,
		struct ct *ct, struct err *err);

/* CPU time used so far, alone, for the two readings of a rate; absent: not running. */
struct val ctlive_cpu_usage_usec(const struct ctlive *c, uint32_t vmid);

/* A container that has a cgroup with processes though no socket: cgroup names of lxc/. */
int ctlive_list(const struct ctlive *c, uint32_t **ret_ids, size_t *ret_n,
		struct err *err);
