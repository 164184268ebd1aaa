/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/mountentry.h"

#include "test.h"

static bool parse(const char *value, struct mountentry *ret)
{
	return mountentry_parse(101, span_str(value), ret);
}

static void a_line_has_four_fields_and_blanks_in_them(void)
{
	static const char *const none[] = { "", " ", "a", "a b", "a b none" };
	_cleanup_(mountentry_done) struct mountentry e = { 0 };

	CHECK(parse("/srv/a\\040b\\011 \t x\\134y none bind,create=dir 0 0", &e), "none");
	CHECK_STR(e.what, "/srv/a b\t");
	CHECK_STR(e.where, "x\\y");
	CHECK_STR(e.type, "none");
	CHECK_STR(e.options, "bind,create=dir");
	CHECK_STR(e.path, "/x\\y");
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct mountentry no = { 0 };

		CHECK(!parse(none[i], &no) && !no.what, "%zu", i);
	}
}

/* What is no number of a byte stays as it is, and no text ends in the middle. */
static void an_escape_is_three_octal_digits(void)
{
	_cleanup_(mountentry_done) struct mountentry e = { 0 };

	CHECK(parse("\\000a\\400\\08\\ b\\04 none bind\\054ro", &e), "none");
	CHECK_STR(e.what, "\\000a\\400\\08\\");
	CHECK_STR(e.where, "b\\04");
	CHECK_STR(e.options, "bind,ro");
}

static void options_are_whole_words(void)
{
	static const struct {
		const char *options;
		bool bind, ro, optional;
	} want[] = {
		{ "bind", true, false, false },
		{ "rbind,ro", true, true, false },
		{ "ro,optional,bind", true, true, true },
		{ "binds,robust,optionally", false, false, false },
		{ ",,", false, false, false },
		{ "x-bind,create=dir", false, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(mountentry_done) struct mountentry e = { 0 };
		_cleanup_free_ char *line = xasprintf("/a b none %s", want[i].options);

		CHECK(parse(line, &e), "%s", line);
		CHECK(e.bind == want[i].bind && e.ro == want[i].ro &&
			      e.optional == want[i].optional,
		      "%s: %d %d %d", line, e.bind, e.ro, e.optional);
	}
}

static void only_a_bind_of_dev_is_a_device(void)
{
	static const struct {
		const char *line;
		bool device;
	} want[] = {
		{ "/dev/dri dev/dri none bind", true },
		{ "/dev/sdb1 mnt ext4 rw", false },
		{ "/dev dev2 none bind", false },
		{ "/device x none bind", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(mountentry_done) struct mountentry e = { 0 };

		CHECK(parse(want[i].line, &e) && e.device == want[i].device, "%s",
		      want[i].line);
	}
}

static void a_place_is_below_the_root_or_nowhere(void)
{
	static const struct {
		const char *where, *path;
	} want[] = {
		{ "srv//x/", "/srv/x" },
		{ ".", "/." },
		{ "/var/lib/lxc/101/rootfs/srv", "/srv" },
		{ "/var/lib/lxc/102/rootfs/srv", NULL },
		{ "/usr/lib/x86_64-linux-gnu/lxc/rootfs/srv", "/srv" },
		{ "/srv", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(mountentry_done) struct mountentry e = { 0 };
		_cleanup_free_ char *line = xasprintf("/a %s none bind", want[i].where);

		CHECK(parse(line, &e), "%s", line);
		CHECK(want[i].path ? str_eq(e.path, want[i].path) : !e.path, "%s: %s",
		      line, e.path ? e.path : "nowhere");
	}
}

int main(void)
{
	RUN(a_line_has_four_fields_and_blanks_in_them);
	RUN(an_escape_is_three_octal_digits);
	RUN(options_are_whole_words);
	RUN(only_a_bind_of_dev_is_a_device);
	RUN(a_place_is_below_the_root_or_nowhere);
	return DONE();
}
