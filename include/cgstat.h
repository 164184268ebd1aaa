/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"

/*
 * What cgroup v2 says of one cgroup (kernel: Documentation/admin-guide/cgroup-v2.rst).
 * Every field is absent where this kernel, or this cgroup, does not offer the file or
 * key.
 */

/* One line of a *.pressure file. avg in hundredths of a percent of time. */
struct cg_psi_line {
	struct val avg10_centi, avg60_centi, avg300_centi, total_usec;
};

struct cg_psi {
	struct cg_psi_line some, full;
};

struct cg_pressure {
	struct cg_psi cpu, io, memory;
};

struct cg_cpu {
	struct val usage_usec, user_usec, system_usec;       /* cpu.stat */
	struct val nr_periods, nr_throttled, throttled_usec; /* cpu.stat */
	struct val max_quota_usec, max_period_usec; /* cpu.max; quota may be max */
	struct val weight;                          /* cpu.weight */
};

struct cg_memory {
	struct val current_bytes, peak_bytes, min_bytes, low_bytes, high_bytes, max_bytes;
	struct val swap_current_bytes, swap_peak_bytes, swap_high_bytes, swap_max_bytes;
	/* memory.stat */
	struct val anon_bytes, file_bytes, kernel_bytes, shmem_bytes, sock_bytes;
	struct val kernel_stack_bytes, pagetables_bytes, percpu_bytes, vmalloc_bytes;
	struct val slab_bytes, slab_reclaimable_bytes, slab_unreclaimable_bytes;
	struct val file_mapped_bytes, file_dirty_bytes, file_writeback_bytes;
	struct val inactive_anon_bytes, active_anon_bytes;
	struct val inactive_file_bytes, active_file_bytes, unevictable_bytes;
	struct val zswap_bytes, zswapped_bytes;
	struct val pgfault, pgmajfault, workingset_refault_anon, workingset_refault_file;
	/* memory.events of the cgroup: the whole subtree */
	struct val events_low, events_high, events_max, events_oom, events_oom_kill;
	struct val events_oom_group_kill;
	/* memory.swap.events */
	struct val swap_events_max, swap_events_fail;
};

/* One line of io.stat: a device. */
struct cg_io_dev {
	uint32_t major, minor;
	struct val rbytes, wbytes, rios, wios, dbytes, dios;
};

struct cg_io {
	struct cg_io_dev *v;
	size_t n;
	bool present; /* io.stat is there (it may be empty) */
};

struct cg_pids {
	struct val current, peak, max;
	struct val events_max; /* pids.events: forks refused at the limit, in the whole
				  subtree; absent before Linux 6.11 */
};

/* Text of cpuset.cpus as the kernel prints it ("0-3,8"); NULL: absent, "": not set. */
struct cg_cpuset {
	char *cpus;
	char *cpus_effective;
};

struct cg_events {
	struct val populated, frozen; /* cgroup.events */
};

void cg_io_done(struct cg_io *io);
void cg_cpuset_done(struct cg_cpuset *c);
