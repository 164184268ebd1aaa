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

uint64_t ring_columns(uint64_t have)
{
	return (have & METRIC_SECOND_BITS) |
	       (have & METRIC_DETAIL_BITS) >> (METRIC_DETAILS + 1) << METRIC_STATES;
}

void ring_step_to(const struct ring_tip *tip, const struct sample *s, uint64_t have,
		  struct ring_step *ret)
{
	uint64_t quiet = s->quiet ? QUIET : 0;

	ret->boot = s->boot_usec - tip->boot_usec;
	ret->real = s->real_usec - tip->real_usec;
	ret->have = tip->have ^ (have | quiet);
	ret->differ = 0;
	for (uint64_t left = ring_columns(s->have); left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);
		size_t m = i < METRIC_STATES ? i : i - METRIC_STATES + METRIC_DETAILS + 1;

		ret->by[i] = s->v[m] - tip->v[i];
		ret->differ |= (uint64_t)(ret->by[i] != 0) << i;
	}
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

size_t ring_row(const struct ring_step *s, uint64_t ret[static ROW_WORDS])
{
	uint8_t *begin = (uint8_t *)ret, *p = begin + 1;
	uint64_t have = s->have & ALL_COLUMNS;

	*begin = (uint8_t)((have ? ROW_HAVE : 0) | (s->differ ? ROW_VALUES : 0) |
			   (s->have & QUIET ? ROW_QUIET : 0));
	if (have)
		p = put_word(p, have);
	p = varint_put(p, zigzag(s->boot - USEC_PER_SEC));
	p = varint_put(p, zigzag(s->real - s->boot));
	if (s->differ)
		p = put_word(p, s->differ);
	for (uint64_t left = s->differ; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		p = PAGED >> i & 1 ? put_size(p, s->by[i])
				   : varint_put(p, zigzag(s->by[i]));
	}
	while ((size_t)(p - begin) % sizeof(*ret))
		*p++ = 0;
	return (size_t)(p - begin) / sizeof(*ret);
}

/* ---- and back ---- */

static uint64_t take_word(struct varint_in *in)
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

static uint64_t take_size(struct varint_in *in)
{
	uint64_t b = varint_take_byte(in);
	uint64_t z = (b >> 1 & 0x3f) | (b & 0x80 ? varint_take(in) << 6 : 0);

	return b & 1 ? unzigzag(z) << PAGE_SHIFT : unzigzag(z);
}

int ring_row_back(const uint64_t *row, size_t words, struct ring_tip *io)
{
	struct varint_in in = { .p = (const uint8_t *)row,
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
	boot = unzigzag(varint_take(&in)) + USEC_PER_SEC;
	real = unzigzag(varint_take(&in)) + boot;
	io->boot_usec -= boot;
	io->real_usec -= real;
	differ = flags & ROW_VALUES ? take_word(&in) & ALL_COLUMNS : 0;
	for (; differ && !in.bad; differ &= differ - 1) {
		unsigned i = (unsigned)__builtin_ctzll(differ);

		io->v[i] -= PAGED >> i & 1 ? take_size(&in) : unzigzag(varint_take(&in));
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
	ring_tip_copy(rows->tip, &tip);
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
