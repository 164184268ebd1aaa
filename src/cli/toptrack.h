/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>
#include <metric.h>

#include "store/ring.h"

/* The samples of some containers over some time, each with its own, oldest first. */
struct track {
	uint32_t vmid;
	uint64_t life;
	uint64_t count; /* of samples the ring had had when it was last read */
	size_t n, cap;
	struct sample *v;
	bool seen; /* in this tick */
};

struct tracks {
	struct track *v; /* by vmid */
	size_t n, cap;
};

void tracks_done(struct tracks *t);
struct track *tracks_find(const struct tracks *t, uint32_t vmid);

/* The track of that life; one of another life of the same container is emptied. */
struct track *tracks_get(struct tracks *t, uint32_t vmid, uint64_t life);

/* Samples that are not later than the last one it has are passed over. At most `max` are
 * kept, the newest. */
void track_add(struct track *t, const struct sample *s, size_t max);

/* The time of the oldest sample of all; 0: there is none. */
uint64_t tracks_oldest_real_usec(const struct tracks *t);

/* How many of its samples are not later than that moment. */
size_t track_until(const struct track *t, uint64_t real_usec);

/* Takes over what the ring has and the tracks have not; what it no longer has stays. */
int tracks_read_ring(struct tracks *t, const struct ring *ring, struct err *err);

/* What facts_read() says of a running container, as a sample. */
void track_sample(const struct ct *ct, uint64_t boot_usec, uint64_t real_usec,
		  struct sample *ret);
