/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <metric.h>

#include "base/err.h"

/*
 * /run/ctscope/ring: the last two minutes of every container, raw, in a file on tmpfs
 * that the collector maps for writing and anybody in its group maps for reading. No
 * protocol: a reader copies a slot and looks at the slot's sequence number before and
 * after. What a damaged or foreign file says is refused or bounded, never believed.
 */
#define RING_TICKS 120 /* samples a slot holds */

struct ring;

/* The writer. An existing file of the same layout and boot is taken over, samples kept.
 */
int ring_create(const char *path, const char *boot_id, struct ring **ret,
		struct err *err);
void ring_close(struct ring *r); /* NULL is fine; the file stays */

/* The slot of that life of a container, made when it is not there (the file may grow). */
int ring_slot(struct ring *r, uint32_t vmid, uint64_t life, size_t *ret_slot,
	      struct err *err);
void ring_add(struct ring *r, size_t slot, const struct sample *s);
void ring_free_slot(struct ring *r, size_t slot); /* to be used again */

/* Beat of the writer, so that a reader knows a dead collector from a quiet one. */
void ring_beat(struct ring *r, uint64_t boot_usec, uint64_t interval_usec,
	       uint64_t late_ticks);

/* A reader. -ENOENT: no collector has run; -EPROTO: another layout. */
int ring_open(const char *path, struct ring **ret, struct err *err);

struct ring_head {
	char boot[37];
	uint64_t beat_boot_usec; /* of the last tick */
	uint64_t interval_usec;
	uint64_t late_ticks;
	size_t n_slots;
};

int ring_head(const struct ring *r, struct ring_head *ret);

struct ring_copy {
	uint32_t vmid;
	uint64_t life;
	size_t n; /* oldest first */
	struct sample v[RING_TICKS];
};

/* By slot; vmid 0: a free one. -EAGAIN: written all the time while it was copied. */
int ring_read(const struct ring *r, size_t slot, struct ring_copy *ret);

/* The newest life of that container. -ENOENT: none. */
int ring_find(const struct ring *r, uint32_t vmid, struct ring_copy *ret);
