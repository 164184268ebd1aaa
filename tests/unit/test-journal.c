/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "config.h"
#include "test.h"

static void a_node_without_a_journal(void)
{
	_cleanup_close_ int empty = fixture_open("hosts/empty");
	struct journal *j = NULL;
	struct err err = { 0 };

	CHECK(journal_open(empty, false, &j, &err) == -ENOENT, "%p", (void *)j);
	CHECK(err.msg[0], "no sentence");
}

#ifdef HAVE_SYSTEMD
static char root_path[] = "/tmp/ctscope-test-XXXXXX";

/* The recorded journal, unpacked; -1: this machine cannot. */
static int unpack(void)
{
	const char *base = getenv("CTSCOPE_FIXTURES");
	char cmd[8192];
	int fd = -1;

	if (!mkdtemp(root_path))
		return -1;
	snprintf(
		cmd, sizeof(cmd),
		"mkdir -p '%s/var/log/journal' && "
		"xz -dc '%s/journal/node.journal.xz' > '%s/var/log/journal/node.journal'",
		root_path, base ? base : "tests/fixtures", root_path);
	if (system(cmd) != 0 || fs_open_root(root_path, &fd, NULL) < 0)
		return -1;
	return fd;
}

static void clean(void)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "rm -r '%s'", root_path);
	CHECK(system(cmd) == 0, "%s", cmd);
}

static int root = -1;

static void read_lines(const struct log_want *want, const char *sources,
		       struct loglines *l)
{
	bool which[LOG_SOURCES] = { 0 };
	struct journal *j = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < LOG_SOURCES; i++)
		which[i] = strstr(sources, log_source_name((enum log_source)i));
	CHECK(journal_open(root, false, &j, &err) == 0, "%s", err.msg);
	if (j)
		CHECK(journal_lines(j, want, which, l, &err) == 0, "%s", err.msg);
	journal_free(j);
}

static void check_lines(const struct loglines *l, const char *const *want, size_t n)
{
	CHECK_U64(l->n, n);
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_addf(&b, "%s ", log_source_name(l->v[i].source));
		buf_add(&b, l->v[i].text.p, l->v[i].text.n);
		CHECK(i < n && str_starts(buf_str(&b), want[i]), "%zu is \"%s\"", i,
		      buf_str(&b));
		CHECK(!i || l->v[i - 1].time_real_usec <= l->v[i].time_real_usec,
		      "order %zu", i);
	}
}

static const char *const all[] = {
	"unit Started pve-container@101.service - PVE LXC Container: 101.",
	"hook two",
	"hook lines",
	"hook leave the monitor",
	"unit lxc-start: 101: out of the unit",
	"pve <root@pam> starting task UPID:pvn1:00000558:00008315:6B00724E:vzstart:101:",
	"pve <root@pam> end task UPID:",
	"pve modified cpu set for lxc/101: 0-1",
	"kernel Memory cgroup stats for /lxc/101:",
	"kernel oom-kill:",
	"kernel Memory cgroup out of memory: Killed process 12642 (dd)",
	"kernel audit: type=1400 audit(1795191400.023:40): apparmor=\"DENIED\"",
	"kernel vmbr0: port 2(veth101i0)",
	"kernel veth101i0: entered",
	"unit pve-container@101.service: Main process exited, code=exited, status=1/FAILURE",
	"unit pve-container@101.service: Failed with result 'exit-code'.",
};

static void lines_of_one_container_and_of_no_other(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	struct log_want want = { .vmid = 101 };

	read_lines(&want, "unit hook pve kernel", &l);
	check_lines(&l, all, ARRAY_SIZE(all));
	if (l.n != ARRAY_SIZE(all))
		return;
	CHECK_STR(l.v[5].origin, "pvedaemon");
	CHECK(l.v[6].level == LOG_LEVEL_ERROR, "%d", l.v[6].level);
}

static void the_number_is_not_a_prefix(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	struct log_want want = { .vmid = 10 };
	static const char *const ten[] = { "unit Started pve-container@10.service" };

	read_lines(&want, "unit hook pve kernel", &l);
	check_lines(&l, ten, 1);
}

static void the_newest_few_between_two_times(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 }, m = { 0 };
	struct log_want want = { .vmid = 101, .max_lines = 2 };
	static const char *const some[] = { "pve <root@pam> starting",
					    "pve <root@pam> end" };

	read_lines(&want, "unit", &l);
	check_lines(&l, all + 14, 2);
	want = (struct log_want){ .vmid = 101,
				  .since_real_usec = 1795191375000000 + 7000000,
				  .until_real_usec = 1795191375000000 + 9000000 };
	read_lines(&want, "unit hook pve kernel", &m);
	check_lines(&m, some, 2);
}

static void following_begins_where_reading_ended(void)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	struct log_want want = { .vmid = 101,
				 .since_real_usec = 1795191375000000 + 20000000 };
	bool which[LOG_SOURCES] = { [LOG_KERNEL] = true, [LOG_UNIT] = true };
	struct journal *j = NULL;
	struct err err = { 0 };

	CHECK(journal_open(root, false, &j, &err) == 0, "%s", err.msg);
	if (!j)
		return;
	CHECK(journal_fd(j) >= 0, "%d", journal_fd(j));
	CHECK(journal_follow(j, &want, which, &l, &err) == 0, "%s", err.msg);
	check_lines(&l, all + 8, 8);
	CHECK(journal_follow(j, &want, which, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 8);
	journal_free(j);
}
#endif

int main(void)
{
	RUN(a_node_without_a_journal);
#ifdef HAVE_SYSTEMD
	root = unpack();
	if (root < 0) {
		printf("ok %d # SKIP cannot unpack the recorded journal\n", ++test_n);
		return DONE();
	}
	RUN(lines_of_one_container_and_of_no_other);
	RUN(the_number_is_not_a_prefix);
	RUN(the_newest_few_between_two_times);
	RUN(following_begins_where_reading_ended);
	close(root);
	clean();
#endif
	return DONE();
}
