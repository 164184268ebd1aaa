/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/diskwire.h"
#include "test.h"

static void fill(struct disk_ask *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (struct disk_ask){ 100 + (uint32_t)i, 1000 + (pid_t)i, 7 * i };
}

static int parse(const struct buf *b, size_t n, size_t *ret_n)
{
	struct disk_ask got[DISK_MAX_ASKED];

	return diskwire_parse_request(span_of(b->p, n), got, ret_n, NULL);
}

static void a_request_comes_out_as_it_went_in(void)
{
	struct disk_ask v[DISK_MAX_ASKED], got[DISK_MAX_ASKED];
	struct buf b = { 0 };
	size_t n = 0;

	fill(v, DISK_MAX_ASKED);
	v[0].start_ticks = UINT64_MAX;
	v[1].vmid = 999999999;
	v[1].init_pid = 4194304;
	CHECK(diskwire_put_request(&b, v, DISK_MAX_ASKED, NULL) == 0, "put");
	CHECK_U64(b.n, DISKWIRE_MAX_REQUEST);
	CHECK(diskwire_parse_request(span_of(b.p, b.n), got, &n, NULL) == 0, "parse");
	CHECK_U64(n, DISK_MAX_ASKED);
	for (size_t i = 0; i < n; i++)
		CHECK(got[i].vmid == v[i].vmid && got[i].init_pid == v[i].init_pid &&
			      got[i].start_ticks == v[i].start_ticks,
		      "%zu", i);
	buf_done(&b);
}

static void a_request_cut_or_prolonged_anywhere_is_refused(void)
{
	struct disk_ask v[3];
	struct buf b = { 0 };
	size_t got = 0;

	fill(v, 3);
	(void)diskwire_put_request(&b, v, 3, NULL);
	for (size_t n = 0; n < b.n; n++)
		CHECK(parse(&b, n, &got) == -EBADMSG, "%zu of %zu bytes", n, b.n);
	buf_addc(&b, 'x');
	CHECK(parse(&b, b.n, &got) == -EBADMSG, "a byte too many");
	CHECK_U64(got, 0);
	buf_done(&b);
}

static void of_another_kind_or_version_it_is_refused(void)
{
	struct disk_ask v[1];
	struct buf b = { 0 };
	size_t got = 0;

	fill(v, 1);
	(void)diskwire_put_request(&b, v, 1, NULL);
	for (size_t at = 0; at < 24; at++) {
		b.p[at] = (char)(b.p[at] ^ 1);
		CHECK(parse(&b, b.n, &got) < 0, "byte %zu of the head changed", at);
		b.p[at] = (char)(b.p[at] ^ 1);
	}
	CHECK(parse(&b, b.n, &got) == 0, "as it was");
	b.n = 0;
	buf_adds(&b, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
	CHECK(parse(&b, b.n, &got) == -EBADMSG, "garbage");
	buf_done(&b);
}

static void more_than_64_are_refused_on_both_sides(void)
{
	struct disk_ask v[DISK_MAX_ASKED + 1];
	uint32_t head[6] = { 0x44435443, 1, 24 + 65 * 16, 65, 0, 0 };
	struct buf b = { 0 };
	size_t got = 0;

	fill(v, ARRAY_SIZE(v));
	CHECK(diskwire_put_request(&b, v, ARRAY_SIZE(v), NULL) == -E2BIG, "put");
	CHECK(diskwire_put_request(&b, v, 0, NULL) == -EINVAL, "put none");
	CHECK_U64(b.n, 0);
	buf_add(&b, head, sizeof(head));
	for (uint32_t i = 0; i < 65; i++) {
		uint32_t one[4] = { 100 + i, 1000 + i, i, 0 };

		buf_add(&b, one, sizeof(one));
	}
	CHECK(parse(&b, b.n, &got) == -E2BIG, "65");
	head[3] = UINT32_MAX;
	memcpy(b.p, head, sizeof(head));
	CHECK(parse(&b, b.n, &got) == -E2BIG, "the largest number");
	head[2] = 24;
	head[3] = 0;
	memcpy(b.p, head, sizeof(head));
	CHECK(parse(&b, 24, &got) == -EINVAL, "none");
	buf_done(&b);
}

static void what_can_be_no_container_is_refused(void)
{
	static const struct {
		uint32_t vmid;
		uint32_t pid;
	} bad[] = { { 99, 1000 },      { 0, 1000 },         { 1000000000, 1000 },
		    { UINT32_MAX, 7 }, { 101, 0 },          { 101, 1 },
		    { 101, 4194305 },  { 101, UINT32_MAX }, { 100, 1000 } };
	struct disk_ask v[2];
	struct buf b = { 0 };
	size_t got = 0;

	fill(v, 2);
	(void)diskwire_put_request(&b, v, 2, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(b.p + 24 + 16, &bad[i].vmid, 4);
		memcpy(b.p + 24 + 20, &bad[i].pid, 4);
		CHECK(parse(&b, b.n, &got) == -EINVAL,
		      "%u with init %u (the last: twice)", bad[i].vmid, bad[i].pid);
	}
	buf_done(&b);
}

static void an_answer_comes_out_as_it_went_in(void)
{
	const struct disk_use v[] = {
		{ 101, DISK_OK, 1000, 400, 500, 64, 3 },
		{ .vmid = 102, .why = DISK_STUCK },
		{ 103, DISK_OK, 1, 0, 0, 0, 0 },
	};
	struct disk_use got[DISK_MAX_ASKED];
	struct buf b = { 0 };
	size_t n = 0;
	int error = -1;

	diskwire_put_answer(&b, v, ARRAY_SIZE(v), 0);
	CHECK(diskwire_parse_answer(span_of(b.p, b.n), got, &n, &error, NULL) == 0,
	      "parse");
	CHECK_U64(n, ARRAY_SIZE(v));
	CHECK(error == 0, "%d", error);
	for (size_t i = 0; i < n; i++)
		CHECK(memcmp(&got[i], &v[i], sizeof(v[i])) == 0, "%zu", i);
	for (size_t k = 0; k < b.n; k++)
		CHECK(diskwire_parse_answer(span_of(b.p, k), got, &n, &error, NULL) ==
			      -EBADMSG,
		      "%zu bytes", k);
	b.n = 0;
	diskwire_put_answer(&b, NULL, 0, E2BIG);
	CHECK(diskwire_parse_answer(span_of(b.p, b.n), got, &n, &error, NULL) == 0 &&
		      n == 0 && error == E2BIG,
	      "%zu, error %d", n, error);
	buf_done(&b);
}

static void an_answer_that_cannot_be_is_none(void)
{
	static const struct disk_use bad[] = {
		{ 101, DISK_OK, 0, 0, 0, 0, 0 },       { 101, DISK_OK, 10, 11, 0, 0, 0 },
		{ 101, DISK_OK, 10, 0, 11, 0, 0 },     { 101, DISK_OK, 10, 0, 0, 5, 6 },
		{ 101, DISK_LATE, 10, 5, 5, 100, 50 },
	};
	struct disk_use got[DISK_MAX_ASKED];
	struct buf b = { 0 };
	size_t n = 0;
	int error = 0;

	diskwire_put_answer(&b, bad, ARRAY_SIZE(bad), 0);
	CHECK(diskwire_parse_answer(span_of(b.p, b.n), got, &n, &error, NULL) == 0,
	      "parse");
	for (size_t i = 0; i < n; i++)
		CHECK(got[i].why != DISK_OK && !got[i].size_bytes && !got[i].used_bytes &&
			      !got[i].inodes,
		      "%zu: %d", i, got[i].why);
	buf_done(&b);
}

/* ---- what was recorded ---- */

#define SEC UINT64_C(1000000)

static struct disk_row row(uint64_t life, uint64_t sec, uint64_t used)
{
	return (struct disk_row){ .vmid = 101,
				  .life = life,
				  .real_usec = sec * SEC,
				  .known = used != 0,
				  .use = { .used_bytes = used, .size_bytes = 100 } };
}

static uint64_t used_at(const struct disk_rows *r, uint64_t life, uint64_t sec)
{
	const struct disk_row *row = disk_rows_at(r, life, sec * SEC);

	return row ? row->use.used_bytes : 0;
}

static void a_row_holds_until_the_next_one_and_not_for_ever(void)
{
	struct disk_row v[] = { row(1, 1000, 5), row(1, 2000, 6), row(1, 3000, 0),
				row(1, 4000, 7), row(2, 5000, 8) };
	const struct disk_rows r = { v, ARRAY_SIZE(v) };

	CHECK_U64(used_at(&r, 1, 999), 0);
	CHECK_U64(used_at(&r, 1, 1000), 5);
	CHECK_U64(used_at(&r, 1, 1999), 5);
	CHECK_U64(used_at(&r, 1, 2000), 6);
	CHECK_U64(used_at(&r, 1, 3000), 0); /* not known from there on */
	CHECK_U64(used_at(&r, 1, 4999), 7);
	CHECK_U64(used_at(&r, 1, 5000), 0); /* another life */
	CHECK_U64(used_at(&r, 2, 4999), 0);
	CHECK_U64(used_at(&r, 2, 5000), 8);
	CHECK_U64(used_at(&r, 0, 5000), 8);
	CHECK_U64(used_at(&r, 2, 5000 + 3720), 8);
	CHECK_U64(used_at(&r, 2, 5000 + 3721), 0); /* nobody looked */
	CHECK(!disk_rows_at(&(struct disk_rows){ 0 }, 0, 1), "no rows");
}

static bool changed(struct disk_use was, struct disk_use is)
{
	return disk_use_changed(&was, &is);
}

static void a_change_is_a_thousandth_or_16_mib(void)
{
	const uint64_t gib = UINT64_C(1) << 30, mib = UINT64_C(1) << 20;
	const struct disk_use small = { .size_bytes = 1000000,
					.used_bytes = 500000,
					.avail_bytes = 400000,
					.inodes = 5000,
					.inodes_used = 2000 };
	const struct disk_use large = { .size_bytes = 1000 * gib,
					.used_bytes = 500 * gib,
					.avail_bytes = 400 * gib };
	struct disk_use u = small;

	CHECK(!changed(small, small) && !changed(large, large), "nothing");
	u.used_bytes += 999;
	CHECK(!changed(small, u) && !changed(u, small), "less than a thousandth");
	u.used_bytes += 1;
	CHECK(changed(small, u) && changed(u, small), "a thousandth, up and down");
	u = small;
	u.avail_bytes -= 1000;
	CHECK(changed(small, u), "of what is available");
	u = small;
	u.inodes_used += 4;
	CHECK(!changed(small, u), "four inodes of 5000");
	u.inodes_used += 1;
	CHECK(changed(small, u), "five");
	u = small;
	u.size_bytes += 999;
	u.inodes += 4;
	CHECK(!changed(small, u), "what is left in a pool");
	u.size_bytes += 2;
	CHECK(changed(small, u), "resized");
	u = small;
	u.inodes += 6;
	CHECK(changed(small, u), "more inodes");
	u = large;
	u.used_bytes += 16 * mib - 1;
	CHECK(!changed(large, u), "almost 16 MiB");
	u.used_bytes += 1;
	CHECK(changed(large, u), "16 MiB of much");
}

int main(void)
{
	RUN(a_request_comes_out_as_it_went_in);
	RUN(a_request_cut_or_prolonged_anywhere_is_refused);
	RUN(of_another_kind_or_version_it_is_refused);
	RUN(more_than_64_are_refused_on_both_sides);
	RUN(what_can_be_no_container_is_refused);
	RUN(an_answer_comes_out_as_it_went_in);
	RUN(an_answer_that_cannot_be_is_none);
	RUN(a_change_is_a_thousandth_or_16_mib);
	RUN(a_row_holds_until_the_next_one_and_not_for_ever);
	return DONE();
}
