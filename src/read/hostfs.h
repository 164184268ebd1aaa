/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guard.h"
#include "mount.h"

/*
 * statfs(2) of directories of the node, in processes that can be abandoned: one may lie on
 * an NFS that answers no more. Never of what is below a running container's root.
 */
struct hostfs {
	const char *path; /* in: absolute, resolved inside the root */
	bool may_hang; /* in: asked apart from the others, those of a mount by one hand */
	uint32_t
		mnt_id; /* in: of the mount it has to lie on; one that hangs speaks for all */
	bool ok;
	bool stale; /* it did not answer in time, or says that it is no more (ESTALE) */
	int error;  /* negative errno; 0: none */
	struct fscount count;
};

/* One for what cannot hang, one for each mount that may; the last for all further ones. */
#define HOSTFS_HANDS 16

struct hostfs_hand {
	struct guard guard; /* { 0 }: it is done */
	struct buf got;
	size_t *order; /* what is left to be asked, of v */
	size_t n, seen;
	unsigned n_stuck;
};

struct hostfs_job {
	int rootfd;
	struct hostfs *v;
	size_t n;
	struct hostfs_hand hands[HOSTFS_HANDS];
};

/* Begins to ask for v[0..n), which has to stay, as has *ret where it is. */
void hostfs_start(int rootfd, struct hostfs *v, size_t n, struct hostfs_job *ret);

/* For who has more to do: called now and then meanwhile. Waits for nothing. { 0 }: no job. */
void hostfs_step(struct hostfs_job *job);

/* Waits for what cannot hang; the rest goes on. */
void hostfs_wait_safe(struct hostfs_job *job);

/* Is there an answer by now, good or bad? */
bool hostfs_is_answered(const struct hostfs *h);

/*
 * Waits for all. What hangs costs less than a second, however much of it
 * does, beside the time that the others take to answer. What was not asked any more is
 * -EBUSY.
 */
void hostfs_wait(struct hostfs_job *job);
void hostfs_done(struct hostfs_job *job);

/* All in one. */
void hostfs_read(int rootfd, struct hostfs *v, size_t n);
