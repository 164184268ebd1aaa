/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>

#include "cli/app.h"
#include "store/ring.h"

#define RINGRATES_RING "run/ctscope/ring"

/*
 * Rates at once, out of the ring of a collector that runs: nothing is waited for.
 */
struct ringrates;

/*
 * Warns where what was recorded ends before now: the collector of this machine does not
 * run, or hangs. Says since when.
 */
void ringrates_warn_silent(const struct app *app);

/* NULL: none runs (not live, no ring, another boot, its last beat too old). */
struct ringrates *ringrates_open(const struct app *app);
void ringrates_close(struct ringrates *r); /* NULL is fine */

/*
 * The CPU use of every container that runs: of its last second that was recorded, where
 * that belongs to the run that is going on. f->interval_usec is the longest.
 */
void ringrates_apply(const struct ringrates *r, struct facts *f);

/*
 * A sample of this run of that container, at least `least_usec` and at most a few seconds
 * old: the counters now less those of it are rates. -ENOENT: there is none.
 */
int ringrates_before(const struct ringrates *r, const struct ct *ct, uint64_t least_usec,
		     struct sample *ret);
