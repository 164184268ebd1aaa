/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <metric.h>

#include "base/err.h"

/*
 * /run/ctscope/ring: the last two minutes of every container, raw, in a file on tmpfs
 * that the collector maps for writing and anybody in its group reads. No protocol: a
 * reader copies a slot and looks at the slot's sequence number before and after. What a
 * damaged or foreign file says is refused or bounded, never believed.
 *
 * The file is written through a mapping and read with pread(): a reader can neither be
 * hit by SIGBUS nor see a length change under it. Native byte order, one machine, one
 * boot.
 */
#define RING_TICKS     120  /* samples a slot holds at most */
#define RING_MAX_SLOTS 8192 /* containers, those of the last moments included */

struct ring;

/*
 * The writer; one only: -EBUSY where another has the file. An existing file of the same
 * layout and boot is taken over, samples kept, else it is replaced by a new one under the
 * same name (whoever has the old one open sees its beat stop, and opens again).
 */
int ring_create(const char *path, const char *boot_id, struct ring **ret,
		struct err *err);
void ring_close(struct ring *r); /* NULL is fine; the file stays */

/*
 * The slot of that life of a container, made when it is not there (the file grows).
 * -ENOSPC: the tmpfs is full; -EFBIG: RING_MAX_SLOTS are in use.
 */
int ring_slot(struct ring *r, uint32_t vmid, uint64_t life, size_t *ret_slot,
	      struct err *err);
/*
 * Every value comes back as it is, whatever it is. The slot holds RING_TICKS of them as
 * long as they take 220 bytes each: less than 100 when a container is busy, fewer samples
 * are there only when most columns change by millions in each second for two minutes. A
 * detail's time (METRIC_DETAIL_BOOT_USEC) is that of its sample.
 */
void ring_add(struct ring *r, size_t slot, const struct sample *s);
/* The same, but where s has no column the last sample's holds on, except for not_held. */
void ring_hold(struct ring *r, size_t slot, const struct sample *s, uint64_t not_held);
/*
 * What ring_add() is going to need of a slot, asked of the memory ahead of it: after a
 * second none of it is in a cache. The row can only be asked for when the rest is there.
 */
void ring_expect(const struct ring *r, size_t slot);
void ring_expect_row(const struct ring *r, size_t slot);
/* Limits and the like (METRIC_STATE_BITS) from that sample on; cheap where nothing
 * changed. ring_add() looks at the others only. */
void ring_set_state(struct ring *r, size_t slot, const struct sample *s);
void ring_free_slot(struct ring *r, size_t slot); /* to be used again */

/* For the writer: how many samples that slot was ever given, */
uint64_t ring_count(const struct ring *r, size_t slot);
/* the one so many before the newest (false: it is not, or no longer, there; it costs
 * `back` steps), */
bool ring_get(const struct ring *r, size_t slot, uint64_t back, struct sample *ret);
/* and the newest n <= RING_TICKS, oldest first. How many of those there were. */
size_t ring_newest(const struct ring *r, size_t slot, size_t n, struct sample *ret);

/* How many of them are in the store: a writer that takes over goes on from there. */
uint64_t ring_stored(const struct ring *r, size_t slot);
void ring_set_stored(struct ring *r, size_t slot, uint64_t n);

/* Beat of the writer, so that a reader knows a dead collector from a quiet one. */
void ring_beat(struct ring *r, uint64_t boot_usec, uint64_t interval_usec,
	       uint64_t late_ticks);

/*
 * A reader. -ENOENT: no collector has run; -EPROTO: not a ring, or one of another
 * layout.
 */
int ring_open(int rootfd, const char *path, struct ring **ret, struct err *err);
int ring_open_fd(int fd, struct ring **ret, struct err *err); /* fd is taken, always */

struct ring_head {
	char boot[37];
	uint64_t beat_boot_usec; /* of the last tick */
	uint64_t interval_usec;
	uint64_t late_ticks;
	size_t n_slots;
};

int ring_head(const struct ring *r, struct ring_head *ret);

/*
 * Does a collector write it: same boot, and its last beat not older than three intervals
 * (and at least three seconds)?
 */
bool ring_is_live(const struct ring_head *h, const char *boot_id, uint64_t now_boot_usec);

struct ring_copy {
	uint32_t vmid;
	uint64_t life;
	size_t n; /* oldest first, boot_usec ascending */
	struct sample v[RING_TICKS];
};

/*
 * By slot, its newest `max` samples (0: all). vmid 0: a free one. -EAGAIN: written all
 * the time while it was copied.
 */
int ring_read(const struct ring *r, size_t slot, size_t max, struct ring_copy *ret);

/* The newest life of that container. -ENOENT: none. */
int ring_find(const struct ring *r, uint32_t vmid, size_t max, struct ring_copy *ret);

/* Which slots hold what, all in one read. */
struct ring_entry {
	uint32_t vmid; /* 0: free */
	uint64_t life;
	uint64_t count; /* of samples ever written to it */
};

/* n <= max; the number of slots there are. */
int ring_list(const struct ring *r, struct ring_entry *v, size_t max, size_t *ret_n);
