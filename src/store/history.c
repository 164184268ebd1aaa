/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/history.h"

#include "base/clock.h"
#include "base/num.h"
#include "store/block.h"

#define HOLE_USEC (120 * USEC_PER_SEC)
/* so much later than due a sample may be; beyond, time is missing */
#define LATE(step_usec) ((step_usec) + (step_usec) / 2)

/* A sample and where it is from; or a row of PVE's RRD. */
struct item {
	struct sample s;
	uint64_t life;
	uint64_t step_usec;
	enum history_source source;
	const struct rrd_row *row;
	const struct disk_row *disk; /* NULL: not known */
};

struct history_data {
	struct history_range range;
	struct item *v;
	size_t n, cap;
	size_t n_samples;
	uint64_t damaged;
	struct block_codec *codec;
	struct rrd_rows rows; /* what the items of the RRD point to */
	struct disk_rows disk;
};

void history_data_free(struct history_data *d)
{
	if (!d)
		return;
	free(d->v);
	block_codec_free(d->codec);
	rrd_rows_done(&d->rows);
	disk_rows_done(&d->disk);
	free(d);
}

size_t history_samples(const struct history_data *d)
{
	return d->n_samples;
}

uint64_t history_damaged(const struct history_data *d)
{
	return d->damaged;
}

/* ---- collecting ---- */

/*
 * Those of (since, until] that come after the last one that is there, by the clock of the
 * boot within a life and by the wall clock otherwise.
 */
static bool add(struct history_data *d, const struct sample *s, uint64_t life,
		enum history_source source, uint64_t step_usec, uint64_t since,
		uint64_t until)
{
	if (s->real_usec <= since || s->real_usec > until)
		return true;
	if (d->n >= HISTORY_MAX_SAMPLES)
		return false;
	GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct item){
		.s = *s, .life = life, .step_usec = step_usec, .source = source
	};
	return true;
}

static const struct level {
	unsigned sec;
	enum history_source source;
} levels[] = { { 1, HISTORY_1S }, { 10, HISTORY_10S }, { 60, HISTORY_60S } };

static int read_level(struct history_data *d, struct db *db, const struct level *l,
		      uint64_t since, uint64_t until, struct err *err)
{
	_uninit_ struct sample v[BLOCK_MAX_SAMPLES];
	struct db_blocks blocks = { 0 };
	bool room = true;
	int r;

	if (since >= until)
		return 0;
	r = db_read_blocks(db, d->range.vmid, l->sec, since, until + 1, 0, &blocks, err);
	for (size_t i = 0; r == 0 && room && i < blocks.n; i++) {
		const struct db_block *b = &blocks.v[i];
		size_t n = 0;

		if (block_decode(d->codec, span_of(b->data.p, b->data.n), v, &n, NULL) <
		    0) {
			d->damaged++;
			continue;
		}
		for (size_t k = 0; room && k < n; k++)
			room = add(d, &v[k], b->life, l->source, l->sec * USEC_PER_SEC,
				   since, until);
	}
	db_blocks_done(&blocks);
	return room ? r
		    : err_set(err, -EFBIG, "more than %d samples: ask for a larger step",
			      HISTORY_MAX_SAMPLES);
}

static uint64_t first_of(const struct history_data *d, size_t from, uint64_t otherwise)
{
	return from < d->n ? d->v[from].s.real_usec : otherwise;
}

static uint64_t last_of(const struct history_data *d, uint64_t otherwise)
{
	return d->n ? d->v[d->n - 1].s.real_usec : otherwise;
}

/* Lives are numbered in their order, and the boot's clock is never set: the wall clock
 * may go back and forth meanwhile. */
static int cmp_item(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->life != y->life)
		return x->life > y->life ? 1 : -1;
	return (x->s.boot_usec > y->s.boot_usec) - (x->s.boot_usec < y->s.boot_usec);
}

static void sort_items(struct history_data *d)
{
	if (d->n)
		qsort(d->v, d->n, sizeof(*d->v), cmp_item);
}

static size_t level_for(uint64_t step_usec)
{
	return step_usec >= 120 * USEC_PER_SEC  ? 2
	       : step_usec >= 20 * USEC_PER_SEC ? 1
						: 0;
}

/* A rate needs the sample before the first that is shown. */
static uint64_t lead_in(const struct history_range *g)
{
	return num_sub(g->since_real_usec, 90 * USEC_PER_SEC);
}

/* The level that suits the step, then what is older from coarser ones, then what is newer
 * from finer ones. */
static int read_store(struct history_data *d, struct db *db, struct err *err)
{
	const struct history_range *g = &d->range;
	size_t base = level_for(g->step_usec);
	uint64_t since = lead_in(g), until;
	int r = read_level(d, db, &levels[base], since, g->until_real_usec, err);

	until = first_of(d, 0, g->until_real_usec);
	for (size_t l = base + 1; r == 0 && l < ARRAY_SIZE(levels); l++) {
		size_t from = d->n;

		/* up to what the finer level begins with, that not included */
		r = read_level(d, db, &levels[l], since, until - (until ? 1 : 0), err);
		until = MIN(until, first_of(d, from, until));
	}
	sort_items(d);
	for (size_t l = base; r == 0 && l-- > 0;)
		r = read_level(d, db, &levels[l], last_of(d, since), g->until_real_usec,
			       err);
	return r;
}

/* All lives of that container that the ring has, without what the store gave. */
static int read_ring(struct history_data *d, const struct ring *ring)
{
	_cleanup_free_ struct ring_entry *e = xcalloc(RING_MAX_SLOTS, sizeof(*e));
	_cleanup_free_ struct ring_copy *c = xmalloc(sizeof(*c));
	uint64_t since = last_of(d, lead_in(&d->range));
	size_t n = 0;
	int r = ring_list(ring, e, RING_MAX_SLOTS, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (e[i].vmid != d->range.vmid || ring_read(ring, i, 0, c) < 0 ||
		    c->vmid != d->range.vmid)
			continue;
		for (size_t k = 0; k < c->n; k++)
			add(d, &c->v[k], c->life, HISTORY_RING, USEC_PER_SEC, since,
			    d->range.until_real_usec);
	}
	return r;
}

int history_collect(const struct ring *ring, struct db *db, const struct history_range *g,
		    struct history_data **ret, struct err *err)
{
	struct history_data *d = xcalloc(1, sizeof(*d));
	int r = 0;

	d->range = *g;
	if (db)
		r = block_codec_new(&d->codec, err);
	if (r == 0 && db)
		r = read_store(d, db, err);
	/* a ring that cannot be read is none */
	if (r == 0 && ring)
		(void)read_ring(d, ring);
	if (r < 0) {
		history_data_free(d);
		return r;
	}
	sort_items(d);
	d->n_samples = d->n;
	*ret = d;
	return 0;
}

/* ---- holes, and what fills them ---- */

/* The i-th hole is between item i-1 and item i: 0 before the first, n after the last. */
static void hole(const struct history_data *d, size_t i, uint64_t *from, uint64_t *to)
{
	*from = i ? MAX(d->v[i - 1].s.real_usec, d->range.since_real_usec)
		  : d->range.since_real_usec;
	*to = i < d->n_samples ? d->v[i].s.real_usec : d->range.until_real_usec;
	/* a sample stands for the time of its step before it */
	if (i < d->n_samples)
		*to = *to > d->v[i].step_usec ? *to - d->v[i].step_usec : 0;
}

bool history_has_holes(const struct history_data *d)
{
	uint64_t from, to;

	for (size_t i = 0; i <= d->n_samples; i++) {
		hole(d, i, &from, &to);
		if (to > from && to - from >= HOLE_USEC)
			return true;
	}
	return false;
}

static bool fills(const struct history_data *d, size_t i, const struct rrd_row *row)
{
	uint64_t step = row->step_sec * USEC_PER_SEC, from, to;

	hole(d, i, &from, &to);
	return step <= row->end_real_usec && row->end_real_usec - step >= from &&
	       row->end_real_usec <= to;
}

void history_add_rrd(struct history_data *d, const struct rrd_rows *rows)
{
	struct item *v = xcalloc(d->n_samples + rows->n, sizeof(*v));
	size_t n = 0, i = 0;

	rrd_rows_done(&d->rows);
	d->rows.n = rows->n;
	d->rows.v = xcalloc(rows->n, sizeof(*rows->v));
	if (rows->n)
		memcpy(d->rows.v, rows->v, rows->n * sizeof(*rows->v));
	for (size_t k = 0; k < rows->n; k++) {
		const struct rrd_row *row = &d->rows.v[k];

		while (i < d->n_samples && d->v[i].s.real_usec < row->end_real_usec)
			v[n++] = d->v[i++];
		if (fills(d, i, row))
			v[n++] = (struct item){ .s = { .real_usec = row->end_real_usec },
						.step_usec = row->step_sec * USEC_PER_SEC,
						.source = HISTORY_RRD,
						.row = row };
	}
	while (i < d->n_samples)
		v[n++] = d->v[i++];
	free(d->v);
	d->v = v;
	d->n = d->cap = n;
}

void history_add_disk(struct history_data *d, struct disk_rows *rows)
{
	disk_rows_done(&d->disk);
	d->disk = *rows;
	*rows = (struct disk_rows){ 0 };
	for (size_t i = 0; i < d->n; i++)
		d->v[i].disk = d->v[i].row ? NULL
					   : disk_rows_at(&d->disk, d->v[i].life,
							  d->v[i].s.real_usec);
}

/* ---- the series ---- */

/* What comes together in one column of one point, or of everything. */
struct sum {
	uint64_t amount, usec; /* of a rate: so much in so long */
	uint64_t most;         /* of a limit: the last */
	bool has;
};

/* A column's contribution of one item: for a rate an amount, for a gauge a value. */
struct part {
	bool has;
	uint64_t n;
};

#define HAS(s, m) ((s)->have >> (m)&1)

/* Counters are compared within a life, over time that is wholly recorded. */
static uint64_t interval(const struct item *a, const struct item *b)
{
	uint64_t dt = num_sub(b->s.boot_usec, a->s.boot_usec);

	if (a->row || b->row || a->life != b->life || !dt ||
	    dt > LATE(MAX(a->step_usec, b->step_usec)))
		return 0;
	return dt;
}

static bool is_detail(unsigned column)
{
	return column >= METRIC_DETAILS && column < METRICS;
}

/* Between two readings of details; they say themselves when they were. */
static uint64_t detail_interval(const struct item *a, const struct item *b)
{
	uint64_t step = METRIC_DETAIL_SEC * USEC_PER_SEC, dt;

	if (!a || a->life != b->life || !HAS(&b->s, METRIC_DETAILS))
		return 0;
	dt = num_sub(b->s.v[METRIC_DETAILS], a->s.v[METRIC_DETAILS]);
	return dt > LATE(MAX(MAX(a->step_usec, b->step_usec), step)) ? 0 : dt;
}

static struct part counter(const struct item *a, const struct item *b, unsigned m)
{
	if (!a || !HAS(&a->s, m) || !HAS(&b->s, m) || b->s.v[m] < a->s.v[m])
		return (struct part){ 0 };
	return (struct part){ true, b->s.v[m] - a->s.v[m] };
}

/* Rates of the RRD as what came together in its step. */
static struct part rrd_part(const struct rrd_row *row, unsigned column)
{
	static const struct {
		unsigned column;
		size_t off;
	} map[] = {
		{ HISTORY_CPU_OWN, offsetof(struct rrd_row, cpu_own_ppm) },
		{ HISTORY_MEM_USED, offsetof(struct rrd_row, mem_bytes) },
		{ HISTORY_DISK, offsetof(struct rrd_row, disk_bytes) },
		{ METRIC_NET_IN_BYTES, offsetof(struct rrd_row, netin) },
		{ METRIC_NET_OUT_BYTES, offsetof(struct rrd_row, netout) },
		{ METRIC_IO_READ_BYTES, offsetof(struct rrd_row, diskread) },
		{ METRIC_IO_WRITE_BYTES, offsetof(struct rrd_row, diskwrite) },
		{ METRIC_PSI_CPU_SOME_USEC, offsetof(struct rrd_row, psi_ppm[0]) },
		{ METRIC_PSI_CPU_FULL_USEC, offsetof(struct rrd_row, psi_ppm[1]) },
		{ METRIC_PSI_IO_SOME_USEC, offsetof(struct rrd_row, psi_ppm[2]) },
		{ METRIC_PSI_IO_FULL_USEC, offsetof(struct rrd_row, psi_ppm[3]) },
		{ METRIC_PSI_MEMORY_SOME_USEC, offsetof(struct rrd_row, psi_ppm[4]) },
		{ METRIC_PSI_MEMORY_FULL_USEC, offsetof(struct rrd_row, psi_ppm[5]) },
	};
	struct val v = { 0 };
	bool gauge = column == HISTORY_MEM_USED || column == HISTORY_DISK;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].column == column)
			v = *(const struct val *)((const char *)row + map[i].off);
	if (column == METRIC_CPU_USAGE_USEC && row->cpu_own_ppm.kind == VAL_SET &&
	    row->cpus_milli.kind == VAL_SET)
		v = val_set(num_muldiv(row->cpu_own_ppm.n, row->cpus_milli.n, 1000));
	if (v.kind != VAL_SET)
		return (struct part){ 0 };
	return (struct part){ true, gauge ? v.n : v.n * row->step_sec };
}

static struct part disk_part(const struct item *b, unsigned column)
{
	const struct disk_use *u = b->disk ? &b->disk->use : NULL;

	if (!u || (column == HISTORY_INODES && !u->inodes))
		return (struct part){ 0 };
	return (struct part){ true,
			      column == HISTORY_DISK ? u->used_bytes : u->inodes_used };
}

static struct part part_of(const struct item *a, const struct item *b, unsigned column,
			   struct val cpus_milli)
{
	struct part p;

	if (b->row)
		return rrd_part(b->row, column);
	if (column < METRICS)
		return metric_defs[column].counter
			       ? counter(a, b, column)
			       : (struct part){ HAS(&b->s, column), b->s.v[column] };
	if (column == HISTORY_CPU_OWN) {
		p = counter(a, b, METRIC_CPU_USAGE_USEC);
		p.has = p.has && val_or(cpus_milli, 0);
		if (p.has)
			p.n = num_muldiv(p.n, 1000, cpus_milli.n);
		return p;
	}
	if (column == HISTORY_MEM_SHARE) {
		uint64_t limit = b->s.v[METRIC_MEMORY_MAX_BYTES];

		p = part_of(a, b, HISTORY_MEM_USED, cpus_milli);
		p.has = p.has && HAS(&b->s, METRIC_MEMORY_MAX_BYTES) && limit &&
			limit != METRIC_NO_LIMIT;
		if (p.has)
			p.n = num_muldiv(p.n, 1000000, limit);
		return p;
	}
	if (column == HISTORY_MEM_USED) {
		p.has = HAS(&b->s, METRIC_MEMORY_CURRENT_BYTES) &&
			HAS(&b->s, METRIC_MEMORY_FILE_BYTES);
		p.n = num_sub(b->s.v[METRIC_MEMORY_CURRENT_BYTES],
			      b->s.v[METRIC_MEMORY_FILE_BYTES]);
		return p;
	}
	if (column == HISTORY_DISK || column == HISTORY_INODES)
		return disk_part(b, column);
	return (struct part){ 0 };
}

static bool is_rate(enum history_kind k)
{
	return k == HISTORY_BYTE_RATE || k == HISTORY_COUNT_RATE || k == HISTORY_SHARE;
}

static struct val rate_of(enum history_kind kind, uint64_t amount, uint64_t usec)
{
	uint64_t unit = kind == HISTORY_COUNT_RATE ? 1000 * USEC_PER_SEC : USEC_PER_SEC;

	return usec ? val_set(num_muldiv(amount, unit, usec)) : (struct val){ 0 };
}

static struct val value_of(enum history_kind kind, const struct sum *s)
{
	if (!s->has)
		return (struct val){ 0 };
	if (is_rate(kind))
		return rate_of(kind, s->amount, s->usec);
	return s->most == METRIC_NO_LIMIT ? (struct val){ .kind = VAL_MAX }
					  : val_set(s->most);
}

/* ---- over everything ---- */

static void summarize(struct history_summary *s, struct sum *all, enum history_kind kind,
		      struct part p, uint64_t usec)
{
	struct val now = is_rate(kind) ? rate_of(kind, p.n, usec) : val_set(p.n);

	if (!p.has || now.kind != VAL_SET || (!is_rate(kind) && p.n == METRIC_NO_LIMIT))
		return;
	if (s->min.kind != VAL_SET || now.n < s->min.n)
		s->min = now;
	if (s->max.kind != VAL_SET || now.n > s->max.n)
		s->max = now;
	s->last = now;
	/* the mean of a rate is all of it over all the time, of a gauge that of its
	 * seconds: kept as a sum in units that cannot overflow */
	if (is_rate(kind)) {
		all->amount += p.n;
		all->usec += usec;
		s->avg = rate_of(kind, all->amount, all->usec);
	} else {
		uint64_t sec = MAX(usec / USEC_PER_SEC, (uint64_t)1);
		uint64_t add;

		if (__builtin_mul_overflow(p.n, sec, &add) ||
		    __builtin_add_overflow(all->amount, add, &all->amount))
			return;
		all->usec += sec;
		s->avg = val_set(all->amount / all->usec);
	}
}

/* ---- points ---- */

struct maker {
	struct history *h;
	const struct item *detail; /* the last one that had details */
	enum history_kind *kinds;
	struct sum *now; /* of the point that is being filled */
	struct sum *all;
	size_t cap;
	uint64_t bucket;
	bool open;
};

static void close_point(struct maker *m)
{
	struct history *h = m->h;

	if (!m->open)
		return;
	for (size_t c = 0; c < h->n_columns; c++)
		h->v[(h->n - 1) * h->n_columns + c] = value_of(m->kinds[c], &m->now[c]);
	memset(m->now, 0, h->n_columns * sizeof(*m->now));
	m->open = false;
}

static struct history_point *open_point(struct maker *m, uint64_t bucket)
{
	struct history *h = m->h;

	if (!m->open || m->bucket != bucket) {
		close_point(m);
		if (h->n >= m->cap) {
			m->cap = m->cap ? m->cap * 2 : 256;
			h->points = xreallocarray(h->points, m->cap, sizeof(*h->points));
			h->v = xreallocarray(h->v, m->cap * h->n_columns, sizeof(*h->v));
		}
		h->points[h->n++] = (struct history_point){ 0 };
		m->bucket = bucket;
		m->open = true;
	}
	return &h->points[h->n - 1];
}

static void add_part(struct maker *m, size_t c, struct part p, uint64_t usec)
{
	unsigned column = m->h->columns[c];
	struct sum *s = &m->now[c];

	if (!p.has)
		return;
	s->has = true;
	s->amount += p.n;
	s->usec += usec;
	s->most = column >= METRIC_STATES && column < METRICS ? p.n : MAX(s->most, p.n);
}

/* Was all the time between these two recorded? */
static bool is_gap(const struct item *a, const struct item *b)
{
	if (!a)
		return false;
	if (a->life != b->life && a->life && b->life)
		return true;
	return num_sub(b->s.real_usec, a->s.real_usec) >
	       LATE(MAX(a->step_usec, b->step_usec));
}

static void add_item(struct maker *m, const struct item *a, const struct item *b,
		     uint64_t step_usec, struct val cpus_milli)
{
	uint64_t dt = b->row ? b->step_usec : a ? interval(a, b) : 0;
	uint64_t span = dt ? dt : b->step_usec;
	uint64_t detail_dt = detail_interval(m->detail, b);
	uint64_t detail_span = detail_dt ? detail_dt : span;
	/* a point ends with its step: a sample at its very end is in it */
	uint64_t bucket = step_usec ? (b->s.real_usec - 1) / step_usec : b->s.real_usec;
	struct history_point *p = open_point(m, bucket);

	p->real_usec = b->s.real_usec;
	p->span_usec += span;
	p->source = MAX(p->source, b->source);
	p->life = b->life;
	p->gap |= is_gap(a, b);
	for (size_t c = 0; c < m->h->n_columns; c++) {
		unsigned column = m->h->columns[c];
		bool detail = is_detail(column);
		const struct item *from = detail ? m->detail : a;
		uint64_t usec = detail ? detail_dt : dt;
		struct part part = part_of(usec ? from : NULL, b, column, cpus_milli);

		add_part(m, c, part, usec);
		summarize(&m->h->sums[c], &m->all[c], m->kinds[c], part,
			  detail ? detail_span : span);
	}
}

void history_make(const struct history_data *d, const unsigned *columns, size_t n_columns,
		  struct val cpus_milli, struct history *ret)
{
	_cleanup_free_ enum history_kind *kinds = xcalloc(n_columns, sizeof(*kinds));
	_cleanup_free_ struct sum *now = xcalloc(n_columns, sizeof(*now));
	_cleanup_free_ struct sum *all = xcalloc(n_columns, sizeof(*all));
	struct history h = { .n_columns = n_columns, .step_usec = d->range.step_usec };
	struct maker m = { .h = &h, .kinds = kinds, .now = now, .all = all };

	h.columns = xcalloc(n_columns, sizeof(*h.columns));
	h.sums = xcalloc(n_columns, sizeof(*h.sums));
	for (size_t c = 0; c < n_columns; c++) {
		struct history_def def;

		history_def(columns[c], &def);
		h.columns[c] = columns[c];
		kinds[c] = def.kind;
	}
	for (size_t i = 0; i < d->n; i++) {
		const struct item *b = &d->v[i];

		if (b->s.real_usec > d->range.since_real_usec)
			add_item(&m, i ? b - 1 : NULL, b, h.step_usec, cpus_milli);
		if (HAS(&b->s, METRIC_DETAILS))
			m.detail = b;
	}
	close_point(&m);
	*ret = h;
}
