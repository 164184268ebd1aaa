/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ring.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"

/*
 * The file: a page of head, the heads of all slots there can ever be (holes until they
 * are used), then the cells of slot 0, 1, ... Everything is a 64 bit word that is stored
 * atomically; a sequence number, odd while it is written, makes the words of a head or a
 * slot belong together (a seqlock: the writer never waits).
 */
#define MAGIC       UINT64_C(0x31676e6952746363) /* "cctRing1" */
#define CELL_WORDS  (3 + METRICS)                /* boot, real, have and quiet, values */
#define QUIET       (UINT64_C(1) << 63)
#define CELL_BYTES  (CELL_WORDS * sizeof(uint64_t))
#define SLOT_BYTES  (RING_TICKS * CELL_BYTES)
#define HEADS_OFF   ((size_t)4096)
#define CELLS_OFF   (HEADS_OFF + RING_MAX_SLOTS * sizeof(struct slot_head))
#define FULL_BYTES  (CELLS_OFF + RING_MAX_SLOTS * SLOT_BYTES)
#define TRIES       16
#define LINGER_USEC (RING_TICKS * USEC_PER_SEC)

_Static_assert(METRICS < 63, "the bits of a sample's columns");

#define word _Atomic uint64_t

struct file_head {
	word magic, layout;
	word boot[5]; /* 36 digits of the boot id */
	word n_slots;
	word seq; /* of the three below */
	word beat_boot_usec, interval_usec, late_ticks;
};

struct slot_head {
	word seq;
	word vmid, life; /* vmid 0: free */
	word count;      /* samples ever written */
	word stored;     /* so many of them are in the store: for the writer only */
	word pad[3];
};

/* What of a layout must be the same for both sides to speak of the same thing. */
#define LAYOUT                                                                           \
	((uint64_t)METRICS | (uint64_t)RING_TICKS << 16 | (uint64_t)RING_MAX_SLOTS << 32)

/* Of a slot, in the writer's own memory. */
struct own {
	bool freed;
	bool found; /* at take-over: its container may still be asked for */
	uint64_t freed_boot_usec;
};

struct ring {
	int fd;
	char *map; /* the writer's, FULL_BYTES of it, though the file is shorter */
	struct own *own;
	size_t n_slots;
	size_t n_freed; /* those found at take-over are not counted */
};

static struct file_head *file_head(const struct ring *r)
{
	return (struct file_head *)(void *)r->map;
}

static struct slot_head *slot_head(const struct ring *r, size_t slot)
{
	return (struct slot_head *)(void *)(r->map + HEADS_OFF) + slot;
}

static word *cell(const struct ring *r, size_t slot, uint64_t i)
{
	return (word *)(void *)(r->map + CELLS_OFF + slot * SLOT_BYTES +
				(i % RING_TICKS) * CELL_BYTES);
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

/* ---- the writer ---- */

static int allocate(int fd, size_t off, size_t n, struct err *err)
{
	int r = posix_fallocate(fd, (off_t)off, (off_t)n);

	/* a write to a page that the tmpfs has no room for would be SIGBUS */
	return r ? err_set(err, -r, "ring: %s", strerror(r)) : 0;
}

static void boot_words(const char *boot_id, uint64_t ret[5])
{
	char text[40] = { 0 };

	snprintf(text, sizeof(text), "%s", boot_id);
	memcpy(ret, text, sizeof(text));
}

static size_t slots_in(uint64_t file_bytes)
{
	size_t n = file_bytes < CELLS_OFF ? 0 : (file_bytes - CELLS_OFF) / SLOT_BYTES;

	return MIN(n, (size_t)RING_MAX_SLOTS);
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

/* A writer that was killed in the middle: what it was writing is no sample. */
static void repair(struct ring *r, size_t slot)
{
	struct slot_head *h = slot_head(r, slot);

	if (get(&h->seq) & 1) {
		word *c = cell(r, slot, get(&h->count));

		set(&c[0], 0);
		write_end(&h->seq);
	}
	if (get(&h->vmid) > UINT32_MAX)
		set(&h->vmid, 0);
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
	n = MIN(slots_in((uint64_t)st.st_size), (size_t)get(&h->n_slots));
	e = allocate(r->fd, 0, HEADS_OFF + n * sizeof(struct slot_head), err);
	if (e == 0 && n)
		e = allocate(r->fd, CELLS_OFF, n * SLOT_BYTES, err);
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
	e = allocate(r->fd, 0, HEADS_OFF, err);
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

static void slot_begin(struct ring *r, size_t slot, uint32_t vmid, uint64_t life)
{
	struct slot_head *h = slot_head(r, slot);

	write_begin(&h->seq);
	set(&h->vmid, vmid);
	set(&h->life, life);
	set(&h->count, 0);
	set(&h->stored, 0);
	write_end(&h->seq);
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
	e = allocate(r->fd, HEADS_OFF + slot * sizeof(struct slot_head),
		     sizeof(struct slot_head), err);
	if (e == 0)
		e = allocate(r->fd, CELLS_OFF + slot * SLOT_BYTES, SLOT_BYTES, err);
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

void ring_add(struct ring *r, size_t slot, const struct sample *s)
{
	struct slot_head *h;
	uint64_t count;
	word *c;

	if (slot >= r->n_slots)
		return;
	h = slot_head(r, slot);
	count = get(&h->count);
	c = cell(r, slot, count);
	write_begin(&h->seq);
	set(&c[0], s->boot_usec);
	set(&c[1], s->real_usec);
	set(&c[2], s->have | (s->quiet ? QUIET : 0));
	for (size_t i = 0; i < METRICS; i++)
		set(&c[3 + i], s->v[i]);
	set(&h->count, count + 1);
	write_end(&h->seq);
}

static void unpack(const uint64_t *c, struct sample *ret)
{
	ret->boot_usec = c[0];
	ret->real_usec = c[1];
	ret->have = c[2] & ((UINT64_C(1) << METRICS) - 1);
	ret->quiet = c[2] & QUIET;
	for (size_t i = 0; i < METRICS; i++)
		ret->v[i] = ret->have >> i & 1 ? c[3 + i] : 0;
}

uint64_t ring_count(const struct ring *r, size_t slot)
{
	return slot < r->n_slots ? get(&slot_head(r, slot)->count) : 0;
}

bool ring_get(const struct ring *r, size_t slot, uint64_t i, struct sample *ret)
{
	uint64_t count = ring_count(r, slot), plain[CELL_WORDS];
	const word *c;

	if (i >= count || count - i > RING_TICKS)
		return false;
	c = cell(r, slot, i);
	for (size_t k = 0; k < CELL_WORDS; k++)
		plain[k] = get(&c[k]);
	unpack(plain, ret);
	return ret->boot_usec != 0;
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

/* ---- a reader ---- */

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
	head.n_slots = slots_in((uint64_t)st.st_size);
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
		     uint64_t cells[static RING_TICKS * CELL_WORDS], size_t *ret_n)
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

int ring_read(const struct ring *r, size_t slot, size_t max, struct ring_copy *ret)
{
	_uninit_ uint64_t cells[RING_TICKS * CELL_WORDS];
	uint64_t h[SH_WORDS], last = 0;
	size_t n = 0;
	int e = 1;

	if (slot >= RING_MAX_SLOTS)
		return -ENOENT;
	for (unsigned i = 0; i < TRIES && e > 0; i++)
		e = copy_slot(r, slot, max ? max : RING_TICKS, h, cells, &n);
	if (e)
		return e > 0 ? -EAGAIN : e;
	ret->vmid = is_vmid(h[SH_VMID]) ? (uint32_t)h[SH_VMID] : 0;
	ret->life = h[SH_LIFE];
	ret->n = 0;
	for (size_t i = 0; ret->vmid && i < n; i++) {
		struct sample *s = &ret->v[ret->n];

		unpack(&cells[i * CELL_WORDS], s);
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
