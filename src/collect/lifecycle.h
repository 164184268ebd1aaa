/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <event.h>
#include <val.h>
#include <spool.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rule/cause.h"
#include "store/db.h"

/*
 * The lives of all containers, out of what hooks claim and what the kernel shows. Pure:
 * time and evidence are handed in, events and rows come out by callbacks. Whatever order
 * things are told in, and whatever is missing, every life has one start and one end.
 */
enum lc_phase {
	LC_DOWN,
	LC_PRESTART, /* a pre-start hook spoke, no init yet */
	LC_UP,
	LC_ENDING, /* init is gone: its stop hook, exit code, kernel message may follow */
};

struct lc_time {
	uint64_t real_usec, boot_usec;
};

struct lc_ct {
	uint32_t vmid;
	enum lc_phase phase;
	uint64_t life; /* the last one, whatever the phase; 0: none yet */

	pid_t monitor; /* lxc-start, as its pre-start hook told; 0: not known */
	pid_t init;
	uint64_t init_ticks; /* 0: no init in this life */
	bool execed;         /* init was seen running its own program */
	bool hooked;         /* a hook spoke in this life: more of them are to come */
	bool started;        /* its `started` event is out */
	bool started_inferred;
	bool restored;      /* an earlier collector told of its start */
	bool failed;        /* the last life never came up */
	bool rebooting;     /* the mark of a reboot was there */
	bool stop_heard;    /* the stop hook of this life was there */
	bool over_heard;    /* its post-stop hook was there */
	bool stop_inferred; /* `stopped` is out without it: it may come late */

	struct lc_time prestart, up, gone; /* zero: was not seen */
	struct lc_time asked; /* a task was to start it, and that is all that was seen */
	uint64_t up_deadline, end_deadline, probe_boot_usec; /* CLOCK_BOOTTIME, 0: none */
	uint64_t last_hook_boot_usec;
	enum init_exit exit;
	int exit_value;
	enum stop_cause cause; /* of the last end */
	bool cause_weak;
	bool with_node;  /* it ended before this boot: tasks of then are no news */
	struct lc_told { /* of this life, before the collector began */
		struct val oom_kills;  /* up to where they were told; absent: not known */
		struct lc_time frozen; /* since when; zero: it is not */
	} told;
	char stop_id[EVENT_ID_MAX]; /* of the event of the last end */
	char start_id[EVENT_ID_MAX];
};

/* What an event says beside the fields of struct event; the JSON is made from it. */
struct lc_event {
	enum event_type type;
	enum event_origin origin;
	bool inferred;
	char id[EVENT_ID_MAX];
	struct lc_time when;
	const struct lc_ct *ct;         /* as it is now */
	const struct spool_event *hook; /* NULL: no hook is behind it */
	const struct stop_verdict *verdict;
	const struct stop_evidence *evidence; /* both of an end */
	const char *note; /* `reconciled`: which of two sources, or what was found */
};

struct lc_ops {
	void (*event)(void *arg, const struct lc_event *e);
	/* a row of the table of lives begins, is completed or ends */
	void (*life)(void *arg, const struct db_life *row);
	/* adds to *ev what the other sources know about this end; exit, hook are set */
	void (*evidence)(void *arg, const struct lc_ct *ct, struct stop_evidence *ev);
	/* is a start of it under way, or did one just fail? (its first hook may not be
	 * ours to see) */
	bool (*starting)(void *arg, const struct lc_ct *ct);
	void *arg;
};

struct lifecycle {
	struct lc_ct *v; /* by vmid */
	size_t n, cap;
	char boot[37];
	/* no life that begins has a smaller number (0: whatever follows the last): those
	 * below may have been told by a store that cannot be read */
	uint64_t first_life;
	struct lc_ops ops;
};

void lc_init(struct lifecycle *lc, const char *boot, const struct lc_ops *ops);
void lc_done(struct lifecycle *lc);

/* NULL: nothing was ever seen of it. The pointer holds until the next input. */
struct lc_ct *lc_find(const struct lifecycle *lc, uint32_t vmid);

/*
 * What the store knows, before anything else: the last life of each container and, oldest
 * first, the latest events. Lives of an earlier boot that have no end are ended.
 */
void lc_restore(struct lifecycle *lc, const struct db_lives *lives,
		const struct events *latest, struct lc_time now);

/*
 * A hook's file. `alive`: the kernel says that the init of the present life is there and
 * runs, so a claim that it stopped is not believed.
 */
void lc_hook(struct lifecycle *lc, const struct spool_event *h, bool alive,
	     struct lc_time now);

/* An init is there. execed: it runs its own program, no longer lxc-start's. */
void lc_up(struct lifecycle *lc, uint32_t vmid, pid_t init, uint64_t ticks, bool execed,
	   struct lc_time began, struct lc_time now);

/*
 * That init is no more. INIT_EXIT_UNKNOWN: the kernel has not said yet, or never will
 * (`final`). May be told again when more is known.
 */
void lc_gone(struct lifecycle *lc, uint32_t vmid, uint64_t ticks, enum init_exit exit,
	     int value, bool final, struct lc_time now);

/* An end that is being waited for gets so much more time: something is about to be known.
 */
void lc_wait(struct lifecycle *lc, uint32_t vmid, uint64_t until_boot_usec);

/* Neither monitor nor init nor cgroup with processes: by reconciling. */
void lc_absent(struct lifecycle *lc, uint32_t vmid, struct lc_time now);

/* The kernel's OOM message named this init, maybe after its end was told. */
void lc_oom_init(struct lifecycle *lc, uint32_t vmid, pid_t init, struct lc_time now);

/* The sources know more than they did: of an end whose cause was not certain. */
void lc_learned(struct lifecycle *lc, uint32_t vmid, enum event_origin origin,
		struct lc_time now);

/*
 * The mark of a reboot from inside was seen (/var/lib/lxc/N/reboot): of the life that
 * just ended, or ends.
 */
void lc_rebooted(struct lifecycle *lc, uint32_t vmid, struct lc_time now);

/*
 * A task was to start it and failed: from then to then. Nothing when a life began since, or
 * its failure was told.
 */
void lc_start_failed(struct lifecycle *lc, uint32_t vmid, struct lc_time began,
		     struct lc_time ended);

/* What is due. Returns when to call again (CLOCK_BOOTTIME), 0: nothing waits. */
uint64_t lc_tick(struct lifecycle *lc, struct lc_time now);

/* "<boot>-<vmid>-<life>-<what>": of events that no file names. */
void lc_id(const struct lifecycle *lc, uint32_t vmid, uint64_t life, const char *what,
	   char ret[EVENT_ID_MAX]);
