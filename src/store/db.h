/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <diskuse.h>
#include <event.h>
#include <incident.h>
#include <metric.h>

#include "base/err.h"
#include "base/str.h"

/*
 * /var/lib/ctscope/ctscope.db: SQLite, WAL. The schema (src/store/schema.c has it with
 * its comments, `sqlite3 ctscope.db .schema` shows them) is frozen: users query the
 * tables events, lives, incidents and meta and the view blocks. Not for several threads:
 * one handle a thread.
 *
 * Errors, where a function can fail:
 *	-ENOSPC	the disk is full (or a quota)
 *	-EIO	the disk or the file system failed
 *	-EUCLEAN the file is damaged; the writer sets it aside by db_replace()
 *	-EBUSY	somebody else (sqlite3) writes right now; try again
 *	-ENOENT	there is no such store (reading), or no libsqlite3
 *	-EPROTO	a schema of a newer ctscope (reading)
 *	-EINVAL, -E2BIG	what was handed in cannot be stored: it never will be
 */
struct db;

#define DB_PATH "var/lib/ctscope/ctscope.db" /* below the root */

struct db_opened {
	bool created;
	bool upgraded;
	char *quarantined; /* a bad file was set aside under this name; NULL: none */
	char *why;         /* it was: one sentence */
	uint64_t salvaged; /* rows that were taken over from it */
	bool no_reserve;   /* the disk is too full for the reserve: see db_reserved() */
};

void db_opened_done(struct db_opened *o);

/*
 * For the collector: creates, upgrades. What is no database, damaged, a directory, a
 * link, or another user's is renamed to "<path>.corrupt-<time>" with its -wal, and a new
 * one begun with the lives, incidents and events that can still be read from it. One of
 * a newer schema becomes "<path>.newer-<time>", whole, and nothing is taken from it.
 * `opened` may be NULL. The directory must exist.
 */
int db_open(const char *path, struct db **ret, struct db_opened *opened, struct err *err);

/*
 * -EUCLEAN came in the middle of work: closes the handle (*db is NULL afterwards), sets
 * the file aside and begins a new one, as db_open() does.
 */
int db_replace(struct db **db, const char *path, struct db **ret,
	       struct db_opened *opened, struct err *err);

/*
 * For readers: never writes a byte, never waits for the writer, works without one too.
 * `live`: it may be running now; else it is a copy (--root), whose -shm says nothing.
 */
int db_open_readonly(const char *path, bool live, struct db **ret, struct err *err);

/*
 * A reader that stays: follows when the collector was started or the file replaced since.
 * *ret_replaced (may be NULL): it is another store now, whose seq may begin anew.
 */
int db_refresh(struct db *db, bool *ret_replaced, struct err *err);

void db_close(struct db *db); /* NULL is fine */

/* The node's name, as the collector knows it: for readers of a copy. NULL: not known. */
int db_set_node(struct db *db, const char *node, struct err *err);
const char *db_node(const struct db *db);

/* Random, for the life of the file: who keeps a seq keeps this with it. */
const char *db_store_id(const struct db *db);

/*
 * Several changes as one: what follows until db_commit() is there as a whole or not at
 * all. `durable`: on the disk when db_commit() returns 0, else committed and visible, and
 * safe from a crash of the program. Without these each call is a transaction of its own.
 */
int db_begin(struct db *db, bool durable, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* none open is fine */

/*
 * All of them or none, each once (by id): 0 when they are committed; `durable` as above
 * (inside of db_begin() that one's holds). *ret_new counts those that were not there
 * before; may be NULL. e->seq is set, also of one that was there.
 */
int db_add_events(struct db *db, struct event *v, size_t n, bool durable, size_t *ret_new,
		  struct err *err);

/* A life of a container: the key is (vmid, life). */
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

void db_life_done(struct db_life *l);
void db_lives_done(struct db_lives *l);
int db_put_life(struct db *db, const struct db_life *l, struct err *err);

/*
 * No life that begins now may have a smaller number: 1, or, where the lives of the store
 * that was here before could not be read, the time when it was set aside, in seconds since
 * 1970, which more lives than that cannot have been counted. So (vmid, life) is one run
 * for whoever keeps events of both.
 */
uint64_t db_first_life(const struct db *db);

/* The last life of each container that the store knows, by vmid. */
int db_last_lives(struct db *db, struct db_lives *ret, struct err *err);

/*
 * The configs of this node's containers as they were last seen, so that the next
 * collector can tell what changed since.
 */
struct db_config {
	uint32_t vmid;
	bool gone;       /* put: the row goes */
	struct buf text; /* p NULL: not kept, there is too much of it */
};

struct db_configs {
	struct db_config *v;
	size_t n;
	bool all; /* put: they are all there are, other rows go */
	/*
	 * They were so at that time, all of them. Read: 0, nothing is known. Put: 0, as
	 * it was; stays unset where no put with `all` was (a store that was begun anew).
	 */
	uint64_t seen_real_usec;
};

#define DB_CONFIG_MAX ((size_t)1 << 20) /* -E2BIG; pmxcfs holds no larger file */

void db_config_done(struct db_config *c);
void db_configs_done(struct db_configs *c);

/* One transaction. */
int db_put_configs(struct db *db, const struct db_configs *c, struct err *err);

/* By vmid. */
int db_configs(struct db *db, struct db_configs *ret, struct err *err);

struct event_query {
	uint32_t vmid;                /* 0: all, the node's own too */
	const enum event_type *types; /* n_types 0: all */
	size_t n_types;
	uint64_t since_real_usec, until_real_usec; /* 0: no bound; until is exclusive */
	uint64_t after_seq;                        /* only later ones: for following */
	uint64_t before_seq;                       /* only earlier ones; 0: no bound */
	size_t limit;                              /* the newest so many; 0: all */
	bool oldest;                               /* limit means the oldest */
	const char *id;                            /* that one only; NULL: all */
};

/* Oldest first: in the order they were stored, which no clock changes. */
int db_events(struct db *db, const struct event_query *q, struct events *ret,
	      struct err *err);

/* The seq of the newest event, 0: none. */
int db_last_seq(struct db *db, uint64_t *ret, struct err *err);

/*
 * One block: the samples of one container for one minute (level 1), or of its roll-ups
 * (level 10: ten minutes, level 60: one hour, 60 values each), encoded by store/block.h.
 * The key is (level, vmid, start): the same once more replaces it.
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

void db_block_done(struct db_block *b);
void db_blocks_done(struct db_blocks *b);

/* One transaction for a whole minute of the node. -ENOSPC while the reserve is in use. */
int db_add_blocks(struct db *db, const struct db_block *v, size_t n, struct err *err);

/*
 * Oldest first; blocks that may touch [since, until), 0: no bound: a block is taken to
 * last up to twice its nominal time. `limit` (0: all): the newest so many.
 */
int db_read_blocks(struct db *db, uint32_t vmid, unsigned level_sec,
		   uint64_t since_real_usec, uint64_t until_real_usec, size_t limit,
		   struct db_blocks *ret, struct err *err);

/*
 * Use of root file systems: all of them in one transaction. -ENOSPC while the reserve is
 * in use.
 */
int db_add_disk(struct db *db, const struct disk_row *v, size_t n, struct err *err);

#define DB_MAX_DISK_ROWS 262144 /* the newest so many are read */

/* By time: those that hold at some time in [since, until); 0: no bound. */
int db_read_disk(struct db *db, uint32_t vmid, uint64_t since_real_usec,
		 uint64_t until_real_usec, struct disk_rows *ret, struct err *err);

/*
 * i->n == 0: a new one, its number is written there; else the row is replaced. Blocks of
 * its container from keep_from on are kept until keep_until, as long as the incident is.
 */
int db_put_incident(struct db *db, struct incident *i, struct err *err);

struct incident_query {
	uint32_t vmid;
	uint64_t n; /* only that one; 0: all */
	bool open_only;
	uint64_t since_real_usec, until_real_usec; /* by opened; until is exclusive */
	size_t limit;                              /* the newest so many; 0: all */
};

/* Oldest first. */
int db_incidents(struct db *db, const struct incident_query *q, struct incidents *ret,
		 struct err *err);

struct db_limits {
	uint64_t max_bytes;       /* of all files of the store; 1 GiB */
	uint64_t keep_sec[3];     /* of level 1, 10, 60: 24 h, 7 d, 90 d; of disk as 60 */
	uint64_t keep_events_sec; /* of events, closed incidents, lives; 0: for ever */
};

#define DB_LIMITS_DEFAULT                                                                \
	{                                                                                \
		.max_bytes = (uint64_t)1 << 30,                                          \
		.keep_sec = { 86400, 7 * 86400, 90 * 86400 },                            \
		.keep_events_sec = 365 * 86400                                           \
	}

/*
 * The clock that ages what is stored: recorded time, which goes on while a collector
 * runs. boot_usec is CLOCK_BOOTTIME, so nothing that is done to the wall clock wipes
 * anything (and what was recorded is kept for longer when no collector ran). To be called
 * about every minute; a mark goes into the store every ten.
 */
int db_mark(struct db *db, uint64_t boot_usec, struct err *err);

/*
 * Removes what is too old or too much, a bounded piece at a time (a few milliseconds):
 * by age each kind by its own limit, by bytes the finest level first, then the coarser
 * ones, use of disks, events that are not of the life cycle, what incidents keep, the rest. *ret_more:
 * there is more to do. The file becomes smaller by it.
 */
int db_prune(struct db *db, const struct db_limits *l, bool *ret_more, struct err *err);

/*
 * The reserve for a full disk: "<path>-reserve", 5 MiB of noise, so that no file system
 * compresses or only promises it, and 8 MiB that the WAL may always use (fallocate beyond
 * its end, where the file system can), as space that is given back may be for root alone,
 * or taken by somebody else at once. For that the database has 3 MiB of pages, too (thousands
 * of events), kept by the row of the table room.
 * db_use_reserve() cuts the file to nothing and lets the pages go; what the WAL holds then
 * goes into the database, and the WAL claims what it can. The functions that add events,
 * lives and incidents do that themselves on -ENOSPC and are done again; who called
 * db_begin() does it himself. As long as the reserve is in use blocks are refused with
 * -ENOSPC, and db_make_room() keeps pages free inside of the database, by giving up the
 * oldest blocks of the finest level when there are few: so events go on for as long as
 * the disk is full.
 */
bool db_reserved(const struct db *db); /* it is there, not in use */
bool db_use_reserve(struct db *db);    /* false: it was in use already */
/* The pages are kept from now on, 3 MiB, written once. Nothing while space is short. */
int db_keep_pages(struct db *db, struct err *err);
int db_make_room(struct db *db, struct err *err);

/* -ENOSPC as long as the disk has no 16 MiB to spare. */
int db_restore_reserve(struct db *db, struct err *err);

/*
 * Copies the WAL into the database, in the writer's idle time: without it that would
 * happen in the middle of a commit. Does nothing below `min_pages`.
 */
int db_checkpoint(struct db *db, unsigned min_pages, struct err *err);

struct db_stat {
	uint64_t bytes; /* of all its files */
	uint64_t n_events, n_blocks, n_incidents;
	uint64_t oldest_real_usec[3]; /* by level; 0: none */
	uint64_t recorded_sec;        /* see db_mark() */
};

/*
 * Looks through the whole file for damage (PRAGMA quick_check): reads all of it. 0 is
 * sound, -EUCLEAN with the first thing that is wrong.
 */
int db_check(struct db *db, struct err *err);

/* Counts every row: takes its time. */
int db_stat(struct db *db, struct db_stat *ret, struct err *err);
