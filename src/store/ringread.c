/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "store/ringimpl.h"

/* A reader's side: pread() only. */
#define TRIES 16

/* The plain words of the structs above, as read() gives them. */
enum {
	FH_MAGIC = offsetof(struct file_head, magic) / 8,
	FH_LAYOUT = offsetof(struct file_head, layout) / 8,
	FH_BOOT = offsetof(struct file_head, boot) / 8,
	FH_N_SLOTS = offsetof(struct file_head, n_slots) / 8,
	FH_SEQ = offsetof(struct file_head, seq) / 8,
	FH_BEAT = offsetof(struct file_head, beat_boot_usec) / 8,
	FH_INTERVAL = offsetof(struct file_head, interval_usec) / 8,
	FH_LATE = offsetof(struct file_head, late_ticks) / 8,
	FH_WORDS = sizeof(struct file_head) / 8,
	SH_SEQ = offsetof(struct slot_head, seq) / 8,
	SH_VMID = offsetof(struct slot_head, vmid) / 8,
	SH_LIFE = offsetof(struct slot_head, life) / 8,
	SH_COUNT = offsetof(struct slot_head, count) / 8,
	SH_N_STATES = offsetof(struct slot_head, n_states) / 8,
	SH_FIRST = offsetof(struct slot_head, first) / 8,
	SH_WORDS = sizeof(struct slot_head) / 8,
};

static int read_words(const struct ring *r, size_t off, uint64_t *ret, size_t n)
{
	ssize_t got;

	do
		got = pread(r->fd, ret, n * sizeof(*ret), (off_t)off);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return (size_t)got == n * sizeof(*ret) ? 0 : -EPROTO;
}

static int read_file_head(const struct ring *r, uint64_t h[static FH_WORDS])
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t seq, again;
		int e = read_words(r, FH_SEQ * 8, &seq, 1);

		atomic_thread_fence(memory_order_seq_cst);
		if (e == 0)
			e = read_words(r, 0, h, FH_WORDS);
		atomic_thread_fence(memory_order_seq_cst);
		if (e == 0)
			e = read_words(r, FH_SEQ * 8, &again, 1);
		if (e < 0)
			return e;
		if (seq == again && !(seq & 1))
			return 0;
	}
	return -EAGAIN;
}

size_t ring_slots_in(uint64_t file_bytes)
{
	size_t n = file_bytes < CELLS_OFF ? 0 : (file_bytes - CELLS_OFF) / SLOT_BYTES;

	return MIN(n, (size_t)RING_MAX_SLOTS);
}

void ring_put_state(const struct plain_state *v, uint64_t n, struct sample *io)
{
	const uint64_t all = (UINT64_C(1) << STATES) - 1;

	for (uint64_t k = 1; k <= RING_STATES && k <= n; k++) {
		const struct plain_state *s = &v[(n - k) % RING_STATES];

		if (s->since_boot_usec > io->boot_usec)
			continue;
		io->have |= (s->have & all) << METRIC_STATES;
		for (size_t i = 0; i < STATES; i++)
			io->v[METRIC_STATES + i] = s->have >> i & 1 ? s->v[i] : 0;
		return;
	}
}

int ring_open_fd(int fd, struct ring **ret, struct err *err)
{
	uint64_t h[FH_WORDS];
	struct ring *r = xcalloc(1, sizeof(*r));
	int e;

	r->fd = fd;
	/* a collector that died in between may have left the sequence odd for ever */
	e = read_file_head(r, h);
	if (e == -EAGAIN)
		e = read_words(r, 0, h, FH_WORDS);
	if (e == 0 && (h[FH_MAGIC] != MAGIC || h[FH_LAYOUT] != LAYOUT))
		e = -EPROTO;
	if (e < 0) {
		ring_close(r);
		return err_set(err, e, "%s",
			       e == -EPROTO ? "not a ring of this version"
					    : strerror(-e));
	}
	*ret = r;
	return 0;
}

int ring_open(int rootfd, const char *path, struct ring **ret, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct fs_stat st;
	int e = fs_open_regular(rootfd, path, &st, &fd, err);

	if (e < 0)
		return e;
	e = ring_open_fd(take_fd(&fd), ret, err);
	return e < 0 ? err_wrap(err, e, "%s", path) : 0;
}

int ring_head(const struct ring *r, struct ring_head *ret)
{
	struct ring_head head = { 0 };
	uint64_t h[FH_WORDS];
	struct stat st;
	int e = read_file_head(r, h);

	if (e < 0)
		return e;
	if (fstat(r->fd, &st) < 0)
		return -errno;
	memcpy(head.boot, &h[FH_BOOT], sizeof(head.boot) - 1);
	for (size_t i = 0; head.boot[i]; i++)
		if (!strchr("0123456789abcdef-", head.boot[i]))
			return -EPROTO;
	head.beat_boot_usec = h[FH_BEAT];
	head.interval_usec = h[FH_INTERVAL];
	head.late_ticks = h[FH_LATE];
	head.n_slots = ring_slots_in((uint64_t)st.st_size);
	head.n_slots = (size_t)MIN((uint64_t)head.n_slots, h[FH_N_SLOTS]);
	*ret = head;
	return 0;
}

bool ring_is_live(const struct ring_head *h, const char *boot_id, uint64_t now_boot_usec)
{
	uint64_t age =
		now_boot_usec > h->beat_boot_usec ? now_boot_usec - h->beat_boot_usec : 0;
	/* a bound, so that a hostile interval does not make a dead ring live */
	uint64_t interval = MIN(MAX(h->interval_usec, USEC_PER_SEC), 60 * USEC_PER_SEC);

	return str_eq(h->boot, boot_id) && h->beat_boot_usec &&
	       h->beat_boot_usec <= now_boot_usec + USEC_PER_SEC && age <= 3 * interval;
}

/* A slot's tip and arena as plain words. */
struct plain_cells {
	uint64_t tip[TIP_WORDS];
	uint64_t index[INDEX_WORDS];
	struct plain_state state[RING_STATES];
	uint64_t pad;
	uint64_t arena[ARENA_WORDS];
};
#define TIPS_WORDS (offsetof(struct plain_cells, arena) / 8)
_Static_assert(TIPS_WORDS * 8 == sizeof(struct slot_tip), "the same words");

static int read_arena(const struct ring *r, size_t slot, size_t from, size_t to,
		      struct plain_cells *io)
{
	size_t off = CELLS_OFF + slot * SLOT_BYTES;

	return from < to ? read_words(r, off + from * 8, io->arena + from, to - from) : 0;
}

/* The rows that lead from the newest sample back to that one; they may go round. */
static int read_rows(const struct ring *r, size_t slot, uint64_t back_to,
		     struct plain_cells *cells, struct ring_rows *io)
{
	uint64_t end = io->tip[offsetof(struct ring_tip, end) / 8];
	size_t from, words;
	int e;

	io->to = ARENA_WORDS;
	if (back_to + 1 >= io->count || end > ARENA_WORDS ||
	    !ring_row_place(io, back_to + 1, &from, &words)) {
		io->to = 0;
		return 0;
	}
	io->from = from;
	io->to = (size_t)end;
	if (from < end)
		return read_arena(r, slot, from, io->to, cells);
	e = read_arena(r, slot, from, ARENA_WORDS, cells);
	return e < 0 ? e : read_arena(r, slot, 0, io->to, cells);
}

/* The newest `max` samples that the head says there are, of any number of words. */
static int read_cells(const struct ring *r, size_t slot,
		      const uint64_t h[static SH_WORDS], size_t max,
		      struct plain_cells *cells, struct ring_rows *ret)
{
	uint64_t there = h[SH_COUNT] - h[SH_FIRST];
	int e = read_words(r, TIPS_OFF + slot * sizeof(struct slot_tip), cells->tip,
			   TIPS_WORDS);

	if (e < 0)
		return e;
	*ret = (struct ring_rows){ .tip = cells->tip,
				   .index = cells->index,
				   .arena = cells->arena,
				   .first = h[SH_FIRST],
				   .count = h[SH_COUNT] };
	return read_rows(r, slot, h[SH_COUNT] - MIN(there, (uint64_t)max), cells, ret);
}

/* One try: 0; 1: it was written meanwhile. */
static int copy_slot(const struct ring *r, size_t slot, size_t max,
		     uint64_t h[static SH_WORDS], struct plain_cells *cells,
		     struct ring_rows *ret)
{
	size_t off = HEADS_OFF + slot * sizeof(struct slot_head);
	struct ring_rows rows = { 0 };
	uint64_t seq, again;
	int e = read_words(r, off + SH_SEQ * 8, &seq, 1);

	/* nothing says in which order the kernel copies the words of one read */
	atomic_thread_fence(memory_order_seq_cst);
	if (e == 0)
		e = read_words(r, off, h, SH_WORDS);
	if (e < 0)
		return e;
	if (h[SH_FIRST] < h[SH_COUNT] && h[SH_VMID])
		e = read_cells(r, slot, h, max, cells, &rows);
	atomic_thread_fence(memory_order_seq_cst);
	if (e == 0)
		e = read_words(r, off + SH_SEQ * 8, &again, 1);
	if (e < 0)
		return e;
	*ret = rows;
	return (seq & 1) || again != seq;
}

static bool is_vmid(uint64_t n)
{
	return n && n <= UINT32_MAX;
}

int ring_read(const struct ring *r, size_t slot, size_t max, struct ring_copy *ret)
{
	_uninit_ struct plain_cells cells;
	struct ring_rows rows = { 0 };
	uint64_t h[SH_WORDS], last = 0;
	size_t n;
	int e = 1;

	if (slot >= RING_MAX_SLOTS)
		return -ENOENT;
	max = max ? MIN(max, (size_t)RING_TICKS) : RING_TICKS;
	for (unsigned i = 0; i < TRIES && e > 0; i++)
		e = copy_slot(r, slot, max, h, &cells, &rows);
	if (e)
		return e > 0 ? -EAGAIN : e;
	ret->vmid = is_vmid(h[SH_VMID]) ? (uint32_t)h[SH_VMID] : 0;
	ret->life = h[SH_LIFE];
	ret->n = 0;
	n = ret->vmid && rows.tip ? ring_unroll(&rows, max, ret->v) : 0;
	for (size_t i = 0; i < n; i++) {
		struct sample *s = &ret->v[ret->n];

		/* time only goes on: anything else is damage */
		if (ret->v[i].boot_usec <= last)
			continue;
		*s = ret->v[i];
		ring_put_state(cells.state, h[SH_N_STATES], s);
		last = s->boot_usec;
		ret->n++;
	}
	return 0;
}

int ring_list(const struct ring *r, struct ring_entry *v, size_t max, size_t *ret_n)
{
	_cleanup_free_ uint64_t *h = NULL;
	struct ring_head head;
	size_t n;
	int e = ring_head(r, &head);

	if (e < 0)
		return e;
	n = MIN(head.n_slots, max);
	h = xcalloc(n, sizeof(struct slot_head));
	e = n ? read_words(r, HEADS_OFF, h, n * SH_WORDS) : 0;
	if (e < 0)
		return e;
	/* not one consistent picture, each is looked at again by ring_read() */
	for (size_t i = 0; i < n; i++) {
		const uint64_t *s = &h[i * SH_WORDS];

		v[i].vmid = is_vmid(s[SH_VMID]) ? (uint32_t)s[SH_VMID] : 0;
		v[i].life = s[SH_LIFE];
		v[i].count = s[SH_COUNT];
	}
	*ret_n = n;
	return 0;
}

int ring_find(const struct ring *r, uint32_t vmid, size_t max, struct ring_copy *ret)
{
	_cleanup_free_ struct ring_entry *v = xcalloc(RING_MAX_SLOTS, sizeof(*v));
	size_t n = 0, best = SIZE_MAX;
	int e = ring_list(r, v, RING_MAX_SLOTS, &n);

	if (e < 0)
		return e;
	for (size_t i = 0; i < n; i++)
		if (v[i].vmid == vmid && (best == SIZE_MAX || v[i].life > v[best].life))
			best = i;
	if (best == SIZE_MAX)
		return -ENOENT;
	e = ring_read(r, best, max, ret);
	/* it became somebody else's meanwhile */
	return e == 0 && ret->vmid != vmid ? -ENOENT : e;
}
