/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>

#include "read/ctsec.h"
#include "tmproot.h"

#define UIDS "Uid:\t0\t1\t2\t3\nGid:\t4\t5\t6\t7\n"

static void the_recorded_status_is_parsed(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(buf_done) struct buf b = { 0 };
	struct sec_proc p = { .pid = 2836 };

	CHECK(fs_read_file(root, "proc/2836/status", 1 << 16, &b, NULL) == 0, "read");
	CHECK(ctsec_parse_status(span_of(b.p, b.n), &p) == 0, "parse");
	/* a privileged container: all but what LXC drops */
	CHECK_U64(p.caps.bounding.n, 0x1fcfdfcffff);
	CHECK_U64(p.caps.effective.n, 0x1fcfdfcffff);
	CHECK_U64(p.caps.permitted.n, 0x1fcfdfcffff);
	CHECK(p.caps.ambient.kind == VAL_SET && !p.caps.ambient.n, "ambient");
	CHECK(p.caps.inheritable.kind == VAL_SET && !p.caps.inheritable.n, "inheritable");
	CHECK_U64(p.seccomp.n, 2);
	CHECK_U64(p.seccomp_filters.n, 1);
	CHECK(p.no_new_privs.kind == VAL_SET && !p.no_new_privs.n, "no_new_privs");
	CHECK(p.ct_pid == 1 && p.uid[0] == 0, "%d %u", p.ct_pid, p.uid[0]);
}

static int status(const char *text, struct sec_proc *p)
{
	*p = (struct sec_proc){ 0 };
	return ctsec_parse_status(span_str(text), p);
}

static void a_status_may_lack_and_must_not_lie(void)
{
	struct sec_proc p;

	CHECK(status(UIDS "CapEff:\t000001ffffffffff", &p) == 0, "no last newline");
	CHECK_U64(p.caps.effective.n, 0x1ffffffffff);
	CHECK(p.uid[1] == 1 && p.uid[3] == 3 && p.gid[0] == 4, "ids");
	CHECK(p.caps.ambient.kind == VAL_ABSENT && p.seccomp.kind == VAL_ABSENT &&
		      p.seccomp_filters.kind == VAL_ABSENT &&
		      p.no_new_privs.kind == VAL_ABSENT,
	      "an old kernel says less");
	CHECK(status(UIDS "CapEff:\tffffffffffffffff\n", &p) == 0, "largest");
	CHECK_U64(p.caps.effective.n, UINT64_MAX);
	CHECK(status(UIDS "CapEff:\t10000000000000000\n", &p) == -EINVAL, "and one more");
	CHECK(status("", &p) == -EINVAL, "empty");
	CHECK(status(UIDS, &p) == -EINVAL, "cut before the capabilities");
	CHECK(status(UIDS "CapEff:\t0\nCapEff:\t0\n", &p) == -EINVAL, "twice");
	CHECK(status(UIDS UIDS "CapEff:\t0\n", &p) == -EINVAL, "ids twice");
	CHECK(status(UIDS "CapEff:\t0 1\n", &p) == -EINVAL, "two numbers");
	CHECK(status(UIDS "CapEff:\n", &p) == -EINVAL, "none");
	CHECK(status(UIDS "CapEff:\t0\nSeccomp:\t-1\n", &p) == -EINVAL, "negative");
	CHECK(status("Uid:\t0\t1\t2\nGid:\t0\t0\t0\t0\nCapEff:\t0\n", &p) == -EINVAL,
	      "three ids");
	CHECK(status(UIDS "CapEff:\t0\nSeccomp_filters:\t3\nSeccomp:\t2\n", &p) == 0,
	      "keys that begin alike");
	CHECK(p.seccomp.n == 2 && p.seccomp_filters.n == 3, "%ju %ju",
	      (uintmax_t)p.seccomp.n, (uintmax_t)p.seccomp_filters.n);
	/* what a process calls itself cannot make a line: the kernel escapes it */
	CHECK(status("Name:\ta\\nCapEff:\t1ff\n" UIDS "CapEff:\t0\n", &p) == 0, "name");
	CHECK_U64(p.caps.effective.n, 0);
}

struct label_case {
	const char *text;
	enum sec_aa_mode mode;
	const char *profile, *ns, *inner; /* NULL: none */
	bool unconfined;
};

static const struct label_case labels[] = {
	{ "unconfined\n", SEC_AA_UNCONFINED, "unconfined", NULL, NULL, true },
	{ "/usr/bin/lxc-start (enforce)\n", SEC_AA_ENFORCE, "/usr/bin/lxc-start", NULL,
	  NULL, false },
	{ "lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:unconfined (enforce)\n",
	  SEC_AA_ENFORCE, "lxc-101_</var/lib/lxc>", "lxc-101_<-var-lib-lxc>",
	  "unconfined", false },
	{ "a//&:ns://b (mixed)", SEC_AA_MIXED, "a", "ns", "b", false },
	{ "a//&b//&:n:c//&:m:d (kill)", SEC_AA_KILL, "a", "n", "c", false },
	{ "lxc-container-default-cgns (complain)", SEC_AA_COMPLAIN,
	  "lxc-container-default-cgns", NULL, NULL, false },
	{ "x//child (unconfined)", SEC_AA_UNCONFINED, "x//child", NULL, NULL, true },
	/* the mode is that of the guest's profile: it does not confine on the node */
	{ "unconfined//&:ns:mine (enforce)", SEC_AA_ENFORCE, "unconfined", "ns", "mine",
	  true },
	{ "p (user)", SEC_AA_PROMPT, "p", NULL, NULL, false },
	{ "p (new word)", SEC_AA_UNKNOWN, "p", NULL, NULL, false },
	{ "system_u:system_r:container_t:s0:c1,c2", SEC_AA_UNKNOWN,
	  "system_u:system_r:container_t:s0:c1,c2", NULL, NULL, false },
	/* only the last word counts, whatever a name looks like */
	{ "a//&:n:x (complain) (enforce)", SEC_AA_ENFORCE, "a", "n", "x (complain)",
	  false },
	{ "(enforce)", SEC_AA_UNKNOWN, "(enforce)", NULL, NULL, false },
	{ ")", SEC_AA_UNKNOWN, ")", NULL, NULL, false },
	{ " (enforce)", SEC_AA_ENFORCE, "", NULL, NULL, false },
	{ ":", SEC_AA_UNKNOWN, NULL, "", "", false },
	{ "", SEC_AA_UNKNOWN, "", NULL, NULL, false },
};

static bool same(const char *a, const char *b)
{
	return str_eq(a, b) || (!a && !b);
}

static void labels_tell_profile_namespace_and_mode(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		const struct label_case *c = &labels[i];
		_cleanup_(sec_label_done) struct sec_label l = { 0 };

		ctsec_parse_label(span_str(c->text), &l);
		CHECK(l.got == SEC_GOT && l.mode == c->mode, "%s: %s", c->text,
		      sec_aa_mode_name(l.mode));
		CHECK(same(l.profile, c->profile) && same(l.ns, c->ns) &&
			      same(l.inner, c->inner),
		      "%s: %s, %s, %s", c->text, l.profile ? l.profile : "-",
		      l.ns ? l.ns : "-", l.inner ? l.inner : "-");
		CHECK(sec_label_unconfined(&l) == c->unconfined, "%s", c->text);
	}
}

static void a_namespace_is_its_number(void)
{
	uint64_t n = 0;

	CHECK(ctsec_parse_ns(span_str("user:[4026531837]"), "user", &n) == 0, "parse");
	CHECK_U64(n, 4026531837);
	CHECK(ctsec_parse_ns(span_str("user:[4026531837]"), "mnt", &n) == -EINVAL,
	      "another");
	CHECK(ctsec_parse_ns(span_str("user:[]"), "user", &n) == -EINVAL, "empty");
	CHECK(ctsec_parse_ns(span_str("user:[1"), "user", &n) == -EINVAL, "half");
	CHECK(ctsec_parse_ns(span_str(""), "user", &n) == -EINVAL, "nothing");
	CHECK(ctsec_parse_ns(span_str("user:[18446744073709551616]"), "user", &n) ==
		      -EINVAL,
	      "too large");
}

static void device_rules_are_parsed(void)
{
	struct sec_devices d = { 0 };

	CHECK(ctsec_parse_devices(span_str("c *:* m\nb 8:0 rw\na *:* rwm"), &d) == 0,
	      "parse");
	CHECK(d.got == SEC_GOT && d.is_list && d.n == 3, "%zu", d.n);
	if (d.n == 3) {
		CHECK(d.v[0].type == 'c' && d.v[0].major.kind == VAL_MAX &&
			      d.v[0].mknod && !d.v[0].read,
		      "first");
		CHECK(d.v[1].major.n == 8 && d.v[1].minor.kind == VAL_SET &&
			      d.v[1].write && !d.v[1].mknod,
		      "second");
		CHECK(d.v[2].type == 'a' && d.v[2].mknod, "third");
	}
	free(d.v);
	CHECK(ctsec_parse_devices(span_str(""), &d) == 0 && d.is_list && !d.n, "empty");
	CHECK(ctsec_parse_devices(span_str("c 1:3\n"), &d) == -EINVAL, "no access");
	CHECK(ctsec_parse_devices(span_str("c 1 rwm\n"), &d) == -EINVAL, "no minor");
	CHECK(ctsec_parse_devices(span_str("x 1:3 r\n"), &d) == -EINVAL, "type");
	CHECK(ctsec_parse_devices(span_str("c 1:3 rx\n"), &d) == -EINVAL, "access");
	CHECK(ctsec_parse_devices(span_str("c 4294967296:0 r\n"), &d) == -EINVAL,
	      "too large");
}

static void every_capability_of_the_kernel_s_header_has_a_name(void)
{
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		CHECK(sec_cap_name(i) != NULL, "%u", i);
	CHECK_STR(sec_cap_name(CAP_SYS_ADMIN), "cap_sys_admin");
	CHECK_STR(sec_cap_name(CAP_MAC_ADMIN), "cap_mac_admin");
	CHECK_STR(sec_cap_name(40), "cap_checkpoint_restore");
	CHECK(!sec_cap_name(63), "%s", sec_cap_name(63));
}

static void maps_have_in_common_what_both_map_to(void)
{
	struct idmap_line d[] = { { 0, 100000, 65536 } };
	struct idmap_line c[] = { { 0, 100000, 1000 },
				  { 1000, 1000, 1 },
				  { 1001, 101001, 64535 } };
	struct idmap_line o[] = { { 0, 200000, 65536 } };
	struct idmap_line all[] = { { 0, 0, UINT32_MAX } };
	struct idmap def = { d, 1 }, custom = { c, 3 }, other = { o, 1 },
		     host = { all, 1 }, none = { 0 };
	uint32_t first = 7;

	CHECK_U64(idmap_common(&def, &custom, &first), 65535);
	CHECK_U64(first, 100000);
	CHECK_U64(idmap_common(&def, &other, &first), 0);
	CHECK_U64(idmap_common(&def, &none, &first), 0);
	CHECK_U64(idmap_common(&host, &host, &first), UINT32_MAX);
	CHECK_U64(first, 0);
	CHECK_U64(idmap_common(&custom, &host, &first), 65536);
	CHECK_U64(first, 1000);
}

static void the_recorded_container_is_read(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 103, .init_pid = 2489, .init_start_ticks = 51266 };

	ctsec_read(root, &ct, NULL, 0, &s);
	CHECK(!s.error, "%s", s.error);
	/* the others of cgroup.procs are not in the record: ended meanwhile */
	CHECK(s.n_procs == 1, "%zu", s.n_procs);
	if (s.n_procs != 1)
		return;
	CHECK(s.procs[0].pid == 2489 && s.procs[0].ct_pid == 1, "pid");
	CHECK_STR(s.procs[0].comm, "systemd");
	CHECK(s.procs[0].label.mode == SEC_AA_ENFORCE, "label");
	CHECK_STR(s.procs[0].label.ns, "lxc-103_<-var-lib-lxc>");
	CHECK(s.procs[0].ns.got == SEC_ABSENT, "no links in the record");
	CHECK(s.uid_got == SEC_GOT && s.uids.n == 1 && s.uids.v[0].outside == 100000,
	      "uid_map");
	CHECK(s.gid_got == SEC_GOT && s.gids.n == 1, "gid_map");
	CHECK(s.devices.got == SEC_ABSENT, "no kernel behind a copy");
	CHECK(s.mounts_got == SEC_GOT && s.mounts.n > 30, "%zu mounts", s.mounts.n);
}

/* A made-up process. state: a letter, or NUL for S. */
static void put_proc(const struct tmproot *r, int pid, const char *cgroup, char state,
		     unsigned userns)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	char path[64], link[64];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	buf_addf(
		&b,
		"%d (a) %c 7 1 1 0 -1 0 0 0 0 0 14 15 16 17 20 0 3 0 4242 1 25 1 1 1 1\n",
		pid, state ? state : 'S');
	tmproot_put(r, path, buf_str(&b));
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	tmproot_put(r, path, UIDS "CapEff:\t1\nSeccomp:\t2\n");
	snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
	tmproot_put(r, path, cgroup);
	snprintf(path, sizeof(path), "proc/%d/ns/user", pid);
	snprintf(link, sizeof(link), "user:[%u]", userns);
	tmproot_link(r, path, link);
}

static void make_ct(struct tmproot *r)
{
	tmproot_make(r);
	tmproot_put(r, "sys/fs/cgroup/lxc/101/ns/cgroup.procs", "50\n51\n52\n53\n50\n");
	tmproot_put(r, "proc/50/uid_map", "0 100000 65536\n");
	put_proc(r, 50, "0::/lxc/101/ns\n", 'S', 11);
	put_proc(r, 1, "0::/init.scope\n", 'S', 10);
}

static void what_is_not_the_containers_by_now_is_left_out(void)
{
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 101, .init_pid = 50, .init_start_ticks = 4242 };
	struct sec_host h = { 0 };
	struct tmproot r;

	make_ct(&r);
	put_proc(&r, 51, "0::/lxc/1011/ns\n", 'S', 11); /* the number was reused */
	put_proc(&r, 52, "0::/lxc/101/ns/.lxc\n", 'S', 10);
	put_proc(&r, 53, "0::/lxc/101/ns\n", 'Z', 11);
	ctsec_read_host(r.fd, &h);
	ctsec_read(r.fd, &ct, &h, 0, &s);
	CHECK(!s.error && !s.left_out, "%s, %ju", s.error, (uintmax_t)s.left_out);
	CHECK(s.n_procs == 2, "%zu", s.n_procs);
	if (s.n_procs == 2) {
		CHECK(s.procs[0].pid == 50 && !s.procs[0].attached, "init first");
		CHECK(s.procs[1].pid == 52 && s.procs[1].attached, "attached");
		CHECK(sec_ns_is_other(&h, &s.procs[0].ns, SEC_NS_USER), "its own");
		CHECK(sec_ns_is_hosts(&h, &s.procs[1].ns, SEC_NS_USER), "the node's");
		CHECK(!sec_ns_is_hosts(&h, &s.procs[1].ns, SEC_NS_MNT) &&
			      !sec_ns_is_other(&h, &s.procs[1].ns, SEC_NS_MNT),
		      "not known is neither");
		CHECK(s.procs[0].label.got == SEC_ABSENT, "no AppArmor here");
		CHECK(s.mounts_got == SEC_ABSENT, "no mountinfo here");
	}
	sec_host_done(&h);
	tmproot_remove(&r);
}

static void another_init_of_that_number_is_nobody(void)
{
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 101, .init_pid = 50, .init_start_ticks = 4243 };
	struct tmproot r;

	make_ct(&r);
	ctsec_read(r.fd, &ct, NULL, 0, &s);
	CHECK(!s.n_procs && !s.error && s.uid_got == SEC_ABSENT, "%zu, %s", s.n_procs,
	      s.error);
	ctsec_done(&s);
	ct.init_start_ticks = 4242;
	tmproot_put(&r, "proc/50/cgroup", "0::/lxc.monitor/101\n");
	ctsec_read(r.fd, &ct, NULL, 0, &s);
	CHECK(!s.n_procs && !s.error, "%zu, %s", s.n_procs, s.error);
	tmproot_remove(&r);
}

static void what_cannot_be_read_is_said(void)
{
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 101, .init_pid = 50, .init_start_ticks = 4242 };
	struct tmproot r;

	make_ct(&r);
	/* a directory where a file should be */
	tmproot_put(&r, "proc/50/attr/current/x", "");
	tmproot_put(&r, "proc/50/gid_map/x", "");
	ctsec_read(r.fd, &ct, NULL, 0, &s);
	CHECK(s.n_procs == 1 && s.procs[0].label.got == SEC_UNREADABLE, "label");
	CHECK(s.gid_got == SEC_UNREADABLE && s.uid_got == SEC_GOT, "map");
	CHECK(s.error && strstr(s.error, "AppArmor"), "%s", s.error);
	tmproot_remove(&r);
}

static void more_processes_than_the_bound_are_counted(void)
{
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 101, .init_pid = 50, .init_start_ticks = 4242 };
	struct tmproot r;

	make_ct(&r);
	put_proc(&r, 51, "0::/lxc/101/ns\n", 'S', 11);
	put_proc(&r, 52, "0::/lxc/101/ns\n", 'S', 11);
	ctsec_read(r.fd, &ct, NULL, 2, &s);
	CHECK(s.n_procs == 2 && s.left_out == 2, "%zu %ju", s.n_procs,
	      (uintmax_t)s.left_out);
	tmproot_remove(&r);
}

static void devices_of_v1_are_read(void)
{
	_cleanup_(ctsec_done) struct ctsec s = { 0 };
	struct ct ct = { .vmid = 101, .init_pid = 50, .init_start_ticks = 4242 };
	struct tmproot r;

	make_ct(&r);
	tmproot_put(&r, "sys/fs/cgroup/devices/lxc/101/devices.list", "c 1:3 rwm\n");
	ctsec_read(r.fd, &ct, NULL, 0, &s);
	CHECK(s.devices.got == SEC_GOT && s.devices.is_list && s.devices.n == 1, "%zu",
	      s.devices.n);
	tmproot_remove(&r);
}

static void those_that_do_not_run_have_none(void)
{
	_cleanup_(ctsecs_done) struct ctsecs s = { 0 };
	struct ct cts[] = {
		{ .vmid = 100, .here = true },
		{ .vmid = 101, .here = true, .init_pid = 50, .init_start_ticks = 4242 },
		{ .vmid = 102, .init_pid = 50, .init_start_ticks = 4242 },
	};
	struct facts f = { .cts = cts, .n_cts = 3 };
	struct tmproot r;

	make_ct(&r);
	ctsec_read_all(r.fd, &f, &s);
	CHECK(s.n == 3 && !s.v[0] && s.v[1] && !s.v[2], "which");
	CHECK(s.v[1] && s.v[1]->n_procs == 1 && s.v[1]->host == s.host, "read");
	ctsecs_done(&s);
	f.n_cts = 0;
	ctsec_read_all(r.fd, &f, &s);
	CHECK(!s.n && !s.v && !s.host, "none");
	tmproot_remove(&r);
}

int main(void)
{
	RUN(the_recorded_status_is_parsed);
	RUN(a_status_may_lack_and_must_not_lie);
	RUN(labels_tell_profile_namespace_and_mode);
	RUN(a_namespace_is_its_number);
	RUN(device_rules_are_parsed);
	RUN(every_capability_of_the_kernel_s_header_has_a_name);
	RUN(maps_have_in_common_what_both_map_to);
	RUN(the_recorded_container_is_read);
	RUN(what_is_not_the_containers_by_now_is_left_out);
	RUN(another_init_of_that_number_is_nobody);
	RUN(what_cannot_be_read_is_said);
	RUN(more_processes_than_the_bound_are_counted);
	RUN(devices_of_v1_are_read);
	RUN(those_that_do_not_run_have_none);
	return DONE();
}
