/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <event.h>
#include <incident.h>
#include <metric.h>

#include "base/err.h"
#include "base/str.h"

/*
 * /var/lib/ctscope/ctscope.db: SQLite, WAL. The schema is documented and frozen: users
 * query it with sqlite3. Not for several threads: one handle a thread.
 *
 * Errors: -ENOSPC the disk (or the byte budget's reserve) is full, -EIO, -ENOENT there is
 * no such store (reading), or no libsqlite3, -EPROTO a schema of a newer version.
 */
struct db;

struct db_opened {
	bool created;
	bool upgraded;
	char *quarantined; /* a corrupt file was set aside under this name; NULL: none */
};

/* For the collector: creates, upgrades; a corrupt file is renamed and a new one begun. */
int db_open(const char *path, struct db **ret, struct db_opened *opened, struct err *err);

/* For readers: never writes, never waits for the writer. */
int db_open_readonly(const char *path, struct db **ret, struct err *err);
void db_close(struct db *db); /* NULL is fine */

/*
 * All of them or none, each once (by id): 0 when they are committed; `durable`: and on
 * the disk. *ret_new counts those that were not there before; may be NULL. e->seq is set.
 */
int db_add_events(struct db *db, struct event *v, size_t n, bool durable, size_t *ret_new,
		  struct err *err);

/* The last life of a container that the store knows; 0: none. */
struct db_life {
	uint32_t vmid;
	uint64_t life;
	char boot[37];
	uint64_t init_start_ticks; /* with boot the identity of that run; 0: not known */
	uint64_t started_real_usec;
	struct val stopped_real_usec; /* absent: not known to have stopped */
	enum stop_cause cause;
	char *name;
};

struct db_lives {
	struct db_life *v;
	size_t n;
};

void db_lives_done(struct db_lives *l);
int db_put_life(struct db *db, const struct db_life *l, struct err *err);
int db_last_lives(struct db *db, struct db_lives *ret, struct err *err);

struct event_query {
	uint32_t vmid;                /* 0: all, the node's own too */
	const enum event_type *types; /* n_types 0: all */
	size_t n_types;
	uint64_t since_real_usec, until_real_usec; /* 0: no bound; until is exclusive */
	uint64_t after_seq;                        /* only later ones: for following */
	size_t limit;                              /* the newest so many; 0: all */
};

/* Oldest first. */
int db_events(struct db *db, const struct event_query *q, struct events *ret,
	      struct err *err);

/*
 * One block: the samples of one container for one minute (level 1), or of its roll-ups
 * (level 10: ten minutes, level 60: one hour, 60 values each), encoded by store/block.h.
 */
struct db_block {
	uint32_t vmid;
	uint64_t life;
	unsigned level_sec; /* 1, 10, 60 */
	uint64_t start_real_usec;
	uint32_t n; /* samples in it */
	struct buf data;
};

struct db_blocks {
	struct db_block *v;
	size_t n;
};

void db_blocks_done(struct db_blocks *b);

/* One transaction for a whole minute of the node. */
int db_add_blocks(struct db *db, const struct db_block *v, size_t n, struct err *err);

/* Oldest first; blocks that touch [since, until). */
int db_read_blocks(struct db *db, uint32_t vmid, unsigned level_sec,
		   uint64_t since_real_usec, uint64_t until_real_usec,
		   struct db_blocks *ret, struct err *err);

/* i->n == 0: a new one, its number is written there; else the row is replaced. */
int db_put_incident(struct db *db, struct incident *i, struct err *err);

struct incident_query {
	uint32_t vmid;
	uint64_t n; /* only that one; 0: all */
	bool open_only;
	uint64_t since_real_usec, until_real_usec;
	size_t limit;
};

/* Oldest first. */
int db_incidents(struct db *db, const struct incident_query *q, struct incidents *ret,
		 struct err *err);

struct db_limits {
	uint64_t max_bytes;   /* of all files of the store; 1 GiB */
	uint64_t keep_sec[3]; /* of level 1, 10, 60: 24 h, 7 d, 90 d */
	uint64_t keep_events_sec;
};

/*
 * Removes what is too old or too much, a bounded piece at a time (the finest level first;
 * lifecycle events and what incidents keep last). *ret_more: there is more to do.
 * Age counts from the newest row's own time, so a clock that jumps ahead wipes nothing.
 */
int db_prune(struct db *db, const struct db_limits *l, bool *ret_more, struct err *err);

struct db_stat {
	uint64_t bytes, n_events, n_blocks, n_incidents;
	uint64_t oldest_real_usec[3]; /* by level; 0: none */
};

int db_stat(struct db *db, struct db_stat *ret, struct err *err);
