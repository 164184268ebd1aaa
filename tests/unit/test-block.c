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
		v[i].have = ALL;
		v[i].quiet = i % 10 != 0;
		v[i].boot_usec = 1234567890 + i * USEC_PER_SEC;
		v[i].real_usec = v[i].boot_usec + 1234567890123;
		for (size_t m = 0; m < METRICS; m++)
			v[i].v[m] = 123456789 * m;
	}
	bytes = round_trip(c, v, ARRAY_SIZE(v));
	CHECK(bytes < 256, "%zu bytes", bytes);
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
	return DONE();
}
