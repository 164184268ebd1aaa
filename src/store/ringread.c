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
	SH_N_DETAILS = offsetof(struct slot_head, n_details) / 8,
	SH_STATE = offsetof(struct slot_head, state) / 8,
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

/* ---- a sample as words ---- */

/*
 * A size of memory in half a word: as it is below 1 GiB, in pages from there on. The
 * kernel's page counters make them whole pages; what neither fits would not be exact.
 */
#define PAGE       4096
#define FIRST_PAGE (UINT32_C(1) << 30)

static bool to_half(uint64_t bytes, uint64_t *ret)
{
	uint64_t pages = bytes / PAGE;

	if (bytes < FIRST_PAGE)
		*ret = bytes;
	else if (bytes % PAGE || pages > UINT32_MAX - FIRST_PAGE)
		return false;
	else
		*ret = FIRST_PAGE + pages;
	return true;
}

static uint64_t from_half(uint64_t half)
{
	return half < FIRST_PAGE ? half : (half - FIRST_PAGE) * PAGE;
}

void ring_pack(const struct sample *s, uint64_t ret[static CELL_WORDS])
{
	uint64_t have = s->have & METRIC_SECOND_BITS, half[2 * PAIRS];
	uint64_t pids = s->v[METRIC_PIDS_CURRENT];
	size_t w = 3;

	for (size_t i = 0; i < 2 * PAIRS; i++) {
		half[i] = 0;
		if (!to_half(s->v[PAIRED_FROM + i], &half[i]))
			have &= ~METRIC_BIT(PAIRED_FROM + i);
	}
	if (pids > PIDS_MAX) {
		have &= ~METRIC_BIT(METRIC_PIDS_CURRENT);
		pids = 0;
	}
	ret[0] = s->boot_usec;
	ret[1] = s->real_usec;
	ret[2] = have | pids << PIDS_SHIFT | (s->quiet ? QUIET : 0);
	for (size_t i = 0; i < PAIRED_FROM; i++)
		ret[w++] = s->v[i];
	for (size_t i = 0; i < PAIRS; i++)
		ret[w++] = half[2 * i] | half[2 * i + 1] << 32;
	for (size_t i = PAIRED_TO; i < METRIC_PIDS_CURRENT; i++)
		ret[w++] = s->v[i];
}

void ring_unpack(const uint64_t *c, struct sample *ret)
{
	size_t w = 3;

	*ret = (struct sample){ .boot_usec = c[0],
				.real_usec = c[1],
				.have = c[2] & METRIC_SECOND_BITS,
				.quiet = c[2] & QUIET };
	for (size_t i = 0; i < PAIRED_FROM; i++)
		ret->v[i] = c[w++];
	for (size_t i = 0; i < PAIRS; i++) {
		ret->v[PAIRED_FROM + 2 * i] = from_half(c[w] & UINT32_MAX);
		ret->v[PAIRED_FROM + 2 * i + 1] = from_half(c[w++] >> 32);
	}
	for (size_t i = PAIRED_TO; i < METRIC_PIDS_CURRENT; i++)
		ret->v[i] = c[w++];
	ret->v[METRIC_PIDS_CURRENT] = c[2] >> PIDS_SHIFT & PIDS_MAX;
	for (size_t i = 0; i < METRIC_STATES; i++)
		if (!(ret->have >> i & 1))
			ret->v[i] = 0;
}

void ring_put_details(const uint64_t *d, struct sample *io)
{
	const size_t first = METRIC_DETAILS + 1;

	io->have |= METRIC_BIT(METRIC_DETAILS) | (d[1] << first & METRIC_DETAIL_BITS);
	io->v[METRIC_DETAILS] = io->boot_usec;
	for (size_t i = 0; i < DETAILS; i++)
		io->v[first + i] = d[1] >> i & 1 ? d[2 + i] : 0;
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

/* The i-th sample ever, and those after it up to `count`: one or two pieces. */
static int read_cells(const struct ring *r, size_t slot, uint64_t count, size_t n,
		      uint64_t *ret)
{
	size_t base = CELLS_OFF + slot * SLOT_BYTES;
	size_t first = (size_t)((count - n) % RING_TICKS);
	size_t part = MIN(n, RING_TICKS - first);
	int e = read_words(r, base + first * CELL_BYTES, ret, part * CELL_WORDS);

	if (e == 0 && n > part)
		e = read_words(r, base, ret + part * CELL_WORDS, (n - part) * CELL_WORDS);
	return e;
}

/* One try: 0; 1: it was written meanwhile. */
static int copy_slot(const struct ring *r, size_t slot, size_t max,
		     uint64_t h[static SH_WORDS],
		     uint64_t cells[static RING_TICKS * CELL_WORDS],
		     uint64_t details[static RING_DETAILS * DETAIL_WORDS], size_t *ret_n)
{
	size_t off = HEADS_OFF + slot * sizeof(struct slot_head), n;
	uint64_t seq, again;
	int e = read_words(r, off + SH_SEQ * 8, &seq, 1);

	/* nothing says in which order the kernel copies the words of one read */
	atomic_thread_fence(memory_order_seq_cst);
	if (e == 0)
		e = read_words(r, off, h, SH_WORDS);
	if (e < 0)
		return e;
	n = (size_t)MIN(h[SH_COUNT], (uint64_t)MIN(max, (size_t)RING_TICKS));
	if (n && h[SH_VMID])
		e = read_cells(r, slot, h[SH_COUNT], n, cells);
	if (e == 0 && n && h[SH_VMID] && h[SH_N_DETAILS])
		e = read_words(r, CELLS_OFF + slot * SLOT_BYTES + DETAILS_OFF, details,
			       RING_DETAILS * DETAIL_WORDS);
	atomic_thread_fence(memory_order_seq_cst);
	if (e == 0)
		e = read_words(r, off + SH_SEQ * 8, &again, 1);
	if (e < 0)
		return e;
	*ret_n = n;
	return (seq & 1) || again != seq;
}

static bool is_vmid(uint64_t n)
{
	return n && n <= UINT32_MAX;
}

/* Of the i-th sample ever. */
static void find_details(const uint64_t *details, uint64_t n, uint64_t i,
			 struct sample *io)
{
	for (uint64_t k = 0; k < RING_DETAILS && k < n; k++)
		if (details[k * DETAIL_WORDS] == i)
			ring_put_details(&details[k * DETAIL_WORDS], io);
}

int ring_read(const struct ring *r, size_t slot, size_t max, struct ring_copy *ret)
{
	_uninit_ uint64_t cells[RING_TICKS * CELL_WORDS];
	_uninit_ uint64_t details[RING_DETAILS * DETAIL_WORDS];
	struct plain_state states[RING_STATES];
	uint64_t h[SH_WORDS], last = 0;
	size_t n = 0;
	int e = 1;

	if (slot >= RING_MAX_SLOTS)
		return -ENOENT;
	for (unsigned i = 0; i < TRIES && e > 0; i++)
		e = copy_slot(r, slot, max ? max : RING_TICKS, h, cells, details, &n);
	if (e)
		return e > 0 ? -EAGAIN : e;
	ret->vmid = is_vmid(h[SH_VMID]) ? (uint32_t)h[SH_VMID] : 0;
	ret->life = h[SH_LIFE];
	ret->n = 0;
	memcpy(states, &h[SH_STATE], sizeof(states));
	for (size_t i = 0; ret->vmid && i < n; i++) {
		struct sample *s = &ret->v[ret->n];

		ring_unpack(&cells[i * CELL_WORDS], s);
		ring_put_state(states, h[SH_N_STATES], s);
		find_details(details, h[SH_N_DETAILS], h[SH_COUNT] - n + i, s);
		/* time only goes on: anything else is damage */
		if (s->boot_usec <= last)
			continue;
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
