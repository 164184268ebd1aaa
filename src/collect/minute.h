/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"
#include "store/ring.h"

/*
 * Makes blocks for the store out of the ring: one for each container and minute of the
 * wall clock (level 1), for ten minutes (level 10) and an hour (level 60) of what was
 * thinned out. The work of a minute is spread over the seconds after it, and handed over
 * some hundred blocks at a time. What is not yet in a level 10 or 60 block is kept
 * encoded in memory.
 */
struct minute;

/*
 * Takes what the blocks hold (the callee frees their data, db_blocks_done() or one by
 * one). The array itself is borrowed. Must not call back.
 */
typedef void minute_fn(struct db_block *v, size_t n, void *arg);

/* -ENOENT: libzstd is missing. */
int minute_new(struct ring *ring, minute_fn *emit, void *arg, struct minute **ret,
	       struct err *err);
void minute_free(struct minute *m); /* NULL is fine; see minute_flush() */

/* The sampler calls these three. A slot that was taken over goes on where it was. */
void minute_add(struct minute *m, uint32_t vmid, uint64_t life, size_t slot);
void minute_end(struct minute *m, uint32_t vmid); /* all that is left of that life */
void minute_work(struct minute *m, uint64_t budget_usec); /* once in each tick */

/* All minutes that are over by then, at once: before an incident is written, in tests. */
void minute_sweep(struct minute *m, uint64_t now_real_usec);

/*
 * A store to read from (borrowed, may be NULL): each minute_add() from then on looks for
 * what an earlier collector, that was killed, had of that life in the last hours and not
 * yet in a roll-up, so that roll-ups miss nothing. What cannot be read is passed over.
 */
void minute_use_store(struct minute *m, struct db *db);

/* The end of the collector: all minutes as far as they got are handed over. */
void minute_flush(struct minute *m);
