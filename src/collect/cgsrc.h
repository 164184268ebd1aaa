/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <cgstat.h>

#include "collect/collector.h"
#include "read/kernmsg.h"

#define OOM_VICTIMS 8
#define OOM_NEAR_USEC                                                                    \
	(3 * (uint64_t)1000000) /* kills so near before an end belong to it */

struct ctlive;

enum cgwd { WD_DIR, WD_NS, WD_EVENTS, WD_MEMORY, WD_PIDS, WD_LXC, WD_KINDS };

struct oom_victim {
	pid_t pid;
	bool memcg, has_score;
	char *name, *cgroup;
	char *limit; /* below ns/: whose limit it was, when not the container's own */
	struct val limit_bytes;
	struct val uid, anon, file, shmem, total_vm;
	int64_t score;
};

/* What is held of a container whose cgroup is, or was just, there. */
enum limit_kind { LIMIT_MEMORY, LIMIT_PIDS, LIMIT_KINDS };

struct cgct {
	struct collector *c;
	/* what each wake-up asks of all of them, together in memory */
	uint64_t probe_boot_usec, oom_pending, oom_due_boot_usec;
	bool drop;

	uint32_t vmid;
	int dir;         /* O_PATH of lxc/<vmid>, -1: gone */
	uint64_t ino;    /* of dir: no other has it as long as it is held */
	unsigned listed; /* in which round of reconciling it last was */
	int events;      /* ns/cgroup.events below dir, -1: not there yet */
	int wd[WD_KINDS];

	pid_t init, monitor;
	uint64_t ticks;
	int pidfd;
	struct loop_io *io;
	bool execed;
	uint64_t recorded_life; /* the recorder and the network know of it */
	struct lc_time gone;    /* init ended; zero: it runs */
	uint64_t since_boot_usec, probe_usec;

	/* their controller is not on: not asked before then */
	uint64_t memory_boot_usec, pids_boot_usec;
	struct val oom_kills, max_events, pids_events; /* as last read */
	struct val own_max_events;                     /* as last told */
	uint64_t oom_boot_usec, oom_near; /* the last kills, and how many near them */
	pid_t oom_victim;                 /* of the kernel's last message */
	uint64_t pending[LIMIT_KINDS], told[LIMIT_KINDS], hit[LIMIT_KINDS];
	unsigned times_told[LIMIT_KINDS]; /* since it last was quiet */
	uint64_t oom_told_boot_usec;
	struct cg_memory *oom_memory; /* these two: NULL until somebody is killed */
	struct lc_time oom_when;
	bool oom_unseen;              /* what is found now came while no collector ran */
	bool oom_inferred;            /* so did what is pending */
	uint64_t oom_life, oom_total; /* whose kills wait to be told, its counter */
	struct oom_victim *victims;   /* OOM_VICTIMS of them */
	size_t n_victims;
	pid_t last_init; /* of the life before */
	pid_t crash_pid; /* that the kernel told of, and its signal */
	int crash_signal;
	uint64_t last_ticks;

	uint64_t pressure_told, pressure_wait, pressure_seen;
	char pressure_id[EVENT_ID_MAX]; /* of the last event of it */
	char *pressure_data;
	bool frozen, frozen_seen; /* seen: looked at in this life by this collector */
	uint64_t frozen_boot_usec;
};

/* NULL: there is none. */
struct cgct *cgsrc_find(const struct collector *c, uint32_t vmid);

struct cgct *cgsrc_at(const struct collector *c, size_t i); /* NULL: beyond the last */

/* Files that LXC makes, or whose controllers it switches on, after the directory. */
void cgsrc_watch_again(struct collector *c, struct cgct *t);
const struct ctlive *cgsrc_live(const struct collector *c);

/* cgcount.c; first: what is there was counted before we came */
void cgct_look_memory(struct collector *c, struct cgct *t, bool first);
void cgct_look_pids(struct collector *c, struct cgct *t, bool first);
void cgct_look_frozen(struct collector *c, struct cgct *t);
void cgct_let_go(struct cgct *t); /* of what is held below its directory */

/* cginit.c: is there an init now? Asked whenever something moved. */
void cgct_look_init(struct collector *c, struct cgct *t);
void cgct_look_again(struct collector *c,
		     struct cgct *t); /* nothing did, as far as known */
void cgct_drop_init(struct cgct *t);

/* pressure.c */
void pressure_look(struct collector *c, struct cgct *t);

/* oom.c: the counter says that so many were killed; a message may say who. */
void oom_kills_seen(struct collector *c, struct cgct *t, uint64_t kills,
		    const struct cg_memory *m);
void oom_message(struct collector *c, const struct kernmsg *m);
void oom_tell(struct collector *c, struct cgct *t); /* what waits, now */
uint64_t oom_due(struct collector *c, struct cgct *t, uint64_t now_boot_usec);
void oom_ended(struct cgct *t); /* its life is over: told soon */
void oom_forget(struct cgct *t);
void data_memory(struct jw *w, const struct cg_memory *m); /* the object "memory" */
