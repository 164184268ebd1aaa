/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "read/spool.h"
#include "tmproot.h"

#define HEAD     "ctscope-hook 1\n"
#define NEEDED   HEAD "vmid 101\ntype stop\nreal-usec 1795191519205808\nboot-usec 77\n"
#define ID       "000000000004d-0660b6c71b2f14-0badcafe"
#define LATER_ID "000000000004e-0660b6c71b2f13-00000000"

static int parse(const char *text, struct spool_event *ret, struct err *err)
{
	return spool_parse(span_str(text), ret, err);
}

static void refused(const char *text)
{
	struct spool_event e = { .vmid = 7 };
	struct err err = { 0 };

	CHECK(parse(text, &e, &err) == -EINVAL, "\"%.60s\": %s", text, err.msg);
	CHECK(e.vmid == 7 && err.msg[0], "\"%.60s\" changed the result", text);
}

static void an_event_is_read_whole(void)
{
	struct spool_event e;
	struct err err = { 0 };

	CHECK(parse(NEEDED "target reboot\npid 2292\nstart-ticks 18446744073709551615\n"
			   "hook-pid 5\nparent-pid 4\nmonitor-pid 3\ntook-usec 812\n"
			   "invocation 014611e776c6408abcbfd049f2431762\n"
			   "file cpu.stat 13\nusage_usec 1\n\n"
			   "file memory.stat 5 cut\nend\nx\n"
			   "file ns/memory.events.local 0\n\nend\n",
		    &e, &err) == 0,
	      "%s", err.msg);
	CHECK(e.vmid == 101 && e.type == HOOK_STOP && e.reboot, "%u", e.vmid);
	CHECK_U64(e.real_usec, 1795191519205808);
	CHECK_U64(e.boot_usec, 77);
	CHECK_U64(e.took_usec, 812);
	CHECK(e.start_ticks.kind == VAL_SET && e.start_ticks.n == UINT64_MAX, "%d",
	      e.start_ticks.kind);
	CHECK(e.pid == 2292 && e.hook_pid == 5 && e.parent_pid == 4 && e.monitor_pid == 3,
	      "%d", e.pid);
	CHECK(e.invocation.n == 32 && e.invocation.p[0] == '0', "%u", e.invocation.n);
	CHECK_U64(e.n_files, 3);
	CHECK(e.files[0].text.n == 13 && !e.files[0].cut, "%u", e.files[0].text.n);
	CHECK(e.files[1].cut && memcmp(e.files[1].text.p, "end\nx", 5) == 0, "%u",
	      e.files[1].text.n);
	CHECK(e.files[2].text.n == 0, "%u", e.files[2].text.n);
	CHECK_STR(e.id, "");
}

static void what_was_not_told_is_absent(void)
{
	struct spool_event e;
	struct err err = { 0 };

	CHECK(parse(NEEDED "target stop\nlater-key some thing\nend\n", &e, &err) == 0,
	      "%s", err.msg);
	CHECK(!e.reboot && e.pid == 0 && e.start_ticks.kind == VAL_ABSENT, "%d", e.pid);
	CHECK(e.n_files == 0 && e.invocation.n == 0 && e.monitor_pid == 0, "%zu",
	      e.n_files);
}

static void every_type_has_its_name(void)
{
	struct err err = { 0 };

	for (int t = HOOK_NONE + 1; t < HOOK_TYPES; t++) {
		struct spool_event e;
		char text[256];

		snprintf(text, sizeof(text),
			 HEAD "vmid 100\ntype %s\nreal-usec 1\nboot-usec 1\nend\n",
			 hook_type_name((enum hook_type)t));
		CHECK(parse(text, &e, &err) == 0 && e.type == (enum hook_type)t, "%s",
		      err.msg);
	}
	refused(HEAD "vmid 100\ntype none\nreal-usec 1\nboot-usec 1\nend\n");
	refused(HEAD "vmid 100\ntype mount\nreal-usec 1\nboot-usec 1\nend\n");
}

static void only_a_ctid_is_taken(void)
{
	static const char *const bad[] = { "0",
					   "-1",
					   "99",
					   "4294967296",
					   "../101",
					   "1000000000",
					   "0101",
					   "+101",
					   " 101",
					   "101 ",
					   "101/x",
					   "",
					   "18446744073709551717" };
	struct spool_event e;
	struct err err = { 0 };
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text),
			 HEAD "vmid %s\ntype stop\nreal-usec 1\nboot-usec 1\nend\n",
			 bad[i]);
		refused(text);
	}
	CHECK(parse(HEAD "vmid 999999999\ntype stop\nreal-usec 1\nboot-usec 1\nend\n", &e,
		    &err) == 0 &&
		      e.vmid == 999999999,
	      "%s", err.msg);
}

static void a_million_digits_are_no_ctid(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct spool_event e;
	struct err err = { 0 };

	buf_adds(&b, HEAD "vmid ");
	for (int i = 0; i < 60000; i++)
		buf_addc(&b, '1');
	buf_adds(&b, "\ntype stop\nreal-usec 1\nboot-usec 1\nend\n");
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == -EINVAL, "60,000 digits");
	while (b.n < 1000000)
		buf_addc(&b, '1');
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == -EINVAL, "1,000,000 bytes");
}

static void what_is_torn_is_refused(void)
{
	const char *whole = NEEDED "pid 12\nfile cpu.stat 3\nabc\nend\n";
	size_t n = strlen(whole);
	struct spool_event e;
	struct err err = { 0 };

	/* the newline after "end" may be missing, nothing else */
	for (size_t i = 0; i < n - 1; i++)
		CHECK(spool_parse(span_of(whole, i), &e, &err) == -EINVAL, "%zu bytes",
		      i);
	CHECK(spool_parse(span_of(whole, n), &e, &err) == 0, "%s", err.msg);
}

static void what_is_no_event_is_refused(void)
{
	refused("");
	refused("\n");
	refused("ctscope-hook 2\nvmid 101\nend\n");
	refused("vmid 101\n" HEAD);
	refused(NEEDED "end\nmore\n");
	refused(NEEDED "vmid 102\nend\n");
	refused(NEEDED "\nend\n");
	refused(NEEDED " x\nend\n");
	refused(NEEDED "target never\nend\n");
	refused(NEEDED "pid 2147483648\nend\n");
	refused(NEEDED "pid -1\nend\n");
	refused(NEEDED "start-ticks 18446744073709551616\nend\n");
	refused(NEEDED "invocation 014611e776c6408abcbfd049f243176\nend\n");
	refused(NEEDED "invocation 014611e776c6408abcbfd049f243176g\nend\n");
	refused(NEEDED "file cpu.stat 65537\nabc\nend\n");
	refused(NEEDED "file cpu.stat 18446744073709551615\nabc\nend\n");
	refused(NEEDED "file cpu.stat 3 dry\nabc\nend\n");
	refused(NEEDED "file cpu.stat\nabc\nend\n");
	refused(NEEDED "file cpu.stat 2\nabc\nend\n");
	refused(NEEDED "file a 1\na\nfile a 1\na\nend\n");
	refused(NEEDED "file a 1\na\npid 1\nend\n");
	refused(HEAD "type stop\nreal-usec 1\nboot-usec 1\nend\n");
	refused(HEAD "vmid 101\nreal-usec 1\nboot-usec 1\nend\n");
}

static void a_file_too_many_is_refused(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct spool_event e;
	struct err err = { 0 };

	buf_adds(&b, NEEDED);
	for (int i = 0; i < SPOOL_FILES; i++)
		buf_addf(&b, "file f%d 0\n\n", i);
	buf_adds(&b, "end\n");
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == 0 && e.n_files == SPOOL_FILES,
	      "%s", err.msg);
	b.n -= 4;
	buf_adds(&b, "file more 0\n\nend\n");
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == -EINVAL, "%zu", e.n_files);
}

static void an_event_may_be_64_kib(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct spool_event e;
	struct err err = { 0 };
	size_t n = SPOOL_MAX_FILE - strlen(NEEDED "file m 65000\n\nend\n");

	buf_addf(&b, NEEDED "file m %zu\n", n);
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, '\n');
	buf_adds(&b, "\nend\n");
	CHECK_U64(b.n, SPOOL_MAX_FILE);
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == 0, "%s", err.msg);
	buf_addc(&b, '\n');
	CHECK(spool_parse(span_of(b.p, b.n), &e, &err) == -EINVAL, "one byte more");
}

static void an_id_has_one_form(void)
{
	static const char *const bad[] = {
		"",
		"." ID,
		ID "0",
		SPOOL_DROPPED,
		"000000000004D-0660b6c71b2f14-0badcafe",
		"../x",
		"x",
		"000000000004d_0660b6c71b2f14_0badcafe",
	};

	CHECK(spool_is_id("000000000004d-0660b6c71b2f14-0badcafe"), "a whole one");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!spool_is_id(bad[i]), "%s", bad[i]);
}

static void events_are_listed_oldest_first(void)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(spool_list(t.fd, &l, &err) == 0 && l.ids.n == 0, "%s", err.msg);
	tmproot_put(&t, LATER_ID, "x");
	tmproot_put(&t, ID, "x");
	tmproot_put(&t, "." ID, "x");
	tmproot_put(&t, "dropped", "x");
	tmproot_put(&t, "README", "x");
	CHECK(spool_list(t.fd, &l, &err) == 0, "%s", err.msg);
	CHECK(l.ids.n == 2 && l.n_writing == 1 && l.n_foreign == 1 && !l.more, "%zu %zu",
	      l.ids.n, l.n_foreign);
	CHECK_STR(l.ids.v[0], ID);
	CHECK_STR(l.ids.v[1], LATER_ID);
	tmproot_remove(&t);
}

static void an_event_is_read_by_its_id_and_removed(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -ENOENT, "%s", err.msg);
	tmproot_put(&t, ID, NEEDED "file cpu.stat 3\nabc\nend\n");
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == 0, "%s", err.msg);
	CHECK_STR(e.id, ID);
	CHECK(e.n_files == 1 && e.files[0].text.n == 3, "%zu", e.n_files);
	tmproot_put(&t, LATER_ID, "rubbish");
	CHECK(spool_read(t.fd, LATER_ID, &text, &e, &err) == -EINVAL, "%s", err.msg);
	CHECK(strstr(err.msg, LATER_ID) != NULL, "%s", err.msg);
	CHECK(spool_remove(t.fd, ID, &err) == 0, "%s", err.msg);
	CHECK(spool_remove(t.fd, ID, &err) == 0, "%s", err.msg);
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -ENOENT, "%s", err.msg);
	tmproot_remove(&t);
}

static void what_is_no_file_is_no_event(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_(buf_done) struct buf big = { 0 };
	struct spool_event e;
	struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(mkfifoat(t.fd, ID, 0600) == 0, "%s", strerror(errno));
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -EINVAL, "FIFO: %s", err.msg);
	CHECK(spool_remove(t.fd, ID, &err) == 0, "%s", err.msg);
	CHECK(mkdirat(t.fd, ID, 0700) == 0, "%s", strerror(errno));
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -EINVAL, "directory: %s", err.msg);
	CHECK(spool_remove(t.fd, ID, &err) == 0, "%s", err.msg);
	tmproot_link(&t, ID, ID);
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -EINVAL, "loop: %s", err.msg);
	CHECK(spool_remove(t.fd, ID, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i <= SPOOL_MAX_FILE; i++)
		buf_addc(&big, 'x');
	tmproot_putn(&t, ID, big.p, big.n);
	CHECK(spool_read(t.fd, ID, &text, &e, &err) == -EINVAL, "large: %s", err.msg);
	CHECK(spool_read(t.fd, "../x", &text, &e, &err) == -EINVAL, "%s", err.msg);
	tmproot_remove(&t);
}

static void what_killed_hooks_left_is_swept(void)
{
	struct tmproot t;
	struct err err = { 0 };
	size_t n = 9;

	tmproot_make(&t);
	tmproot_put(&t, "." ID, "x");
	tmproot_put(&t, ID, "x");
	tmproot_put(&t, ".other", "x");
	CHECK(spool_sweep(t.fd, 0x4d, &n, &err) == 0 && n == 0, "%zu %s", n, err.msg);
	CHECK(spool_sweep(t.fd, 0x4d + 60 * USEC_PER_SEC, &n, &err) == 0 && n == 0, "%zu",
	      n);
	CHECK(spool_sweep(t.fd, 0x4e + 60 * USEC_PER_SEC, &n, &err) == 0 && n == 1, "%zu",
	      n);
	CHECK(faccessat(t.fd, ID, F_OK, 0) == 0, "the event itself is gone");
	CHECK(faccessat(t.fd, "." ID, F_OK, 0) < 0, "it is still there");
	tmproot_remove(&t);
}

static void dropped_events_are_counted_once(void)
{
	struct spool_dropped d = { .full = 9 };
	struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(spool_take_dropped(t.fd, &d, &err) == 0 && d.full == 0, "%s", err.msg);
	tmproot_put(&t, "dropped", "fffwf?");
	CHECK(spool_take_dropped(t.fd, &d, &err) == 0, "%s", err.msg);
	CHECK(d.full == 4 && d.write == 1 && d.other == 1 && !d.at_least, "%ju",
	      (uintmax_t)d.full);
	CHECK(spool_take_dropped(t.fd, &d, &err) == 0 && d.full == 0, "%s", err.msg);
	/* killed between taking and counting */
	tmproot_put(&t, ".dropped", "f");
	tmproot_put(&t, "dropped", "w");
	CHECK(spool_take_dropped(t.fd, &d, &err) == 0, "%s", err.msg);
	CHECK(d.full == 1 && d.write == 1, "%ju", (uintmax_t)d.full);
	CHECK(mkfifoat(t.fd, "dropped", 0600) == 0, "%s", strerror(errno));
	CHECK(spool_take_dropped(t.fd, &d, &err) == 0 && d.at_least, "%s", err.msg);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(an_event_is_read_whole);
	RUN(what_was_not_told_is_absent);
	RUN(every_type_has_its_name);
	RUN(only_a_ctid_is_taken);
	RUN(a_million_digits_are_no_ctid);
	RUN(what_is_torn_is_refused);
	RUN(what_is_no_event_is_refused);
	RUN(a_file_too_many_is_refused);
	RUN(an_event_may_be_64_kib);
	RUN(an_id_has_one_form);
	RUN(events_are_listed_oldest_first);
	RUN(an_event_is_read_by_its_id_and_removed);
	RUN(what_is_no_file_is_no_event);
	RUN(what_killed_hooks_left_is_swept);
	RUN(dropped_events_are_counted_once);
	return DONE();
}
