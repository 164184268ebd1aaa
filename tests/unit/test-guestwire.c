/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestwire.h"
#include "test.h"

static struct guestread_item some_items[] = {
	{ .op = GUESTREAD_FILE,
	  .path = "/var/log/syslog",
	  .max_bytes = 4096,
	  .offset = UINT64_MAX,
	  .cursor = { 1, 2, 3, 4 },
	  .cross = true,
	  .newest = true },
	{ .op = GUESTREAD_LIST, .path = "", .pattern = "*.log", .max_entries = 7 },
	{ .op = GUESTREAD_STATFS, .path = "/\xff\n", .any_type = true },
	{ .op = GUESTREAD_STAT, .path = "x", .nofollow = true },
};

static void put(struct buf *b, struct guestread_item *items, size_t n)
{
	struct guestread_request req = { .v = items, .n = n, .deadline_msec = 1000 };
	struct err err = { 0 };

	CHECK(guestwire_put_request(b, &req, &err) == 0, "%s", err.msg);
}

static void a_request_comes_out_as_it_went_in(void)
{
	struct guestread_request req = { 0 };
	struct err err = { 0 };
	struct buf b = { 0 };

	put(&b, some_items, ARRAY_SIZE(some_items));
	CHECK(guestwire_parse_request(span_of(b.p, b.n), &req, &err) == 0, "%s", err.msg);
	CHECK_U64(req.n, ARRAY_SIZE(some_items));
	CHECK_U64(req.deadline_msec, 1000);
	for (size_t i = 0; i < req.n; i++) {
		const struct guestread_item *want = &some_items[i], *got = &req.v[i];

		CHECK(got->op == want->op, "%d", got->op);
		CHECK_STR(got->path, want->path);
		CHECK(str_eq(got->pattern, want->pattern), "%zu", i);
		CHECK_U64(got->offset, want->offset);
		CHECK_U64(got->max_bytes, want->max_bytes);
		CHECK_U64(got->max_entries, want->max_entries);
		CHECK(memcmp(&got->cursor, &want->cursor, sizeof(got->cursor)) == 0,
		      "cursor %zu", i);
		CHECK(got->cross == want->cross && got->any_type == want->any_type &&
			      got->nofollow == want->nofollow &&
			      got->newest == want->newest,
		      "flags %zu", i);
	}
	free(req.v);
	buf_done(&b);
}

static void a_request_cut_anywhere_is_refused(void)
{
	struct guestread_request req;
	struct buf b = { 0 };

	put(&b, some_items, ARRAY_SIZE(some_items));
	for (size_t n = 0; n < b.n; n++)
		CHECK(guestwire_parse_request(span_of(b.p, n), &req, NULL) == -EBADMSG ||
			      guestwire_parse_request(span_of(b.p, n), &req, NULL) ==
				      -E2BIG,
		      "%zu of %zu bytes", n, b.n);
	buf_addc(&b, 'x');
	CHECK(guestwire_parse_request(span_of(b.p, b.n), &req, NULL) == -EBADMSG,
	      "a byte too many");
	buf_done(&b);
}

static void of_each_bound_the_largest_is_taken_and_one_more_is_not(void)
{
	char path[GUESTREAD_MAX_PATH + 2];
	struct guestread_item it = { .op = GUESTREAD_FILE, .path = path }, *many;
	struct guestread_request req = { .v = &it, .n = 1, .deadline_msec = 1 };
	struct buf b = { 0 };

	memset(path, 'a', sizeof(path));
	path[GUESTREAD_MAX_PATH] = '\0';
	it.max_bytes = (uint32_t)GUESTREAD_MAX_BYTES;
	it.max_entries = GUESTREAD_MAX_ENTRIES;
	CHECK(guestwire_put_request(&b, &req, NULL) == 0, "all of the largest");
	it.max_bytes++;
	CHECK(guestwire_put_request(&b, &req, NULL) == -E2BIG, "max_bytes");
	it.max_bytes = 0;
	it.max_entries++;
	CHECK(guestwire_put_request(&b, &req, NULL) == -E2BIG, "max_entries");
	it.max_entries = 0;
	path[GUESTREAD_MAX_PATH] = 'a';
	path[GUESTREAD_MAX_PATH + 1] = '\0';
	CHECK(guestwire_put_request(&b, &req, NULL) == -ENAMETOOLONG, "path");
	path[1] = '\0';
	it.op = GUESTREAD_N_OPS;
	CHECK(guestwire_put_request(&b, &req, NULL) == -EINVAL, "op");
	it.op = GUESTREAD_NOTHING;
	CHECK(guestwire_put_request(&b, &req, NULL) == -EINVAL, "no op");
	it.op = GUESTREAD_STAT;
	req.deadline_msec = 0;
	CHECK(guestwire_put_request(&b, &req, NULL) == -EINVAL, "no deadline");
	req.deadline_msec = GUESTREAD_MAX_MSEC + 1;
	CHECK(guestwire_put_request(&b, &req, NULL) == -EINVAL, "deadline");
	req.deadline_msec = GUESTREAD_MAX_MSEC;
	req.n = 0;
	CHECK(guestwire_put_request(&b, &req, NULL) == -E2BIG, "no item");
	many = xcalloc(GUESTREAD_MAX_ITEMS + 1, sizeof(*many));
	for (size_t i = 0; i <= GUESTREAD_MAX_ITEMS; i++)
		many[i] = it;
	req.v = many;
	req.n = GUESTREAD_MAX_ITEMS + 1;
	CHECK(guestwire_put_request(&b, &req, NULL) == -E2BIG, "items");
	req.n--;
	CHECK(guestwire_put_request(&b, &req, NULL) == 0,
	      "as many items as there may be");
	free(many);
	buf_done(&b);
}

/* Two answers, with data and with entries, and what stands around them. */
static void put_answers(struct buf *b)
{
	struct guestread_entry entries[] = {
		{ .name = tbytes_str("a\xff"), .st = { .ino = 5 } },
		{ .name = tbytes_str("") },
	};
	struct guestread_answer file = { .data = tbytes_str("some text"),
					 .start_offset = 7,
					 .skipped_bytes = 8,
					 .next = { 1, 2, 16, 4 },
					 .reset = true,
					 .truncated = true,
					 .st = { .ino = 9, .mode = 0100644 } };
	struct guestread_answer list = { .entries = entries, .n_entries = 2 };
	struct guestread_answer bad = { .why = GUESTREAD_LOOP, .error = ELOOP };

	guestwire_put_waits(b);
	guestwire_put_answer(b, 0, &file);
	guestwire_put_answer(b, 1, &list);
	guestwire_put_answer(b, 2, &bad);
	guestwire_put_end(b);
}

static int take(const struct buf *b, size_t n, size_t items,
		struct guestread_answers *ret)
{
	char *copy = xmalloc(n + 1);

	memcpy(copy, b->p, n);
	return guestwire_take_answers(copy, n, items, ret, NULL);
}

static void answers_come_out_as_they_went_in(void)
{
	struct guestread_answers a = { 0 };
	struct buf b = { 0 };

	put_answers(&b);
	CHECK(take(&b, b.n, 3, &a) == 0, "refused");
	CHECK(a.complete && a.waited, "complete %d waited %d", a.complete, a.waited);
	CHECK(a.v[0].data.n == 9 && memcmp(a.v[0].data.p, "some text", 9) == 0, "data");
	CHECK_U64(a.v[0].start_offset, 7);
	CHECK_U64(a.v[0].skipped_bytes, 8);
	CHECK_U64(a.v[0].next.offset, 16);
	CHECK(a.v[0].reset && a.v[0].truncated, "flags");
	CHECK_U64(a.v[0].st.mode, 0100644);
	CHECK_U64(a.v[1].n_entries, 2);
	CHECK(a.v[1].entries[0].name.n == 2 && a.v[1].entries[0].name.p[1] == 0xff,
	      "name");
	CHECK(a.v[2].why == GUESTREAD_LOOP && a.v[2].error == ELOOP, "why");
	guestread_answers_done(&a);
	buf_done(&b);
}

static void answers_that_break_off_are_taken_as_far_as_they_came(void)
{
	struct buf b = { 0 };

	put_answers(&b);
	for (size_t n = 0; n < b.n; n++) {
		struct guestread_answers a = { 0 };

		CHECK(take(&b, n, 3, &a) == 0, "%zu bytes", n);
		CHECK(!a.complete && a.v[2].why != GUESTREAD_OK, "%zu bytes", n);
		if (a.v[1].why == GUESTREAD_OK)
			CHECK(a.v[0].why == GUESTREAD_OK && a.v[1].n_entries == 2,
			      "%zu bytes", n);
		guestread_answers_done(&a);
	}
	buf_done(&b);
}

static void answers_that_nobody_asked_for_are_refused(void)
{
	struct guestread_answer a = { 0 };
	struct guestread_answers got;
	struct buf b = { 0 };

	put_answers(&b);
	CHECK(take(&b, b.n, 2, &got) == -EBADMSG, "one more than asked");
	CHECK(take(&b, b.n, 4, &got) == -EBADMSG, "an end before all is answered");
	b.n = 0;
	guestwire_put_answer(&b, 1, &a);
	CHECK(take(&b, b.n, 2, &got) == -EBADMSG, "out of order");
	b.n = 0;
	guestwire_put_answer(&b, 0, &a);
	guestwire_put_answer(&b, 0, &a);
	CHECK(take(&b, b.n, 2, &got) == -EBADMSG, "twice");
	b.n = 0;
	a.why = GUESTREAD_NO_ANSWER;
	guestwire_put_answer(&b, 0, &a);
	CHECK(take(&b, b.n, 1, &got) == -EBADMSG, "no answer as an answer");
	b.n = 0;
	guestwire_put_end(&b);
	guestwire_put_end(&b);
	CHECK(take(&b, b.n, 1, &got) == -EBADMSG, "two ends");
	buf_done(&b);
}

/* How far a reader came that was ended before it had answered. */
static void marks_say_how_far_it_came(void)
{
	static const struct {
		bool waited, blocked, opened;
		int failed;
	} want[] = {
		{ true, true, false, 0 },
		{ true, false, false, 0 },
		{ true, false, true, 0 },
		{ true, false, true, EPERM },
	};
	struct buf b = { 0 };
	uint32_t kind = 6;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct guestread_answers a = { 0 };

		if (i == 0)
			guestwire_put_waits(&b);
		else if (i == 1)
			guestwire_put_goes_on(&b);
		else if (i == 2)
			guestwire_put_opened(&b);
		else
			guestwire_put_failed(&b, EPERM);
		CHECK(take(&b, b.n, 1, &a) == 0, "%zu", i);
		CHECK(a.waited == want[i].waited && a.blocked == want[i].blocked, "%zu",
		      i);
		CHECK(a.opened == want[i].opened && a.failed == want[i].failed, "%zu", i);
		CHECK(guestwire_is_opened(span_of(b.p, b.n)) == a.opened, "%zu", i);
		CHECK(!guestwire_is_opened(span_of(b.p, b.n / (i + 1) - 1)), "%zu", i);
		CHECK(!a.complete && a.v[0].why == GUESTREAD_NO_ANSWER, "%zu", i);
		guestread_answers_done(&a);
	}
	/* one of a kind that there is not */
	memcpy(b.p + sizeof(uint32_t), &kind, sizeof(kind));
	CHECK(take(&b, b.n, 1, &(struct guestread_answers){ 0 }) == -EBADMSG, "taken");
	buf_done(&b);
}

static void the_mark_is_of_the_last_64_bytes(void)
{
	char a[100], b[64];

	memset(a, 'x', 36);
	memset(a + 36, 'y', 64);
	memset(b, 'y', 64);
	CHECK_U64(guestwire_mark(a, 100), guestwire_mark(b, 64));
	CHECK(guestwire_mark(a, 99) != guestwire_mark(b, 64), "the same");
	CHECK(guestwire_mark(b, 63) != guestwire_mark(b, 64), "the same");
	CHECK_U64(guestwire_mark(NULL, 0), UINT64_C(0xcbf29ce484222325));
}

static void patterns_fit_as_in_a_shell(void)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "*.log", "a.log", true },
		{ "*.log", "a.log.1", false },
		{ "*.log*", "a.log.1", true },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "[ab]c", "bc", true },
		{ "[a-c]x", "bx", true },
		{ "[a-c]x", "dx", false },
		{ "[!a]x", "bx", true },
		{ "[!a]x", "ax", false },
		{ "[]]x", "]x", true },
		{ "[a", "[a", true },
		{ "[a-]", "-", true },
		{ "**a*b**", "xxaxxbxx", true },
		{ "*a*b", "aaaa", false },
		{ "?", "\xff", true },
		{ "syslog*", "syslog", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK(guestwire_match(cases[i].pattern, span_str(cases[i].name)) ==
			      cases[i].fits,
		      "%s on %s", cases[i].pattern, cases[i].name);
}

static void a_pattern_that_doubles_back_ends(void)
{
	char name[255];

	memset(name, 'a', sizeof(name));
	CHECK(!guestwire_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
			       span_of(name, sizeof(name))),
	      "fits");
}

static void every_reason_has_its_words(void)
{
	for (int i = 0; i < GUESTREAD_N_WHYS; i++)
		CHECK(guestread_why_text((enum guestread_why)i) &&
			      !str_eq(guestread_why_text((enum guestread_why)i),
				      "unknown"),
		      "%d", i);
	CHECK_STR(guestread_why_text((enum guestread_why)99), "unknown");
}

int main(void)
{
	RUN(a_request_comes_out_as_it_went_in);
	RUN(a_request_cut_anywhere_is_refused);
	RUN(of_each_bound_the_largest_is_taken_and_one_more_is_not);
	RUN(answers_come_out_as_they_went_in);
	RUN(answers_that_break_off_are_taken_as_far_as_they_came);
	RUN(answers_that_nobody_asked_for_are_refused);
	RUN(marks_say_how_far_it_came);
	RUN(the_mark_is_of_the_last_64_bytes);
	RUN(patterns_fit_as_in_a_shell);
	RUN(a_pattern_that_doubles_back_ends);
	RUN(every_reason_has_its_words);
	return DONE();
}
