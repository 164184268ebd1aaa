/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/minute.h"

#include "base/clock.h"
#include "base/num.h"
#include "store/block.h"

#define BATCH  256 /* blocks handed over at a time */
#define MINUTE (60 * USEC_PER_SEC)
#define PIECES 4 /* of a pending block */
/* an hour that was not stored ends after this at the latest; the rest is down time */
#define LOOK_BACK (3 * 60 * MINUTE)

/* Thinned out samples of a level on their way to a block of sixty: encoded pieces, each
 * with its length before it. */
struct pending {
	uint8_t *p;
	size_t bytes;
	uint32_t n; /* samples in it */
	uint32_t pieces;
	uint64_t bucket;         /* which ten minutes, or hour, they are of */
	uint64_t last_real_usec; /* of the last one: never the same time twice */
};

struct one {
	uint32_t vmid;
	uint64_t life;
	size_t slot;
	struct pending ten, sixty;
};

struct minute {
	struct ring *ring;
	minute_fn *emit;
	void *arg;
	struct block_codec *codec;
	struct db *db;  /* to read from; NULL: nothing is restored */
	struct one **v; /* by vmid */
	size_t n, cap;
	struct db_block batch[BATCH];
	size_t n_batch;
	uint64_t minute;          /* the one that goes on */
	uint64_t sweep_mono_usec; /* when the last sweep began */
	size_t next;              /* of v; n: nothing to do */
};

int minute_new(struct ring *ring, minute_fn *emit, void *arg, struct minute **ret,
	       struct err *err)
{
	struct minute *m = xcalloc(1, sizeof(*m));
	int r = block_codec_new(&m->codec, err);

	if (r < 0) {
		free(m);
		return r;
	}
	m->ring = ring;
	m->emit = emit;
	m->arg = arg;
	*ret = m;
	return 0;
}

static void one_free(struct one *o)
{
	free(o->ten.p);
	free(o->sixty.p);
	free(o);
}

void minute_free(struct minute *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		one_free(m->v[i]);
	free(m->v);
	for (size_t i = 0; i < m->n_batch; i++)
		buf_done(&m->batch[i].data);
	block_codec_free(m->codec);
	free(m);
}

static void hand_over(struct minute *m)
{
	if (m->n_batch)
		m->emit(m->batch, m->n_batch, m->arg);
	m->n_batch = 0;
}

static void add_block(struct minute *m, const struct one *o, unsigned level,
		      const struct sample *v, size_t n)
{
	struct db_block b = {
		.vmid = o->vmid,
		.life = o->life,
		.level_sec = level,
		.start_real_usec = v[0].real_usec,
		.n = (uint32_t)n,
	};

	if (block_encode(m->codec, v, n, &b.data, NULL) < 0)
		return;
	/* it waits for its commit with many others */
	b.data.p = xreallocarray(b.data.p, b.data.n, 1);
	b.data.cap = b.data.n;
	m->batch[m->n_batch++] = b;
	if (m->n_batch == BATCH)
		hand_over(m);
}

/* ---- thinned out samples ---- */

static void pending_put(struct minute *m, struct pending *p, const struct sample *v,
			size_t n, uint64_t bucket)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	uint16_t len;

	if (!n || block_encode(m->codec, v, n, &b, NULL) < 0 || b.n > UINT16_MAX)
		return;
	len = (uint16_t)b.n;
	p->p = xreallocarray(p->p, p->bytes + sizeof(len) + b.n, 1);
	memcpy(p->p + p->bytes, &len, sizeof(len));
	memcpy(p->p + p->bytes + sizeof(len), b.p, b.n);
	p->bytes += sizeof(len) + b.n;
	p->n += (uint32_t)n;
	p->pieces++;
	p->bucket = bucket;
	p->last_real_usec = v[n - 1].real_usec;
}

/* All of them, and nothing is pending. */
static size_t pending_take(struct minute *m, struct pending *p,
			   struct sample v[static BLOCK_MAX_SAMPLES])
{
	_uninit_ struct sample piece[BLOCK_MAX_SAMPLES];
	size_t n = 0;

	for (size_t at = 0; at < p->bytes;) {
		uint16_t len;
		size_t k = 0;

		memcpy(&len, p->p + at, sizeof(len));
		at += sizeof(len);
		if (block_decode(m->codec, span_of((const char *)p->p + at, len), piece,
				 &k, NULL) == 0 &&
		    n + k <= BLOCK_MAX_SAMPLES) {
			memcpy(v + n, piece, k * sizeof(*v));
			n += k;
		}
		at += len;
	}
	free(p->p);
	*p = (struct pending){ .last_real_usec = p->last_real_usec };
	return n;
}

/* Now and then the pieces become one, which is smaller: there is a thousand of them. */
static void pending_add(struct minute *m, struct pending *p, const struct sample *v,
			size_t n, uint64_t bucket)
{
	_uninit_ struct sample all[BLOCK_MAX_SAMPLES];
	size_t n_all;

	if (p->pieces >= PIECES && p->n + n <= BLOCK_MAX_SAMPLES) {
		n_all = pending_take(m, p, all);
		pending_put(m, p, all, n_all, bucket);
	}
	pending_put(m, p, v, n, bucket);
}

static void flush_sixty(struct minute *m, struct one *o)
{
	_uninit_ struct sample v[BLOCK_MAX_SAMPLES];
	size_t n = pending_take(m, &o->sixty, v);

	if (n)
		add_block(m, o, 60, v, n);
}

static void add_sixty(struct minute *m, struct one *o, const struct sample *v, size_t n)
{
	uint64_t hour = v[0].real_usec / (60 * MINUTE);

	if (o->sixty.n && (o->sixty.bucket != hour || o->sixty.n + n > BLOCK_MAX_SAMPLES))
		flush_sixty(m, o);
	pending_add(m, &o->sixty, v, n, hour);
}

static void flush_ten(struct minute *m, struct one *o)
{
	_uninit_ struct sample v[BLOCK_MAX_SAMPLES];
	size_t n = pending_take(m, &o->ten, v);

	if (!n)
		return;
	add_block(m, o, 10, v, n);
	add_sixty(m, o, v, block_rollup(v, n, 60, v));
}

/* `v` is a minute, or a part of one; it is thinned out in place. */
static void add_ten(struct minute *m, struct one *o, struct sample *v, size_t n)
{
	uint64_t bucket = v[0].real_usec / (10 * MINUTE);

	n = block_rollup(v, n, 10, v);
	if (o->ten.n && (o->ten.bucket != bucket || o->ten.n + n > BLOCK_MAX_SAMPLES))
		flush_ten(m, o);
	pending_add(m, &o->ten, v, n, bucket);
}

/* ---- minutes ---- */

static void finish_minute(struct minute *m, struct one *o, struct sample *v, size_t n)
{
	if (!n)
		return;
	add_block(m, o, 1, v, n);
	add_ten(m, o, v, n);
}

/*
 * What the ring has of it beyond what was done already, but for the minute `now`, which
 * still goes on; with `all` that, too.
 */
static void work_one(struct minute *m, struct one *o, uint64_t now, bool all)
{
	_uninit_ struct sample ring[RING_TICKS], v[BLOCK_MAX_SAMPLES];
	uint64_t count = ring_count(m->ring, o->slot);
	uint64_t stored = ring_stored(m->ring, o->slot), of = 0;
	/* older ones were overwritten before they were asked for: a gap */
	size_t k = ring_newest(m->ring, o->slot,
			       (size_t)MIN(count - stored, (uint64_t)RING_TICKS), ring);
	size_t n = 0;

	for (size_t i = 0; i < k; i++) {
		const struct sample *s = &ring[i];

		if (n && (s->real_usec / MINUTE != of || n == BLOCK_MAX_SAMPLES)) {
			finish_minute(m, o, v, n);
			ring_set_stored(m->ring, o->slot, count - k + i);
			n = 0;
		}
		of = s->real_usec / MINUTE;
		v[n++] = *s;
	}
	if (all || (n && of != now)) {
		finish_minute(m, o, v, n);
		ring_set_stored(m->ring, o->slot, count);
	}
}

/*
 * A sweep over the containers begins with each new minute, and at least once a minute
 * where the wall clock stands or goes back; it takes as many ticks as it needs.
 */
void minute_work(struct minute *m, uint64_t budget_usec)
{
	uint64_t began = clock_mono_usec();
	uint64_t now = clock_real_usec() / MINUTE;

	if (m->next >= m->n &&
	    (now != m->minute || began - m->sweep_mono_usec >= MINUTE)) {
		m->minute = now;
		m->next = 0;
		m->sweep_mono_usec = began;
	}
	if (m->next >= m->n)
		return;
	while (m->next < m->n) {
		work_one(m, m->v[m->next++], now, false);
		if (clock_mono_usec() - began > budget_usec)
			return;
	}
	hand_over(m);
}

void minute_sweep(struct minute *m, uint64_t now_real_usec)
{
	m->minute = now_real_usec / MINUTE;
	for (m->next = 0; m->next < m->n;)
		work_one(m, m->v[m->next++], m->minute, false);
	hand_over(m);
}

static size_t place(const struct minute *m, uint32_t vmid)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->v[mid]->vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- what an earlier collector had of this life, and had not yet in a roll-up ---- */

/* The blocks of that life that begin then or later, oldest first. */
static void read_blocks(struct minute *m, const struct one *o, unsigned level,
			uint64_t since, struct db_blocks *ret)
{
	struct db_blocks all = { 0 };
	size_t n = 0;

	if (db_read_blocks(m->db, o->vmid, level, since, 0, 0, &all, NULL) < 0)
		all = (struct db_blocks){ 0 };
	for (size_t i = 0; i < all.n; i++) {
		if (all.v[i].life == o->life && all.v[i].start_real_usec >= since)
			all.v[n++] = all.v[i];
		else
			db_block_done(&all.v[i]);
	}
	all.n = n;
	*ret = all;
}

/* The time of the last sample of the last of them. */
static uint64_t last_sample(struct minute *m, const struct db_blocks *b,
			    uint64_t otherwise)
{
	_uninit_ struct sample v[BLOCK_MAX_SAMPLES];
	size_t n = 0;

	if (!b->n)
		return otherwise;
	if (block_decode(m->codec, span_of(b->v[b->n - 1].data.p, b->v[b->n - 1].data.n),
			 v, &n, NULL) < 0 ||
	    !n)
		return MAX(b->v[b->n - 1].start_real_usec, otherwise);
	return MAX(v[n - 1].real_usec, otherwise);
}

/* Those of the samples that are later than `done` go on. */
static void feed(struct minute *m, struct one *o, const struct db_blocks *b,
		 uint64_t done,
		 void (*to)(struct minute *m, struct one *o, struct sample *v, size_t n))
{
	_uninit_ struct sample v[BLOCK_MAX_SAMPLES];

	for (size_t i = 0; i < b->n; i++) {
		size_t n = 0, old = 0;

		if (block_decode(m->codec, span_of(b->v[i].data.p, b->v[i].data.n), v, &n,
				 NULL) < 0)
			continue;
		while (old < n && v[old].real_usec <= done)
			old++;
		if (old < n)
			to(m, o, v + old, n - old);
	}
}

static void thin_sixty(struct minute *m, struct one *o, struct sample *v, size_t n)
{
	add_sixty(m, o, v, block_rollup(v, n, 60, v));
}

static void restore(struct minute *m, struct one *o)
{
	uint64_t since = num_sub(clock_real_usec(), LOOK_BACK);
	struct db_blocks sixty = { 0 }, ten = { 0 }, one = { 0 };
	uint64_t done_60, done_10;

	read_blocks(m, o, 60, since, &sixty);
	done_60 = last_sample(m, &sixty, since);
	read_blocks(m, o, 10, since, &ten);
	done_10 = last_sample(m, &ten, since);
	read_blocks(m, o, 1, num_sub(done_10, 2 * MINUTE), &one);
	feed(m, o, &ten, done_60, thin_sixty);
	feed(m, o, &one, done_10, add_ten);
	db_blocks_done(&sixty);
	db_blocks_done(&ten);
	db_blocks_done(&one);
}

void minute_use_store(struct minute *m, struct db *db)
{
	m->db = db;
}

void minute_add(struct minute *m, uint32_t vmid, uint64_t life, size_t slot)
{
	size_t at = place(m, vmid);
	struct one *o;

	if (at < m->n && m->v[at]->vmid == vmid)
		minute_end(m, vmid);
	o = xcalloc(1, sizeof(*o));
	o->vmid = vmid;
	o->life = life;
	o->slot = slot;
	GROW(m->v, m->n, m->cap);
	memmove(&m->v[at + 1], &m->v[at], (m->n - at) * sizeof(*m->v));
	m->v[at] = o;
	m->n++;
	/* who was still to be looked at is one further on; none was: so it stays */
	if (at < m->next || m->next == m->n - 1)
		m->next++;
	if (m->db)
		restore(m, o);
}

static void flush_one(struct minute *m, struct one *o)
{
	work_one(m, o, 0, true);
	flush_ten(m, o);
	flush_sixty(m, o);
}

void minute_end(struct minute *m, uint32_t vmid)
{
	size_t at = place(m, vmid);

	if (at >= m->n || m->v[at]->vmid != vmid)
		return;
	flush_one(m, m->v[at]);
	hand_over(m);
	one_free(m->v[at]);
	m->n--;
	memmove(&m->v[at], &m->v[at + 1], (m->n - at) * sizeof(*m->v));
	if (at < m->next)
		m->next--;
}

void minute_flush(struct minute *m)
{
	for (size_t i = 0; i < m->n; i++)
		flush_one(m, m->v[i]);
	m->next = m->n;
	hand_over(m);
}
