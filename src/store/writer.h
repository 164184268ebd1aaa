/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

/*
 * The store behind a thread and a bounded queue: no call here ever waits for the disk.
 * Work is committed in the order it was handed in, but that blocks let the rest go first
 * (a minute of a thousand containers is stored in slices of 32). A submission with `urgent` is
 * committed at once, and on the disk (with all that came before it, in one transaction);
 * the rest in groups of at most 100 ms. What was committed comes back as its token:
 * poll writer_fd() for POLLIN, then writer_done().
 *
 * Nothing of the life cycle is ever dropped: -EAGAIN tells that the queue is full of it,
 * and the caller keeps it (the spool file stays). Other work is dropped when the queue is
 * half full, when the disk is, or when there is no store; drops are counted by reason,
 * and an event `collector` with the counts is stored as soon as that is possible.
 *
 * A disk that is full: see db_reserved(). I/O errors: the handle is opened anew and what
 * was not committed is done again; three within 60 s, or a store that cannot be opened:
 * RAM only, loud (writer_stat.ram_only), tried again every 10 s. Damage: set aside, a new
 * one begun (an event `collector` tells).
 */
struct writer;

enum writer_drop {
	DROP_QUEUE,   /* the queue was full: the disk is slow or hangs */
	DROP_NOSPACE, /* the disk is full */
	DROP_STORE,   /* there is no store: RAM only */
	DROP_BAD,     /* what cannot be stored: too large, a bad id */
	WRITER_DROPS
};

const char *writer_drop_name(enum writer_drop d); /* "queue", "nospace", ... */

struct writer_opts {
	const char *path;    /* of the database; copied */
	const char *boot_id; /* for the events the writer makes itself; copied */
	const char *node;    /* db_set_node(); NULL: not known; copied */
	struct db_limits limits;
	/* 0: the default */
	size_t max_items;       /* 32768 */
	size_t max_bytes;       /* 16 MiB */
	uint64_t group_usec;    /* 100 ms */
	uint64_t retry_usec;    /* 10 s: RAM only */
	uint64_t space_usec;    /* 2 s: is there space again? */
	uint64_t maintain_usec; /* 60 s: db_mark(), db_prune() */
};

/*
 * Takes over `db` (may be NULL: the store could not be opened; RAM only until it can).
 * `db` must not be used any more by the caller.
 */
int writer_new(const struct writer_opts *o, struct db *db, struct writer **ret,
	       struct err *err);

/*
 * Commits what is queued and ends the thread, for at most timeout_usec. -ETIMEDOUT: the
 * disk hangs; the thread is left alone and what it holds leaks: to be called just before
 * the end of the program. *w is NULL afterwards.
 */
int writer_stop(struct writer **w, uint64_t timeout_usec);

/* Other limits from now on. */
void writer_set_limits(struct writer *w, const struct db_limits *l);

/* An eventfd: readable when writer_done() has something. */
int writer_fd(const struct writer *w);

/*
 * One transaction: all of it or nothing. Events, lives and configs are taken over when 0
 * is returned (the arrays themselves stay the caller's, their elements are emptied).
 * -EAGAIN: full, nothing was taken. -ENOBUFS: dropped and counted (never what holds an
 * event of the life cycle or a life), elements emptied too; its token comes back as
 * well, with the result -ENOBUFS.
 */
struct writer_put {
	struct event *events;
	size_t n_events;
	struct db_life *lives;
	size_t n_lives;
	struct db_configs *configs; /* NULL: none */
	bool urgent;
	uint64_t token; /* 0: no answer is wanted */
};

int writer_put(struct writer *w, const struct writer_put *p);

/* Of these the most used forms. */
int writer_events(struct writer *w, struct event *v, size_t n, bool urgent,
		  uint64_t token);
int writer_life(struct writer *w, struct db_life *l, bool urgent, uint64_t token);

/* Never urgent; a slice at a time is there. 0, or -ENOBUFS: dropped and counted. Elements are emptied either way. */
int writer_blocks(struct writer *w, struct db_block *v, size_t n, uint64_t token);

/* Use of disks: as blocks, but not in slices. The rows stay the caller's. */
int writer_disk(struct writer *w, const struct disk_row *v, size_t n);

/* As lifecycle events: 0 or -EAGAIN. i->n 0: the number comes with writer_done(). */
int writer_incident(struct writer *w, struct incident *i, bool urgent, uint64_t token);

struct writer_done {
	uint64_t token;
	int result; /* 0: committed; -ENOBUFS: dropped; -EINVAL, -E2BIG: cannot be stored
		     */
	uint64_t n; /* the number of a new incident; the seq of the last event */
};

/* Up to `max` answers, in the order of the commits; returns how many. */
size_t writer_done(struct writer *w, struct writer_done *v, size_t max);

struct writer_stat {
	size_t queued_items, queued_bytes; /* not committed yet */
	uint64_t commits, durable_commits;
	uint64_t events, blocks, incidents; /* stored since the start */
	uint64_t drops[WRITER_DROPS];       /* events, blocks, rows of disk use */
	uint64_t errors;                    /* I/O errors */
	uint64_t replaced;                  /* times a damaged store was set aside */
	uint64_t last_commit_usec;          /* how long the last commit took */
	uint64_t max_commit_usec;
	uint64_t busy_usec; /* for how long the current one has been under way; 0: none */
	uint64_t bytes;     /* of the store's files, at the last look */
	bool ram_only;
	bool no_space;
	char trouble[256]; /* the last sentence about it; "" when all is well */
	uint64_t faults;   /* of the errors those that no full disk explains */
	char fault[256];   /* the sentence of the last of these; kept */
};

void writer_stat(struct writer *w, struct writer_stat *ret);
