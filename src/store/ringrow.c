/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ringimpl.h"

#include "base/clock.h"
#include "base/macros.h"

/*
 * A row, the earlier sample by the later one:
 *
 *	flags
 *	[8 bytes: what differs in `have`]
 *	boot time from one to the other less a second
 *	the wall clock less boot time, from one to the other
 *	[8 bytes: which columns differ]
 *	[each of those: by how much]
 *
 * Numbers are those of varint.h, all of them zigzag; differences wrap at 2^64.
 */
#define ROW_HAVE   0x01
#define ROW_QUIET  0x02 /* one of the two was quiet */
#define ROW_VALUES 0x04

#define ALL_COLUMNS ((UINT64_C(1) << RING_COLUMNS) - 1)

#define PAGE_SHIFT 12

/* Sizes of memory: whole pages, nearly always. */
#define SPAN_BITS(from, to) ((UINT64_C(2) << (to)) - (UINT64_C(1) << (from)))
#define COLUMN(m)           ((m)-METRIC_DETAILS - 1 + METRIC_STATES) /* of a detail */
#define PAGED                                                                            \
	(SPAN_BITS(METRIC_MEMORY_CURRENT_BYTES, METRIC_SWAP_CURRENT_BYTES) |             \
	 SPAN_BITS(COLUMN(METRIC_MEMORY_MAPPED_BYTES),                                   \
		   COLUMN(METRIC_MEMORY_SWAPCACHED_BYTES)))

static uint64_t columns_of(uint64_t have)
{
	return (have & METRIC_SECOND_BITS) |
	       (have & METRIC_DETAIL_BITS) >> (METRIC_DETAILS + 1) << METRIC_STATES;
}

void ring_tip_next(struct ring_tip *io, const struct sample *s)
{
	uint64_t have = columns_of(s->have);

	io->boot_usec = s->boot_usec;
	io->real_usec = s->real_usec;
	io->have = have | (s->quiet ? QUIET : 0);
	for (size_t i = 0; i < METRIC_STATES; i++)
		if (have >> i & 1)
			io->v[i] = s->v[i];
	for (size_t i = METRIC_STATES; i < RING_COLUMNS; i++)
		if (have >> i & 1)
			io->v[i] = s->v[i - METRIC_STATES + METRIC_DETAILS + 1];
}

void ring_sample(const struct ring_tip *t, struct sample *ret)
{
	struct sample s = { .boot_usec = t->boot_usec,
			    .real_usec = t->real_usec,
			    .have = t->have & METRIC_SECOND_BITS,
			    .quiet = t->have & QUIET };
	uint64_t details = (t->have & ALL_COLUMNS) >> METRIC_STATES;

	for (size_t i = 0; i < METRIC_STATES; i++)
		s.v[i] = t->have >> i & 1 ? t->v[i] : 0;
	for (size_t i = 0; i < DETAILS; i++)
		s.v[METRIC_DETAILS + 1 + i] =
			details >> i & 1 ? t->v[METRIC_STATES + i] : 0;
	if (details) {
		s.have |= METRIC_BIT(METRIC_DETAILS) | details << (METRIC_DETAILS + 1);
		s.v[METRIC_DETAILS] = t->boot_usec;
	}
	*ret = s;
}

static uint8_t *put_word(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Six bits of it in the first byte, which says whether it counts pages. */
static uint8_t *put_size(uint8_t *p, uint64_t d)
{
	bool pages = d % (1 << PAGE_SHIFT) == 0;
	uint64_t z = zigzag(pages ? (uint64_t)((int64_t)d >> PAGE_SHIFT) : d);

	*p++ = (uint8_t)((z >> 6 ? 0x80 : 0) | (z & 0x3f) << 1 | pages);
	return z >> 6 ? varint_put(p, z >> 6) : p;
}

size_t ring_row(const struct ring_tip *earlier, const struct ring_tip *later,
		uint64_t ret[static ROW_WORDS])
{
	uint8_t *begin = (uint8_t *)ret, *p = begin + 1;
	uint64_t have = (earlier->have ^ later->have) & ALL_COLUMNS, differ = 0;
	uint64_t boot = later->boot_usec - earlier->boot_usec;
	uint64_t real = later->real_usec - earlier->real_usec;

	for (size_t i = 0; i < RING_COLUMNS; i++)
		differ |= (uint64_t)(earlier->v[i] != later->v[i]) << i;
	*begin = (uint8_t)((have ? ROW_HAVE : 0) | (differ ? ROW_VALUES : 0) |
			   ((earlier->have ^ later->have) & QUIET ? ROW_QUIET : 0));
	if (have)
		p = put_word(p, have);
	p = varint_put(p, zigzag(boot - USEC_PER_SEC));
	p = varint_put(p, zigzag(real - boot));
	if (differ)
		p = put_word(p, differ);
	for (; differ; differ &= differ - 1) {
		unsigned i = (unsigned)__builtin_ctzll(differ);
		uint64_t d = later->v[i] - earlier->v[i];

		p = PAGED >> i & 1 ? put_size(p, d) : varint_put(p, zigzag(d));
	}
	while ((size_t)(p - begin) % sizeof(*ret))
		*p++ = 0;
	return (size_t)(p - begin) / sizeof(*ret);
}

/* ---- and back ---- */

struct in {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t take_word(struct in *in)
{
	uint64_t v = 0;

	if (in->end - in->p < (ptrdiff_t)sizeof(v)) {
		in->bad = true;
		return 0;
	}
	memcpy(&v, in->p, sizeof(v));
	in->p += sizeof(v);
	return v;
}

static uint64_t take(struct in *in)
{
	uint64_t v;

	if (varint_take(&in->p, in->end, &v))
		return v;
	in->bad = true;
	return 0;
}

static uint64_t take_size(struct in *in)
{
	uint64_t z, b;

	if (in->p == in->end) {
		in->bad = true;
		return 0;
	}
	b = *in->p++;
	z = (b >> 1 & 0x3f) | (b & 0x80 ? take(in) << 6 : 0);
	return b & 1 ? unzigzag(z) << PAGE_SHIFT : unzigzag(z);
}

int ring_row_back(const uint64_t *row, size_t words, struct ring_tip *io)
{
	struct in in = { .p = (const uint8_t *)row,
			 .end = (const uint8_t *)(row + words) };
	uint64_t boot, real, differ;
	unsigned flags;

	if (!words)
		return -EBADMSG;
	flags = *in.p++;
	if (flags & ROW_HAVE)
		io->have ^= take_word(&in) & ALL_COLUMNS;
	if (flags & ROW_QUIET)
		io->have ^= QUIET;
	boot = unzigzag(take(&in)) + USEC_PER_SEC;
	real = unzigzag(take(&in)) + boot;
	io->boot_usec -= boot;
	io->real_usec -= real;
	differ = flags & ROW_VALUES ? take_word(&in) & ALL_COLUMNS : 0;
	for (; differ && !in.bad; differ &= differ - 1) {
		unsigned i = (unsigned)__builtin_ctzll(differ);

		io->v[i] -= PAGED >> i & 1 ? take_size(&in) : unzigzag(take(&in));
	}
	return in.bad ? -EBADMSG : 0;
}

bool ring_row_place(const struct ring_rows *rows, uint64_t i, size_t *ret,
		    size_t *ret_words)
{
	size_t k = (size_t)(i % RING_TICKS);
	size_t at = rows->index[k / 4] >> (k % 4 * 16) & UINT16_MAX, end;

	if (rows->from < rows->to ? at < rows->from || at >= rows->to
				  : at < rows->from && at >= rows->to)
		return false;
	end = at < rows->to ? rows->to : ARENA_WORDS;
	if (at >= end)
		return false;
	*ret = at;
	*ret_words = MIN((size_t)ROW_WORDS, end - at);
	return true;
}

size_t ring_unroll(const struct ring_rows *rows, size_t n, struct sample *ret)
{
	uint64_t i = rows->count, there = rows->count - rows->first;
	struct ring_tip tip;
	size_t at, words, k;

	n = (size_t)MIN(MIN((uint64_t)n, there), (uint64_t)RING_TICKS);
	memcpy(&tip, rows->tip, sizeof(tip));
	for (k = n; k > 0;) {
		ring_sample(&tip, &ret[--k]);
		if (!k || !ring_row_place(rows, --i, &at, &words) ||
		    ring_row_back(rows->arena + at, words, &tip) < 0)
			break;
	}
	if (k)
		memmove(ret, ret + k, (n - k) * sizeof(*ret));
	return n - k;
}
