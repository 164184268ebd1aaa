/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct.h"

/* What is to be read. What is not asked for costs nothing and stays absent. */
struct facts_want {
	uint32_t vmid;  /* only this container; 0: all of this node */
	bool cluster;   /* those of other nodes too (config only) */
	bool no_config; /* the kernel's view is enough (a collector between config reads)
			 */
	bool lean;      /* configs without their digest and their `typed` part */
	bool cpu, memory, memory_limits, io, pids, pressure, cpuset;
	bool freezer; /* tell freezing from running: two more files */
	bool newborn; /* an init that LXC still sets up, before its exec, is one too */
	bool net;     /* netin, netout */
	bool disk;    /* statfs of the root: in a process that can be abandoned */
	bool addrs;
	bool pool, ha;
	uint64_t interval_usec; /* for cpu_ppm: at least so long between two readings; 0:
				   none */
	/*
	 * Where hundreds run, as long as the reading takes anyway is enough, but so long
	 * at least; 0: interval_usec is meant as it is. facts.interval_usec tells.
	 */
	uint64_t interval_least_usec;
};

struct host {
	unsigned cpus; /* `processor` entries of /proc/cpuinfo, as PVE counts */
	struct val mem_total_bytes, mem_available_bytes, swap_total_bytes,
		swap_free_bytes;
	struct val uptime_centisec; /* /proc/uptime */
	uint64_t ticks_per_sec;     /* CLK_TCK of user space, 100 */
};

struct facts {
	char *node;      /* name of this node; NULL: not a Proxmox node */
	bool is_pve;     /* /etc/pve is there */
	bool quorate;    /* PVE's own test: mode bit 0200 of /etc/pve/local */
	char *pve_error; /* /etc/pve could not be read (hangs, EACCES): one sentence */
	char **warnings; /* a sentence for each file of the cluster that could not be read
			  */
	size_t n_warnings;
	uint64_t time_real_usec; /* of the reading */
	uint64_t interval_usec;  /* between the two CPU readings; 0: only one was made */
	struct host host;
	struct ct
		*cts; /* by vmid; a config that could not be parsed is a ct with error */
	size_t n_cts;
};

void facts_done(struct facts *f);

/* The container of that number, NULL: not among them. */
struct ct *facts_find(const struct facts *f, uint32_t vmid);
