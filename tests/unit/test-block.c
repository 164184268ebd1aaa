/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/block.h"

#include "base/clock.h"
#include "test.h"

#define ALL ((UINT64_C(1) << METRICS) - 1)

static uint64_t state = 42;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static struct block_codec *codec(void)
{
	struct block_codec *c = NULL;
	struct err err = { 0 };

	if (block_codec_new(&c, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(99);
	}
	return c;
}

static bool same(const struct sample *a, const struct sample *b)
{
	if (a->boot_usec != b->boot_usec || a->real_usec != b->real_usec ||
	    a->have != b->have || a->quiet != b->quiet)
		return false;
	for (size_t i = 0; i < METRICS; i++)
		if (a->have >> i & 1 && a->v[i] != b->v[i])
			return false;
	return true;
}

static size_t round_trip(struct block_codec *c, const struct sample *v, size_t n)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct sample back[BLOCK_MAX_SAMPLES];
	struct err err = { 0 };
	size_t k = 0;

	CHECK(block_encode(c, v, n, &b, &err) == 0, "%s", err.msg);
	CHECK(block_decode(c, span_of(b.p, b.n), back, &k, &err) == 0, "%s", err.msg);
	CHECK_U64(k, n);
	for (size_t i = 0; i < k && i < n; i++)
		CHECK(same(&v[i], &back[i]), "sample %zu of %zu", i, n);
	return b.n;
}

/* one column's habits */
static uint64_t next_value(uint64_t last, unsigned kind)
{
	switch (kind) {
	case 0:
		return last;
	case 1:
		return last + rnd() % 2000000;
	case 2:
		return (rnd() % 100000) * 4096;
	case 3:
		return rnd();
	case 4:
		return rnd() % 50 ? last + 1000000 : 0; /* a counter that begins anew */
	case 5:
		return rnd() % 2 ? UINT64_MAX : 0;
	default:
		return rnd() % 2 ? UINT64_MAX - rnd() % 5 : UINT64_C(1) << 63;
	}
}

static void random_series(struct sample *v, size_t n)
{
	unsigned kinds[METRICS];
	uint64_t absent = rnd() & rnd() & ALL;

	for (size_t m = 0; m < METRICS; m++)
		kinds[m] = (unsigned)(rnd() % 7);
	memset(v, 0, n * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		const struct sample *last = i ? &v[i - 1] : &v[0];

		/* on time, late, far away, back */
		v[i].boot_usec = last->boot_usec + USEC_PER_SEC + rnd() % 300;
		if (rnd() % 20 == 0)
			v[i].boot_usec = rnd();
		v[i].real_usec = v[i].boot_usec + (rnd() % 10 ? 0 : rnd());
		v[i].quiet = rnd() % 3 == 0;
		v[i].have = ALL & ~absent;
		if (rnd() % 8 == 0)
			v[i].have = rnd() & ALL;
		for (size_t m = 0; m < METRICS; m++)
			v[i].v[m] = next_value(last->v[m], kinds[m]);
	}
}

static void whatever_goes_in_comes_out(void)
{
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES];

	for (unsigned round = 0; round < 3000 && !test_bad; round++) {
		size_t n = 1 + rnd() % BLOCK_MAX_SAMPLES;

		random_series(v, n);
		round_trip(c, v, n);
	}
	block_codec_free(c);
}

static void the_largest_numbers_come_back(void)
{
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES];

	memset(v, 0, sizeof(v));
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i].have = ALL;
		v[i].boot_usec = i % 2 ? UINT64_MAX : 0;
		v[i].real_usec = i % 2 ? 0 : UINT64_MAX;
		for (size_t m = 0; m < METRICS; m++)
			v[i].v[m] = i % 3 ? UINT64_MAX - i : i;
	}
	round_trip(c, v, ARRAY_SIZE(v));
	round_trip(c, v, 1);
	block_codec_free(c);
}

static void an_idle_minute_is_small(void)
{
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES];
	size_t bytes;

	memset(v, 0, sizeof(v));
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i].have = i % 10 ? ALL & ~METRIC_DETAIL_BITS : ALL;
		v[i].quiet = i % 10 != 0;
		v[i].boot_usec = 1234567890 + i * USEC_PER_SEC;
		v[i].real_usec = v[i].boot_usec + 1234567890123;
		for (size_t m = 0; m < METRICS; m++)
			v[i].v[m] = 123456789 * m;
	}
	bytes = round_trip(c, v, ARRAY_SIZE(v));
	/* each column once, and when there were details */
	CHECK(bytes < 500, "%zu bytes", bytes);
	block_codec_free(c);
}

static void wrong_sizes_are_refused(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct block_codec *c = codec();
	static struct sample v[BLOCK_MAX_SAMPLES + 1];
	struct err err = { 0 };

	CHECK(block_encode(c, v, 0, &b, &err) == -EINVAL, "none");
	CHECK(block_encode(c, v, BLOCK_MAX_SAMPLES + 1, &b, &err) == -EINVAL, "61");
	block_codec_free(c);
}

static void damage_is_seen(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES], back[BLOCK_MAX_SAMPLES];
	size_t n, unseen = 0;

	random_series(v, BLOCK_MAX_SAMPLES);
	CHECK(block_encode(c, v, BLOCK_MAX_SAMPLES, &b, NULL) == 0, "encode");
	CHECK(block_decode(c, span_of(b.p, 0), back, &n, NULL) == -EBADMSG, "empty");
	for (size_t cut = 1; cut < b.n; cut += 7)
		CHECK(block_decode(c, span_of(b.p, cut), back, &n, NULL) == -EBADMSG,
		      "cut at %zu", cut);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] = (char)(b.p[i] ^ 0x10);
		/* a bit of zstd's own may mean nothing */
		if (block_decode(c, span_of(b.p, b.n), back, &n, NULL) == 0)
			for (size_t k = 0; k < n; k++)
				unseen += !same(&v[k], &back[k]);
		b.p[i] = (char)(b.p[i] ^ 0x10);
	}
	CHECK_U64(unseen, 0);
	block_codec_free(c);
}

static struct sample at(uint64_t sec, uint64_t counter, uint64_t gauge)
{
	struct sample s = { .boot_usec = sec * USEC_PER_SEC,
			    .real_usec = sec * USEC_PER_SEC,
			    .have = ALL };

	s.v[METRIC_CPU_USAGE_USEC] = counter;
	s.v[METRIC_MEMORY_CURRENT_BYTES] = gauge;
	return s;
}

static void thinning_keeps_the_last_counter_and_the_greatest_gauge(void)
{
	struct sample v[40], r[40];
	size_t n;

	for (size_t i = 0; i < 40; i++)
		v[i] = at(1000 + i, i, i == 13 ? 999 : 100 - i);
	v[25].have &= ~(UINT64_C(1) << METRIC_PIDS_CURRENT);
	n = block_rollup(v, 40, 10, r);
	CHECK_U64(n, 4);
	CHECK_U64(r[0].v[METRIC_CPU_USAGE_USEC], 9);
	CHECK_U64(r[0].v[METRIC_MEMORY_CURRENT_BYTES], 100);
	CHECK_U64(r[1].v[METRIC_MEMORY_CURRENT_BYTES], 999);
	CHECK_U64(r[1].real_usec, 1019 * USEC_PER_SEC);
	CHECK(!(r[2].have >> METRIC_PIDS_CURRENT & 1), "one had it not");
	CHECK(r[1].have == ALL, "all had it");
}

static void what_memory_was_made_of_is_of_one_second(void)
{
	struct sample v[2], r[2];

	v[0] = at(1000, 1, 500);
	v[1] = at(1001, 2, 400);
	v[0].v[METRIC_MEMORY_FILE_BYTES] = 10;
	v[1].v[METRIC_MEMORY_FILE_BYTES] = 300;
	v[0].v[METRIC_PIDS_CURRENT] = 1;
	v[1].v[METRIC_PIDS_CURRENT] = 2;
	CHECK_U64(block_rollup(v, 2, 10, r), 1);
	CHECK_U64(r[0].v[METRIC_MEMORY_CURRENT_BYTES], 500);
	CHECK_U64(r[0].v[METRIC_MEMORY_FILE_BYTES], 10);
	CHECK_U64(r[0].v[METRIC_PIDS_CURRENT], 2);
}

static void a_time_without_samples_stays_one(void)
{
	struct sample v[4], r[4];
	size_t n;

	v[0] = at(1000, 1, 1);
	v[1] = at(1001, 2, 1);
	v[2] = at(1055, 3, 1);
	v[3] = at(1056, 4, 1);
	n = block_rollup(v, 4, 10, r);
	CHECK_U64(n, 2);
	CHECK_U64(r[1].real_usec, 1056 * USEC_PER_SEC);
	/* in place */
	n = block_rollup(v, 4, 60, v);
	CHECK_U64(n, 2);
	CHECK_U64(block_rollup(v, 0, 10, r), 0);
}

/* As it was written when there were 34 columns: what came later is absent in it. */
static void a_block_of_fewer_columns_is_read(void)
{
	static const unsigned char old[] = {
		0x01, 0x28, 0xb5, 0x2f, 0xfd, 0x24, 0xdc, 0x75, 0x06, 0x00, 0xc2, 0x8d,
		0x32, 0x33, 0x70, 0x6d, 0x1a, 0x03, 0x72, 0xe0, 0xc3, 0xc1, 0x90, 0xf7,
		0xe8, 0x62, 0x32, 0x5e, 0xd1, 0x79, 0x2e, 0x77, 0x25, 0x45, 0x90, 0x8e,
		0x1c, 0x16, 0xc1, 0x56, 0x29, 0x80, 0x82, 0xe9, 0xe2, 0x7c, 0x4d, 0x8b,
		0x4e, 0xa9, 0xc9, 0x0d, 0x56, 0xa9, 0x56, 0xe6, 0xb1, 0x62, 0x90, 0x06,
		0x19, 0xb7, 0x4c, 0x69, 0x07, 0x58, 0x67, 0xa9, 0xae, 0xe3, 0x6f, 0xca,
		0x74, 0xa5, 0x72, 0x5d, 0xb8, 0x6f, 0x5b, 0x4b, 0x3a, 0xbe, 0xae, 0x06,
		0x8c, 0x3e, 0x93, 0xa9, 0x48, 0xc8, 0x31, 0x1e, 0x90, 0xf8, 0x18, 0x4c,
		0x3d, 0x34, 0xb6, 0xac, 0x85, 0x90, 0x5e, 0xd3, 0xea, 0xf9, 0xf8, 0x3d,
		0xe9, 0x71, 0xcf, 0xb2, 0x66, 0x90, 0x2c, 0x65, 0x42, 0x44, 0x7f, 0xb9,
		0xd4, 0x82, 0x63, 0x08, 0x0b, 0x2a, 0x7c, 0x8b, 0xa5, 0x13, 0x1f, 0xae,
		0xaa, 0x6b, 0xf4, 0x18, 0xf6, 0x30, 0x4d, 0x51, 0x11, 0xc4, 0xfd, 0xba,
		0x18, 0x3a, 0x8e, 0x51, 0x13, 0xf5, 0x96, 0xa5, 0x10, 0xf2, 0x7b, 0x02,
		0x1c, 0xbe, 0x94, 0x08, 0x1a, 0x43, 0x48, 0xb0, 0xe9, 0xab, 0x6a, 0xfb,
		0xd8, 0x7e, 0x23, 0xf7, 0x18, 0x33, 0x92, 0xdf, 0x0b, 0x00, 0xf5, 0x10,
		0x0e, 0x70, 0x6c, 0x03, 0x9c, 0xf8, 0x06, 0x33, 0x43, 0xc9, 0x48, 0x94,
		0xed, 0x4a, 0xbd, 0x3d, 0xd9, 0xd3, 0xe4, 0x20, 0x40, 0x1b, 0x22, 0x0a,
		0x93, 0x39, 0x39, 0x48, 0x4c, 0x37, 0x32, 0xda, 0x4c, 0xcc, 0x35, 0x00,
		0x13, 0x03, 0x3b, 0x1e
	};
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES];
	size_t n = 0;

	CHECK(block_decode(c, span_of((const char *)old, sizeof(old)), v, &n, NULL) == 0,
	      "decode");
	CHECK_U64(n, 3);
	for (size_t i = 0; i < n; i++) {
		CHECK_U64(v[i].boot_usec, (1000 + i) * USEC_PER_SEC);
		CHECK_U64(v[i].real_usec, (UINT64_C(1700000000) + i) * USEC_PER_SEC);
		CHECK(v[i].quiet == (i == 1), "quiet");
		CHECK_U64(v[i].have,
			  ((UINT64_C(1) << 34) - 1) &
				  ~(i == 2 ? UINT64_C(1) << METRIC_PIDS_CURRENT : 0));
		for (size_t k = 0; k < 34; k++)
			if (v[i].have >> k & 1)
				CHECK_U64(v[i].v[k], k * 1000 + i * (k + 1));
	}
	block_codec_free(c);
}

/* Without zstd: the columns are absent, but for each k-th its number for all samples. */
static size_t plain_block(uint8_t *p, unsigned columns, unsigned k)
{
	const uint8_t head[] = { 0,   1,
				 2,   (uint8_t)columns, /* not packed, 1, two samples */
				 100, 10,               /* boot: 100, and 5 more */
				 50,  0, /* real: 50 more than that, both */
				 0 /* none is quiet */ };
	size_t n = sizeof(head);

	memcpy(p, head, n);
	for (unsigned i = 0; i < columns; i++) {
		p[n++] = i % k == 0;
		if (i % k == 0)
			p[n++] = (uint8_t)i;
	}
	return n;
}

/* Before there were details there were 39, and one day there are more than these. */
static void blocks_of_an_older_and_of_a_newer_version_are_read(void)
{
	struct block_codec *c = codec();
	struct sample v[BLOCK_MAX_SAMPLES];
	uint8_t p[512];

	for (unsigned columns = 39; columns < 120; columns += 20) {
		size_t n = 0, bytes = plain_block(p, columns, 4);
		struct err err = { 0 };

		CHECK(block_decode(c, span_of((const char *)p, bytes), v, &n, &err) == 0,
		      "%u columns: %s", columns, err.msg);
		CHECK_U64(n, 2);
		CHECK(v[1].boot_usec == 105 && v[1].real_usec == 155, "times");
		for (unsigned i = 0; i < METRICS; i++) {
			bool has = i < columns && i % 4 == 0;

			CHECK((v[1].have >> i & 1) == has && v[1].v[i] == (has ? i : 0),
			      "%u of %u columns: %ju", i, columns, (uintmax_t)v[1].v[i]);
		}
		CHECK(columns > 39 || !(v[0].have & METRIC_DETAIL_BITS), "details");
	}
	block_codec_free(c);
}

static struct sample with_details(uint64_t sec, uint64_t memory, uint64_t slab)
{
	struct sample s = at(sec, sec, memory);

	s.v[METRIC_DETAIL_BOOT_USEC] = s.boot_usec;
	s.v[METRIC_MEMORY_SLAB_BYTES] = slab;
	s.v[METRIC_PGFAULT] = sec;
	return s;
}

/* One of ten has them; of several readings the moment with the most memory counts. */
static void thinning_keeps_the_details_and_their_time(void)
{
	struct sample v[30], r[30];

	for (size_t i = 0; i < 30; i++) {
		v[i] = at(1000 + i, i, 100 + i % 10);
		v[i].have &= ~METRIC_DETAIL_BITS;
	}
	v[3] = with_details(1003, 50, 7);
	v[11] = with_details(1011, 300, 9);
	v[18] = with_details(1018, 200, 8);
	v[18].have &= ~METRIC_BIT(METRIC_MEMORY_SOCK_BYTES);
	CHECK_U64(block_rollup(v, 30, 10, r), 3);
	CHECK(r[0].have == ALL &&
		      r[1].have == (ALL & ~METRIC_BIT(METRIC_MEMORY_SOCK_BYTES)),
	      "%jx, %jx", (uintmax_t)r[0].have, (uintmax_t)r[1].have);
	CHECK_U64(r[0].boot_usec, 1009 * USEC_PER_SEC);
	CHECK_U64(r[0].v[METRIC_DETAIL_BOOT_USEC], 1003 * USEC_PER_SEC);
	CHECK(r[0].v[METRIC_MEMORY_SLAB_BYTES] == 7 && r[0].v[METRIC_PGFAULT] == 1003,
	      "the only one");
	CHECK_U64(r[0].v[METRIC_MEMORY_CURRENT_BYTES], 109);
	CHECK_U64(r[1].v[METRIC_DETAIL_BOOT_USEC], 1018 * USEC_PER_SEC);
	CHECK_U64(r[1].v[METRIC_PGFAULT], 1018);
	CHECK_U64(r[1].v[METRIC_MEMORY_SLAB_BYTES], 9);
	CHECK(r[2].have == (ALL & ~METRIC_DETAIL_BITS), "none: %jx",
	      (uintmax_t)r[2].have);
	CHECK(!r[2].v[METRIC_MEMORY_SLAB_BYTES], "none");
	/* and again, in place */
	CHECK_U64(block_rollup(r, 2, 60, r), 1);
	CHECK_U64(r[0].v[METRIC_MEMORY_SLAB_BYTES], 9);
	CHECK_U64(r[0].v[METRIC_DETAIL_BOOT_USEC], 1018 * USEC_PER_SEC);
}

/* A limit is not the greatest of its time but the last. */
static void thinning_keeps_the_last_limit(void)
{
	struct sample v[3] = { 0 };

	for (size_t i = 0; i < 3; i++) {
		v[i].boot_usec = v[i].real_usec = (100 + i) * USEC_PER_SEC;
		v[i].have = UINT64_C(1) << METRIC_MEMORY_MAX_BYTES;
		v[i].v[METRIC_MEMORY_MAX_BYTES] = i ? 300 - i : METRIC_NO_LIMIT;
	}
	CHECK_U64(block_rollup(v, 3, 10, v), 1);
	CHECK_U64(v[0].v[METRIC_MEMORY_MAX_BYTES], 298);
}

int main(void)
{
	RUN(whatever_goes_in_comes_out);
	RUN(the_largest_numbers_come_back);
	RUN(an_idle_minute_is_small);
	RUN(wrong_sizes_are_refused);
	RUN(damage_is_seen);
	RUN(thinning_keeps_the_last_counter_and_the_greatest_gauge);
	RUN(what_memory_was_made_of_is_of_one_second);
	RUN(a_time_without_samples_stays_one);
	RUN(a_block_of_fewer_columns_is_read);
	RUN(blocks_of_an_older_and_of_a_newer_version_are_read);
	RUN(thinning_keeps_the_details_and_their_time);
	RUN(thinning_keeps_the_last_limit);
	return DONE();
}
