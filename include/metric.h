/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the flight recorder keeps of a container. The order is that of the columns in the
 * blocks of the store: new ones go to the end, none is ever removed or moved (a block says
 * how many columns it has). Three groups: what was read every second from the beginning;
 * limits and the like, which change seldom; details, which blocks of earlier recorders have
 * for every tenth second only, and which have a time of their own in thinned out samples.
 */
enum metric {
	METRIC_CPU_USAGE_USEC,
	METRIC_CPU_USER_USEC,
	METRIC_CPU_SYSTEM_USEC,
	METRIC_CPU_NR_PERIODS,
	METRIC_CPU_NR_THROTTLED,
	METRIC_CPU_THROTTLED_USEC,
	METRIC_PSI_CPU_SOME_USEC,
	METRIC_PSI_CPU_FULL_USEC,
	METRIC_PSI_IO_SOME_USEC,
	METRIC_PSI_IO_FULL_USEC,
	METRIC_PSI_MEMORY_SOME_USEC,
	METRIC_PSI_MEMORY_FULL_USEC,
	METRIC_MEMORY_CURRENT_BYTES,
	METRIC_MEMORY_ANON_BYTES,
	METRIC_MEMORY_FILE_BYTES,
	METRIC_MEMORY_SHMEM_BYTES,
	METRIC_MEMORY_KERNEL_BYTES,
	METRIC_SWAP_CURRENT_BYTES,
	METRIC_MEMORY_EVENTS_HIGH,
	METRIC_MEMORY_EVENTS_MAX,
	METRIC_MEMORY_EVENTS_OOM,
	METRIC_MEMORY_EVENTS_OOM_KILL,
	METRIC_PGMAJFAULT,
	METRIC_WORKINGSET_REFAULT_FILE,
	METRIC_IO_READ_BYTES, /* sum over io.stat's lines, as PVE counts */
	METRIC_IO_WRITE_BYTES,
	METRIC_IO_READS,
	METRIC_IO_WRITES,
	METRIC_NET_IN_BYTES, /* towards the guest, over all of its veths */
	METRIC_NET_OUT_BYTES,
	METRIC_NET_IN_PACKETS,
	METRIC_NET_OUT_PACKETS,
	METRIC_NET_DROPS, /* both directions */
	METRIC_PIDS_CURRENT,
	/* what it was under: these change seldom. METRIC_NO_LIMIT: none */
	METRIC_MEMORY_MAX_BYTES,
	METRIC_SWAP_MAX_BYTES,
	METRIC_PIDS_MAX,
	METRIC_CPU_MAX_PPM, /* by cpu.max and its cpuset, millionths of one CPU */
	METRIC_FROZEN,      /* 1, 0 */
	/* details: what memory is made of, and how hard it is to get; each second, too */
	METRIC_DETAIL_BOOT_USEC, /* CLOCK_BOOTTIME of their reading; not shown itself */
	METRIC_MEMORY_MAPPED_BYTES,
	METRIC_MEMORY_DIRTY_BYTES,
	METRIC_MEMORY_WRITEBACK_BYTES,
	METRIC_MEMORY_ANON_THP_BYTES,
	METRIC_MEMORY_KERNEL_STACK_BYTES,
	METRIC_MEMORY_PAGETABLES_BYTES,
	METRIC_MEMORY_PERCPU_BYTES,
	METRIC_MEMORY_SOCK_BYTES,
	METRIC_MEMORY_VMALLOC_BYTES,
	METRIC_MEMORY_SLAB_BYTES,
	METRIC_MEMORY_SLAB_UNRECLAIMABLE_BYTES,
	METRIC_MEMORY_ACTIVE_ANON_BYTES,
	METRIC_MEMORY_INACTIVE_ANON_BYTES,
	METRIC_MEMORY_ACTIVE_FILE_BYTES,
	METRIC_MEMORY_INACTIVE_FILE_BYTES,
	METRIC_MEMORY_UNEVICTABLE_BYTES,
	METRIC_MEMORY_SWAPCACHED_BYTES,
	METRIC_PGFAULT,
	METRIC_PGSCAN,
	METRIC_PGSTEAL,
	METRIC_WORKINGSET_REFAULT_ANON,
	METRIC_MEMORY_EVENTS_OOM_GROUP_KILL,
	METRIC_IO_DISCARD_BYTES, /* sum over io.stat's lines */
	METRICS
};

#define METRIC_STATES     METRIC_MEMORY_MAX_BYTES /* the second group, */
#define METRIC_DETAILS    METRIC_DETAIL_BOOT_USEC /* and the third, from these on */
#define METRIC_DETAIL_SEC 10 /* at most between two readings of them */
#define METRIC_NO_LIMIT   UINT64_MAX

_Static_assert(METRICS < 64, "the bits of a sample's columns");

/* Bits of the columns of each group, in `have`. */
#define METRIC_BIT(m)      (UINT64_C(1) << (m))
#define METRIC_SECOND_BITS (METRIC_BIT(METRIC_STATES) - 1)
#define METRIC_STATE_BITS  (METRIC_BIT(METRIC_DETAILS) - METRIC_BIT(METRIC_STATES))
#define METRIC_DETAIL_BITS (METRIC_BIT(METRICS) - METRIC_BIT(METRIC_DETAILS))

struct metric_def {
	const char *name; /* as a user types it: "cpu-used", "psi-io", ... unique; "cpu"
			     and "mem" are what PVE calls so, see history.h; "": none */
	const char *help;
	bool counter;     /* only grows during a life: shown as a rate */
	const char *unit; /* "bytes", "usec", "count", "ppm" */
};

/* By enum metric. */
extern const struct metric_def metric_defs[METRICS];

/*
 * One reading. A column is there when its bit of `have` is set: what the kernel did not
 * give is absent, and so is what was not read in a quiet second (then the last value
 * known still holds, `quiet` says so). Where any of the details is there,
 * METRIC_DETAIL_BOOT_USEC is too, and is boot_usec but in thinned out samples.
 */
struct sample {
	uint64_t boot_usec; /* CLOCK_BOOTTIME of the reading */
	uint64_t real_usec; /* CLOCK_REALTIME of it */
	uint64_t have;      /* bit i: v[i] was read (or, with quiet, holds on) */
	bool quiet;         /* only cpu.stat and the two pressures were looked at */
	uint64_t v[METRICS];
};
