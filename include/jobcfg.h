/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster.h"
#include "val.h"
#include "warns.h"

/* Backup and replication jobs of the cluster (facts: pve-node.md 7.5, 7.6). */

enum backup_select {
	BACKUP_SELECT_NONE, /* nothing: the job does nothing */
	BACKUP_SELECT_VMIDS,
	BACKUP_SELECT_ALL, /* but `exclude` */
	BACKUP_SELECT_POOL,
};

struct backup_job {
	char *id;  /* of jobs.cfg; "vzdump.cron:<line>" of the old file */
	bool cron; /* it is of vzdump.cron */
	uint32_t line;
	bool enabled;
	char *schedule; /* calendar event: "sun 01:00", "02:30", "mon..fri 22:00" */
	enum backup_select select;
	uint32_t *vmids; /* chosen (VMIDS) or left out (ALL); ascending */
	size_t n_vmids;
	char *pool;
	char *node; /* runs there only; NULL: on every node, for its own guests */
	char *storage, *dumpdir, *mode; /* NULL: not said (see backup_defaults) */
	char *compress, *prune_backups, *comment; /* NULL: not said; comment: escape */
	bool repeat_missed;
};

struct backup_jobs {
	struct backup_job *v; /* in the order of the files */
	size_t n, cap;
	struct warns warns;
};

void backup_jobs_done(struct backup_jobs *j);

/* What vzdump takes on a node where a job does not say it; all NULL: not known. */
struct backup_defaults {
	char *storage, *dumpdir; /* one of them */
	char *mode;              /* "snapshot", "suspend", "stop" */
};

void backup_defaults_done(struct backup_defaults *d);

/* Completes what the jobs leave open: storage and dumpdir together, as vzdump does. */
void backup_jobs_complete(struct backup_jobs *j, const struct backup_defaults *d);

enum backup_cover {
	COVER_YES,
	COVER_DISABLED,     /* it would, but it is switched off */
	COVER_NOT_SELECTED, /* not in its list or pool */
	COVER_EXCLUDED,     /* in its `exclude` */
	COVER_OTHER_NODE,   /* it runs on another node only */
	COVER_NO_POOL,      /* there is no such pool: the job fails */
	COVER_EMPTY,        /* the job selects nothing */
};

/*
 * Does the job back up this container of `node`? Pure; pools NULL: none. The order of the
 * reasons is that of PVE: what it selects, then where it runs, then whether it is on.
 */
enum backup_cover backup_job_covers(const struct backup_job *j, uint32_t vmid,
				    const char *node, const struct pools *pools);
const char *backup_cover_text(enum backup_cover c); /* "not selected", ... */

/*
 * /var/lib/pve-manager/jobs/vzdump-<id>.json: what the scheduler of this node knows of
 * the job's last run.
 */
struct job_state {
	char *state;            /* created, starting, started, stopped */
	char *upid;             /* of the last run; NULL: it has not run */
	char *msg;              /* how it ended: "OK", ...; NULL: not (yet) */
	struct val time_sec;    /* absent: not said (see the UPID) */
	struct val updated_sec; /* its schedule was changed */
};

void job_state_done(struct job_state *s);

struct replication_job {
	char *id; /* "100-0" */
	uint32_t vmid, number;
	char *type;            /* "local" */
	char *target, *source; /* nodes; source NULL: not said */
	char *schedule;        /* the default of every 15 minutes is filled in */
	char *rate;            /* MB/s as written; NULL: no limit */
	char *remove_job;      /* being removed: "local", "full"; NULL: no */
	char *comment;         /* decoded; NULL: none */
	bool disabled;
	uint32_t line;
};

struct replication_jobs {
	struct replication_job *v; /* by vmid, then number */
	size_t n;
	struct warns warns;
};

void replication_jobs_done(struct replication_jobs *j);

/* One target of one guest in pve-replication-state.json (on the source node only). */
struct replication_state {
	uint32_t vmid;
	char *target;             /* node */
	char *type;               /* "local" */
	struct val last_sync_sec; /* of the last success; 0 there: never */
	struct val last_try_sec, last_iteration_sec, duration_usec, fail_count;
	struct val pid; /* it is running */
	char *error;    /* of the last try; NULL: none. Any bytes: escape */
	char *last_node;
	char **storages;
	size_t n_storages;
};

struct replication_states {
	struct replication_state *v; /* by vmid, then target */
	size_t n;
};

void replication_states_done(struct replication_states *s);
const struct replication_state *replication_state_find(const struct replication_states *s,
						       uint32_t vmid, const char *target);
