/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/block.h"

#include <zstd.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/varint.h"

/*
 * First byte: how the rest is packed. Then, packed or not:
 *
 *	version, samples n, columns
 *	boot time of the first, then its differences of differences
 *	real time less boot time of the first, then differences
 *	n bits: quiet
 *	each column: its mode, [n bits: which samples have it], [shift], values
 *
 * All numbers are variable-length, 7 bits a byte, signed ones zigzag. Differences wrap at
 * 2^64, so every value comes back.
 */
#define PACK_NONE 0
#define PACK_ZSTD 1
#define VERSION   1

#define MODE_ABSENT   0 /* no sample has it */
#define MODE_CONST    1 /* one value for all that have it */
#define MODE_DELTA    2 /* the first, then differences */
#define MODE_DOD      3 /* the first, the first difference, then theirs */
#define MODE_RESIDUAL 4 /* less what cpu.stat's other two columns foretell */
#define MODE_MASK     0x0f
#define MODE_SHIFT    0x40 /* all values are multiples of a power of two (pages) */
#define MODE_SOME     0x80 /* not all samples have it */

#define LEVEL       3
#define MAX_COLUMNS 256
#define RAW_MAX     ((size_t)(METRICS + 4) * (BLOCK_MAX_SAMPLES + 2) * 10)

_Static_assert(RAW_MAX < BLOCK_MAX_BYTES, "what we write we can read");

static __typeof__(ZSTD_createCCtx) *dl_ZSTD_createCCtx;
static __typeof__(ZSTD_freeCCtx) *dl_ZSTD_freeCCtx;
static __typeof__(ZSTD_createDCtx) *dl_ZSTD_createDCtx;
static __typeof__(ZSTD_freeDCtx) *dl_ZSTD_freeDCtx;
static __typeof__(ZSTD_CCtx_setParameter) *dl_ZSTD_CCtx_setParameter;
static __typeof__(ZSTD_compress2) *dl_ZSTD_compress2;
static __typeof__(ZSTD_decompressDCtx) *dl_ZSTD_decompressDCtx;
static __typeof__(ZSTD_isError) *dl_ZSTD_isError;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(ZSTD_createCCtx), DL_SYM(ZSTD_freeCCtx),
		DL_SYM(ZSTD_createDCtx), DL_SYM(ZSTD_freeDCtx),
		DL_SYM(ZSTD_isError),    DL_SYM(ZSTD_CCtx_setParameter),
		DL_SYM(ZSTD_compress2),  DL_SYM(ZSTD_decompressDCtx),
	};
	static void *handle;

	return dl_load("libzstd.so.1", syms, ARRAY_SIZE(syms), &handle, err);
}

struct block_codec {
	ZSTD_CCtx *c; /* made when first used: who only reads needs none */
	ZSTD_DCtx *d;
	uint8_t raw[RAW_MAX];
	uint8_t packed[BLOCK_MAX_BYTES];
};

int block_codec_new(struct block_codec **ret, struct err *err)
{
	int r = load(err);

	if (r < 0)
		return r;
	*ret = xmalloc(sizeof(**ret));
	(*ret)->c = NULL;
	(*ret)->d = NULL;
	return 0;
}

void block_codec_free(struct block_codec *c)
{
	if (!c)
		return;
	dl_ZSTD_freeCCtx(c->c);
	dl_ZSTD_freeDCtx(c->d);
	free(c);
}

/* ---- encoding ---- */

struct out {
	uint8_t *p;
	size_t n;
};

static void put(struct out *o, uint64_t v)
{
	o->n = (size_t)(varint_put(o->p + o->n, v) - o->p);
}

static void put_bits(struct out *o, const bool *v, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		unsigned b = 0;

		for (size_t k = i; k < n && k < i + 8; k++)
			b |= (unsigned)v[k] << (k - i);
		o->p[o->n++] = (uint8_t)b;
	}
}

static size_t delta_size(const uint64_t *v, size_t n, bool twice)
{
	uint64_t before = 0;
	size_t bytes = 0;

	for (size_t i = 1; i < n; i++) {
		uint64_t d = v[i] - v[i - 1];

		bytes += varint_size(zigzag(twice ? d - before : d));
		before = d;
	}
	return bytes;
}

static void put_deltas(struct out *o, const uint64_t *v, size_t n, bool twice)
{
	uint64_t before = 0;

	put(o, v[0]);
	for (size_t i = 1; i < n; i++) {
		uint64_t d = v[i] - v[i - 1];

		put(o, zigzag(twice ? d - before : d));
		before = d;
	}
}

/* The power of two that all values are multiples of. */
static unsigned common_shift(const uint64_t *v, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= v[i];
	return all ? (unsigned)__builtin_ctzll(all) : 0;
}

static bool is_const(const uint64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return false;
	return true;
}

static void put_residual(struct out *o, const struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(o, zigzag(s[i].v[METRIC_CPU_SYSTEM_USEC] -
			      (s[i].v[METRIC_CPU_USAGE_USEC] -
			       s[i].v[METRIC_CPU_USER_USEC])));
}

/* The kernel makes the two parts add up to the whole, but for the rounding. */
static bool has_residual(const struct sample *s, size_t n, size_t column)
{
	const uint64_t need = UINT64_C(1) << METRIC_CPU_USAGE_USEC |
			      UINT64_C(1) << METRIC_CPU_USER_USEC |
			      UINT64_C(1) << METRIC_CPU_SYSTEM_USEC;

	if (column != METRIC_CPU_SYSTEM_USEC)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s[i].have & need) != need)
			return false;
	return true;
}

/* What makes the values smallest; with MODE_SHIFT they are shifted already. */
static unsigned choose_mode(uint64_t *v, size_t n, unsigned *ret_shift)
{
	unsigned shift = common_shift(v, n);

	if (is_const(v, n))
		return MODE_CONST;
	for (size_t i = 0; shift && i < n; i++)
		v[i] >>= shift;
	*ret_shift = shift;
	return (delta_size(v, n, true) < delta_size(v, n, false) ? MODE_DOD
								 : MODE_DELTA) |
	       (shift ? MODE_SHIFT : 0);
}

/* Of one that at least one of the samples has. */
static void put_column(struct out *o, const struct sample *s, size_t n, size_t column)
{
	_uninit_ bool have[BLOCK_MAX_SAMPLES];
	_uninit_ uint64_t v[BLOCK_MAX_SAMPLES];
	unsigned mode, shift = 0;
	size_t n_have = 0;

	for (size_t i = 0; i < n; i++) {
		have[i] = s[i].have >> column & 1;
		if (have[i])
			v[n_have++] = s[i].v[column];
	}
	mode = choose_mode(v, n_have, &shift);
	if (mode > MODE_CONST && has_residual(s, n, column))
		mode = MODE_RESIDUAL;
	if (n_have < n)
		mode |= MODE_SOME;
	o->p[o->n++] = (uint8_t)mode;
	if (mode & MODE_SOME)
		put_bits(o, have, n);
	if (mode & MODE_SHIFT)
		put(o, shift);
	if ((mode & MODE_MASK) == MODE_CONST)
		put(o, v[0]);
	else if ((mode & MODE_MASK) == MODE_RESIDUAL)
		put_residual(o, s, n);
	else
		put_deltas(o, v, n_have, (mode & MODE_MASK) == MODE_DOD);
}

static void put_head(struct out *o, const struct sample *s, size_t n)
{
	uint64_t v[BLOCK_MAX_SAMPLES] = { 0 };
	bool quiet[BLOCK_MAX_SAMPLES];

	put(o, VERSION);
	put(o, n);
	put(o, METRICS);
	for (size_t i = 0; i < n; i++)
		v[i] = s[i].boot_usec;
	put_deltas(o, v, n, true);
	for (size_t i = 0; i < n; i++) {
		v[i] = s[i].real_usec - s[i].boot_usec;
		quiet[i] = s[i].quiet;
	}
	put_deltas(o, v, n, false);
	put_bits(o, quiet, n);
}

static int pack(struct block_codec *c, size_t n, struct buf *ret, struct err *err)
{
	size_t r;

	if (!c->c) {
		c->c = dl_ZSTD_createCCtx();
		if (!c->c)
			oom();
		dl_ZSTD_CCtx_setParameter(c->c, ZSTD_c_compressionLevel, LEVEL);
		dl_ZSTD_CCtx_setParameter(c->c, ZSTD_c_checksumFlag, 1);
	}
	r = dl_ZSTD_compress2(c->c, c->packed, sizeof(c->packed), c->raw, n);
	if (dl_ZSTD_isError(r))
		return err_set(err, -EIO, "zstd cannot pack %zu bytes", n);
	buf_addc(ret, PACK_ZSTD);
	buf_add(ret, c->packed, r);
	return 0;
}

int block_encode(struct block_codec *c, const struct sample *v, size_t n, struct buf *ret,
		 struct err *err)
{
	struct out o = { .p = c->raw };
	uint64_t have = 0; /* columns that any sample has */

	if (!n || n > BLOCK_MAX_SAMPLES)
		return err_set(err, -EINVAL, "a block of %zu samples", n);
	put_head(&o, v, n);
	for (size_t i = 0; i < n; i++)
		have |= v[i].have;
	for (size_t i = 0; i < METRICS; i++) {
		if (have >> i & 1)
			put_column(&o, v, n, i);
		else
			o.p[o.n++] = MODE_ABSENT;
	}
	return pack(c, o.n, ret, err);
}

/* ---- decoding ---- */

static void take_bits(struct varint_in *in, bool *ret, size_t n)
{
	size_t bytes = (n + 7) / 8;

	if ((size_t)(in->end - in->p) < bytes) {
		in->bad = true;
		memset(ret, 0, n * sizeof(*ret));
		return;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = in->p[i / 8] >> (i % 8) & 1;
	in->p += bytes;
}

static void take_deltas(struct varint_in *in, uint64_t *v, size_t n, bool twice)
{
	uint64_t before = 0;

	v[0] = varint_take(in);
	for (size_t i = 1; i < n; i++) {
		uint64_t d = unzigzag(varint_take(in));

		if (twice)
			d += before;
		v[i] = v[i - 1] + d;
		before = d;
	}
}

static void take_values(struct varint_in *in, unsigned mode, uint64_t *v, size_t n)
{
	uint64_t shift;

	switch (mode & MODE_MASK) {
	case MODE_CONST:
		v[0] = varint_take(in);
		for (size_t i = 1; i < n; i++)
			v[i] = v[0];
		break;
	case MODE_DELTA:
	case MODE_DOD:
		shift = mode & MODE_SHIFT ? varint_take(in) : 0;
		if (shift > 63)
			in->bad = true;
		take_deltas(in, v, n, (mode & MODE_MASK) == MODE_DOD);
		for (size_t i = 0; !in->bad && i < n; i++)
			v[i] <<= shift;
		break;
	case MODE_RESIDUAL:
		for (size_t i = 0; i < n; i++)
			v[i] = unzigzag(varint_take(in));
		break;
	default:
		in->bad = true;
	}
}

static void take_column(struct varint_in *in, struct sample *s, size_t n, size_t column)
{
	unsigned mode = varint_take_byte(in);
	bool have[BLOCK_MAX_SAMPLES];
	uint64_t v[BLOCK_MAX_SAMPLES] = { 0 };
	size_t n_have = 0;

	if (mode == MODE_ABSENT)
		return;
	for (size_t i = 0; i < n; i++)
		have[i] = true;
	if (mode & MODE_SOME)
		take_bits(in, have, n);
	for (size_t i = 0; i < n; i++)
		n_have += have[i];
	if (!n_have)
		in->bad = true;
	if (in->bad)
		return;
	take_values(in, mode, v, n_have);
	if ((mode & MODE_MASK) == MODE_RESIDUAL && column != METRIC_CPU_SYSTEM_USEC)
		in->bad = true;
	for (size_t i = 0, k = 0; column < METRICS && i < n; i++) {
		if (!have[i])
			continue;
		s[i].v[column] = v[k++];
		s[i].have |= UINT64_C(1) << column;
		if ((mode & MODE_MASK) == MODE_RESIDUAL)
			s[i].v[column] += s[i].v[METRIC_CPU_USAGE_USEC] -
					  s[i].v[METRIC_CPU_USER_USEC];
	}
}

static size_t take_head(struct varint_in *in, struct sample *s, size_t *ret_columns)
{
	uint64_t v[BLOCK_MAX_SAMPLES], version = varint_take(in), n = varint_take(in),
				       columns = varint_take(in);
	bool quiet[BLOCK_MAX_SAMPLES];

	if (version != VERSION || !n || n > BLOCK_MAX_SAMPLES || columns > MAX_COLUMNS)
		in->bad = true;
	if (in->bad)
		return 0;
	memset(s, 0, (size_t)n * sizeof(*s));
	take_deltas(in, v, (size_t)n, true);
	for (size_t i = 0; i < n; i++)
		s[i].boot_usec = v[i];
	take_deltas(in, v, (size_t)n, false);
	take_bits(in, quiet, (size_t)n);
	for (size_t i = 0; i < n; i++) {
		s[i].real_usec = s[i].boot_usec + v[i];
		s[i].quiet = quiet[i];
	}
	*ret_columns = (size_t)columns;
	return (size_t)n;
}

static int unpack(struct block_codec *c, struct span data, struct varint_in *ret)
{
	size_t r;

	if (!data.n)
		return -EBADMSG;
	if (data.p[0] == PACK_NONE) {
		*ret = (struct varint_in){ .p = (const uint8_t *)data.p + 1,
					   .end = (const uint8_t *)data.p + data.n };
		return 0;
	}
	if (data.p[0] != PACK_ZSTD)
		return -EBADMSG;
	if (!c->d)
		c->d = dl_ZSTD_createDCtx();
	if (!c->d)
		oom();
	r = dl_ZSTD_decompressDCtx(c->d, c->packed, sizeof(c->packed), data.p + 1,
				   data.n - 1);
	if (dl_ZSTD_isError(r))
		return -EBADMSG;
	*ret = (struct varint_in){ .p = c->packed, .end = c->packed + r };
	return 0;
}

int block_decode(struct block_codec *c, struct span data,
		 struct sample v[static BLOCK_MAX_SAMPLES], size_t *ret_n,
		 struct err *err)
{
	size_t columns = 0, n = 0;
	struct varint_in in;
	int r = unpack(c, data, &in);

	if (r == 0)
		n = take_head(&in, v, &columns);
	for (size_t i = 0; r == 0 && !in.bad && i < columns; i++)
		take_column(&in, v, n, i);
	if (r < 0 || in.bad)
		return err_set(err, -EBADMSG, "a block of samples is damaged");
	*ret_n = n;
	return 0;
}

/* ---- thinning out ---- */

/* What memory was made of is of one moment, or it does not add up. */
static const struct sample *with_most_memory(const struct sample *a,
					     const struct sample *b)
{
	return a->v[METRIC_MEMORY_CURRENT_BYTES] > b->v[METRIC_MEMORY_CURRENT_BYTES] ? a
										     : b;
}

static void merge_memory(struct sample *m, const struct sample *a, const struct sample *b)
{
	static const enum metric parts[] = {
		METRIC_MEMORY_CURRENT_BYTES, METRIC_MEMORY_ANON_BYTES,
		METRIC_MEMORY_FILE_BYTES,    METRIC_MEMORY_SHMEM_BYTES,
		METRIC_MEMORY_KERNEL_BYTES,
	};
	const struct sample *most = with_most_memory(a, b);

	if (!(m->have >> METRIC_MEMORY_CURRENT_BYTES & 1))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (m->have >> parts[i] & 1)
			m->v[parts[i]] = most->v[parts[i]];
}

/* Few samples have them: what one alone has is not lost. */
static void merge_details(struct sample *m, const struct sample *a,
			  const struct sample *b)
{
	uint64_t in_a = a->have & METRIC_DETAIL_BITS, in_b = b->have & METRIC_DETAIL_BITS;
	const struct sample *last = in_b ? b : a;
	const struct sample *most = in_a && in_b ? with_most_memory(a, b) : last;

	m->have &= ~METRIC_DETAIL_BITS;
	m->have |= in_a && in_b ? in_a & in_b : in_a | in_b;
	for (size_t i = METRIC_DETAILS; i < METRICS; i++) {
		const struct sample *from = metric_defs[i].counter ? last : most;

		m->v[i] = m->have >> i & 1 ? from->v[i] : 0;
	}
}

/* `into` holds the earlier ones of the same time, `s` comes after them. */
static void merge(struct sample *into, const struct sample *s)
{
	struct sample m = *s;

	m.have &= into->have;
	m.quiet &= into->quiet;
	for (size_t i = 0; i < METRIC_DETAILS; i++) {
		if (!(m.have >> i & 1))
			m.v[i] = 0;
		else if (!metric_defs[i].counter && i < METRIC_STATES)
			m.v[i] = MAX(m.v[i], into->v[i]);
	}
	merge_memory(&m, into, s);
	merge_details(&m, into, s);
	*into = m;
}

size_t block_rollup(const struct sample *v, size_t n, unsigned to_sec, struct sample *ret)
{
	uint64_t to_usec = to_sec * USEC_PER_SEC, bucket = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sample *s = &v[i];
		uint64_t b = s->real_usec / to_usec;

		if (k && b == bucket)
			merge(&ret[k - 1], s);
		else
			ret[k++] = *s;
		bucket = b;
	}
	return k;
}
