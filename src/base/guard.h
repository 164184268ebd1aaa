/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A read that may hang (pmxcfs, NFS, the file system of a guest) runs in a process of its
 * own that can be abandoned: a reader in D state survives SIGKILL, so it is never waited
 * for. The child writes its answer to `out`; the parent collects it until end of file or
 * the deadline.
 *
 * What hangs is asleep. At its deadline a child that is not (it waits for a CPU, or was
 * woken since the last look, as by a file system that is slow) has more time, an eighth
 * each, as long as that is so: GUARD_MOST times what it was given in all. A busy node is
 * no file that does not answer.
 */
struct guard {
	pid_t pid;
	int fd;
	uint64_t deadline_mono_usec; /* of the next look at it */
	uint64_t timeout_usec, latest_mono_usec;
	uint64_t n_switches;
	bool looked;
	bool slow; /* kept at its end: its time was over, and it was still at work */
};

#define GUARD_MOST 5

/* In the child: 0 or a negative errno; what was written to `out` is the answer. */
typedef int guard_fn(int out, void *arg);

/*
 * Forks and starts `fn`. The parent may do other work before it collects. The program
 * must leave SIGCHLD at its default, and wait for none of these children itself.
 */
int guard_start(guard_fn *fn, void *arg, uint64_t timeout_usec, struct guard *ret,
		struct err *err);

/* Of one that answers more than once: the deadline of the next answer. */
void guard_renew(struct guard *g, uint64_t timeout_usec);

/*
 * Collects at most `max` bytes into *ret and ends the guard. What came before a failure
 * is kept in *ret. -ETIMEDOUT: the deadline passed, the child is killed and left behind;
 * -EFBIG: more than max; -EIO: the child died; else what fn returned.
 */
int guard_collect(struct guard *g, size_t max, struct buf *ret, struct err *err);

/*
 * The same without waiting, for who has several: takes what is there, so that *ret holds
 * at most `max` bytes. 1: more may come, wait until `fd` is readable or the deadline is
 * over. Anything else is what guard_collect() would return; after 0 and what fn returned
 * the guard is ended, after the other failures guard_done() is left to do.
 */
int guard_take(struct guard *g, size_t max, struct buf *ret, struct err *err);

/* Its time is over. For who waits for `fd` by himself. */
bool guard_is_over(struct guard *g);

/*
 * Did the process do anything since *n_switches was taken (0: never), or does it want to?
 * Takes it anew. False of one that is gone or that /proc tells nothing of.
 */
bool guard_moves(pid_t pid, uint64_t *n_switches);

/* Kills and forgets a guard that was not collected. { 0 } is no guard. */
void guard_done(struct guard *g);

/*
 * Children that were left behind are noted, and waited for when they have gone: here, and
 * at each guard_start(). For who starts none for long.
 */
void guard_reap(void);

/* Is that one of them, not gone yet? */
bool guard_is_left(pid_t pid);
