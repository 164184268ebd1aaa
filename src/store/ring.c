/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/ringimpl.h"

/* The writer's side. */
#define LINGER_USEC (RING_TICKS * USEC_PER_SEC)

/* Of a slot, in the writer's own memory. */
struct own {
	bool freed;
	bool found; /* at take-over: its container may still be asked for */
	uint64_t freed_boot_usec;
	size_t clear; /* no row that is still there is between the newest and this word */
};

static struct file_head *file_head(const struct ring *r)
{
	return (struct file_head *)(void *)r->map;
}

static struct slot_head *slot_head(const struct ring *r, size_t slot)
{
	return (struct slot_head *)(void *)(r->map + HEADS_OFF) + slot;
}

static struct slot_tip *slot_tip(const struct ring *r, size_t slot)
{
	return (struct slot_tip *)(void *)(r->map + TIPS_OFF) + slot;
}

static word *arena(const struct ring *r, size_t slot)
{
	return (word *)(void *)(r->map + CELLS_OFF + slot * SLOT_BYTES);
}

static struct undo *undo(const struct ring *r)
{
	return (struct undo *)(void *)(r->map + UNDO_OFF);
}

static uint64_t get(const word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static void set(word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_relaxed);
}

/* Between these two what seq guards may be torn. */
static void write_begin(word *seq)
{
	set(seq, get(seq) | 1);
	atomic_thread_fence(memory_order_release);
}

static void write_end(word *seq)
{
	atomic_store_explicit(seq, (get(seq) | 1) + 1, memory_order_release);
}

static int allocate(struct ring *r, size_t off, size_t n, struct err *err)
{
	int e = posix_fallocate(r->fd, (off_t)off, (off_t)n);

	/* a write to a page that the tmpfs has no room for would be SIGBUS */
	if (e)
		return err_set(err, -e, "ring: %s", strerror(e));
	if (r->map) /* first writes would be a page fault every now and then, for minutes */
		mem_touch(r->map + off, n);
	return 0;
}

static void boot_words(const char *boot_id, uint64_t ret[5])
{
	char text[40] = { 0 };

	snprintf(text, sizeof(text), "%s", boot_id);
	memcpy(ret, text, sizeof(text));
}

static bool is_ours(const struct ring *r, const char *boot_id)
{
	const struct file_head *h = file_head(r);
	uint64_t boot[5];

	boot_words(boot_id, boot);
	if (get(&h->magic) != MAGIC || get(&h->layout) != LAYOUT)
		return false;
	for (size_t i = 0; i < 5; i++)
		if (get(&h->boot[i]) != boot[i])
			return false;
	return true;
}

static int map_file(struct ring *r, struct err *err)
{
	void *p = mmap(NULL, FULL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

	if (p == MAP_FAILED)
		return err_set(err, -errno, "ring: mmap: %s", strerror(errno));
	r->map = p;
	return 0;
}

static void slot_begin(struct ring *r, size_t slot, uint32_t vmid, uint64_t life)
{
	struct slot_head *h = slot_head(r, slot);

	write_begin(&h->seq);
	set(&h->vmid, vmid);
	set(&h->life, life);
	set(&h->count, 0);
	set(&h->stored, 0);
	set(&h->n_states, 0);
	set(&h->first, 0);
	/* there is nothing before the first one */
	for (size_t i = 0; i < TIP_WORDS; i++)
		set(&slot_tip(r, slot)->tip[i], 0);
	write_end(&h->seq);
}

/* As plain words: nobody but this thread writes them. */
static struct ring_rows rows_of(const struct ring *r, size_t slot)
{
	const struct slot_head *h = slot_head(r, slot);
	const char *t = r->map + TIPS_OFF + slot * sizeof(struct slot_tip);

	return (struct ring_rows){
		.tip = (const uint64_t *)(const void *)t,
		.index = (const uint64_t *)(const void *)(t + offsetof(struct slot_tip,
								       index)),
		.arena = (const uint64_t *)(const void *)(r->map + CELLS_OFF +
							  slot * SLOT_BYTES),
		.first = get(&h->first),
		.count = get(&h->count),
		.to = ARENA_WORDS,
	};
}

/* Whether a writer, this one or an earlier one, can have left it so. */
static bool is_sound(const struct ring *r, size_t slot)
{
	struct ring_rows rows = rows_of(r, slot);
	const struct ring_tip *tip = (const struct ring_tip *)(const void *)rows.tip;

	return rows.first <= rows.count && rows.count - rows.first <= RING_TICKS &&
	       tip->end <= ARENA_WORDS;
}

/* What was changed for a sample that was not counted. */
static void put_back(struct ring *r, size_t slot)
{
	struct slot_tip *t = slot_tip(r, slot);
	struct undo *u = undo(r);

	if (get(&u->slot) != slot + 1 ||
	    get(&u->count) != get(&slot_head(r, slot)->count))
		return;
	for (uint64_t i = 0; i < get(&u->n) && i < TIP_WORDS; i++)
		if (get(&u->at[i]) < TIP_WORDS)
			set(&t->tip[get(&u->at[i])], get(&u->was[i]));
}

/* A writer that was killed in the middle: what it was writing was not counted. */
static void repair(struct ring *r, size_t slot)
{
	struct slot_head *h = slot_head(r, slot);

	if (get(&h->seq) & 1) {
		put_back(r, slot);
		write_end(&h->seq);
	}
	if (get(&h->vmid) > UINT32_MAX)
		set(&h->vmid, 0);
	if (!is_sound(r, slot))
		slot_begin(r, slot, 0, 0);
	if (get(&h->stored) > get(&h->count))
		set(&h->stored, get(&h->count));
}

/* The heads and cells that are in use must have memory behind them, hostile or not. */
static int take_over(struct ring *r, struct err *err)
{
	struct file_head *h = file_head(r);
	struct stat st;
	size_t n;
	int e;

	if (fstat(r->fd, &st) < 0)
		return -errno;
	n = MIN(ring_slots_in((uint64_t)st.st_size), (size_t)get(&h->n_slots));
	e = allocate(r, 0, HEADS_OFF + n * sizeof(struct slot_head), err);
	if (e == 0 && n)
		e = allocate(r, TIPS_OFF, n * sizeof(struct slot_tip), err);
	if (e == 0 && n)
		e = allocate(r, CELLS_OFF, n * SLOT_BYTES, err);
	if (e < 0)
		return e;
	if (get(&h->seq) & 1)
		write_end(&h->seq);
	set(&h->n_slots, n);
	r->n_slots = n;
	r->own = xcalloc(RING_MAX_SLOTS, sizeof(*r->own));
	for (size_t i = 0; i < n; i++) {
		repair(r, i);
		/* whose life goes on is asked for by ring_slot() */
		ring_free_slot(r, i);
		r->own[i].found = true;
	}
	r->n_freed = 0;
	return 0;
}

/* 0: taken over; 1: there is none of ours; else an error. Closes nothing. */
static int open_existing(struct ring *r, const char *path, const char *boot_id,
			 struct err *err)
{
	struct stat st;

	r->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0)
		return 1;
	if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "%s: another collector writes it", path);
	if (fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 0022) || st.st_size < (off_t)CELLS_OFF)
		return 1;
	if (map_file(r, NULL) < 0 || !is_ours(r, boot_id))
		return 1;
	return take_over(r, err);
}

static int init_new(struct ring *r, const char *boot_id, struct err *err)
{
	struct file_head *h;
	uint64_t boot[5];
	int e;

	if (ftruncate(r->fd, 0) < 0 || ftruncate(r->fd, (off_t)CELLS_OFF) < 0)
		return err_set(err, -errno, "ring: %s", strerror(errno));
	e = allocate(r, 0, HEADS_OFF, err);
	if (e == 0)
		e = map_file(r, err);
	if (e < 0)
		return e;
	h = file_head(r);
	boot_words(boot_id, boot);
	for (size_t i = 0; i < 5; i++)
		set(&h->boot[i], boot[i]);
	set(&h->layout, LAYOUT);
	set(&h->magic, MAGIC);
	r->own = xcalloc(RING_MAX_SLOTS, sizeof(*r->own));
	return 0;
}

static void unmap(struct ring *r)
{
	if (r->map)
		munmap(r->map, FULL_BYTES);
	r->map = NULL;
	free(r->own);
	r->own = NULL;
	r->n_slots = r->n_freed = 0;
}

/* In a file of another name, which then takes the place of `path`. */
static int open_new(struct ring *r, int fresh, const char *path, const char *tmp,
		    const char *boot_id, struct err *err)
{
	int old = r->fd, e;

	unmap(r);
	r->fd = fresh;
	e = init_new(r, boot_id, err);
	if (e == 0 && rename(tmp, path) < 0)
		e = err_set(err, -errno, "%s: %s", path, strerror(errno));
	cleanup_close(&old);
	return e;
}

/* The lock on the file that is to be the new one also keeps two starts apart. */
static int open_locked(const char *tmp, int *ret, struct err *err)
{
	_cleanup_close_ int fd =
		open(tmp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	struct stat st;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", tmp, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "%s: another collector starts", tmp);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, -EBUSY, "%s: not a file of its own", tmp);
	*ret = take_fd(&fd);
	return 0;
}

int ring_create(const char *path, const char *boot_id, struct ring **ret, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.new", path);
	_cleanup_close_ int fresh = -1;
	struct ring *r;
	int e = open_locked(tmp, &fresh, err);

	if (e < 0)
		return e;
	r = xcalloc(1, sizeof(*r));
	r->fd = -1;
	e = open_existing(r, path, boot_id, err);
	if (e > 0)
		e = open_new(r, take_fd(&fresh), path, tmp, boot_id, err);
	else
		unlink(tmp);
	if (e < 0) {
		ring_close(r);
		return e;
	}
	*ret = r;
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	unmap(r);
	cleanup_close(&r->fd);
	free(r);
}

static void take_back(struct ring *r, size_t slot)
{
	if (r->own[slot].freed && !r->own[slot].found)
		r->n_freed--;
	r->own[slot] = (struct own){ 0 };
}

/*
 * A slot that was given back is used again when it has been readable for as long as it
 * holds, or at once when nothing is in it. A crash loop must not make the ring grow, so
 * not too many are kept.
 */
static bool find_free(struct ring *r, size_t *ret)
{
	uint64_t now = get(&file_head(r)->beat_boot_usec);
	size_t oldest = SIZE_MAX, in_use = r->n_slots - r->n_freed;

	for (size_t i = 0; i < r->n_slots; i++) {
		const struct slot_head *h = slot_head(r, i);

		bool over = now >= r->own[i].freed_boot_usec + LINGER_USEC;

		if (!r->own[i].freed || (r->own[i].found && !over))
			continue;
		if (over || get(&h->count) < 2 || get(&h->vmid) == 0) {
			*ret = i;
			return true;
		}
		if (oldest == SIZE_MAX ||
		    r->own[i].freed_boot_usec < r->own[oldest].freed_boot_usec)
			oldest = i;
	}
	*ret = oldest;
	return oldest != SIZE_MAX &&
	       (r->n_freed > 8 + in_use / 8 || r->n_slots == RING_MAX_SLOTS);
}

static int grow(struct ring *r, size_t *ret, struct err *err)
{
	size_t slot = r->n_slots;
	int e;

	if (slot == RING_MAX_SLOTS)
		return err_set(err, -EFBIG, "ring: more than %d containers",
			       RING_MAX_SLOTS);
	/* grows the file, too */
	e = allocate(r, HEADS_OFF + slot * sizeof(struct slot_head),
		     sizeof(struct slot_head), err);
	if (e == 0)
		e = allocate(r, TIPS_OFF + slot * sizeof(struct slot_tip),
			     sizeof(struct slot_tip), err);
	if (e == 0)
		e = allocate(r, CELLS_OFF + slot * SLOT_BYTES, SLOT_BYTES, err);
	if (e < 0)
		return e;
	r->own[slot] = (struct own){ 0 };
	r->n_slots = slot + 1;
	*ret = slot;
	return 0;
}

int ring_slot(struct ring *r, uint32_t vmid, uint64_t life, size_t *ret_slot,
	      struct err *err)
{
	size_t slot;
	int e = 0;

	for (slot = 0; slot < r->n_slots; slot++) {
		const struct slot_head *h = slot_head(r, slot);

		if (get(&h->vmid) != vmid || get(&h->life) != life)
			continue;
		take_back(r, slot);
		*ret_slot = slot;
		return 0;
	}
	if (!find_free(r, &slot))
		e = grow(r, &slot, err);
	if (e < 0)
		return e;
	take_back(r, slot);
	slot_begin(r, slot, vmid, life);
	set(&file_head(r)->n_slots, r->n_slots);
	*ret_slot = slot;
	return 0;
}

void ring_free_slot(struct ring *r, size_t slot)
{
	if (slot >= r->n_slots || r->own[slot].freed)
		return;
	r->own[slot].freed = true;
	r->own[slot].found = false;
	r->own[slot].freed_boot_usec = get(&file_head(r)->beat_boot_usec);
	r->n_freed++;
}

/* A row that something else is written over is no more, nor is what is older than it. */
static void forget(struct ring *r, size_t slot, size_t from, size_t to)
{
	struct ring_rows rows = rows_of(r, slot);
	size_t at = 0, words;

	while (rows.first < rows.count &&
	       ring_row_place(&rows, rows.first, &at, &words) && at >= from && at < to)
		rows.first++;
	set(&slot_head(r, slot)->first, rows.first);
}

/* Up to where the oldest row lets words be written from `from` on. */
static size_t clear_until(const struct ring *r, size_t slot, size_t from)
{
	struct ring_rows rows = rows_of(r, slot);
	size_t at = 0, words;

	if (rows.first == rows.count || !ring_row_place(&rows, rows.first, &at, &words) ||
	    at < from)
		return ARENA_WORDS;
	return at;
}

/* Where so many words go behind the newest row; what is there is forgotten. */
static size_t make_room(struct ring *r, size_t slot, size_t end, size_t words)
{
	struct slot_head *h = slot_head(r, slot);
	uint64_t count = get(&h->count);
	struct own *own = &r->own[slot];

	if (count - get(&h->first) >= RING_TICKS)
		set(&h->first, count - RING_TICKS + 1);
	if (end + words > ARENA_WORDS) {
		forget(r, slot, end, ARENA_WORDS);
		end = own->clear = 0;
	}
	if (end + words > own->clear) {
		forget(r, slot, end, end + words);
		own->clear = clear_until(r, slot, end + words);
	}
	return end;
}

/* The word behind it. */
static size_t put_row(struct ring *r, size_t slot, uint64_t i, const uint64_t *row,
		      size_t words, size_t end)
{
	struct slot_tip *t = slot_tip(r, slot);
	size_t at = make_room(r, slot, end, words);
	unsigned k = (unsigned)(i % RING_TICKS), shift = k % 4 * 16;
	uint64_t index = get(&t->index[k / 4]) & ~((uint64_t)UINT16_MAX << shift);

	/* killed from here on, nobody looks for what was there */
	atomic_thread_fence(memory_order_release);
	for (size_t w = 0; w < words; w++)
		set(&arena(r, slot)[at + w], row[w]);
	set(&t->index[k / 4], index | (uint64_t)at << shift);
	return at + words;
}

/* A word of a tip that is to change, and what it is to be. */
static void note(struct ring *r, size_t slot, size_t at, uint64_t *n)
{
	struct undo *u = undo(r);

	set(&u->at[*n], at);
	set(&u->was[*n], get(&slot_tip(r, slot)->tip[at]));
	++*n;
}

#define TIP_WORD(member) (offsetof(struct ring_tip, member) / sizeof(uint64_t))

static void change(struct ring *r, size_t slot, size_t at, uint64_t by)
{
	word *w = &slot_tip(r, slot)->tip[at];

	set(w, get(w) + by);
}

static void put_tip(struct ring *r, size_t slot, uint64_t count,
		    const struct ring_step *step, size_t end)
{
	struct slot_tip *t = slot_tip(r, slot);
	struct undo *u = undo(r);
	uint64_t n = 0;

	for (size_t i = 0; i < TIP_WORD(v); i++)
		note(r, slot, i, &n);
	for (uint64_t left = step->differ; left; left &= left - 1)
		note(r, slot, TIP_WORD(v) + (size_t)__builtin_ctzll(left), &n);
	set(&u->n, n);
	atomic_thread_fence(memory_order_release);
	set(&u->slot, slot + 1);
	set(&u->count, count);
	atomic_thread_fence(memory_order_release);
	change(r, slot, TIP_WORD(boot_usec), step->boot);
	change(r, slot, TIP_WORD(real_usec), step->real);
	set(&t->tip[TIP_WORD(have)], get(&t->tip[TIP_WORD(have)]) ^ step->have);
	set(&t->tip[TIP_WORD(end)], end);
	for (uint64_t left = step->differ; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);

		change(r, slot, TIP_WORD(v) + i, step->by[i]);
	}
}

#define LINE 64 /* of the cache */

void ring_expect(const struct ring *r, size_t slot)
{
	const char *t;

	if (slot >= r->n_slots)
		return;
	t = (const char *)slot_tip(r, slot);
	__builtin_prefetch(slot_head(r, slot), 1);
	for (size_t off = 0; off < offsetof(struct slot_tip, state); off += LINE)
		__builtin_prefetch(t + off, 1);
}

void ring_expect_row(const struct ring *r, size_t slot)
{
	const struct ring_tip *tip;

	if (slot >= r->n_slots)
		return;
	tip = (const struct ring_tip *)(const void *)slot_tip(r, slot);
	__builtin_prefetch(arena(r, slot) + tip->end, 1);
	__builtin_prefetch(arena(r, slot) + tip->end + LINE / sizeof(word), 1);
}

static void add(struct ring *r, size_t slot, const struct sample *s, uint64_t held)
{
	struct slot_head *h = slot_head(r, slot);
	struct ring_rows rows = rows_of(r, slot);
	const struct ring_tip *tip = (const struct ring_tip *)(const void *)rows.tip;
	uint64_t row[ROW_WORDS], have = ring_columns(s->have);
	_uninit_ struct ring_step step;
	size_t words;

	have |= held & tip->have & (QUIET - 1);
	ring_step_to(tip, s, have, &step);
	words = ring_row(&step, row);
	write_begin(&h->seq);
	put_tip(r, slot, rows.count, &step,
		put_row(r, slot, rows.count, row, words, (size_t)tip->end));
	atomic_thread_fence(memory_order_release);
	set(&h->count, rows.count + 1);
	write_end(&h->seq);
}

void ring_add(struct ring *r, size_t slot, const struct sample *s)
{
	if (slot < r->n_slots)
		add(r, slot, s, 0);
}

void ring_hold(struct ring *r, size_t slot, const struct sample *s, uint64_t not_held)
{
	if (slot < r->n_slots)
		add(r, slot, s, ~ring_columns(not_held));
}

uint64_t ring_count(const struct ring *r, size_t slot)
{
	return slot < r->n_slots ? get(&slot_head(r, slot)->count) : 0;
}

static void plain_states(const struct slot_tip *t,
			 struct plain_state ret[static RING_STATES])
{
	for (size_t i = 0; i < RING_STATES; i++) {
		ret[i].since_boot_usec = get(&t->state[i].since_boot_usec);
		ret[i].have = get(&t->state[i].have);
		for (size_t k = 0; k < STATES; k++)
			ret[i].v[k] = get(&t->state[i].v[k]);
	}
}

void ring_set_state(struct ring *r, size_t slot, const struct sample *s)
{
	uint64_t have = (s->have & METRIC_STATE_BITS) >> METRIC_STATES, n;
	struct slot_head *h;
	struct ring_state *st;
	bool same;

	if (slot >= r->n_slots)
		return;
	h = slot_head(r, slot);
	n = get(&h->n_states);
	st = &slot_tip(r, slot)->state[(n ? n - 1 : 0) % RING_STATES];
	same = n && get(&st->have) == have;
	for (size_t i = 0; same && i < STATES; i++)
		same = !(have >> i & 1) || get(&st->v[i]) == s->v[METRIC_STATES + i];
	if (same)
		return;
	st = &slot_tip(r, slot)->state[n % RING_STATES];
	write_begin(&h->seq);
	set(&st->since_boot_usec, s->boot_usec);
	set(&st->have, have);
	for (size_t i = 0; i < STATES; i++)
		set(&st->v[i], s->v[METRIC_STATES + i]);
	set(&h->n_states, n + 1);
	write_end(&h->seq);
}

static void put_states(const struct ring *r, size_t slot, struct sample *v, size_t n)
{
	struct plain_state states[RING_STATES];
	const struct slot_head *h = slot_head(r, slot);

	plain_states(slot_tip(r, slot), states);
	for (size_t i = 0; i < n; i++)
		ring_put_state(states, get(&h->n_states), &v[i]);
}

size_t ring_newest(const struct ring *r, size_t slot, size_t n, struct sample *ret)
{
	struct ring_rows rows;

	if (slot >= r->n_slots)
		return 0;
	rows = rows_of(r, slot);
	n = ring_unroll(&rows, n, ret);
	put_states(r, slot, ret, n);
	return n;
}

bool ring_get(const struct ring *r, size_t slot, uint64_t back, struct sample *ret)
{
	struct ring_rows rows;
	struct ring_tip tip;

	if (slot >= r->n_slots)
		return false;
	rows = rows_of(r, slot);
	if (back >= rows.count - rows.first)
		return false;
	ring_tip_copy(rows.tip, &tip);
	for (uint64_t i = rows.count; back > 0; back--) {
		size_t at = 0, words;

		if (!ring_row_place(&rows, --i, &at, &words) ||
		    ring_row_back(rows.arena + at, words, &tip) < 0)
			return false;
	}
	ring_sample(&tip, ret);
	put_states(r, slot, ret, 1);
	return true;
}

uint64_t ring_stored(const struct ring *r, size_t slot)
{
	return slot < r->n_slots ? get(&slot_head(r, slot)->stored) : 0;
}

void ring_set_stored(struct ring *r, size_t slot, uint64_t n)
{
	if (slot < r->n_slots)
		set(&slot_head(r, slot)->stored, n);
}

void ring_beat(struct ring *r, uint64_t boot_usec, uint64_t interval_usec,
	       uint64_t late_ticks)
{
	struct file_head *h = file_head(r);

	write_begin(&h->seq);
	set(&h->beat_boot_usec, boot_usec);
	set(&h->interval_usec, interval_usec);
	set(&h->late_ticks, late_ticks);
	write_end(&h->seq);
}
