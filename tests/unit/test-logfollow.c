/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/logfollow.h"

#include "test.h"
#include "tree.h"

#define TASKS "var/log/pve/tasks/"
#define UPID  "UPID:n:00000007:00000064:00000101:vzstart:101:root@pam:"
#define JOB   "UPID:n:00000008:00000064:00000102:vzdump::root@pam:"

static const bool all[LOG_SOURCES] = { true, true, true, true, true, true };
static struct log_want want = { .vmid = 101 };

static struct tree node(void)
{
	struct tree t = tree_new();

	mkdirat(t.fd, "run", 0700);
	mkdirat(t.fd, "run/pve", 0700);
	mkdirat(t.fd, "var/log/vzdump", 0700);
	mkdirat(t.fd, TASKS "1", 0700);
	mkdirat(t.fd, TASKS "2", 0700);
	put(&t, TASKS "active", "", false);
	put(&t, TASKS "index", "", false);
	return t;
}

static void alive(const struct tree *t, const char *pid)
{
	char dir[32], file[40];

	snprintf(dir, sizeof(dir), "proc/%s", pid);
	snprintf(file, sizeof(file), "proc/%s/stat", pid);
	mkdirat(t->fd, dir, 0700);
	put(t, file,
	    "7 (task) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 100 20 21 22 23 24\n",
	    false);
}

/* The texts of what a poll brings, one a line. */
static const char *poll_text(struct logfollow *f)
{
	static struct buf b;
	_cleanup_(loglines_done) struct loglines l = { 0 };

	b.n = 0;
	buf_adds(&b, "");
	logfollow_poll(f, &l);
	for (size_t i = 0; i < l.n; i++) {
		buf_add(&b, l.v[i].text.p, l.v[i].text.n);
		buf_addc(&b, '|');
	}
	return buf_str(&b);
}

static void only_what_is_new_comes(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f;

	put(&t, "var/log/vzdump/lxc-101.log", "2025-08-13 05:00:03 INFO: old\n", false);
	f = logfollow_new(t.fd, &want, all);
	CHECK_STR(poll_text(f), "");
	put(&t, "var/log/vzdump/lxc-101.log", "2025-08-13 05:00:04 INFO: new\nhal", true);
	CHECK_STR(poll_text(f), "INFO: new|");
	put(&t, "var/log/vzdump/lxc-101.log", "f\n", true);
	CHECK_STR(poll_text(f), "half|");
	put(&t, "var/log/vzdump/lxc-101.log", "2025-08-13 06:00:00 INFO: a\n", false);
	CHECK_STR(poll_text(f), "INFO: a|");
	CHECK_STR(poll_text(f), "");
	logfollow_free(f);
}

static void files_that_come_later_are_followed(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f = logfollow_new(t.fd, &want, all);

	CHECK_STR(poll_text(f), "");
	mkdirat(t.fd, "var/log/pve/replicate", 0700);
	put(&t, "var/log/pve/replicate/101-0", "2025-08-13 05:00:04 101-0: start\n",
	    false);
	put(&t, "var/log/pve/replicate/1010-0", "2025-08-13 05:00:04 1010-0: no\n",
	    false);
	CHECK_STR(poll_text(f), "start|");
	/* the firewall's log is rotated away */
	put(&t, "var/log/pve-firewall.log", "101 6 veth101i0-IN 1 one\n", false);
	CHECK_STR(poll_text(f), "1 one|");
	renameat(t.fd, "var/log/pve-firewall.log", t.fd, "var/log/pve-firewall.log.1");
	put(&t, "var/log/pve-firewall.log", "101 6 veth101i0-IN 2 two, and longer\n",
	    false);
	CHECK_STR(poll_text(f), "2 two, and longer|");
	logfollow_free(f);
}

/* logrotate renames, makes the new file, and only then tells the writer. */
static void no_line_is_lost_in_a_rotation(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f;

	put(&t, "var/log/pve-firewall.log", "101 6 veth101i0-IN 1 old\n", false);
	f = logfollow_new(t.fd, &want, all);
	CHECK_STR(poll_text(f), "");
	put(&t, "var/log/pve-firewall.log", "101 6 veth101i0-IN 1 before\n", true);
	renameat(t.fd, "var/log/pve-firewall.log", t.fd, "var/log/pve-firewall.log.1");
	CHECK_STR(poll_text(f), "1 before|");
	put(&t, "var/log/pve-firewall.log", "", false);
	put(&t, "var/log/pve-firewall.log.1", "101 6 veth101i0-IN 1 late\n", true);
	CHECK_STR(poll_text(f), "1 late|");
	put(&t, "var/log/pve-firewall.log.1", "101 6 veth101i0-IN 1 last\n", true);
	put(&t, "var/log/pve-firewall.log", "101 6 veth101i0-IN 1 new\n", true);
	CHECK_STR(poll_text(f), "1 last|");
	CHECK_STR(poll_text(f), "1 new|");
	CHECK_STR(poll_text(f), "");
	logfollow_free(f);
}

static void overlaid(const struct tree *t, const char *text)
{
	int fd = openat(t->fd, "run/pve/ct-101.stderr", O_WRONLY);
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	CHECK(fs_write_all(fd, text, strlen(text)) == 0, "write");
	futimens(fd, times);
	close(fd);
}

static void stderr_that_is_written_over_is_seen(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f;

	put(&t, "run/pve/ct-101.stderr", "lxc-start: old one\nlxc-start: old two\n",
	    false);
	f = logfollow_new(t.fd, &want, all);
	CHECK_STR(poll_text(f), "");
	overlaid(&t, "lxc-start: new");
	CHECK_STR(poll_text(f), "lxc-start: new one|");
	put(&t, "run/pve/ct-101.stderr", "more\n", true);
	CHECK_STR(poll_text(f), "more|");
	logfollow_free(f);
}

static void a_task_is_told_from_start_to_end(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f = logfollow_new(t.fd, &want, all);

	alive(&t, "7");
	put(&t, TASKS "1/" UPID, "one\n", false);
	put(&t, TASKS "active", UPID " 0\n", false);
	CHECK_STR(poll_text(f), "vzstart by root@pam: started|one|");
	put(&t, TASKS "1/" UPID, "two\nTASK ERR", true);
	CHECK_STR(poll_text(f), "two|");
	put(&t, TASKS "1/" UPID, "OR: no\n", true);
	CHECK_STR(poll_text(f), "TASK ERROR: no|");
	put(&t, TASKS "index", UPID " 00000109 no\n", true);
	put(&t, TASKS "active", UPID " 1 00000109 no\n", false);
	CHECK_STR(poll_text(f), "");
	logfollow_free(f);
}

static void a_killed_task_is_told(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f;

	alive(&t, "7");
	put(&t, TASKS "1/" UPID, "one\n", false);
	put(&t, TASKS "active", UPID " 0\n", false);
	f = logfollow_new(t.fd, &want, all);
	CHECK_STR(poll_text(f), "");
	unlinkat(t.fd, "proc/7/stat", 0);
	CHECK_STR(poll_text(f), "the task ended without a final line|");
	CHECK_STR(poll_text(f), "");
	logfollow_free(f);
}

static void a_backup_of_several_tells_its_part(void)
{
	_cleanup_(tree_done) struct tree t = node();
	struct logfollow *f = logfollow_new(t.fd, &want, all);

	alive(&t, "8");
	put(&t, TASKS "2/" JOB, "INFO: starting new backup job: vzdump --all\n", false);
	put(&t, TASKS "active", JOB " 0\n", false);
	CHECK_STR(poll_text(f), "");
	put(&t, TASKS "2/" JOB,
	    "INFO: Starting Backup of VM 1010 (lxc)\nINFO: a\n"
	    "INFO: Finished Backup of VM 1010 (00:00:01)\n",
	    true);
	CHECK_STR(poll_text(f), "");
	put(&t, TASKS "2/" JOB, "INFO: Starting Backup of VM 101 (lxc)\nINFO: b\n", true);
	CHECK_STR(poll_text(f), "vzdump by root@pam: started|"
				"INFO: Starting Backup of VM 101 (lxc)|INFO: b|");
	put(&t, TASKS "2/" JOB,
	    "ERROR: Backup of VM 101 failed - x\n"
	    "INFO: Starting Backup of VM 102 (lxc)\nINFO: c\n"
	    "TASK ERROR: job errors\n",
	    true);
	CHECK_STR(poll_text(f),
		  "ERROR: Backup of VM 101 failed - x|TASK ERROR: job errors|");
	logfollow_free(f);
}

int main(void)
{
	RUN(only_what_is_new_comes);
	RUN(files_that_come_later_are_followed);
	RUN(no_line_is_lost_in_a_rotation);
	RUN(stderr_that_is_written_over_is_seen);
	RUN(a_task_is_told_from_start_to_end);
	RUN(a_killed_task_is_told);
	RUN(a_backup_of_several_tells_its_part);
	return DONE();
}
