/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>

#include "base/err.h"
#include "base/helper.h"
#include "read/ctlive.h"
#include "read/pvefs.h"
#include "read/rootstat.h"

/*
 * What one call of facts_read() works with, between its three parts: facts.c joins,
 * facts-pve.c takes what /etc/pve says, facts-live.c what the kernel says. Of nobody
 * else.
 */

/* One container's CPU time at two moments, by a descriptor that is kept in between. */
struct cpu_probe {
	int fd;
	struct val usage_usec;
	uint64_t at_mono_usec;
};

/* What a container's interfaces have counted, as the guest sees it. */
struct net_count {
	uint64_t in_bytes, out_bytes;
};

/* Work that two threads take from, some containers at a time. */
struct share {
	_Atomic size_t next;
	uint8_t *owner; /* of each piece: whose descriptors are in it */
	size_t helped;  /* containers that the helper took */
};

/* One of the two threads. */
struct hand {
	struct reading *rd;
	struct netlink *nl; /* NULL: without addresses */
	uint8_t me;
};

struct reading {
	int rootfd;
	bool live;
	const struct facts_want *want;
	struct facts *f;
	size_t cap; /* of f->cts */
	struct pvefs_job job;
	struct pvefs pve;
	struct ctlive kernel;
	uint32_t *sockets;
	size_t n_sockets;
	/*
	 * The first n_live of f->cts, by vmid, are those with a command socket: they are
	 * read while the process that reads /etc/pve is still at work.
	 */
	size_t n_live;
	struct cpu_probe *probes; /* of each of the n_live */
	int *holds;               /* on the init of each of them, -1: none */
	struct val *nsids;        /* whose addresses each of them was given */
	uint64_t start_mono_usec; /* of the first reading of CPU time */
	struct rootstat *disks;   /* of each of them */
	struct rootstat_job disks_job;
	struct net_count *net; /* of each of them; NULL: not known */
	int net_error;         /* why, and net_err says it */
	struct err net_err;
	struct hand hands[2]; /* this thread, the helper */
	struct helper helper;
	struct share first, rest; /* the first look at CPU time; all the rest */
};

struct ct *reading_add(struct reading *rd, uint32_t vmid);
struct ct *reading_live_ct(const struct reading *rd, uint32_t vmid); /* NULL: none */
int reading_cmp_ct(const void *a, const void *b); /* by vmid, for qsort and bsearch */

/* facts-pve.c: start the reader process; take its answer, joined with the n_live. */
int reading_start_pve(struct reading *rd, struct err *err);
int reading_finish_pve(struct reading *rd, struct err *err);
void reading_take_cluster(
	struct reading *rd); /* pools, HA, broadcasts; f->cts is sorted */

/* facts-live.c */
void reading_start_disks(struct reading *rd, size_t n); /* early: n_live will be n */
void reading_live(struct reading *rd);                  /* the n_live */
int reading_rest(struct reading *rd, struct err *err);  /* what needs all of them */
