/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostlog.h"

#include "test.h"
#include "tree.h"

#define SEC ((uint64_t)1000000)

static bool is(const struct loglines *l, size_t i, const char *text)
{
	return i < l->n && l->v[i].text.n == strlen(text) &&
	       memcmp(l->v[i].text.p, text, l->v[i].text.n) == 0;
}

#define CHECK_LINE(l, i, str)                                                            \
	CHECK(is(l, i, str), "%zu lines, got \"%.*s\"", (l)->n,                          \
	      (i) < (l)->n ? (int)(l)->v[i].text.n : 0,                                  \
	      (i) < (l)->n ? (const char *)(l)->v[i].text.p : "")

static bool names(const char *text, uint32_t vmid)
{
	return log_names_guest(span_str(text), vmid);
}

static void a_guest_is_named_by_its_whole_number(void)
{
	CHECK(names("Starting CT 101", 101), "CT");
	CHECK(names("modified cpu set for lxc/101: 0-1", 101), "lxc/");
	CHECK(names("service 'ct:101': state changed", 101), "ct:");
	CHECK(names("<root@pam> end task UPID:pve1:00018A92:02130180:689BF010:vzstart:101:"
		    "root@pam: OK",
		    101),
	      "UPID");
	CHECK(names("INFO: Starting Backup of VM 101 (lxc)", 101), "VM");
	CHECK(names("Failed to initialize container \"101\"", 101), "container");
	CHECK(names("CT 1010 and CT 101", 101), "the second one");
	CHECK(!names("Starting CT 1010", 101), "1010");
	CHECK(!names("Starting CT 5101", 101), "5101");
	CHECK(!names("lxc/101", 10), "10");
	CHECK(!names("pid 101 exited", 101), "a pid");
	CHECK(!names("10:101:20", 101), "no UPID");
	CHECK(!names("xCT 101", 101), "part of a word");
	CHECK(!names("", 101), "empty");
}

static void stderr_without_debug_has_no_time(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	stderrlog_parse(
		span_str("lxc-start: 106: ../src/lxc/utils.c: run_buffer: 571 Script "
			 "exited with status 2\nsomething else\n\nlast"),
		500 * SEC, &l);
	CHECK_U64(l.n, 3);
	CHECK(l.v[0].time_kind == LOG_TIME_NOT_AFTER &&
		      l.v[0].time_real_usec == 500 * SEC,
	      "%d", l.v[0].time_kind);
	CHECK(l.v[0].level == LOG_LEVEL_ERROR, "%d", l.v[0].level);
	CHECK(l.v[1].level == LOG_LEVEL_NONE, "%d", l.v[1].level);
	CHECK_LINE(&l, 2, "last");
}

static void stderr_with_debug_is_utc(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	stderrlog_parse(
		span_str(
			"lxc-start 106 20250813031305.123 ERROR    utils - x - y\nmore of it\n"
			"lxc-start 106 20250813031305.124 DEBUG    z\n"
			"lxc-start 106 20251313031305.124 DEBUG    no such month\n"),
		500 * SEC, &l);
	CHECK_U64(l.n, 4);
	CHECK_U64(l.v[0].time_real_usec, 1755054785ull * SEC + 123000);
	CHECK(l.v[0].time_kind == LOG_TIME_EXACT, "%d", l.v[0].time_kind);
	CHECK_LINE(&l, 0, "ERROR    utils - x - y");
	CHECK(l.v[0].level == LOG_LEVEL_ERROR, "%d", l.v[0].level);
	CHECK(l.v[1].time_kind == LOG_TIME_NOT_BEFORE, "%d", l.v[1].time_kind);
	CHECK(l.v[2].level == LOG_LEVEL_DEBUG, "%d", l.v[2].level);
	CHECK(l.v[3].time_kind == LOG_TIME_NOT_BEFORE, "%d", l.v[3].time_kind);
}

static void stderr_after_a_reboot_inside_is_overlaid(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	/* a short new text over the start of a longer old one */
	stderrlog_parse(span_str("lxc-start: 103: new\nuffer: 571 Script exited\n"
				 "lxc-start: 103: old\n"),
			500 * SEC, &l);
	CHECK_U64(l.n, 3);
	CHECK_LINE(&l, 1, "uffer: 571 Script exited");
	CHECK(l.v[1].time_kind == LOG_TIME_NOT_AFTER, "%d", l.v[1].time_kind);
}

static void vzdump_lines_have_local_time_and_a_level(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	vzdumplog_parse(span_str("2025-08-13 05:00:03 INFO: Starting\r\n"
				 "2025-08-13 05:00:04 ERROR: failed\nno stamp\n"
				 "2025-02-30 05:00:04 INFO: no such day"),
			500 * SEC, &l);
	CHECK_U64(l.n, 4);
	CHECK_LINE(&l, 0, "INFO: Starting");
	CHECK_U64(l.v[0].time_real_usec, 1755061203ull * SEC);
	CHECK(l.v[1].level == LOG_LEVEL_ERROR, "%d", l.v[1].level);
	CHECK(l.v[2].time_kind == LOG_TIME_NOT_BEFORE, "%d", l.v[2].time_kind);
	CHECK_LINE(&l, 3, "2025-02-30 05:00:04 INFO: no such day");
}

static void firewall_lines_are_of_that_guest_only(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(loglines_done) struct loglines l = { 0 };
	struct log_want want = { .vmid = 109 };
	struct err err = { 0 };

	CHECK(hostlog_lines(root, LOG_FIREWALL, &want, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 3);
	CHECK_U64(l.v[0].time_real_usec, 1755054070ull * SEC);
	CHECK(l.v[0].level == LOG_LEVEL_WARNING, "%d", l.v[0].level);
	CHECK_STR(l.v[0].origin, "veth109i0-IN");
	CHECK_U64(l.v[1].time_real_usec, 1755073920ull * SEC);
	CHECK(l.v[2].time_kind == LOG_TIME_NOT_BEFORE, "%d", l.v[2].time_kind);
}

#define FW "var/log/pve-firewall.log"

/* The texts of the firewall's lines, joined. */
static const char *firewall_text(const struct tree *t, struct log_want want)
{
	static struct buf b;
	_cleanup_(loglines_done) struct loglines l = { 0 };
	struct err err = { 0 };

	want.vmid = 101;
	b.n = 0;
	buf_adds(&b, "");
	CHECK(hostlog_lines(t->fd, LOG_FIREWALL, &want, &l, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < l.n; i++) {
		buf_add(&b, l.v[i].text.p, l.v[i].text.n);
		buf_addc(&b, '|');
	}
	return buf_str(&b);
}

static void the_firewall_log_of_yesterday_is_read_too(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();

	put(&t, FW ".1", "101 6 c 1 one\n1010 6 c 1 no\n101 6 c 1 two\n", false);
	CHECK_STR(firewall_text(&t, (struct log_want){ 0 }), "1 one|1 two|");
	put(&t, FW, "101 6 c 1 three\n101 6 c 1 four\n", false);
	CHECK_STR(firewall_text(&t, (struct log_want){ 0 }),
		  "1 one|1 two|1 three|1 four|");
	CHECK_STR(firewall_text(&t, (struct log_want){ .max_lines = 3 }),
		  "1 two|1 three|1 four|");
	CHECK_STR(firewall_text(&t, (struct log_want){ .max_lines = 2 }),
		  "1 three|1 four|");
	/* renamed between the two opens: one file, once */
	unlinkat(t.fd, FW ".1", 0);
	CHECK(linkat(t.fd, FW, t.fd, FW ".1", 0) == 0, "link");
	CHECK_STR(firewall_text(&t, (struct log_want){ 0 }), "1 three|1 four|");
}

static void sources_of_a_recorded_node(void)
{
	static const struct {
		uint32_t vmid;
		enum log_source source;
		size_t n;
	} want[] = {
		{ 109, LOG_VZDUMP, 12 },    { 106, LOG_STDERR, 5 },
		{ 107, LOG_STDERR, 5 },     { 100, LOG_REPLICATION, 4 },
		{ 10, LOG_VZDUMP, 0 },      { 10, LOG_STDERR, 0 },
		{ 10, LOG_REPLICATION, 0 }, { 106, LOG_WARNINGS, 0 },
	};
	_cleanup_close_ int root = fixture_open("hosts/pve1");

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(loglines_done) struct loglines l = { 0 };
		struct log_want w = { .vmid = want[i].vmid };
		struct err err = { 0 };

		CHECK(hostlog_lines(root, want[i].source, &w, &l, &err) == 0, "%s",
		      err.msg);
		CHECK(l.n == want[i].n, "%s of %u: %zu lines",
		      log_source_name(want[i].source), want[i].vmid, l.n);
	}
}

static bool has_error(void *arg, struct tbytes t)
{
	(void)arg;
	return memmem(t.p, t.n, "archive", 7) != NULL;
}

static void only_what_is_wanted_is_kept(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(loglines_done) struct loglines l = { 0 }, last = { 0 }, grep = { 0 };
	struct log_want want = { .vmid = 109,
				 .since_real_usec = 1755061421ull * SEC,
				 .until_real_usec = 1755061422ull * SEC };
	struct err err = { 0 };

	CHECK(hostlog_lines(root, LOG_VZDUMP, &want, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 3);
	want = (struct log_want){ .vmid = 109, .max_lines = 2 };
	CHECK(hostlog_lines(root, LOG_VZDUMP, &want, &last, &err) == 0, "%s", err.msg);
	CHECK_U64(last.n, 2);
	CHECK_LINE(&last, 1, "INFO: Finished Backup of VM 109 (00:03:40)");
	want = (struct log_want){ .vmid = 109, .match = has_error };
	CHECK(hostlog_lines(root, LOG_VZDUMP, &want, &grep, &err) == 0, "%s", err.msg);
	CHECK_U64(grep.n, 2);
}

static void levels_are_those_of_journalctl(void)
{
	static const struct {
		const char *text;
		enum log_level from, to;
	} good[] = {
		{ "emerg", LOG_LEVEL_EMERG, LOG_LEVEL_EMERG },
		{ "err", LOG_LEVEL_EMERG, LOG_LEVEL_ERROR },
		{ "3", LOG_LEVEL_EMERG, LOG_LEVEL_ERROR },
		{ "debug", LOG_LEVEL_EMERG, LOG_LEVEL_DEBUG },
		{ "0", LOG_LEVEL_EMERG, LOG_LEVEL_EMERG },
		{ "7", LOG_LEVEL_EMERG, LOG_LEVEL_DEBUG },
		{ "crit..warning", LOG_LEVEL_CRIT, LOG_LEVEL_WARNING },
		{ "4..crit", LOG_LEVEL_CRIT, LOG_LEVEL_WARNING },
		{ "5..5", LOG_LEVEL_NOTICE, LOG_LEVEL_NOTICE },
	};
	static const char *const bad[] = { "",     "8",           "-1",   "03",
					   "3 ",   "Err",         "..",   "3..",
					   "..3",  "3...4",       "3..8", "3..4..5",
					   "errr", "warning,err", "\xff" };
	enum log_level from = LOG_LEVEL_NONE, to = LOG_LEVEL_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(log_levels_parse(bad[i], &from, &to) == -EINVAL, "\"%s\" taken",
		      bad[i]);
	CHECK(from == LOG_LEVEL_NONE && to == LOG_LEVEL_NONE, "written: %d %d", from, to);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK(log_levels_parse(good[i].text, &from, &to) == 0, "\"%s\" refused",
		      good[i].text);
		CHECK(from == good[i].from && to == good[i].to, "%s: %d %d", good[i].text,
		      from, to);
	}
	for (uint32_t i = 0; i < 8; i++)
		CHECK(log_level_of(i) == (enum log_level)(i + 1), "%u", i);
	CHECK(log_level_of(8) == LOG_LEVEL_NONE, "8");
	CHECK_STR(log_level_name(LOG_LEVEL_EMERG), "error");
	CHECK(!log_level_name(LOG_LEVEL_NONE), "a name for none");
}

static void a_line_without_level_counts_as_info_and_on_stderr_as_an_error(void)
{
	bool left[LOG_SOURCES] = { 0 };
	struct log_want want = { .from_level = LOG_LEVEL_EMERG,
				 .to_level = LOG_LEVEL_WARNING,
				 .unlevelled = left };
	struct logline l = { .source = LOG_SYSLOG, .level = LOG_LEVEL_INFO };

	CHECK(!log_want_has(&want, &l) && !left[LOG_SYSLOG], "it has a level");
	l.level = LOG_LEVEL_CRIT;
	CHECK(log_want_has(&want, &l), "left out");
	l.level = LOG_LEVEL_NONE;
	CHECK(!log_want_has(&want, &l) && left[LOG_SYSLOG], "told %d", left[LOG_SYSLOG]);
	l.source = LOG_STDERR;
	CHECK(log_want_has(&want, &l) && !left[LOG_STDERR], "stderr");
	l.source = LOG_FILE;
	want.to_level = LOG_LEVEL_INFO;
	CHECK(log_want_has(&want, &l) && !left[LOG_FILE], "info is wanted");
	want.from_level = want.to_level = LOG_LEVEL_DEBUG;
	want.unlevelled = NULL;
	CHECK(!log_want_has(&want, &l), "info is no debug");
	want = (struct log_want){ 0 };
	CHECK(log_want_has(&want, &l) && !log_want_chooses(&want), "every line");
	want.to_level = LOG_LEVEL_DEBUG;
	CHECK(log_want_chooses(&want), "it chooses");
}

static void lines_are_merged_by_time_and_stay_in_order(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	static const unsigned times[] = { 5, 1, 1, 3, 3, 2, 9, 0, 5 };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		char text[8];

		snprintf(text, sizeof(text), "%zu", i);
		loglines_add(&l, (struct logline){
					 .time_real_usec = times[i],
					 .text = loglines_keep(&l, text, strlen(text)) });
	}
	loglines_sort(&l);
	for (size_t i = 0; i < l.n; i++)
		CHECK(l.v[i].text.p[0] == "712534086"[i], "%c at %zu", l.v[i].text.p[0],
		      i);
	loglines_tail(&l, 2);
	CHECK(l.n == 2 && l.v[0].text.p[0] == '8' && l.v[1].text.p[0] == '6', "tail");
}

static void line(struct loglines *l, uint64_t time, enum log_source source,
		 const char *text)
{
	loglines_add(l, (struct logline){ .time_real_usec = time * SEC,
					  .source = source,
					  .text = loglines_keep(l, text, strlen(text)) });
}

static void a_backup_is_not_told_twice(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	line(&l, 100, LOG_TASK, "INFO: status = running"); /* of the day before */
	line(&l, 1000, LOG_TASK, "vzdump by root@pam: OK");
	line(&l, 1000, LOG_TASK, "INFO: status = running");
	line(&l, 1001, LOG_VZDUMP, "INFO: status = running");
	line(&l, 1002, LOG_UNIT, "INFO: status = running");
	line(&l, 1009, LOG_VZDUMP, "INFO: Finished");
	loglines_drop_repeats(&l, LOG_TASK, LOG_VZDUMP);
	CHECK_U64(l.n, 5);
	CHECK_LINE(&l, 0, "INFO: status = running");
	CHECK_LINE(&l, 1, "vzdump by root@pam: OK");
	CHECK(l.v[2].source == LOG_VZDUMP, "%d", l.v[2].source);
	loglines_drop_repeats(&l, LOG_TASK, LOG_FIREWALL);
	CHECK_U64(l.n, 5);
}

static void exact(struct loglines *l, uint64_t sec, enum log_source source)
{
	struct logline line = { .time_real_usec = sec * 1000000,
				.time_kind = LOG_TIME_EXACT,
				.source = source,
				.text = tbytes_str("CMD (run)") };

	loglines_add(l, line);
}

static void a_syslog_repeats_the_journal_only_at_that_time(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };

	exact(&l, 1000, LOG_GUEST);
	exact(&l, 1001, LOG_SYSLOG);
	exact(&l, 1060, LOG_SYSLOG); /* the same once more, which the journal lost */
	exact(&l, 1120, LOG_GUEST);
	exact(&l, 1120, LOG_SYSLOG);
	loglines_drop_repeats(&l, LOG_SYSLOG, LOG_GUEST);
	CHECK_U64(l.n, 3);
	CHECK(l.v[1].source == LOG_SYSLOG && l.v[1].time_real_usec == 1060000000,
	      "source %d", l.v[1].source);
}

/* More than could be compared with one another. */
static void however_many_lines_are_alike_each_repeat_is_found(void)
{
	enum { MANY = 60000 };
	_cleanup_(loglines_done) struct loglines l = { 0 };

	for (uint64_t i = 0; i < MANY; i++) {
		exact(&l, 1000 + 20 * i, LOG_GUEST);
		exact(&l, 1001 + 20 * i, LOG_SYSLOG);
		exact(&l, 1010 + 20 * i, LOG_SYSLOG);
	}
	loglines_drop_repeats(&l, LOG_SYSLOG, LOG_GUEST);
	CHECK_U64(l.n, 2 * MANY);
	CHECK(l.v[1].time_real_usec == UINT64_C(1010000000), "%ju",
	      (uintmax_t)l.v[1].time_real_usec);
	CHECK(l.v[l.n - 1].source == LOG_SYSLOG && l.v[l.n - 2].source == LOG_GUEST,
	      "the last ones");
}

int main(void)
{
	RUN(a_guest_is_named_by_its_whole_number);
	RUN(stderr_without_debug_has_no_time);
	RUN(stderr_with_debug_is_utc);
	RUN(stderr_after_a_reboot_inside_is_overlaid);
	RUN(vzdump_lines_have_local_time_and_a_level);
	RUN(firewall_lines_are_of_that_guest_only);
	RUN(the_firewall_log_of_yesterday_is_read_too);
	RUN(sources_of_a_recorded_node);
	RUN(only_what_is_wanted_is_kept);
	RUN(levels_are_those_of_journalctl);
	RUN(a_line_without_level_counts_as_info_and_on_stderr_as_an_error);
	RUN(lines_are_merged_by_time_and_stay_in_order);
	RUN(a_backup_is_not_told_twice);
	RUN(a_syslog_repeats_the_journal_only_at_that_time);
	RUN(however_many_lines_are_alike_each_repeat_is_found);
	return DONE();
}
