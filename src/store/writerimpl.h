/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "store/writer.h"

/* What writer.c (the thread) and writerqueue.c (its callers) share. */
enum kind { ITEM_PUT, ITEM_BLOCKS, ITEM_DISK, ITEM_INCIDENT };

struct item {
	enum kind kind;
	bool urgent, keep; /* keep: never dropped */
	uint64_t token;
	size_t bytes;
	int result;
	uint64_t n; /* of the answer */

	struct event *events;
	size_t n_events;
	struct db_life *lives;
	size_t n_lives;
	struct db_configs configs;
	struct db_block *blocks;
	size_t n_blocks;
	struct disk_rows disk;
	struct incident incident;
};

/* A ring. */
struct queue {
	struct item *v;
	size_t cap, first, n;
};

struct writer {
	struct writer_opts o;
	char *path, *node, boot[37];
	int fd; /* eventfd of the answers */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;

	/* under the lock */
	struct queue q;      /* events, lives, incidents: in this order */
	struct queue blocks; /* in slices: nothing of the life cycle waits for a minute */
	size_t bytes;        /* of both */
	uint64_t oldest_boot_usec; /* when the first of the queue came */
	size_t n_urgent;
	struct writer_done *done;
	size_t done_first, done_n, done_cap;
	bool quit;
	struct writer_stat st;
	uint64_t busy_since;
	uint64_t told_drops[WRITER_DROPS];

	/* the thread's */
	struct db *db;
	uint64_t errors[3]; /* the latest, CLOCK_BOOTTIME */
	uint64_t next_maintain, next_space, next_retry;
	bool more_to_prune;
	bool quiet;      /* nothing came for a while */
	unsigned passed; /* batches that went before blocks that wait */
};

/* What writer.c needs of the queue. All but the first two under the lock. */
void writer_item_done(struct item *i);
/* Takes the elements over and empties the caller's. */
void writer_take_put(struct item *i, const struct writer_put *p);
struct item *writer_queue_at(struct queue *q, size_t i);
void writer_push(struct writer *w, struct item *i);
/* *ret_bytes grows by its size. */
void writer_pop(struct writer *w, struct queue *q, struct item *ret, size_t *ret_bytes);
void writer_answer(struct writer *w, uint64_t token, int result, uint64_t n);
