/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "cgstat.h"

/*
 * cgroup v2 of a container (kernel: Documentation/admin-guide/cgroup-v2.rst). All
 * functions take a directory fd of the cgroup. A file this kernel does not offer leaves
 * its fields VAL_ABSENT and is no error; -ENODEV: the cgroup was removed meanwhile.
 * A known key twice or half a number is -EINVAL with the file in the sentence; unknown
 * keys are skipped. *ret is written on success only.
 */

/*
 * The directory that is the root of the v2 tree, relative to the root fd:
 * "sys/fs/cgroup", or "sys/fs/cgroup/unified" on a hybrid host (PVE 7 and 8 with cgroup
 * v1 controllers).
 */
const char *cg_base(int rootfd);

/* O_PATH fd of <base>/lxc/<vmid>. -ENOENT: no such cgroup (a stopped container). */
int cg_open(int rootfd, uint32_t vmid, int *ret, struct err *err);

int cg_read_cpu(int dir, struct cg_cpu *ret, struct err *err); /* stat, max, weight */
int cg_read_cpu_stat(int dir, struct cg_cpu *ret, struct err *err); /* cpu.stat alone */
int cg_read_memory(int dir, bool limits, struct cg_memory *ret, struct err *err);
int cg_read_io(int dir, struct cg_io *ret, struct err *err);
int cg_read_pids(int dir, struct cg_pids *ret, struct err *err);
int cg_read_pressure(int dir, struct cg_pressure *ret, struct err *err);
int cg_read_cpuset(int dir, struct cg_cpuset *ret, struct err *err);

/*
 * cgroup.events of the container: of the inner cgroup "ns" (which LXC freezes), else of
 * the directory itself.
 */
int cg_read_events(int dir, struct cg_events *ret, struct err *err);

/* cgroup.freeze of "ns" or of the directory itself says 1: it was asked to freeze. */
bool cg_is_freezing(int dir);

/*
 * Pids in <dir>/<sub>/cgroup.procs ("" : of dir itself), the first `max` of them; more
 * are left out silently. -EOPNOTSUPP: a threaded cgroup has no list of processes.
 */
int cg_read_procs(int dir, const char *sub, pid_t *pids, size_t max, size_t *ret_n,
		  struct err *err);

/* The parsers, over the bytes of one file. */
int cg_parse_cpu_stat(struct span text, struct cg_cpu *ret);
int cg_parse_memory_stat(struct span text, struct cg_memory *ret);
int cg_parse_memory_events(struct span text, struct cg_memory *ret);
int cg_parse_io_stat(struct span text, struct cg_io *ret); /* at most 1024 devices */
int cg_parse_psi(struct span text, struct cg_psi *ret);
int cg_parse_events(struct span text, struct cg_events *ret);
int cg_parse_cpu_max(struct span text, struct cg_cpu *ret);
