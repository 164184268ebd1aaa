/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <metric.h>

#include "base/err.h"
#include "collect/minute.h"
#include "store/ring.h"

/*
 * Reads every container once a second from descriptors that are kept open, into the ring
 * (and from there, by the minute, into blocks). Only lxc/<vmid> is read: its counters
 * hold all that is below. Not for several threads; nothing is allocated in a tick.
 *
 * A container in which neither CPU time nor the stalls for disk and memory moved since
 * the last tick is quiet: the rest of it is read on every tenth tick only, its stalls once
 * a minute, and holds on in between. Network counters of all containers come from one
 * dump a tick. A file that this kernel does not have leaves its columns absent. Limits are
 * read when a life begins and once a minute.
 */
#define SAMPLER_INTERVAL_USEC 1000000u
#define SAMPLER_FDS           10 /* kept for each container: see RLIMIT_NOFILE */

struct sampler;

/*
 * `ring` and `minute` (may be NULL: nothing goes to the store) stay the caller's and must
 * live longer. `net`: ask this network namespace's rtnetlink; that it cannot be had is no
 * error, the network's columns are absent then.
 */
int sampler_new(int rootfd, bool net, struct ring *ring, struct minute *minute,
		struct sampler **ret, struct err *err);
void sampler_free(struct sampler *s); /* NULL is fine; slots stay in the ring */

/*
 * A life begins (or is found). -ENOENT: its cgroup is not there (any more), ordinary;
 * -EEXIST: another life of that container has not been removed.
 */
int sampler_add(struct sampler *s, uint32_t vmid, uint64_t life, struct err *err);

/*
 * A life is over: what is left of its minutes is handed to the store. Its last two
 * minutes stay in the ring until the slot is needed, at least for these two minutes.
 */
void sampler_remove(struct sampler *s, uint32_t vmid);

struct sampler_life {
	uint32_t vmid;
	uint64_t life;
};

struct sampler_report {
	size_t n_sampled, n_quiet; /* quiet ones are sampled too */
	size_t n_skipped;          /* no time left in this tick: a gap of theirs */
	uint64_t late; /* seconds between the last tick and this one that had none */
	uint64_t took_usec;
	/* their cgroup is gone: to be removed by the caller; borrowed until the next
	 * call */
	const struct sampler_life *ended;
	size_t n_ended;
};

/* Somebody saw that it was frozen or thawed. */
void sampler_frozen(struct sampler *s, uint32_t vmid, bool frozen);

/* To be called at each whole second of CLOCK_BOOTTIME. */
void sampler_tick(struct sampler *s, struct sampler_report *ret);

/* The newest samples of that container, newest first: how many (0 to 2). */
size_t sampler_last(const struct sampler *s, uint32_t vmid, struct sample ret[static 2]);

/* Its newest sample and the one `back` samples before it. False: it has not so many, or
 * none of the last seconds. */
bool sampler_span(const struct sampler *s, uint32_t vmid, uint64_t back,
		  struct sample *ret_old, struct sample *ret_new);

struct sampler_stat {
	size_t n;                   /* containers */
	uint64_t ticks, late_ticks; /* since sampler_new() */
	uint64_t skipped;           /* containers without a sample in a tick */
	uint64_t unreadable;        /* files that were not as the kernel documents */
	bool net_known;
};

void sampler_stat(const struct sampler *s, struct sampler_stat *ret);
