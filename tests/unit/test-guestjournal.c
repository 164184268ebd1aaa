/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestjournal.h"

#include "test.h"

static struct guestjournal_entry entry(const char *message)
{
	return (struct guestjournal_entry){
		.id = 7,
		.real_usec = UINT64_MAX,
		.mono_usec = 12,
		.boot_id = { 1, 2, 3 },
		.priority = 3,
		.pid = 4711,
		.unit = tbytes_str("ssh.service"),
		.identifier = tbytes_str("sshd"),
		.message = tbytes_str(message),
	};
}

static struct buf some(void)
{
	struct guestjournal head = {
		.files = 3, .broken = 1, .unread = 2, .unread_why = GUESTREAD_DENIED
	};
	struct guestjournal_entry a = entry("a\nb"), b = entry("");
	struct buf ret = { 0 };

	b.priority = 8;
	b.cut = true;
	b.unit.n = 0;
	guestjournal_put_head(&ret, &head);
	guestjournal_put(&ret, &a);
	guestjournal_put(&ret, &b);
	CHECK_U64(ret.n,
		  GUESTJOURNAL_HEAD + guestjournal_size(&a) + guestjournal_size(&b));
	return ret;
}

static struct tbytes part(const struct buf *b, size_t n)
{
	return span_tbytes(span_of(buf_str(b), n));
}

static void entries_come_out_as_they_went_in(void)
{
	_cleanup_(guestjournal_done) struct guestjournal j = { 0 };
	_cleanup_(buf_done) struct buf b = some();
	struct err err = { 0 };

	CHECK(guestjournal_parse(part(&b, b.n), &j, &err) == 0, "%s", err.msg);
	CHECK_U64(j.files, 3);
	CHECK_U64(j.broken, 1);
	CHECK_U64(j.unread, 2);
	CHECK_U64(j.unread_why, GUESTREAD_DENIED);
	CHECK_U64(j.n, 2);
	CHECK_U64(j.v[0].id, 7);
	CHECK_U64(j.v[0].real_usec, UINT64_MAX);
	CHECK_U64(j.v[0].mono_usec, 12);
	CHECK_U64(j.v[0].boot_id[2], 3);
	CHECK_U64(j.v[0].priority, 3);
	CHECK_U64(j.v[0].pid, 4711);
	CHECK(j.v[0].message.n == 3 && memcmp(j.v[0].message.p, "a\nb", 3) == 0, "%u",
	      j.v[0].message.n);
	CHECK(j.v[0].unit.n == 11 && j.v[0].identifier.n == 4, "names");
	CHECK(!j.v[0].cut && j.v[1].cut && j.v[1].priority == 8, "flags");
	CHECK(!j.v[1].unit.n && !j.v[1].message.n, "empty");
}

static void cut_anywhere_it_is_refused_or_has_fewer(void)
{
	_cleanup_(buf_done) struct buf b = some();
	size_t whole = 0;

	for (size_t n = 0; n < b.n; n++) {
		struct guestjournal j = { 0 };

		if (guestjournal_parse(part(&b, n), &j, NULL) == 0) {
			CHECK(j.n < 2, "%zu of %zu", n, b.n);
			whole++;
		}
		guestjournal_done(&j);
	}
	CHECK_U64(whole, 2); /* the head alone, and the first entry */
}

static void what_is_out_of_bounds_is_refused(void)
{
	struct guestjournal head = { 0 }, j;
	char text[GUESTJOURNAL_MAX_TEXT + 1];
	struct guestjournal_entry e = entry("x");
	struct buf b = { 0 };

	memset(text, 'a', sizeof(text));
	e.message = (struct tbytes){ (uint8_t *)text, GUESTJOURNAL_MAX_TEXT };
	guestjournal_put_head(&b, &head);
	guestjournal_put(&b, &e);
	CHECK(guestjournal_parse(part(&b, b.n), &j, NULL) == 0, "the longest");
	guestjournal_done(&j);
	b.n = GUESTJOURNAL_HEAD;
	e.message.n++;
	guestjournal_put(&b, &e);
	CHECK(guestjournal_parse(part(&b, b.n), &j, NULL) == -EBADMSG, "longer");
	b.n = GUESTJOURNAL_HEAD;
	e = entry("x");
	e.priority = 9;
	guestjournal_put(&b, &e);
	CHECK(guestjournal_parse(part(&b, b.n), &j, NULL) == -EBADMSG, "priority");
	b.n = GUESTJOURNAL_HEAD;
	e = entry("");
	for (size_t i = 0; i < GUESTREAD_MAX_ENTRIES; i++)
		guestjournal_put(&b, &e);
	CHECK(guestjournal_parse(part(&b, b.n), &j, NULL) == 0, "the most");
	guestjournal_done(&j);
	guestjournal_put(&b, &e);
	CHECK(guestjournal_parse(part(&b, b.n), &j, NULL) == -EBADMSG, "more");
	buf_done(&b);
}

int main(void)
{
	RUN(entries_come_out_as_they_went_in);
	RUN(cut_anywhere_it_is_refused_or_has_fewer);
	RUN(what_is_out_of_bounds_is_refused);
	return DONE();
}
