/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "val.h"

enum incident_kind {
	INCIDENT_NONE,
	INCIDENT_OOM_KILL,
	INCIDENT_UNEXPECTED_STOP,
	INCIDENT_START_FAILED,
	INCIDENT_PRESSURE,     /* sustained */
	INCIDENT_MEMORY_LIMIT, /* at its limit, reclaiming */
	INCIDENT_FROZEN,       /* longer than 30 s */
	INCIDENT_PIDS_LIMIT,
	INCIDENT_KINDS
};

#define INCIDENT_SUMMARY_MAX ((size_t)1024)
#define INCIDENT_DATA_MAX    ((size_t)512 << 10)

/*
 * One row of the store; `data` is the JSON object of what was kept with it. Its keys, all
 * of which may be missing, as may any value inside (not known; null: no limit):
 *
 *	events[]	ids of the events that opened it, belong to it, closed it
 *	limits{}	memory_bytes, high_bytes, swap_bytes, pids, cpus (a number with a
 *			fraction), cpuset
 *	memory{}	current_bytes, peak_bytes, anon_bytes, file_bytes, shmem_bytes,
 *			kernel_bytes, slab_bytes, sock_bytes, swap_bytes
 *	processes[]	{pid, name, unit, rss_bytes, swap_bytes, state}: the largest first
 *	units[]		{name, memory_bytes, anon_bytes, cpu_usec, pids}: the largest first
 *	victim{}	as data.victim of an event oom-kill, with its limit_bytes and
 *			limit_cgroup beside it
 *	pressure{}	cpu_some_ppm, io_some_ppm, io_full_ppm, memory_some_ppm,
 *			memory_full_ppm: of the last 10 s
 *	phases[]	{name, usec, failed}: of a start
 *	reason		of a failed start, one line
 *	texts[]		{from, text}: saved before they are erased, from: stderr, task,
 *			warnings, unit, kernel
 *	checks[]	{what, ok (missing: could not be told), text}: what can be seen
 *			from outside
 *	cause, certain, user, upid, task, signal, exit, evidence[], uptime_sec,
 *	peak_bytes, oom_kills	as of an event stopped; corrected{}: the same, as it was
 *			known later
 *	kills, total, victims[], limit_bytes, limit_cgroup	as of an event oom-kill
 *	current_bytes, current, limit, times	as of memory-limit, pids-limit
 *	resource, some_ppm, full_ppm, seconds	as of an event pressure
 */
struct incident {
	uint64_t n; /* the number a user names it by, 1 and up; 0: not stored yet */
	enum incident_kind kind;
	uint32_t vmid;
	uint64_t life;
	char *name; /* of the container: tenant bytes, escape */
	uint64_t opened_real_usec;
	struct val closed_real_usec; /* absent: still open */
	uint64_t keep_from_real_usec,
		keep_until_real_usec; /* seconds never thinned out */
	char *summary;                /* one sentence */
	char *data;                   /* JSON: limits, processes, units, ids of events */
};

struct incidents {
	struct incident *v;
	size_t n;
};

void incident_done(struct incident *i);
void incidents_done(struct incidents *i);
const char *incident_kind_name(enum incident_kind k); /* "oom-kill", ... */

/* 0, or -EINVAL: not one of the names. */
int incident_kind_parse(const char *name, enum incident_kind *ret);
