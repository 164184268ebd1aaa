/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/varint.h"

#include "base/macros.h"
#include "test.h"

static struct varint_in in_of(const uint8_t *p, size_t n)
{
	return (struct varint_in){ .p = p, .end = p + n };
}

static void a_number_comes_back_in_as_many_bytes_as_are_said(void)
{
	for (unsigned bit = 0; bit <= 64; bit++) {
		uint64_t v = bit < 64 ? UINT64_C(1) << bit : UINT64_MAX;

		for (unsigned less = 0; less < 2; less++, v--) {
			uint8_t b[VARINT_MAX];
			size_t n = (size_t)(varint_put(b, v) - b);
			struct varint_in in = in_of(b, n);

			CHECK_U64(n, varint_size(v));
			CHECK_U64(varint_take(&in), v);
			CHECK(!in.bad && in.p == in.end, "%ju", (uintmax_t)v);
		}
	}
}

static void nothing_left_is_bad_and_nothing_is_read(void)
{
	static const uint8_t behind[] = { 5 };
	struct varint_in in = in_of(behind, 0), none = { 0 };

	CHECK_U64(varint_take(&in), 0);
	CHECK(in.bad && in.p == behind, "bad %d", in.bad);
	in.bad = false;
	CHECK_U64(varint_take_byte(&in), 0);
	CHECK(in.bad && in.p == behind, "bad %d", in.bad);
	CHECK_U64(varint_take(&none), 0);
	CHECK(none.bad, "taken");
}

static void what_is_cut_off_anywhere_is_bad(void)
{
	uint8_t b[VARINT_MAX + 1];
	size_t n = (size_t)(varint_put(b, UINT64_MAX) - b);

	CHECK_U64(n, VARINT_MAX);
	b[n] = 7;
	for (size_t cut = 0; cut < n; cut++) {
		struct varint_in in = in_of(b, cut);

		CHECK_U64(varint_take(&in), 0);
		CHECK(in.bad && in.p == in.end, "cut to %zu bytes", cut);
	}
}

static void the_longest_is_taken_and_not_one_bit_or_byte_more(void)
{
	uint8_t b[VARINT_MAX + 2];
	struct varint_in in = in_of(b, sizeof(b));

	memset(b, 0xff, sizeof(b));
	b[VARINT_MAX - 1] = 0x01;
	CHECK_U64(varint_take(&in), UINT64_MAX);
	CHECK(!in.bad && in.p == b + VARINT_MAX, "at %zu", (size_t)(in.p - b));

	b[VARINT_MAX - 1] = 0x02; /* 65 bits */
	in = in_of(b, sizeof(b));
	CHECK_U64(varint_take(&in), 0);
	CHECK(in.bad, "taken");

	memset(b, 0x80, sizeof(b)); /* a zero, but eleven bytes of it */
	b[VARINT_MAX] = 0;
	in = in_of(b, sizeof(b));
	CHECK_U64(varint_take(&in), 0);
	CHECK(in.bad && in.p <= b + VARINT_MAX, "at %zu", (size_t)(in.p - b));
}

static void bad_stays_and_what_follows_is_within_bounds(void)
{
	static const uint8_t b[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
				     0x80, 0x80, 0x80, 0x02, 9,    0x80 };
	struct varint_in in = in_of(b, sizeof(b));

	for (size_t i = 0; i < sizeof(b); i++) {
		varint_take(&in);
		CHECK(in.bad && in.p <= in.end, "after %zu", i);
	}
	varint_take_byte(&in);
	CHECK(in.bad && in.p == in.end, "a byte behind the end");
}

static void bytes_and_numbers_may_take_turns(void)
{
	static const uint8_t b[] = { 0xff, 0xac, 0x02, 0x00 };
	struct varint_in in = in_of(b, sizeof(b));

	CHECK_U64(varint_take_byte(&in), 0xff);
	CHECK_U64(varint_take(&in), 300);
	CHECK_U64(varint_take_byte(&in), 0);
	CHECK(!in.bad && in.p == in.end, "at %zu", (size_t)(in.p - b));
}

static void differences_near_zero_are_small_and_come_back(void)
{
	static const uint64_t d[] = { 0,         UINT64_MAX,         1, UINT64_MAX - 1, 2,
				      INT64_MAX, (uint64_t)INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(d); i++)
		CHECK_U64(unzigzag(zigzag(d[i])), d[i]);
	for (size_t i = 0; i < 5; i++)
		CHECK_U64(zigzag(d[i]), i);
}

int main(void)
{
	RUN(a_number_comes_back_in_as_many_bytes_as_are_said);
	RUN(nothing_left_is_bad_and_nothing_is_read);
	RUN(what_is_cut_off_anywhere_is_bad);
	RUN(the_longest_is_taken_and_not_one_bit_or_byte_more);
	RUN(bad_stays_and_what_follows_is_within_bounds);
	RUN(bytes_and_numbers_may_take_turns);
	RUN(differences_near_zero_are_small_and_come_back);
	return DONE();
}
