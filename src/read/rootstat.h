/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/guard.h"
#include "mount.h"
#include "val.h"

/*
 * Size and use of root file systems, as PVE has it: statfs of /proc/<init>/root, used =
 * blocks - bfree, total = blocks (facts: observed.md 24). A guest can make its root one
 * that never answers (FUSE), so it is asked in a process that can be abandoned: the one
 * that hangs is left absent, the others are had all the same. So is one whose root is
 * still the node's own, as it is for a moment while a container starts. A process that
 * stays behind in a root is noted (read/hungroot.h), and nobody is sent there as long as
 * it does.
 */
struct rootstat {
	pid_t init_pid; /* in: 0 is skipped */
	/*
	 * in: looked at after its root was, so that another process of the same number is
	 * not taken for it. 0: for the caller to check (ctlive_same())
	 */
	uint64_t start_ticks;
	struct val used_bytes, total_bytes;
	struct fscount count; /* all that there is, where these are set */
	bool stuck;           /* it did not answer in time */
};

#define ROOTSTAT_HANDS 64 /* one at first; where roots hang, as many as it takes */

struct rootstat_job {
	struct guard hands[ROOTSTAT_HANDS]; /* those that have ended are { 0 } */
	size_t n_hands;
	int rootfd;
	struct rootstat_shared *shared; /* what the process has found so far */
	size_t n;
	/* how far it was at the last look, and when it had come on */
	uint64_t looked_mono_usec, done_mono_usec, moved_mono_usec;
	size_t n_done, n_taken;
	bool over;
};

/*
 * Forks the process for n of them, which then waits: early, while the caller is small,
 * as every page that it holds by then is copied when it is next written to.
 */
int rootstat_start(int rootfd, size_t n, struct rootstat_job *ret, struct err *err);

/* Sets it to work on v[0..n). */
void rootstat_ask(struct rootstat_job *job, const struct rootstat *v);

/*
 * For who has more to do before rootstat_finish(): called now and then meanwhile, so that
 * the time of what hangs passes, and others are asked behind it. Waits for nothing.
 */
void rootstat_step(struct rootstat_job *job);

/*
 * Fills used and total of the same v, and ends the job. Takes about half a second more
 * where some hang, whatever their number; behind 64 that do nobody is asked. A job that
 * was not started or not asked has found nothing.
 */
void rootstat_finish(int rootfd, struct rootstat_job *job, struct rootstat *v);

/* Ends a job without its answers. */
void rootstat_done(struct rootstat_job *job);
