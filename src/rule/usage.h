/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct.h"
#include "settings.h"

/*
 * What follows from the figures of one container: a memory panel that adds up, the CPUs
 * it can really use, warnings. Pure.
 */

/*
 * memory.current = anon + file + kernel + sock + other, kernel = slab + stacks + page
 * tables + per-CPU + vmalloc + rest. The kernel does not read these at one moment, and
 * charges ahead per CPU: so what is left over may be negative, and is shown.
 */
struct mem_split {
	bool known; /* memory.current and memory.stat are there */
	int64_t other_bytes;
	bool kernel_known;
	int64_t kernel_rest_bytes;
	struct val pve_bytes; /* what PVE shows: current - file */
	/* current less what the kernel can drop: page cache and reclaimable slab */
	struct val needed_bytes;
	struct val left_high_bytes, left_max_bytes; /* VAL_MAX: no limit */
};

void usage_mem_split(const struct cg_memory *m, struct mem_split *ret);

/*
 * CPUs it can use at most, in hundredths: the smallest of those its cpuset has
 * (`cpuset_cpus`, 0: not known), quota / period of cpu.max, and those of the host.
 */
uint64_t usage_cpu_limit_centi(const struct cg_cpu *c, unsigned cpuset_cpus,
			       unsigned host_cpus);

struct usage_input {
	const struct ct *ct;
	uint64_t limit_centi;   /* CPUs it can use */
	uint64_t interval_usec; /* measured; 0: nothing was */
	struct cg_cpu delta;    /* of the counters, over it */
};

struct alert {
	const char *id; /* "memory-high": for scripts */
	bool severe;    /* something fails or is killed already */
	char *text;
};

struct alerts {
	struct alert *v;
	size_t n, cap;
};

void alerts_done(struct alerts *a);

/* Warnings at the thresholds, the severe ones first. */
void usage_alerts(const struct usage_input *in, const struct warn_limits *lim,
		  struct alerts *ret);
