/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "base/num.h"
#include "store/ring.h"

/* The file as both sides know it: ring.c writes it, ringread.c reads it. */

/*
 * The file: a page of head, the heads of all slots there can ever be (holes until they
 * are used), then the cells of slot 0, 1, ...: its samples, then its details. Everything
 * is a 64 bit word that is stored atomically; a sequence number, odd while it is written,
 * makes the words of a head or a slot belong together (a seqlock: the writer never waits).
 */
#define MAGIC      UINT64_C(0x33676e6952746363) /* "cctRing3" */
#define QUIET      (UINT64_C(1) << 63)
#define HEADS_OFF  ((size_t)4096)
#define CELLS_OFF  (HEADS_OFF + RING_MAX_SLOTS * sizeof(struct slot_head))
#define FULL_BYTES (CELLS_OFF + RING_MAX_SLOTS * SLOT_BYTES)

/*
 * A sample: boot, real, have and quiet, values. Sizes of memory are whole pages, and two
 * of them share a word; the number of processes, of which there are at most 2^22, is in
 * the word of `have`. That is what the details below take.
 */
#define PAIRED_FROM METRIC_MEMORY_CURRENT_BYTES
#define PAIRED_TO   (METRIC_SWAP_CURRENT_BYTES + 1)
#define PAIRS       ((PAIRED_TO - PAIRED_FROM) / 2)
#define PIDS_SHIFT  METRIC_STATES
#define PIDS_MAX    ((QUIET >> PIDS_SHIFT) - 1)
#define CELL_WORDS  (3 + METRIC_PIDS_CURRENT - PAIRS)
#define CELL_BYTES  (CELL_WORDS * sizeof(uint64_t))

_Static_assert(METRIC_PIDS_CURRENT + 1 == METRIC_STATES, "the last one of its group");
_Static_assert((PAIRED_TO - PAIRED_FROM) % 2 == 0, "two in each word");

/*
 * Details: the number of their sample, which of them are there, values. They are read
 * with every tenth sample; a reading too many costs the oldest its details.
 */
#define DETAILS      (METRICS - METRIC_DETAILS - 1) /* their time is the sample's */
#define DETAIL_WORDS (2 + DETAILS)
#define DETAIL_BYTES (DETAIL_WORDS * sizeof(uint64_t))
#define RING_DETAILS (RING_TICKS / METRIC_DETAIL_SEC)
#define DETAILS_OFF  (RING_TICKS * CELL_BYTES) /* in a slot's cells */
#define SLOT_BYTES   (DETAILS_OFF + RING_DETAILS * DETAIL_BYTES)

#define word _Atomic uint64_t

struct file_head {
	word magic, layout;
	word boot[5]; /* 36 digits of the boot id */
	word n_slots;
	word seq; /* of the three below */
	word beat_boot_usec, interval_usec, late_ticks;
};

/* Limits and the like change seldom: those of the last changes are kept for each slot, not
 * with each sample. Older samples than the oldest of them have none. */
#define STATES      (METRIC_DETAILS - METRIC_STATES)
#define RING_STATES 4

struct ring_state {
	word since_boot_usec;
	word have; /* bit i: v[i] is known */
	word v[STATES];
};

struct slot_head {
	word seq;
	word vmid, life; /* vmid 0: free */
	word count;      /* samples ever written */
	word stored;     /* so many of them are in the store: for the writer only */
	word n_states;   /* ever */
	word n_details;  /* ever, at n % RING_DETAILS */
	word pad;
	struct ring_state state[RING_STATES]; /* the newest, at n % RING_STATES */
};

/* What of a layout must be the same for both sides to speak of the same thing. */
#define LAYOUT                                                                           \
	((uint64_t)METRIC_STATES | (uint64_t)STATES << 8 | (uint64_t)RING_TICKS << 16 |  \
	 (uint64_t)DETAILS << 24 | (uint64_t)RING_MAX_SLOTS << 32 |                      \
	 (uint64_t)CELL_WORDS << 48)

struct own;

struct ring {
	int fd;
	char *map; /* the writer's, FULL_BYTES of it, though the file is shorter */
	struct own *own;
	size_t n_slots;
	size_t n_freed; /* those found at take-over are not counted */
};

/* How many slots there can be in so many bytes. */
size_t ring_slots_in(uint64_t file_bytes);

/* A sample, its first group, as CELL_WORDS plain words and back. */
void ring_pack(const struct sample *s, uint64_t ret[static CELL_WORDS]);
void ring_unpack(const uint64_t *c, struct sample *ret);

/* DETAIL_WORDS plain words: added to the sample that they are of. */
void ring_put_details(const uint64_t *d, struct sample *io);

/* Of RING_STATES plain ones, n were ever written: what was so at the sample's time. */
struct plain_state {
	uint64_t since_boot_usec, have, v[STATES];
};
void ring_put_state(const struct plain_state *v, uint64_t n, struct sample *io);
