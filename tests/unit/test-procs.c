/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "read/procs.h"
#include "tmproot.h"

static void the_recorded_status_is_parsed(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(buf_done) struct buf b = { 0 };
	struct proc_status s;

	CHECK(fs_read_file(root, "proc/2836/status", 1 << 16, &b, NULL) == 0, "read");
	CHECK(procs_parse_status(span_of(b.p, b.n), &s) == 0, "parse");
	CHECK_U64(s.uid, 0);
	CHECK(s.n_nspid == 2, "%u", s.n_nspid);
	CHECK(s.nspid[0] == 2836 && s.nspid[1] == 1, "%d %d", s.nspid[0], s.nspid[1]);
	CHECK_U64(s.rss_bytes.n, 1468 * 1024);
	CHECK_U64(s.swap_bytes.n, 0);
	CHECK_U64(s.threads, 1);
}

static void a_status_may_lack_and_must_not_lie(void)
{
	struct proc_status s;

	CHECK(procs_parse_status(span_str("Uid:\t1\t2\t3\t4"), &s) == 0,
	      "no last newline");
	CHECK_U64(s.uid, 2);
	CHECK(s.rss_bytes.kind == VAL_ABSENT && s.n_nspid == 0, "absent");
	CHECK(procs_parse_status(span_str("Uid:\t0\t4294967295\t0\t0\n"), &s) == 0,
	      "max");
	CHECK(procs_parse_status(span_str("Uid:\t0\t4294967296\t0\t0\n"), &s) < 0,
	      "max+1");
	CHECK(procs_parse_status(span_str(""), &s) == -EINVAL, "empty");
	CHECK(procs_parse_status(span_str("Uid:\n"), &s) == -EINVAL, "half");
	CHECK(procs_parse_status(span_str("Uid:\t0\t0\nVmRSS:\t1 kB\nVmRSS:\t1 kB\n"),
				 &s) == -EINVAL,
	      "twice");
	CHECK(procs_parse_status(span_str("Uid:\t0\t0\nVmRSS:\t18014398509481984 kB\n"),
				 &s) == -EINVAL,
	      "too large");
	/* what a process calls itself cannot make a line: the kernel escapes it */
	CHECK(procs_parse_status(span_str("Name:\ta\\nUid:\t7\t7\nUid:\t0\t5\t0\t0\n"),
				 &s) == 0,
	      "name");
	CHECK_U64(s.uid, 5);
	CHECK(procs_parse_status(
		      span_str("Uid:\t0\t0\nNSpid:\t9\t8\t7\t6\t5\t4\t3\t2\t1\t0\n"),
		      &s) == 0,
	      "deep");
	CHECK(s.n_nspid == 8, "%u", s.n_nspid);
}

static void uids_are_mapped_both_ends(void)
{
	_cleanup_(idmap_done) struct idmap m = { 0 };

	CHECK(procs_parse_idmap(span_str("         0     100000      65536\n"
					 "     65536        500          1\n"),
				&m) == 0,
	      "parse");
	CHECK_U64(idmap_inside(&m, 100000).n, 0);
	CHECK_U64(idmap_inside(&m, 165535).n, 65535);
	CHECK_U64(idmap_inside(&m, 500).n, 65536);
	CHECK(idmap_inside(&m, 165536).kind == VAL_ABSENT, "above");
	CHECK(idmap_inside(&m, 0).kind == VAL_ABSENT, "host root");
	idmap_done(&m);
	CHECK(procs_parse_idmap(span_str("0 0 4294967295\n"), &m) == 0, "all");
	CHECK_U64(idmap_inside(&m, 4294967294).n, 4294967294);
	idmap_done(&m);
	CHECK(procs_parse_idmap(span_str("0 0\n"), &m) == -EINVAL, "half a line");
	CHECK(procs_parse_idmap(span_str(""), &m) == 0 && m.n == 0, "empty");
}

static int open_ct(int root, const char *path)
{
	struct err err = { 0 };
	int fd = -1;

	CHECK(fs_open(root, path, O_PATH | O_DIRECTORY, &fd, &err) == 0, "%s", err.msg);
	return fd;
}

static void the_recorded_container_has_its_init(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_close_ int dir = open_ct(root, "sys/fs/cgroup/lxc/103");
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 103, .init_pid = 2489, .cmdline = true };

	CHECK(procs_read(root, dir, &o, &p, NULL) == 0, "read");
	/* the others of cgroup.procs are not in the record: ended meanwhile */
	CHECK(p.n == 1, "%zu", p.n);
	if (p.n != 1)
		return;
	CHECK(p.v[0].pid == 2489 && p.v[0].ct_pid == 1, "%d %d", p.v[0].pid,
	      p.v[0].ct_pid);
	CHECK_STR(p.v[0].cgroup, "init.scope");
	CHECK(span_eq(p.v[0].where.unit, "init.scope"), "unit");
	CHECK_U64(p.v[0].uid, 100000);
	CHECK_U64(p.v[0].ct_uid.n, 0);
	CHECK(p.v[0].cmdline_n == 11, "%u", p.v[0].cmdline_n);
	CHECK_STR(p.v[0].cmdline, "/sbin/init");
}

/* A made-up process in the cgroup of container 101. */
static void put_proc(const struct tmproot *r, int pid, const char *comm,
		     const char *cgroup, const char *groups)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	buf_addf(
		&b,
		"%d (%s) S 7 1 1 0 -1 0 0 0 0 0 14 15 16 17 20 0 3 0 4242 1 25 1 1 1 1\n",
		pid, comm);
	tmproot_put(r, path, buf_str(&b));
	b.n = 0;
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	buf_addf(&b,
		 "Name:\tx\nUid:\t100005\t100005\t100005\t100005\nGroups:\t%s\n"
		 "NSpid:\t%d\t33\t2\nVmRSS:\t100 kB\nVmSwap:\t8 kB\nThreads:\t3\n",
		 groups, pid);
	tmproot_put(r, path, buf_str(&b));
	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	tmproot_put(r, path, cgroup);
}

static void make_ct(struct tmproot *r)
{
	tmproot_make(r);
	tmproot_put(r, "cg/lxc/101/ns/cgroup.procs", "50\n51\n52\n53\n54\n50\n0\nx\n");
	tmproot_put(r, "proc/50/uid_map", "0 100000 65536\n");
}

static void a_forged_comm_hides_nothing(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 101, .init_pid = 50 };
	const char *comm = "a) R 1\n\x1b[2J\\ (";
	struct tmproot r;
	int dir;

	make_ct(&r);
	put_proc(&r, 50, comm, "1:cpu:/\n0::/lxc/101/ns/system.slice/a.service\n", "0");
	dir = open_ct(r.fd, "cg/lxc/101");
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(p.n == 1, "%zu", p.n);
	CHECK(p.v[0].state == 'S' && p.v[0].ppid == 7, "%c %d", p.v[0].state,
	      p.v[0].ppid);
	CHECK(p.v[0].comm_n == strlen(comm) &&
		      memcmp(p.v[0].comm, comm, p.v[0].comm_n) == 0,
	      "comm");
	CHECK_U64(p.v[0].start_ticks, 4242);
	CHECK_U64(p.v[0].utime_ticks, 14);
	CHECK_U64(p.v[0].threads, 3);
	CHECK(p.v[0].ct_pid == 33, "%d: of the container, not of what it nests",
	      p.v[0].ct_pid);
	CHECK_U64(p.v[0].ct_uid.n, 5);
	CHECK_U64(p.v[0].rss_bytes.n, 102400);
	CHECK(span_eq(p.v[0].where.unit, "a.service"), "unit");
	CHECK(!p.v[0].cmdline, "not asked for");
	close(dir);
	tmproot_remove(&r);
}

static void a_pid_that_is_someone_elses_by_now_is_left_out(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 101, .init_pid = 50 };
	struct tmproot r;
	int dir;

	make_ct(&r);
	put_proc(&r, 50, "a", "0::/lxc/101/ns\n", "0");
	put_proc(&r, 51, "b", "0::/lxc/1011/ns\n", "0");
	put_proc(&r, 52, "c", "0::/system.slice/x.service\n", "0");
	put_proc(&r, 53, "d", "0::/lxc/101\n", "0");
	put_proc(&r, 54, "e", "1:name=systemd:/lxc/101/ns\n0::/lxc.monitor/101\n", "0");
	dir = open_ct(r.fd, "cg/lxc/101");
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(p.n == 2 && p.v[0].pid == 50 && p.v[1].pid == 53, "%zu", p.n);
	CHECK_STR(p.v[0].cgroup, "");
	CHECK_U64(p.left_out, 0);
	close(dir);
	tmproot_remove(&r);
}

static void sixty_thousand_groups_hide_nothing(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	_cleanup_(buf_done) struct buf groups = { 0 };
	struct procs_opts o = { .vmid = 101, .init_pid = 50 };
	struct tmproot r;
	int dir;

	for (int i = 0; i < 65536; i++)
		buf_adds(&groups, "4294967290 ");
	make_ct(&r);
	put_proc(&r, 50, "a", "0::/lxc/101/ns\n", buf_str(&groups));
	dir = open_ct(r.fd, "cg/lxc/101");
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(p.n == 1 && p.v[0].ct_pid == 33, "%zu", p.n);
	close(dir);
	tmproot_remove(&r);
}

static void the_number_of_processes_is_bounded(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 101, .init_pid = 50, .max = 2 };
	struct tmproot r;
	int dir;

	make_ct(&r);
	for (int i = 50; i < 55; i++)
		put_proc(&r, i, "a", "0::/lxc/101/ns\n", "0");
	dir = open_ct(r.fd, "cg/lxc/101");
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(p.n == 2, "%zu", p.n);
	CHECK_U64(p.left_out, 3);
	close(dir);
	tmproot_remove(&r);
}

static void more_cgroups_than_we_look_into_hide_no_process(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 101, .init_pid = 50 };
	struct tmproot r;
	char path[64];
	int dir;

	make_ct(&r);
	for (int i = 0; i < 1100; i++) {
		snprintf(path, sizeof(path), "cg/lxc/101/ns/x%d/", i);
		tmproot_dirs(&r, path);
	}
	/* not in any list that is read, as if it were in the 1100th of them */
	put_proc(&r, 60, "hidden", "0::/lxc/101/ns/x1099\n", "0");
	put_proc(&r, 61, "other", "0::/lxc/102/ns\n", "0");
	put_proc(&r, 50, "a", "0::/lxc/101/ns\n", "0");
	dir = open_ct(r.fd, "cg/lxc/101");
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(p.n == 2 && p.v[1].pid == 60, "%zu", p.n);
	CHECK_U64(p.cgroups_left, 0);
	close(dir);
	tmproot_remove(&r);
}

/* One that never answers takes a mapping only a live test can make: here a FIFO. */
static void a_command_line_that_cannot_be_read_holds_up_no_other(void)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	struct procs_opts o = { .vmid = 101,
				.init_pid = 50,
				.cmdline = true,
				.cmdline_timeout_usec = 1000000 };
	uint64_t began;
	struct tmproot r;
	int dir, w;

	make_ct(&r);
	for (int i = 50; i < 54; i++) {
		char path[64], text[4200];

		put_proc(&r, i, "a", "0::/lxc/101/ns\n", "0");
		snprintf(path, sizeof(path), "proc/%d/cmdline", i);
		if (i == 51) {
			CHECK(mkfifoat(r.fd, path, 0644) == 0, "fifo");
			continue;
		}
		memset(text, 'x', sizeof(text));
		tmproot_putn(&r, path, i == 53 ? text : "run\0-x", i == 53 ? 4200 : 7);
	}
	w = openat(r.fd, "proc/51/cmdline", O_RDWR);
	CHECK(w >= 0, "writer");
	dir = open_ct(r.fd, "cg/lxc/101");
	began = clock_mono_usec();
	CHECK(procs_read(r.fd, dir, &o, &p, NULL) == 0, "read");
	CHECK(clock_mono_usec() - began < 60 * USEC_PER_SEC, "took too long");
	CHECK(p.n == 4, "%zu", p.n);
	CHECK(!p.v[1].cmdline, "answered?");
	CHECK(p.v[2].cmdline && p.v[2].cmdline_n == 7, "%u", p.v[2].cmdline_n);
	CHECK(p.v[3].cmdline_n == 4096 && p.v[3].cmdline_cut, "%u", p.v[3].cmdline_n);
	close(w);
	close(dir);
	tmproot_remove(&r);
}

int main(void)
{
	RUN(the_recorded_status_is_parsed);
	RUN(a_status_may_lack_and_must_not_lie);
	RUN(uids_are_mapped_both_ends);
	RUN(the_recorded_container_has_its_init);
	RUN(a_forged_comm_hides_nothing);
	RUN(a_pid_that_is_someone_elses_by_now_is_left_out);
	RUN(sixty_thousand_groups_hide_nothing);
	RUN(the_number_of_processes_is_bounded);
	RUN(more_cgroups_than_we_look_into_hide_no_process);
	RUN(a_command_line_that_cannot_be_read_holds_up_no_other);
	return DONE();
}
