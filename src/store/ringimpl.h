/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "base/num.h"
#include "base/varint.h"
#include "store/ring.h"

/* The file as both sides know it: ring.c writes it, ringread.c reads it. */

/*
 * The file: a page of head, the heads and then the tips of all slots there can ever be
 * (holes until they are used), then the arena of slot 0, 1, ... So what changes in each
 * second lies together. Everything is a 64 bit word that is stored atomically; a sequence
 * number, odd while it is written, makes the words of a head or a slot belong together (a
 * seqlock: the writer never waits).
 */
#define MAGIC      UINT64_C(0x35676e6952746363) /* "cctRing5" */
#define QUIET      (UINT64_C(1) << 63)
#define HEADS_OFF  ((size_t)4096)
#define TIPS_OFF   (HEADS_OFF + RING_MAX_SLOTS * sizeof(struct slot_head))
#define CELLS_OFF  (TIPS_OFF + RING_MAX_SLOTS * sizeof(struct slot_tip))
#define SLOT_BYTES (ARENA_WORDS * sizeof(uint64_t))
#define FULL_BYTES (CELLS_OFF + RING_MAX_SLOTS * SLOT_BYTES)

/*
 * The samples of a slot: the newest one whole, its "tip", and of each what makes it the
 * one before it, a "row" of bytes. So a second costs what has changed in it, every value
 * comes back as it was, and the oldest can be forgotten without looking at them. Rows lie
 * one behind the other, whole words, and from the beginning again where one does not fit;
 * the index says where. Were all columns of all seconds to change by a lot there would be
 * room for a third of RING_TICKS.
 */
#define DETAILS      (METRICS - METRIC_DETAILS - 1) /* their time is the sample's */
#define RING_COLUMNS (METRIC_STATES + DETAILS)
#define ARENA_WORDS  3328 /* 221 bytes a sample; one of a busy container takes 100 */
#define INDEX_WORDS  (RING_TICKS / 4)
#define ROW_WORDS    ((37 + RING_COLUMNS * (VARINT_MAX + 1) + 7) / 8) /* at most */

_Static_assert(RING_COLUMNS < 63 && ARENA_WORDS <= UINT16_MAX && RING_TICKS % 4 == 0,
	       "bits of `have`, 16 bits of the index");

struct ring_tip {
	uint64_t boot_usec, real_usec;
	uint64_t have;            /* by column, and QUIET */
	uint64_t end;             /* the word behind its row */
	uint64_t v[RING_COLUMNS]; /* of one that is not there the last that was */
};
#define TIP_WORDS (sizeof(struct ring_tip) / sizeof(uint64_t))

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
	word first;      /* the oldest sample that is still there */
	word pad;
};

/*
 * The newest sample's tip is changed in place, so that a quiet second touches little
 * memory. Row i is where 16 bits of the index say, at i % RING_TICKS.
 */
struct slot_tip {
	word tip[TIP_WORDS];
	word index[INDEX_WORDS];
	struct ring_state state[RING_STATES]; /* the newest, at n % RING_STATES */
	word pad;
};

/*
 * At UNDO_OFF, one for all slots: what the words of a tip were before they were changed.
 * A writer that is killed in between has counted no sample, and they are put back.
 */
#define UNDO_OFF ((size_t)2048)
struct undo {
	word slot;  /* whose, and one more; 0: nobody's */
	word count; /* of the samples that it had then */
	word n;
	word at[TIP_WORDS], was[TIP_WORDS];
};
_Static_assert(sizeof(struct file_head) <= UNDO_OFF &&
		       UNDO_OFF + sizeof(struct undo) <= HEADS_OFF,
	       "the first page");

/* What of a layout must be the same for both sides to speak of the same thing. */
#define LAYOUT                                                                           \
	((uint64_t)METRIC_STATES | (uint64_t)STATES << 8 | (uint64_t)RING_TICKS << 16 |  \
	 (uint64_t)DETAILS << 24 | (uint64_t)RING_MAX_SLOTS << 32 |                      \
	 (uint64_t)ARENA_WORDS << 48)

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

/* ---- rows (ringrow.c) ---- */

/* Bits of samples' columns as those of a tip: a limit is none of them. */
uint64_t ring_columns(uint64_t have);

/* A tip as a sample without its limits. */
void ring_sample(const struct ring_tip *t, struct sample *ret);

/* What leads from a sample to the next. */
struct ring_step {
	uint64_t boot, real;       /* by how much later */
	uint64_t have;             /* which columns, and QUIET, differ in being there */
	uint64_t differ;           /* which values do, */
	uint64_t by[RING_COLUMNS]; /* and by how much */
};

/* From a tip to s, which has of all columns those of `have`, and the values of some. */
void ring_step_to(const struct ring_tip *tip, const struct sample *s, uint64_t have,
		  struct ring_step *ret);

/* As a row; the number of words. */
size_t ring_row(const struct ring_step *s, uint64_t ret[static ROW_WORDS]);

/* gcc's own copy of so much waits for one line of the cache after the other. */
static inline void ring_tip_copy(const uint64_t *tip, struct ring_tip *ret)
{
	size_t n = sizeof(*ret);

	__asm__("" : "+r"(n));
	memcpy(ret, tip, n);
}

/* The later one becomes the earlier one. -EBADMSG: damaged, and *io is anything. */
int ring_row_back(const uint64_t *row, size_t words, struct ring_tip *io);

/*
 * The words of a slot's cells, its own or copied, and what its head says. Of the arena
 * only what is from `from` to `to` is looked at, round the end where to <= from.
 */
struct ring_rows {
	const uint64_t *tip, *index, *arena;
	uint64_t first, count;
	size_t from, to;
};

/* The newest n samples, oldest first, without limits; fewer where there are fewer. */
size_t ring_unroll(const struct ring_rows *rows, size_t n, struct sample *ret);

/* Where row i begins, and how long it can be at most; false: nowhere. */
bool ring_row_place(const struct ring_rows *rows, uint64_t i, size_t *ret,
		    size_t *ret_words);

/* Of RING_STATES plain ones, n were ever written: what was so at the sample's time. */
struct plain_state {
	uint64_t since_boot_usec, have, v[STATES];
};
void ring_put_state(const struct plain_state *v, uint64_t n, struct sample *io);
