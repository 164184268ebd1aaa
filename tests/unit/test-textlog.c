/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/textlog.h"

#include <time.h>

#include "base/clock.h"
#include "test.h"

/* 2026-11-20 03:12:30 UTC */
#define MTIME   (UINT64_C(1795144350) * USEC_PER_SEC)
#define AT(sec) (MTIME - 1000 * USEC_PER_SEC + (uint64_t)(1000 + (sec)) * USEC_PER_SEC)

static struct loglines got;

static void parse_at(enum log_source source, const char *text, uint64_t mtime)
{
	struct textlog t = { .source = source,
			     .origin = source == LOG_FILE ? "/x.log" : NULL,
			     .mtime_real_usec = mtime };

	loglines_done(&got);
	textlog_parse(&t, span_str(text), &got);
}

static void parse(enum log_source source, const char *text)
{
	parse_at(source, text, MTIME);
}

static void is(size_t i, uint64_t at, enum log_time_kind kind, const char *origin,
	       const char *text)
{
	_cleanup_free_ char *s = NULL;

	CHECK(i < got.n, "%zu lines", got.n);
	if (i >= got.n)
		return;
	s = xstrndup((const char *)got.v[i].text.p, got.v[i].text.n);
	CHECK_STR(s, text);
	CHECK(got.v[i].time_kind == kind, "\"%s\": kind %d", text, got.v[i].time_kind);
	CHECK_U64(got.v[i].time_real_usec, at);
	CHECK(str_eq(got.v[i].origin, origin), "\"%s\": origin %s", text,
	      got.v[i].origin ? got.v[i].origin : "(null)");
}

static void both_forms_of_a_syslog_are_read(void)
{
	parse(LOG_SYSLOG, "Nov 20 03:12:20 web sshd[412]: Accepted key for root\n"
			  "2026-11-20T04:12:24.250000+01:00 web cron: (root) CMD (x)\n"
			  "Nov 20 03:12:30 web kernel: [ 1.2] eth0: up");
	CHECK_U64(got.n, 3);
	is(0, AT(-10), LOG_TIME_EXACT, "sshd", "Accepted key for root");
	is(1, AT(-6) + 250000, LOG_TIME_EXACT, "cron", "(root) CMD (x)");
	is(2, AT(0), LOG_TIME_EXACT, "kernel", "[ 1.2] eth0: up");
}

static void busybox_names_facility_and_level(void)
{
	parse(LOG_SYSLOG, "Nov 20 03:12:30 a daemon.warn crond[7]: late\n"
			  "Nov 20 03:12:30 a auth.info sshd: x: y\n");
	is(0, AT(0), LOG_TIME_EXACT, "crond", "late");
	is(1, AT(0), LOG_TIME_EXACT, "sshd", "x: y");
	CHECK(got.v[0].level == LOG_LEVEL_WARNING, "%d", got.v[0].level);
	CHECK(got.v[1].level == LOG_LEVEL_INFO, "%d", got.v[1].level);
}

static void what_is_no_program_stays_in_the_text(void)
{
	parse(LOG_SYSLOG, "Nov 20 03:12:30 a last message repeated 2 times\n"
			  "Nov 20 03:12:30 a http://x: y\nNov 20 03:12:30 a\n"
			  "Nov 20 03:12:30 \nNov 20 03:12:30\n");
	CHECK_U64(got.n, 2);
	is(0, AT(0), LOG_TIME_EXACT, NULL, "last message repeated 2 times");
	is(1, AT(0), LOG_TIME_EXACT, NULL, "http://x: y");
}

static void a_day_of_one_digit_and_a_year_that_turned(void)
{
	/* 2027-01-01 00:00:05 UTC */
	uint64_t mtime = UINT64_C(1798761605) * USEC_PER_SEC;

	parse_at(LOG_SYSLOG,
		 "Dec  1 00:00:00 a x: first\nDec 31 23:59:58 a x: old\n"
		 "Jan  1 00:00:05 a x: new\n",
		 mtime);
	CHECK_U64(got.n, 3);
	is(0, mtime - (UINT64_C(31) * 86400 + 5) * USEC_PER_SEC, LOG_TIME_EXACT, "x",
	   "first");
	is(1, mtime - 7 * USEC_PER_SEC, LOG_TIME_EXACT, "x", "old");
	is(2, mtime, LOG_TIME_EXACT, "x", "new");
}

static void the_zone_inside_is_told_by_the_time_of_the_file(void)
{
	/* written at 03:12:30 UTC by somebody whose clock says 08:57 */
	parse(LOG_SYSLOG, "Nov 20 08:57:10 a x: one\nNov 20 08:57:29 a x: two\n");
	is(0, AT(-20), LOG_TIME_EXACT, "x", "one");
	is(1, AT(-1), LOG_TIME_EXACT, "x", "two");
	parse(LOG_SYSLOG, "Nov 19 22:12:30 a x: west\n");
	is(0, AT(0), LOG_TIME_EXACT, "x", "west");
}

static void a_zone_that_is_not_known_is_not_made_up(void)
{
	parse(LOG_SYSLOG, "Nov 20 03:01:00 a x: one\n");
	is(0, MTIME, LOG_TIME_NOT_AFTER, NULL, "Nov 20 03:01:00 a x: one");
	/* not of another zone: the file was touched, about an hour later */
	parse(LOG_SYSLOG, "Nov 20 02:11:00 a x: one\n");
	is(0, MTIME, LOG_TIME_NOT_AFTER, NULL, "Nov 20 02:11:00 a x: one");
	parse(LOG_FILE, "2026-11-20 02:12:30 one\nlater\n");
	is(0, MTIME, LOG_TIME_NOT_AFTER, "/x.log", "2026-11-20 02:12:30 one");
	parse_at(LOG_SYSLOG, "Nov 20 03:01:00 a x: one\n", 0);
	is(0, 0, LOG_TIME_NONE, NULL, "Nov 20 03:01:00 a x: one");
	/* what has a zone needs no file */
	parse_at(LOG_SYSLOG, "2026-11-20T03:12:30Z a x: one\n", 0);
	is(0, MTIME, LOG_TIME_EXACT, "x", "one");
}

static void the_zone_is_kept_from_piece_to_piece(void)
{
	struct textlog t = { .source = LOG_SYSLOG, .mtime_real_usec = MTIME };

	loglines_done(&got);
	textlog_parse(&t, span_str("Nov 20 05:12:30 a x: one\n"), &got);
	/* later lines were held back for ten minutes */
	t.mtime_real_usec = AT(1000);
	textlog_parse(&t, span_str("Nov 20 05:12:40 a x: two\n"), &got);
	is(0, AT(0), LOG_TIME_EXACT, "x", "one");
	is(1, AT(10), LOG_TIME_EXACT, "x", "two");
}

static void the_zone_of_this_machine_knows_summer_time(void)
{
	/* 2026-10-25: 02:59:59+02:00 is followed by 02:00:00+01:00 */
	uint64_t mtime = UINT64_C(1792900800) * USEC_PER_SEC; /* 05:00:00 there */

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	parse_at(LOG_SYSLOG, "Oct 24 12:00:00 a x: summer\nOct 25 05:00:00 a x: now\n",
		 mtime);
	is(0, mtime - 18 * 3600 * USEC_PER_SEC, LOG_TIME_EXACT, "x", "summer");
	is(1, mtime, LOG_TIME_EXACT, "x", "now");
	setenv("TZ", "UTC", 1);
	tzset();
}

static void files_of_programs_have_many_forms(void)
{
	parse(LOG_FILE,
	      "2026/11/20 03:12:30 [error] 7#7: nginx\n"
	      "[2026-11-20 03:12:30] app.INFO: php\n"
	      "2026-11-20 03:12:30,500 - python\n"
	      "10.0.0.1 - - [20/Nov/2026:04:12:30 +0100] \"GET / HTTP/1.1\" 200 1\n"
	      "2026-11-20 03:12:30.5 +0000 postgres\n");
	CHECK_U64(got.n, 5);
	is(0, AT(0), LOG_TIME_EXACT, "/x.log", "[error] 7#7: nginx");
	is(1, AT(0), LOG_TIME_EXACT, "/x.log", "app.INFO: php");
	is(2, AT(0) + 500000, LOG_TIME_EXACT, "/x.log", "- python");
	is(3, AT(0), LOG_TIME_EXACT, "/x.log",
	   "10.0.0.1 - - [20/Nov/2026:04:12:30 +0100] \"GET / HTTP/1.1\" 200 1");
	is(4, AT(0) + 500000, LOG_TIME_EXACT, "/x.log", "postgres");
}

static void lines_without_a_time_follow_the_one_before(void)
{
	parse(LOG_FILE, "start\n2026-11-20 03:12:29 boom\n  at main.c:1\r\n\n\r\nend");
	CHECK_U64(got.n, 4);
	is(0, MTIME, LOG_TIME_NOT_AFTER, "/x.log", "start");
	is(1, AT(-1), LOG_TIME_EXACT, "/x.log", "boom");
	is(2, AT(-1), LOG_TIME_NOT_BEFORE, "/x.log", "  at main.c:1");
	is(3, AT(-1), LOG_TIME_NOT_BEFORE, "/x.log", "end");
}

static void what_is_no_date_is_no_time(void)
{
	static const char *const bad[] = {
		"Nov 32 03:12:30 a x: y",
		"Foo 20 03:12:30 a x: y",
		"Nov 20 25:12:30 a x: y",
		"2026-13-20T03:12:30Z y",
		"2026-11-20T03:12:3",
		"2026-11/20 03:12:30 y",
		"Feb 30 00:00:00 a x: y",
		"9999999999-11-20 03:12:30 y",
		"[2026-11-20 03:12:30 y",
		"x [20/Nov/2026:03:12 +0000] y",
		"",
		"[",
		"\xff\xfe\x01",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(LOG_FILE, bad[i]);
		CHECK_U64(got.n, *bad[i] != '\0');
		if (*bad[i])
			is(0, MTIME, LOG_TIME_NOT_AFTER, "/x.log", bad[i]);
	}
}

static void a_line_is_cut_where_it_is_too_long(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < 20000; i++)
		buf_addc(&b, 'a');
	parse(LOG_FILE, buf_str(&b));
	CHECK_U64(got.n, 1);
	CHECK_U64(got.v[0].text.n, 16384 + strlen(" [+3616 bytes]"));
	CHECK(memcmp(got.v[0].text.p + 16384, " [+3616 bytes]", 14) == 0, "%.*s", 14,
	      (const char *)got.v[0].text.p + 16384);
}

int main(void)
{
	RUN(both_forms_of_a_syslog_are_read);
	RUN(busybox_names_facility_and_level);
	RUN(what_is_no_program_stays_in_the_text);
	RUN(a_day_of_one_digit_and_a_year_that_turned);
	RUN(the_zone_inside_is_told_by_the_time_of_the_file);
	RUN(a_zone_that_is_not_known_is_not_made_up);
	RUN(the_zone_is_kept_from_piece_to_piece);
	RUN(the_zone_of_this_machine_knows_summer_time);
	RUN(files_of_programs_have_many_forms);
	RUN(lines_without_a_time_follow_the_one_before);
	RUN(what_is_no_date_is_no_time);
	RUN(a_line_is_cut_where_it_is_too_long);
	loglines_done(&got);
	return DONE();
}
