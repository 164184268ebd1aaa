/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"
#include "read/conffile.h"
#include "store/db.h"
#include "tmproot.h"

#ifdef HAVE_INIH
static void parse(const char *text, struct settings *s, struct strv *w)
{
	struct err err = { 0 };

	strv_done(w);
	CHECK(conffile_parse(span_str(text), "f", s, w, &err) == 0, "%s", err.msg);
}

static void a_key_is_set_and_the_others_keep_their_default(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	struct settings s;

	parse("[warn]\npids_percent = 33\n  swap_percent=50 %\noom_kills: 1000000", &s,
	      &w);
	CHECK(w.n == 0, "%s", w.n ? w.v[0] : "");
	CHECK_U64(s.warn.pids_percent.n, 33);
	CHECK_U64(s.warn.swap_percent.n, 50);
	CHECK_U64(s.warn.oom_kills.n, 1000000);
	CHECK_U64(s.warn.disk_percent.n, 90);
}

static void off_switches_off(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	struct settings s;

	parse("[warn]\ndisk_percent = OFF ; why not\n", &s, &w);
	CHECK(w.n == 0, "%s", w.n ? w.v[0] : "");
	CHECK(s.warn.disk_percent.kind == VAL_ABSENT, "%d", s.warn.disk_percent.kind);
}

static void a_bad_value_names_its_line_and_leaves_the_default(void)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "\n# x\n[warn]\n\ndisk_percent = 101\n",
		  "f:5: disk_percent: expected a number from 1 to 100 or \"off\", not \"101\"" },
		{ "[warn]\ndisk_percent = 0\n",
		  "f:2: disk_percent: expected a number from 1 to 100 or \"off\", not \"0\"" },
		{ "[warn]\ndisk_percent =\n",
		  "f:2: disk_percent: expected a number from 1 to 100 or \"off\", not \"\"" },
		{ "[warn]\ndisk_percent = 18446744073709551616\n",
		  "f:2: disk_percent: expected a number from 1 to 100 or \"off\", not \"18446744073709551616\"" },
		{ "[warn]\noom_kills = 5%\n",
		  "f:2: oom_kills: expected a number from 1 to 1000000 or \"off\", not \"5%\"" },
		{ "[warn]\ndisk_percent\n",
		  "f:2: expected \"KEY = VALUE\" or \"[SECTION]\"" },
		{ "[warn\n", "f:1: expected \"KEY = VALUE\" or \"[SECTION]\"" },
		{ "[warn]\ndisk = 1\n",
		  "f:2: there is no key \"disk\" in section [warn]" },
		{ "disk_percent = 1\n",
		  "f:1: there is no key \"disk_percent\" in section []" },
		{ "[warn]\noom_kills=2\n\noom_kills=3\n",
		  "f:4: oom_kills is set in line 2 already, this one counts" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strv_done) struct strv w = { 0 };
		struct settings s;

		parse(cases[i].text, &s, &w);
		CHECK(w.n == 1, "%zu: %zu", i, w.n);
		if (w.n)
			CHECK_STR(w.v[0], cases[i].said);
		CHECK_U64(s.warn.disk_percent.n, 90);
	}
}

static void sizes_times_and_switches_have_their_forms(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	struct settings s;

	parse("[store]\nmax_size = 512 M\nkeep_1s=2h\nkeep_10s = 3600\nkeep_60s = 1w\n"
	      "keep_events = off\n[collect]\nnetwork = No\nrecorder = YES\n[incidents]\n"
	      "frozen = 2m\nio_full_percent = off\n",
	      &s, &w);
	CHECK(w.n == 0, "%s", w.n ? w.v[0] : "");
	CHECK_U64(s.store.max_bytes.n, (uint64_t)512 << 20);
	CHECK_U64(s.store.keep_1s_sec.n, 7200);
	CHECK_U64(s.store.keep_10s_sec.n, 3600);
	CHECK_U64(s.store.keep_60s_sec.n, 604800);
	CHECK(s.store.keep_events_sec.kind == VAL_ABSENT, "events");
	CHECK(s.collect.network.kind == VAL_ABSENT, "network");
	CHECK(s.collect.recorder.kind == VAL_SET, "recorder");
	CHECK_U64(s.incidents.frozen_sec.n, 120);
	CHECK(s.incidents.io_full_percent.kind == VAL_ABSENT, "io");
	CHECK_U64(s.incidents.memory_some_percent.n, 25);
	parse("[store]\nmax_size = 16T\n", &s, &w);
	CHECK_U64(s.store.max_bytes.n, (uint64_t)16 << 40);
}

static void bad_sizes_times_and_switches_say_what_was_expected(void)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "[store]\nmax_size = 1\n",
		  "f:2: max_size: expected a size (K, M, G, T) from 64M to 16T or \"off\", "
		  "not \"1\"" },
		{ "[store]\nmax_size = 17T\n",
		  "f:2: max_size: expected a size (K, M, G, T) from 64M to 16T or \"off\", "
		  "not \"17T\"" },
		{ "[store]\nmax_size = 99999999999999999T\n",
		  "f:2: max_size: expected a size (K, M, G, T) from 64M to 16T or \"off\", "
		  "not \"99999999999999999T\"" },
		{ "[store]\nkeep_1s = off\n",
		  "f:2: keep_1s: expected a time (s, m, h, d, w) from 1h to 90d, not \"off\"" },
		{ "[store]\nkeep_1s = 1.5d\n",
		  "f:2: keep_1s: expected a time (s, m, h, d, w) from 1h to 90d, not \"1.5d\"" },
		{ "[store]\nkeep_1s = d\n",
		  "f:2: keep_1s: expected a time (s, m, h, d, w) from 1h to 90d, not \"d\"" },
		{ "[collect]\nnetwork = maybe\n",
		  "f:2: network: expected \"on\" or \"off\", not \"maybe\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strv_done) struct strv w = { 0 };
		struct settings s, d;

		parse(cases[i].text, &s, &w);
		CHECK(w.n == 1, "%zu: %zu", i, w.n);
		if (w.n)
			CHECK_STR(w.v[0], cases[i].said);
		conffile_defaults(&d);
		CHECK(memcmp(&s, &d, sizeof(s)) == 0, "%zu: the defaults", i);
	}
}

/* What the store takes when nobody says otherwise. */
static void the_defaults_are_those_of_the_store(void)
{
	const struct db_limits l = DB_LIMITS_DEFAULT;
	struct settings s;

	conffile_defaults(&s);
	CHECK_U64(s.store.max_bytes.n, l.max_bytes);
	CHECK_U64(s.store.keep_1s_sec.n, l.keep_sec[0]);
	CHECK_U64(s.store.keep_10s_sec.n, l.keep_sec[1]);
	CHECK_U64(s.store.keep_60s_sec.n, l.keep_sec[2]);
	CHECK_U64(s.store.keep_events_sec.n, l.keep_events_sec);
}

static void long_lines_and_nuls_are_reported_not_cut(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct settings s;
	static const char nul[] = "[warn]\npids_percent = 5\0\n";

	buf_adds(&b, "[warn]\npids_percent = 5");
	for (int i = 0; i < 500; i++)
		buf_adds(&b, "     ");
	buf_adds(&b, "6\n# ");
	for (int i = 0; i < 500; i++)
		buf_adds(&b, "long comments are fine ");
	parse(buf_str(&b), &s, &w);
	CHECK(w.n == 1, "%zu", w.n);
	CHECK_U64(s.warn.pids_percent.n, 80);
	strv_done(&w);
	CHECK(conffile_parse(span_of(nul, sizeof(nul) - 1), "f", &s, &w, NULL) == 0,
	      "nul");
	CHECK(w.n == 1, "%zu", w.n);
	CHECK_U64(s.warn.pids_percent.n, 80);
}

/* Every key is documented, and the commented value is the built-in one. */
static void the_example_file_says_the_defaults(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	_cleanup_(buf_done) struct buf text = { 0 }, active = { 0 };
	const char *source = getenv("CTSCOPE_SOURCE");
	struct settings s, d;
	struct span all, line;
	int root = -1, n = 0;

	CHECK(fs_open_root(source ? source : ".", &root, NULL) == 0, "source");
	CHECK(fs_read_file(root, "doc/ctscope.conf", 1 << 16, &text, NULL) == 0,
	      "example");
	close(root);
	parse(buf_str(&text), &s, &w);
	CHECK(w.n == 0, "%s", w.n ? w.v[0] : "");
	all = span_of(buf_str(&text), text.n);
	while (span_line(&all, &line)) {
		if (line.n > 1 && line.p[0] == '#' && line.p[1] != ' ') {
			line = span_of(line.p + 1, line.n - 1);
			n++;
		}
		buf_add(&active, line.p, line.n);
		buf_addc(&active, '\n');
	}
	CHECK(n == 24, "%d", n);
	parse(buf_str(&active), &s, &w);
	CHECK(w.n == 0, "%s", w.n ? w.v[0] : "");
	conffile_defaults(&d);
	CHECK(memcmp(&s, &d, sizeof(s)) == 0, "another default is documented");
}

static void the_file_is_optional_and_must_be_readable(void)
{
	_cleanup_(strv_done) struct strv w = { 0 };
	struct tmproot r;
	struct settings s;
	struct err err = { 0 };

	tmproot_make(&r);
	CHECK(conffile_read(r.fd, &s, &w, &err) == 0, "%s", err.msg);
	CHECK_U64(s.warn.pids_percent.n, 80);
	tmproot_put(&r, "etc/ctscope/ctscope.conf", "");
	CHECK(conffile_read(r.fd, &s, &w, &err) == 0, "%s", err.msg);
	tmproot_put(&r, "etc/ctscope/ctscope.conf", "[warn]\npids_percent=7\nx=1\n");
	CHECK(conffile_read(r.fd, &s, &w, &err) == 0, "%s", err.msg);
	CHECK_U64(s.warn.pids_percent.n, 7);
	CHECK(w.n == 1 && str_starts(w.v[0], "etc/ctscope/ctscope.conf:3: "), "%zu", w.n);
	CHECK(unlinkat(r.fd, "etc/ctscope/ctscope.conf", 0) == 0, "unlink");
	tmproot_dirs(&r, "etc/ctscope/ctscope.conf/");
	CHECK(conffile_read(r.fd, &s, &w, &err) == -EISDIR, "%s", err.msg);
	CHECK_U64(s.warn.pids_percent.n, 80);
	tmproot_remove(&r);
}

int main(void)
{
	RUN(a_key_is_set_and_the_others_keep_their_default);
	RUN(off_switches_off);
	RUN(a_bad_value_names_its_line_and_leaves_the_default);
	RUN(sizes_times_and_switches_have_their_forms);
	RUN(bad_sizes_times_and_switches_say_what_was_expected);
	RUN(the_defaults_are_those_of_the_store);
	RUN(long_lines_and_nuls_are_reported_not_cut);
	RUN(the_example_file_says_the_defaults);
	RUN(the_file_is_optional_and_must_be_readable);
	return DONE();
}
#else
int main(void)
{
	printf("1..0 # SKIP built without libinih\n");
	return 0;
}
#endif
