/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/tasklog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "read/hostlog.h"
#include "test.h"
#include "tree.h"

#define U(pid, start, type, id)                                                          \
	"UPID:pve1:" pid ":00000010:" start ":" type ":" id ":root@pam:"

static int parse(const char *s)
{
	_cleanup_(upid_done) struct upid u = { 0 };

	return upid_parse(span_str(s), &u);
}

static void a_upid_is_taken_apart(void)
{
	_cleanup_(upid_done) struct upid u = { 0 };

	CHECK(upid_parse(span_str("UPID:pve1:00018F9C:1ABCDEF01:689BFC90:vzsnapshot:100:"
				  "ops@ldap!ci:"),
			 &u) == 0,
	      "refused");
	CHECK_STR(u.node, "pve1");
	CHECK_U64(u.pid, 0x18f9c);
	CHECK_U64(u.pstart_ticks, 0x1abcdef01);
	CHECK_U64(u.start_real_usec, 0x689bfc90ull * 1000000);
	CHECK_STR(u.type, "vzsnapshot");
	CHECK_STR(u.id, "100");
	CHECK_STR(u.user, "ops@ldap!ci");
	CHECK(upid_is_about(&u, 100), "100");
	CHECK(!upid_is_about(&u, 10), "10");
	CHECK(!upid_is_about(&u, 1000), "1000");
}

static void a_upid_without_id_and_of_another_node_is_one(void)
{
	CHECK(parse("UPID:a-b:00000001:00000002:00000003:startall::root@pam:") == 0,
	      "id");
	CHECK(parse("UPID:X:0000000a:00000002:00000003:t:i:u:") == 0, "short, lower hex");
}

static void what_is_no_upid_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"UPID:",
		"UPID:pve1:00000001:00000002:00000003:vzstart:101:root@pam",
		"UPID:pve1:00000001:00000002:00000003:vzstart:101:root@pam::",
		"UPID:pve1:00000001:00000002:00000003:vzstart:101:root@pam:x",
		"UPID:pve1:00000001:00000002:00000003:vzstart:101::",
		"UPID:pve1:00000001:00000002:00000003::101:root@pam:",
		"UPID:-a:00000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID:a-:00000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID::00000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID:a.b:00000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID:pve1:0000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID:pve1:000000001:00000002:00000003:vzstart:101:root@pam:",
		"UPID:pve1:00000001:0000000002:00000003:vzstart:101:root@pam:",
		"UPID:pve1:00000001:00000002:000000003:vzstart:101:root@pam:",
		"UPID:pve1:0000000g:00000002:00000003:vzstart:101:root@pam:",
		"UPID:pve1:00000001:00000002:00000003:vz/start:101:root@pam:",
		"UPID:pve1:00000001:00000002:00000003:vzstart:../x:root@pam:",
		"UPID:pve1:00000001:00000002:00000003:vzstart:1 1:root@pam:",
		"UPID:pve1:00000001:00000002:00000003:vzstart:101:root\t:",
		" UPID:pve1:00000001:00000002:00000003:vzstart:101:root@pam:",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(parse(bad[i]) == -EINVAL, "taken: %s", bad[i]);
}

static void index_lines_have_an_end_and_a_status(void)
{
	_cleanup_(tasks_done) struct tasks t = { 0 };
	const char *text = U("00000001", "00000100", "vzstart", "101") " 00000105 OK\n" U(
		"00000002", "00000200", "vzstop",
		"101") " 00000205 command 'x' failed: exit code 1\n"
		       "\n"
		       "rubbish\n" U("00000003", "00000300", "vzdump", "") " 003 OK\n" U(
			       "00000004", "00000400", "vzdump",
			       "") " 00000405 WARNINGS: 2\n" U("00000005", "00000500",
							       "vzstart",
							       "9") " 00000505 unexpected status";

	taskindex_parse(span_str(text), false, false, &t);
	CHECK_U64(t.n, 4);
	CHECK_U64(t.bad_lines, 2);
	CHECK(t.v[0].state == TASK_OK, "%d", t.v[0].state);
	CHECK_U64(t.v[0].noticed_real_usec.n, 0x105ull * 1000000);
	CHECK(t.v[1].state == TASK_ERROR, "%d", t.v[1].state);
	CHECK_STR(t.v[1].status, "command 'x' failed: exit code 1");
	CHECK(t.v[2].state == TASK_WARNINGS, "%d", t.v[2].state);
	CHECK(t.v[3].state == TASK_UNEXPECTED, "%d", t.v[3].state);
}

static void active_lines_have_a_flag(void)
{
	_cleanup_(tasks_done) struct tasks t = { 0 };
	const char *text =
		"middle of a line OK\n" U("00000001", "00000100", "vzstart", "1") " 0\n" U(
			"00000002", "00000200", "vzstop",
			"2") " 1 00000205 OK\n" U("00000003", "00000200", "vzstop",
						  "3") " 2 00000205 OK\n" U("00000004",
									    "00000200",
									    "vzstop",
									    "4") "\n";

	taskindex_parse(span_str(text), true, true, &t);
	CHECK_U64(t.n, 2);
	CHECK_U64(t.bad_lines, 2);
	CHECK(!t.v[0].status && t.v[0].noticed_real_usec.kind == VAL_ABSENT, "running");
	CHECK_STR(t.v[1].status, "OK");
	taskindex_parse((struct span){ 0 }, true, false, &t);
	CHECK_U64(t.n, 2);
}

static struct tasklog_end end_of(const char *text)
{
	struct tasklog_end e;

	tasklog_parse_end(span_str(text), &e);
	return e;
}

static void the_last_line_of_a_log_is_its_end(void)
{
	struct tasklog_end e;

	CHECK(end_of("a\nTASK OK\n").state == TASK_OK, "ok");
	CHECK(end_of("TASK OK").state == TASK_OK, "no newline");
	CHECK(end_of("").state == TASK_UNEXPECTED, "empty");
	CHECK(end_of("TASK OK\nmore").state == TASK_UNEXPECTED, "not last");
	CHECK(end_of("x\nTASK WARNINGS: 1\n").state == TASK_WARNINGS, "warnings");
	CHECK(end_of("INFO: writing archive 5").state == TASK_UNEXPECTED, "mid-line");
	e = end_of("one\n\nTASK ERROR: CT is locked (backup)\n");
	CHECK(e.state == TASK_ERROR, "%d", e.state);
	CHECK(e.message.n == 21 && memcmp(e.message.p, "CT is locked (backup)", 21) == 0,
	      "%.*s", (int)e.message.n, e.message.p);
	CHECK_U64(e.body_n, 5);
}

static void tasks_of_a_recorded_node(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(tasks_done) struct tasks all = { 0 }, t = { 0 }, none = { 0 };
	struct tasks_want want = { 0 };
	struct err err = { 0 };

	CHECK(tasks_read(root, &want, &all, &err) == 0, "%s", err.msg);
	/* 14 + 8 in the indexes, two of the three in active are there too */
	CHECK_U64(all.n, 23);
	for (size_t i = 1; i < all.n; i++)
		CHECK(all.v[i - 1].upid.start_real_usec >= all.v[i].upid.start_real_usec,
		      "order at %zu", i);
	want.vmid = 109;
	CHECK(tasks_read(root, &want, &t, &err) == 0, "%s", err.msg);
	CHECK_U64(t.n, 3);
	/* the worker of the newest was killed: its log just stops */
	CHECK(t.v[0].state == TASK_UNEXPECTED, "%s", task_state_name(t.v[0].state));
	CHECK_STR(t.v[0].status, "unexpected status");
	CHECK(t.v[2].state == TASK_ERROR, "%d", t.v[2].state);
	want.vmid = 10;
	CHECK(tasks_read(root, &want, &none, &err) == 0, "%s", err.msg);
	CHECK_U64(none.n, 0);
}

static void no_task_list_is_said(void)
{
	_cleanup_close_ int root = fixture_open("hosts/empty");
	_cleanup_(tasks_done) struct tasks t = { 0 };
	struct tasks_want want = { 0 };
	struct err err = { 0 };

	CHECK(tasks_read(root, &want, &t, &err) == -ENOENT, "found");
	CHECK(err.msg[0], "no sentence");
}

#define TASKS "var/log/pve/tasks/"

static void liveness_is_pid_and_start_time(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();
	_cleanup_(upid_done) struct upid u = { 0 };

	upid_parse(span_str("UPID:n:00000007:00000064:00000100:vzstart:101:root@pam:"),
		   &u);
	CHECK(task_alive(t.fd, &u) == 0, "no process");
	mkdirat(t.fd, "proc/7", 0700);
	put(&t, "proc/7/stat",
	    "7 (a) S (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 100 20 21\n",
	    false);
	CHECK(task_alive(t.fd, &u) == 1, "%d", task_alive(t.fd, &u));
	put(&t, "proc/7/stat",
	    "7 (task UPID) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 101 20 21\n",
	    false);
	CHECK(task_alive(t.fd, &u) == 0, "another process with its number");
	unlinkat(t.fd, "proc/uptime", 0);
	unlinkat(t.fd, "proc/7/stat", 0);
	CHECK(task_alive(t.fd, &u) < 0, "a copy without /proc knows nothing");
}

static void a_dead_worker_is_not_running(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();
	_cleanup_(tasks_done) struct tasks got = { 0 };
	struct tasks_want want = { .vmid = 101 };
	struct err err = { 0 };

	put(&t, TASKS "active",
	    U("00000001", "00000101", "vzstart", "101") " 0\n" U(
		    "00000002", "00000102", "vzstart",
		    "101") " 0\n" U("00000003", "00000103", "vzstart", "1010") " 0\n",
	    false);
	mkdirat(t.fd, TASKS "1", 0700);
	put(&t, TASKS "1/" U("00000001", "00000101", "vzstart", "101"),
	    "a line\nTASK ERROR: no\n", false);
	CHECK(tasks_read(t.fd, &want, &got, &err) == 0, "%s", err.msg);
	CHECK_U64(got.n, 2);
	/* no log at all, and one whose end PVE did not notice yet */
	CHECK(got.v[0].state == TASK_UNEXPECTED, "%s", task_state_name(got.v[0].state));
	CHECK(got.v[1].state == TASK_ERROR, "%s", task_state_name(got.v[1].state));
	CHECK_STR(got.v[1].status, "no");
	CHECK(got.v[1].end_real_usec.kind == VAL_SET, "the log's last change");
}

static void the_end_is_when_the_log_was_last_written(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();
	_cleanup_(tasks_done) struct tasks got = { 0 };
	struct timespec times[2] = { { .tv_sec = 0x111 }, { .tv_sec = 0x111 } };
	struct tasks_want want = { 0 };
	struct err err = { 0 };

	put(&t, TASKS "index",
	    U("00000001", "00000101", "vzstart", "101") " 00000120 OK\n" U(
		    "00000002", "00000102", "vzstart", "101") " 00000109 OK\n",
	    false);
	mkdirat(t.fd, TASKS "1", 0700);
	mkdirat(t.fd, TASKS "2", 0700);
	put(&t, TASKS "1/" U("00000001", "00000101", "vzstart", "101"), "TASK OK\n",
	    false);
	put(&t, TASKS "2/" U("00000002", "00000102", "vzstart", "101"), "TASK OK\n",
	    false);
	utimensat(t.fd, TASKS "1/" U("00000001", "00000101", "vzstart", "101"), times, 0);
	CHECK(tasks_read(t.fd, &want, &got, &err) == 0, "%s", err.msg);
	CHECK_U64(got.n, 2);
	CHECK_U64(got.v[0].end_real_usec.n, 0x109ull * 1000000); /* the file is a copy */
	CHECK_U64(got.v[1].end_real_usec.n, 0x111ull * 1000000);
	CHECK_U64(got.v[1].noticed_real_usec.n, 0x120ull * 1000000);
}

/* Appends entries 1, 2, ... as PVE does, with a rename every `per` of them. */
static _noreturn_ void writer(const struct tree *t, unsigned count, unsigned per, int out)
{
	for (unsigned i = 1; i <= count; i++) {
		char line[128];

		if (i > 1 && i % per == 1)
			renameat(t->fd, TASKS "index", t->fd, TASKS "index.1");
		snprintf(line, sizeof(line),
			 "UPID:pve1:00000001:%08X:%08X:vzstart:101:root@pam: %08X OK\n",
			 i, i, i);
		put(t, TASKS "index", line, true);
		(void)!write(out, &i, sizeof(i));
	}
	_exit(0);
}

static void a_rotation_in_between_loses_and_doubles_nothing(void)
{
	enum { COUNT = 4000, PER = 20 };
	_cleanup_(tree_done) struct tree t = tree_new();
	unsigned rounds = 0, bad = 0;
	int fds[2];
	pid_t pid;

	put(&t, TASKS "index", "", false);
	CHECK(pipe2(fds, O_NONBLOCK) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)fcntl(fds[1], F_SETFL, 0);
		writer(&t, COUNT, PER, fds[1]);
	}
	close(fds[1]);
	for (unsigned last = 0; last < COUNT;) {
		_cleanup_(tasks_done) struct tasks got = { 0 };
		struct tasks_want want = { 0 };
		struct err err = { 0 };
		unsigned before;
		uint64_t newest;

		while (read(fds[0], &before, sizeof(before)) == sizeof(before))
			last = before;
		CHECK(tasks_read(t.fd, &want, &got, &err) == 0, "%s", err.msg);
		newest = got.n ? got.v[0].upid.pstart_ticks : 0;
		bad += newest < last;
		/* everything of two generations, without a hole */
		bad += got.n < MIN(last, (unsigned)PER);
		for (size_t i = 1; i < got.n; i++)
			bad += got.v[i - 1].upid.pstart_ticks !=
			       got.v[i].upid.pstart_ticks + 1;
		rounds++;
	}
	waitpid(pid, NULL, 0);
	close(fds[0]);
	CHECK(bad == 0, "%u wrong answers in %u", bad, rounds);
	CHECK(rounds > 10, "%u", rounds);
}

static const char job[] = "INFO: starting new backup job: vzdump 10 101 --storage nas\n"
			  "INFO: Starting Backup of VM 10 (lxc)\n"
			  "INFO: Backup started at 2025-08-13 05:00:03\n"
			  "INFO: tar: INFO: Starting Backup of VM 101 (lxc)\n"
			  "INFO: Finished Backup of VM 10 (00:03:40)\n"
			  "INFO: Backup finished at 2025-08-13 05:03:43\n"
			  "INFO: Starting Backup of VM 101 (lxc)\n"
			  "INFO: Backup started at 2025-08-13 05:03:43\n"
			  "ERROR: Backup of VM 101 failed - CT is locked (disk)\n"
			  "INFO: Failed at 2025-08-13 05:03:44\n"
			  "ERROR: Backup of VM 102 failed - unable to find VM '102'\n"
			  "INFO: Failed at 2025-08-13 05:03:45\n"
			  "INFO: Starting Backup of VM 103 (lxc)\n"
			  "INFO: status = run";

static void a_guest_has_its_part_of_a_backup_log(void)
{
	struct span s;

	CHECK(tasklog_vzdump_section(span_str(job), 101, &s), "101");
	CHECK(span_starts(s,
			  "INFO: Starting Backup of VM 101 (lxc)\nINFO: Backup started"),
	      "%.*s", (int)s.n, s.p);
	CHECK(span_ends(s, "INFO: Failed at 2025-08-13 05:03:44"), "%.*s", (int)s.n, s.p);
	CHECK(tasklog_vzdump_section(span_str(job), 10, &s) &&
		      span_find(s, "tar: INFO") && span_ends(s, "05:03:43"),
	      "10");
	CHECK(tasklog_vzdump_section(span_str(job), 102, &s) && span_starts(s, "ERROR"),
	      "102");
	CHECK(tasklog_vzdump_section(span_str(job), 103, &s) &&
		      span_ends(s, "status = run"),
	      "103");
	CHECK(!tasklog_vzdump_section(span_str(job), 1, &s), "1");
	CHECK(!tasklog_vzdump_section(span_str(""), 101, &s), "empty");
}

static void text_of(const struct loglines *l, size_t i, struct buf *b)
{
	b->n = 0;
	buf_add(b, l->v[i].text.p, l->v[i].text.n);
}

static void a_task_becomes_lines(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(loglines_done) struct loglines l = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct log_want want = { .vmid = 106 };
	struct err err = { 0 };

	CHECK(tasklog_lines(root, &want, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 5);
	text_of(&l, 0, &b);
	CHECK_STR(buf_str(&b), "vzstart by root@pam: startup for container '106' failed");
	CHECK(l.v[0].time_kind == LOG_TIME_EXACT, "%d", l.v[0].time_kind);
	CHECK(l.v[0].level == LOG_LEVEL_ERROR, "%d", l.v[0].level);
	CHECK(l.v[1].time_kind == LOG_TIME_NOT_BEFORE, "%d", l.v[1].time_kind);
	text_of(&l, 4, &b);
	CHECK_STR(buf_str(&b), "TASK ERROR: startup for container '106' failed");
	CHECK_U64(l.v[4].time_real_usec, 0x689bf039ull * 1000000);
}

static void the_newest_tasks_come_first_when_few_lines_are_wanted(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(loglines_done) struct loglines all = { 0 }, few = { 0 };
	struct log_want want = { .vmid = 106 };
	struct err err = { 0 };

	CHECK(tasklog_lines(root, &want, &all, &err) == 0, "%s", err.msg);
	want.max_lines = 2;
	CHECK(tasklog_lines(root, &want, &few, &err) == 0, "%s", err.msg);
	CHECK(few.n >= 2 && few.n < all.n, "%zu of %zu", few.n, all.n);
	for (size_t i = 1; i < all.n; i++)
		CHECK(all.v[i - 1].time_real_usec <= all.v[i].time_real_usec, "at %zu",
		      i);
	CHECK_U64(few.v[0].time_real_usec, all.v[all.n - few.n].time_real_usec);
}

static void a_task_of_several_guests_counts_where_it_names_one(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();
	_cleanup_(loglines_done) struct loglines l = { 0 }, none = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct log_want want = { .vmid = 101 };
	struct err err = { 0 };

	put(&t, TASKS "index",
	    U("00000001", "00000101", "vzdump", "") " 00000120 job errors\n" U(
		    "00000002", "00000122", "startall", "") " 00000130 OK\n",
	    false);
	mkdirat(t.fd, TASKS "1", 0700);
	mkdirat(t.fd, TASKS "2", 0700);
	put(&t, TASKS "1/" U("00000001", "00000101", "vzdump", ""), job, false);
	put(&t, TASKS "2/" U("00000002", "00000122", "startall", ""),
	    "Starting CT 10\nStarting CT 101\nStarting VM 1010\nTASK OK\n", false);
	CHECK(tasklog_lines(t.fd, &want, &l, &err) == 0, "%s", err.msg);
	/* vzdump: header and 4 lines; startall: header, its line, the end */
	CHECK_U64(l.n, 8);
	text_of(&l, 3, &b);
	CHECK_STR(buf_str(&b), "ERROR: Backup of VM 101 failed - CT is locked (disk)");
	CHECK(l.v[3].level == LOG_LEVEL_ERROR, "%d", l.v[3].level);
	CHECK_U64(l.v[3].time_real_usec, 1755061423ull * 1000000);
	text_of(&l, 6, &b);
	CHECK_STR(buf_str(&b), "Starting CT 101");
	want.vmid = 1;
	CHECK(tasklog_lines(t.fd, &want, &none, &err) == 0, "%s", err.msg);
	CHECK_U64(none.n, 0);
}

static void a_huge_log_is_read_from_its_end(void)
{
	_cleanup_(tree_done) struct tree t = tree_new();
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(tasklog_done) struct tasklog l = { 0 };
	_cleanup_(upid_done) struct upid u = { 0 };
	struct err err = { 0 };

	upid_parse(span_str(U("00000001", "00000101", "vzdump", "")), &u);
	for (int i = 0; i < 200000; i++)
		buf_addf(&b, "line %d\n", i);
	buf_adds(&b, "TASK OK\n");
	mkdirat(t.fd, TASKS "1", 0700);
	put(&t, TASKS "1/" U("00000001", "00000101", "vzdump", ""), buf_str(&b), false);
	CHECK(tasklog_read(t.fd, &u, TASKLOG_MAX, &l, &err) == 0, "%s", err.msg);
	CHECK(l.cut && l.text.n <= TASKLOG_MAX && l.text.n > TASKLOG_MAX - 20, "%zu",
	      l.text.n);
	CHECK(str_starts(l.text.p, "line "), "%.20s", l.text.p);
	CHECK(l.end.state == TASK_OK, "%d", l.end.state);
}

static void a_line_of_a_task_has_the_level_that_its_form_says(void)
{
	static const struct {
		const char *text;
		enum log_level level;
	} cases[] = {
		{ "TASK ERROR: no", LOG_LEVEL_ERROR },
		{ "  ERROR: no", LOG_LEVEL_ERROR },
		{ "  WARNING: thin", LOG_LEVEL_WARNING },
		{ "TASK WARNINGS: 1", LOG_LEVEL_WARNING },
		{ "lxc_init: 845 Failed to run lxc.hook.pre-start", LOG_LEVEL_ERROR },
		{ "__lxc_start: 2047 Failed", LOG_LEVEL_ERROR },
		{ "start.c: lxc_init: 844 Failed", LOG_LEVEL_ERROR },
		{ "tools/lxc_start.c: main: 306 The container failed", LOG_LEVEL_ERROR },
		{ "start.c: it is", LOG_LEVEL_NONE },
		{ "start.c:", LOG_LEVEL_NONE },
		{ "main: 306 The", LOG_LEVEL_NONE },
		{ "lxc_init: 845", LOG_LEVEL_NONE },
		{ "lxc_init:  Failed", LOG_LEVEL_NONE },
		{ "lxc_init: x Failed", LOG_LEVEL_NONE },
		{ "_", LOG_LEVEL_NONE },
		{ "files: 12 of them", LOG_LEVEL_NONE },
		{ "TASK OK", LOG_LEVEL_NONE },
		{ "", LOG_LEVEL_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK(tasklog_level(span_str(cases[i].text)) == cases[i].level,
		      "\"%s\": %d", cases[i].text,
		      tasklog_level(span_str(cases[i].text)));
}

int main(void)
{
	RUN(a_line_of_a_task_has_the_level_that_its_form_says);
	RUN(a_upid_is_taken_apart);
	RUN(a_upid_without_id_and_of_another_node_is_one);
	RUN(what_is_no_upid_is_refused);
	RUN(index_lines_have_an_end_and_a_status);
	RUN(active_lines_have_a_flag);
	RUN(the_last_line_of_a_log_is_its_end);
	RUN(tasks_of_a_recorded_node);
	RUN(no_task_list_is_said);
	RUN(liveness_is_pid_and_start_time);
	RUN(a_dead_worker_is_not_running);
	RUN(the_end_is_when_the_log_was_last_written);
	RUN(a_rotation_in_between_loses_and_doubles_nothing);
	RUN(a_guest_has_its_part_of_a_backup_log);
	RUN(a_task_becomes_lines);
	RUN(the_newest_tasks_come_first_when_few_lines_are_wanted);
	RUN(a_task_of_several_guests_counts_where_it_names_one);
	RUN(a_huge_log_is_read_from_its_end);
	return DONE();
}
