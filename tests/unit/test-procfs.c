/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "read/ctlive.h"
#include "read/procfs.h"
#include "read/pvefs.h"
#include "read/unixsock.h"
#include "tmproot.h"

static void stat_is_parsed_from_the_last_bracket(void)
{
	static const char text[] =
		"77 (a) R 1\n\x1b[2J) S 5 77 77 0 -1 4194560 1 2 3 4 11 12 0 0 20 0 3 0 51266 "
		"100 25 18446744073709551615 0\n";
	struct proc_stat s = { 0 };

	CHECK(procfs_parse_stat(span_str(text), &s) == 0, "refused");
	CHECK_U64((uint64_t)s.ppid, 5);
	CHECK_U64((uint64_t)s.session, 77);
	CHECK(s.state == 'S', "state %c", s.state);
	CHECK_U64(s.start_ticks, 51266);
	CHECK_U64(s.utime_ticks, 11);
	CHECK_U64(s.threads, 3);
	CHECK_U64(s.rss_pages, 25);
	CHECK_U64(s.comm.n, 11);
	CHECK(procfs_parse_stat(span_str(""), &s) < 0, "empty taken");
	CHECK(procfs_parse_stat(span_str("77 (a) R"), &s) < 0, "half a line taken");
	CHECK(procfs_parse_stat(span_str(") ("), &s) < 0, "brackets turned round taken");
}

static void a_cgroup_is_its_own_containers_only(void)
{
	struct span c = { 0 };

	CHECK(procfs_parse_cgroup(span_str("3:cpu:/\n0::/lxc/101/ns/init.scope\n"), &c) ==
		      0,
	      "v2");
	CHECK(procfs_cgroup_is_ct(c, 101), "101");
	CHECK(!procfs_cgroup_is_ct(c, 10), "10");
	CHECK(!procfs_cgroup_is_ct(span_str("/lxc.monitor/101"), 101), "monitor");
	CHECK(!procfs_cgroup_is_ct(span_str("/lxc/1012"), 101), "prefix");
	CHECK(procfs_parse_cgroup(span_str("3:cpu:/lxc/101\n"), &c) == -ENOENT,
	      "v1 only");
}

static void host_is_read_from_a_recorded_node(void)
{
	struct host h = { 0 };
	struct err err = { 0 };
	int root = fixture_open("hosts/pvn1");

	CHECK(procfs_read_host(root, &h, &err) == 0, "%s", err.msg);
	CHECK_U64(h.cpus, 2);
	CHECK(h.uptime_centisec.n > 100000, "uptime %ju", (uintmax_t)h.uptime_centisec.n);
	CHECK(h.mem_total_bytes.n > 1 << 28, "memory %ju",
	      (uintmax_t)h.mem_total_bytes.n);
	close(root);
}

static void cpu_lists_are_counted(void)
{
	unsigned n = 0;

	CHECK(procfs_parse_cpulist(span_str("0-3,8\n"), &n) == 0 && n == 5, "n %u", n);
	CHECK(procfs_parse_cpulist(span_str("0"), &n) == 0 && n == 1, "n %u", n);
	CHECK(procfs_parse_cpulist(span_str("3-1"), &n) < 0, "backwards taken");
	CHECK(procfs_parse_cpulist(span_str("0-4294967295"), &n) < 0, "taken");
}

static void veth_names_give_the_vmid(void)
{
	uint32_t id = 0;

	CHECK(procfs_veth_vmid(span_str("veth101i0"), &id) && id == 101, "id %u", id);
	CHECK(procfs_veth_vmid(span_str("veth999999999i9"), &id) && id == 999999999,
	      "id %u", id);
	CHECK(!procfs_veth_vmid(span_str("veth0101i0"), &id), "leading zero");
	CHECK(!procfs_veth_vmid(span_str("vethabci0"), &id), "letters");
	CHECK(!procfs_veth_vmid(span_str("veth101"), &id), "no i");
	CHECK(!procfs_veth_vmid(span_str("tap101i0"), &id), "a virtual machine");
}

static void init_and_state_of_the_recorded_node(void)
{
	static const struct {
		uint32_t vmid;
		pid_t init, monitor;
		enum ct_state state;
	} cases[] = {
		{ 101, 2292, 2223, CT_RUNNING },
		{ 103, 2489, 2414, CT_RUNNING },
		{ 105, 0, 0, CT_STOPPED },
		{ 106, 0, 0, CT_STARTING },
	};
	struct facts_want want = { 0 };
	struct ctlive c;
	struct err err = { 0 };
	uint32_t *ids = NULL;
	size_t n = 0;
	int root = fixture_open("hosts/pvn1");

	CHECK(unixsock_read_monitors(root, false, &ids, &n, &err) == 0, "%s", err.msg);
	CHECK_U64(n, 6);
	CHECK(ctlive_open(root, &c, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ct ct = { .vmid = cases[i].vmid };

		CHECK(ctlive_read(&c, &want, unixsock_has(ids, n, ct.vmid), &ct, NULL,
				  &err) == 0,
		      "%s", err.msg);
		CHECK(ct.init_pid == cases[i].init, "%u: init %d", ct.vmid, ct.init_pid);
		CHECK(ct.monitor_pid == cases[i].monitor, "%u: monitor %d", ct.vmid,
		      ct.monitor_pid);
		CHECK(ct.state == cases[i].state, "%u: state %d", ct.vmid, ct.state);
	}
	free(ids);
	ctlive_close(&c);
	close(root);
}

/* As a guest can: more groups than fit a page stand before the line that is looked for.
 */
static void an_init_of_many_groups_is_found(void)
{
	_cleanup_(buf_done) struct buf status = { 0 };
	struct facts_want want = { 0 };
	struct ct ct = { .vmid = 101 };
	struct err err = { 0 };
	struct tmproot t;
	struct ctlive c;

	tmproot_make(&t);
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/cgroup.events", "populated 1\nfrozen 0\n");
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/ns/cgroup.procs", "77\n");
	tmproot_put(
		&t, "proc/77/stat",
		"77 (init) S 5 77 77 0 -1 4194560 1 2 3 4 11 12 0 0 20 0 3 0 51266 100 25 "
		"18446744073709551615 0\n");
	buf_adds(&status, "Name:\tinit\nGroups:\t");
	for (int i = 0; i < 65536; i++)
		buf_adds(&status, "4294967290 ");
	buf_adds(&status, "\nNStgid:\t77\t1\nNSpid:\t77\t1\n");
	tmproot_put(&t, "proc/77/status", buf_str(&status));
	CHECK(ctlive_open(t.fd, &c, &err) == 0, "%s", err.msg);
	CHECK(ctlive_read(&c, &want, true, &ct, NULL, &err) == 0, "%s", err.msg);
	CHECK(ct.init_pid == 77, "init %d", ct.init_pid);
	ct_done(&ct);
	ctlive_close(&c);
	tmproot_remove(&t);
}

/* pid 77 is PID 1 of container 101, pid 5 its monitor. */
static void put_child(struct tmproot *t, const char *comm, unsigned session,
		      unsigned flags)
{
	char text[256];

	snprintf(
		text, sizeof(text),
		"77 (%s) S 5 77 %u 0 -1 %u 1 2 3 4 11 12 0 0 20 0 3 0 51266 100 25 1 0\n",
		comm, session, flags);
	tmproot_put(t, "proc/77/stat", text);
}

static void put_start(struct tmproot *t)
{
	tmproot_make(t);
	tmproot_put(t, "sys/fs/cgroup/lxc/101/cgroup.events", "populated 1\nfrozen 0\n");
	tmproot_put(t, "sys/fs/cgroup/lxc/101/ns/cgroup.procs", "77\n");
	tmproot_put(t, "sys/fs/cgroup/lxc.monitor/101/cgroup.procs", "5\n");
	tmproot_put(t, "proc/5/stat",
		    "5 (lxc-start) S 1 5 5 0 -1 4194560 1 2 3 4 11 12 0 0 20 0 3 0 51200 "
		    "100 25 1 0\n");
	tmproot_put(t, "proc/77/status", "Name:\tx\nNStgid:\t77\t1\nNSpid:\t77\t1\n");
}

static void read_101(const struct tmproot *t, const struct facts_want *want, bool socket,
		     struct ct *ret)
{
	struct err err = { 0 };
	struct ctlive c;

	*ret = (struct ct){ .vmid = 101 };
	CHECK(ctlive_open(t->fd, &c, &err) == 0, "%s", err.msg);
	CHECK(ctlive_read(&c, want, socket, ret, NULL, &err) == 0, "%s", err.msg);
	ctlive_close(&c);
}

static void what_has_not_execed_is_no_init_yet(void)
{
	static const struct {
		const char *comm, *what;
		unsigned session, flags;
		enum ct_state state;
	} cases[] = {
		{ "lxc-start", "in a hook", 5, 0x400140, CT_STARTING },
		{ "lxc-start", "just before its exec", 77, 0x400140, CT_STARTING },
		{ "init", "execed", 77, 0x400100, CT_RUNNING },
		{ "lxc-start", "a name that anybody can have", 77, 0x400100, CT_RUNNING },
		{ "init", "restored from a checkpoint", 77, 0x400140, CT_RUNNING },
	};
	const struct facts_want want = { 0 }, newborn = { .newborn = true };
	struct tmproot t;
	struct ct ct;

	put_start(&t);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool up = cases[i].state == CT_RUNNING;

		put_child(&t, cases[i].comm, cases[i].session, cases[i].flags);
		read_101(&t, &want, true, &ct);
		CHECK(ct.state == cases[i].state, "%s: %s", cases[i].what,
		      ct_state_name(ct.state));
		CHECK(ct.init_pid == (up ? 77 : 0), "%s: init %d", cases[i].what,
		      ct.init_pid);
		CHECK(ct.init_start_ticks == (up ? 51266 : 0), "%s: %ju", cases[i].what,
		      (uintmax_t)ct.init_start_ticks);
		CHECK(ct.monitor_pid == 5, "%s: %d", cases[i].what, ct.monitor_pid);
		read_101(&t, &newborn, true, &ct);
		CHECK(ct.init_pid == 77 && ct.state == CT_RUNNING, "%s: init %d, %s",
		      cases[i].what, ct.init_pid, ct_state_name(ct.state));
	}
	tmproot_remove(&t);
}

static void a_monitor_on_its_way_out_is_no_start(void)
{
	static const struct {
		const char *text; /* its arguments, \n where a NUL is */
		enum ct_state state;
	} cases[] = {
		{ NULL, CT_STARTING },
		{ "/usr/bin/lxc-start\n-F\n-n\n101\n", CT_STOPPING },
		{ "[lxc monitor] /var/lib/lxc 101\n\n\n", CT_STOPPING },
		{ "[lxc monitor] /var/lib/lxc 1101\n", CT_STARTING },
		{ "/bin/sh\n/hook\n101\nlxc\npost-stop\n", CT_STARTING },
		{ "/usr/bin/lxc-start\n-F\n-n\n1010\n", CT_STARTING },
	};
	const struct facts_want want = { 0 };
	struct tmproot t;
	struct ct ct;

	tmproot_make(&t);
	tmproot_put(&t, "sys/fs/cgroup/lxc.pivot/cgroup.procs", "4\n5\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		size_t n = 0;

		for (const char *p = cases[i].text; p && *p; p++)
			text[n++] = *p == '\n' ? '\0' : *p;
		if (n)
			tmproot_putn(&t, "proc/5/cmdline", text, n);
		read_101(&t, &want, true, &ct);
		CHECK(ct.state == cases[i].state, "%zu: %s", i, ct_state_name(ct.state));
		read_101(&t, &want, false, &ct);
		CHECK(ct.state == CT_STOPPED, "%zu: %s", i, ct_state_name(ct.state));
	}
	tmproot_remove(&t);
}

static void a_socket_name_forges_no_line(void)
{
	struct sockaddr_un good = { .sun_family = AF_UNIX },
			   bad = { .sun_family = AF_UNIX };
	static const char forged[] =
		"x\n0: 00000002 0 00010000 0001 01 1 @/var/lib/lxc/987654322/command";
	uint32_t *ids = NULL;
	struct err err = { 0 };
	int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
	int root = -1;
	size_t n = 0;

	snprintf(good.sun_path + 1, sizeof(good.sun_path) - 1,
		 "/var/lib/lxc/987654321/command");
	memcpy(bad.sun_path + 1, forged, sizeof(forged) - 1);
	CHECK(bind(a, (struct sockaddr *)&good,
		   (socklen_t)(sizeof(sa_family_t) + 1 + strlen(good.sun_path + 1))) == 0,
	      "bind");
	CHECK(bind(b, (struct sockaddr *)&bad,
		   (socklen_t)(sizeof(sa_family_t) + sizeof(forged))) == 0,
	      "bind");
	listen(a, 1);
	CHECK(fs_open_root("/", &root, &err) == 0, "%s", err.msg);
	CHECK(unixsock_read_monitors(root, true, &ids, &n, &err) == 0, "%s", err.msg);
	CHECK(unixsock_has(ids, n, 987654321), "the real one is missing");
	CHECK(!unixsock_has(ids, n, 987654322), "the forged one is taken");
	free(ids);
	close(a);
	close(b);
	close(root);
}

static void a_bundle_holds_what_was_asked(void)
{
	static const struct pvefs_req reqs[] = {
		{ PVEFS_LSTAT, "etc/pve/local" },      { PVEFS_LINK, "etc/pve/local" },
		{ PVEFS_CONFS, "etc/pve/lxc" },        { PVEFS_NODES, "etc/pve/nodes" },
		{ PVEFS_FILE, "etc/pve/storage.cfg" }, { PVEFS_FILE, "etc/pve/none" },
	};
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct err err = { 0 };
	int root = fixture_open("hosts/pvn1");

	CHECK(pvefs_read(root, reqs, ARRAY_SIZE(reqs), &p, &err) == 0, "%s", err.msg);
	CHECK_U64(p.n, 2 + 8 + 1 + 8 + 2);
	CHECK(span_eq(p.v[1].data, "nodes/pvn1"), "%.*s", (int)p.v[1].data.n,
	      p.v[1].data.p);
	CHECK(pvefs_get(&p, "etc/pve/none")->error == -ENOENT, "none");
	CHECK(pvefs_data(&p, "etc/pve/storage.cfg").n > 100, "storage.cfg");
	CHECK(span_starts(pvefs_data(&p, "etc/pve/lxc/101.conf"), "#first container"),
	      "101");
	close(root);
}

/* The whole answer of a server; false: it died. */
static bool wait_answer(const struct pvefs_server *s, struct pvefs *p)
{
	while (!pvefs_ended(p)) {
		struct pollfd pfd = { .fd = s->guard.fd, .events = POLLIN };
		ssize_t n;

		poll(&pfd, 1, 5000);
		buf_reserve(&p->raw, 64);
		n = read(s->guard.fd, p->raw.p + p->raw.n, 64); /* in pieces */
		if (n <= 0)
			return false;
		p->raw.n += (size_t)n;
	}
	return true;
}

static size_t n_fds(pid_t pid)
{
	_cleanup_close_ int root = open("/", O_PATH | O_CLOEXEC);
	_cleanup_(strv_done) struct strv v = { 0 };
	char path[32];

	snprintf(path, sizeof(path), "proc/%d/fd", pid);
	CHECK(fs_list(root, path, 1000, &v, NULL) == 0, "%s", path);
	return v.n;
}

static void a_server_answers_until_it_dies(void)
{
	static const struct pvefs_req reqs[] = {
		{ PVEFS_FILE, "etc/pve/storage.cfg" },
		{ PVEFS_CONFS, "etc/pve/lxc" },
	};
	struct pvefs_server s = { 0 };
	struct err err = { 0 };
	int root = fixture_open("hosts/pvn1"), many[50];
	siginfo_t si;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = dup(root);
	CHECK(pvefs_serve(root, reqs, ARRAY_SIZE(reqs), &s, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < 3; i++) {
		_cleanup_(pvefs_done) struct pvefs p = { 0 };

		CHECK(pvefs_ask(&s, 1 + i % 2) == 0, "ask %zu", i);
		CHECK(wait_answer(&s, &p), "it died");
		CHECK(pvefs_parse(&p) == 0, "half an answer");
		CHECK_U64(p.n, i % 2 ? 9 : 1);
		CHECK(pvefs_data(&p, "etc/pve/storage.cfg").n > 100, "storage.cfg");
	}
	CHECK(n_fds(s.guard.pid) <= 6, "%zu descriptors", n_fds(s.guard.pid));
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		close(many[i]);

	kill(s.guard.pid, SIGKILL);
	CHECK(waitid(P_PID, (id_t)s.guard.pid, &si, WEXITED | WNOWAIT) == 0, "wait");
	{
		_cleanup_(pvefs_done) struct pvefs p = { 0 };

		CHECK(!wait_answer(&s, &p), "it answers, dead");
		CHECK(pvefs_ask(&s, 1) == -EPIPE, "it can be asked, dead");
	}
	pvefs_quit(&s);
	pvefs_quit(&s);
	close(root);
}

static void an_answer_has_one_end(void)
{
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	static const char end[24] = { [8] = 1 };

	CHECK(!pvefs_ended(&p), "an empty one");
	buf_add(&p.raw, end, sizeof(end) - 1);
	CHECK(!pvefs_ended(&p), "half of an end");
	buf_add(&p.raw, "", 1);
	CHECK(pvefs_ended(&p), "an end");
	CHECK(pvefs_parse(&p) == 0 && !p.n, "parse");
	buf_add(&p.raw, "x", 1);
	CHECK(pvefs_parse(&p) < 0, "what comes after it");
}

static void conf_paths_tell_vmid_and_node(void)
{
	struct span node;
	uint64_t id = 0;

	CHECK(pvefs_conf_path("etc/pve/lxc/101.conf", &id, &node) && id == 101 && !node.n,
	      "own");
	CHECK(pvefs_conf_path("etc/pve/nodes/n2/lxc/7.conf", &id, &node) && id == 7 &&
		      span_eq(node, "n2"),
	      "other");
	CHECK(!pvefs_conf_path("etc/pve/lxc/0101.conf", &id, &node), "leading zero");
	CHECK(!pvefs_conf_path("etc/pve/lxc/101.conf.tmp.77", &id, &node),
	      "being written");
	CHECK(!pvefs_conf_path("etc/pve/nodes/n2/lxc", &id, &node), "directory");
}

int main(void)
{
	RUN(stat_is_parsed_from_the_last_bracket);
	RUN(a_cgroup_is_its_own_containers_only);
	RUN(host_is_read_from_a_recorded_node);
	RUN(cpu_lists_are_counted);
	RUN(veth_names_give_the_vmid);
	RUN(init_and_state_of_the_recorded_node);
	RUN(an_init_of_many_groups_is_found);
	RUN(what_has_not_execed_is_no_init_yet);
	RUN(a_monitor_on_its_way_out_is_no_start);
	RUN(a_socket_name_forges_no_line);
	RUN(a_bundle_holds_what_was_asked);
	RUN(a_server_answers_until_it_dies);
	RUN(an_answer_has_one_end);
	RUN(conf_paths_tell_vmid_and_node);
	return DONE();
}
