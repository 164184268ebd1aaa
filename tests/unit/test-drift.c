/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <drift.h>
#include <lxcstart.h>

#include "pveconf.h"
#include "read/ctsec.h"
#include "read/lxcstart.h"
#include "read/procs.h"
#include "read/pveconf.h"
#include "read/pveprop.h"
#include "rule/drift.h"
#include "rule/network.h"

#define MIB UINT64_C(1048576)

/* One container as PVE starts it, and what was found out of it. */
struct setup {
	struct ct ct;
	struct lxcstart start;
	struct drift_facts f;
	struct drift d;
	struct pve_delete *deletes;
};

static const char *const conf_minimal =
	"arch: amd64\nhostname: a\nmemory: 512\nostype: debian\n"
	"rootfs: local:100/x.raw,size=1G\nswap: 0\nunprivileged: 1\n";

#define START_HEAD                                                                       \
	"lxc.arch = amd64\nlxc.apparmor.profile = generated\n"                           \
	"lxc.seccomp.profile = /var/lib/lxc/100/rules.seccomp\n"                         \
	"lxc.mount.auto = sys:mixed\n"                                                   \
	"lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"                   \
	"lxc.tty.max = 2\nlxc.uts.name = a\n"                                            \
	"lxc.cgroup2.memory.max = 536870912\n"                                           \
	"lxc.cgroup2.memory.high = 532676608\n"                                          \
	"lxc.cgroup2.memory.swap.max = 0\n"                                              \
	"lxc.rootfs.path = /var/lib/lxc/100/rootfs\n"

static void setup_done(struct setup *s)
{
	ct_done(&s->ct);
	lxcstart_done(&s->start);
	drift_done(&s->d);
	pve_delete_free(s->deletes, s->f.n_deletes);
}

/* `start` NULL: nothing is known of it. */
static struct setup setup(const char *conf, const char *start)
{
	struct setup s = { .ct = { .vmid = 100, .here = true, .state = CT_RUNNING } };
	struct err err = { 0 };

	s.ct.conf = xcalloc(1, sizeof(*s.ct.conf));
	CHECK(pveconf_parse(conf, strlen(conf), 100, s.ct.conf, &err) == 0, "%s",
	      err.msg);
	s.ct.init_pid = 4711;
	s.ct.memory.max_bytes = val_set(512 * MIB);
	s.ct.memory.high_bytes = val_set(UINT64_C(532676608));
	s.ct.memory.swap_max_bytes = val_set(0);
	s.ct.cpu.max_quota_usec.kind = VAL_MAX;
	s.ct.cpu.max_period_usec = val_set(100000);
	s.ct.cpu.weight = val_set(100);
	s.ct.pids.max.kind = VAL_MAX;
	s.ct.cpuset.cpus = xstrdup("");
	s.ct.cpuset.cpus_effective = xstrdup("0-7");
	s.f.cpus = val_set(8);
	if (start) {
		lxcstart_parse(span_str(start), &s.start);
		s.start.of_start = true;
	}
	return s;
}

static void check(struct setup *s)
{
	struct tbytes list = pveconf_bytes(&s->ct.conf->pending, "delete");

	if (list.p && !s->deletes)
		pve_delete_parse(span_of((const char *)list.p, list.n), &s->deletes,
				 &s->f.n_deletes);
	s->f.deletes = s->deletes;
	s->f.ct = &s->ct;
	s->f.start = &s->start;
	drift_done(&s->d);
	drift_check(&s->f, &s->d);
}

static const struct drift_row *row(const struct setup *s, const char *key)
{
	for (size_t i = 0; i < s->d.n; i++)
		if (strcmp(s->d.v[i].key, key) == 0)
			return &s->d.v[i];
	return NULL;
}

static const struct drift_gap *gap(const struct setup *s, const char *key)
{
	for (size_t i = 0; i < s->d.n_gaps; i++)
		if (strcmp(s->d.gaps[i].key, key) == 0)
			return &s->d.gaps[i];
	return NULL;
}

static void quiet(struct setup *s, const char *what)
{
	check(s);
	for (size_t i = 0; i < s->d.n; i++)
		CHECK(false, "%s: %s: %s -> %s", what, s->d.v[i].key,
		      s->d.v[i].configured ? s->d.v[i].configured : "-",
		      s->d.v[i].running ? s->d.v[i].running : "-");
}

/* Exactly this one row. */
static const struct drift_row *only(struct setup *s, const char *key)
{
	static const struct drift_row none = { 0 };
	const struct drift_row *r;

	check(s);
	r = row(s, key);
	CHECK(r && s->d.n == 1, "%s: %zu rows, first %s", key, s->d.n,
	      s->d.n ? s->d.v[0].key : "none");
	return r ? r : &none;
}

static void as_configured_is_silent(void)
{
	_cleanup_(setup_done) struct setup s = setup(conf_minimal, START_HEAD);

	quiet(&s, "minimal");
	CHECK(s.d.n_compared > 10, "%zu", s.d.n_compared);
}

static void what_does_not_run_is_not_compared(void)
{
	_cleanup_(setup_done) struct setup s = setup("memory: 64\n", NULL);

	s.ct.init_pid = 0;
	s.ct.state = CT_STOPPED;
	quiet(&s, "stopped");
	CHECK(!s.d.running && !s.d.n_compared && !s.d.n_gaps, "compared");
	s.ct.init_pid = 1;
	s.ct.uptime_sec = val_set(1);
	quiet(&s, "just started");
	CHECK(gap(&s, "start") && !s.d.n_compared, "compared");
}

static void cause_tells_an_edit_from_a_write(void)
{
	_cleanup_(setup_done) struct setup s = setup(conf_minimal, START_HEAD);
	_cleanup_(setup_done) struct setup e =
		setup("memory: 1024\nunprivileged: 1\nhostname: a\n", START_HEAD);
	_cleanup_(setup_done) struct setup u = setup("memory: 1024\n", NULL);
	const struct drift_row *r;

	/* somebody wrote to the cgroup */
	s.ct.memory.max_bytes = val_set(256 * MIB);
	s.ct.memory.high_bytes = val_set(256 * 1024 * 1016);
	r = only(&s, "memory");
	CHECK_STR(r->configured, "512 MiB");
	CHECK_STR(r->running, "256 MiB");
	CHECK_STR(r->seen, "memory.max of lxc/100");
	CHECK_STR(r->fix, "pct set 100 --memory 513 && pct set 100 --memory 512");
	CHECK(r->cause == DRIFT_CHANGED && r->action == DRIFT_HOTPLUG, "%d", r->cause);

	r = only(&e, "memory");
	CHECK(r->cause == DRIFT_EDITED, "%d", r->cause);

	r = only(&u, "memory");
	CHECK(r->cause == DRIFT_UNSURE, "%d", r->cause);
	CHECK(gap(&u, "start"), "not said");
}

static void memory_high_is_told_when_it_alone_differs(void)
{
	_cleanup_(setup_done) struct setup s = setup(conf_minimal, START_HEAD);
	_cleanup_(setup_done) struct setup old = setup(conf_minimal, NULL);
	_cleanup_(setup_done) struct setup big =
		setup("memory: 16384\nhostname: a\nunprivileged: 1\n", NULL);

	s.ct.memory.high_bytes = val_set(100 * MIB);
	CHECK_STR(only(&s, "memory.high")->running, "100 MiB");
	s.ct.memory.high_bytes = (struct val){ .kind = VAL_MAX };
	CHECK_STR(only(&s, "memory.high")->running, "no limit");
	/* a release that does not set it */
	old.ct.memory.high_bytes = (struct val){ .kind = VAL_MAX };
	quiet(&old, "no memory.high");
	/* from 16 GiB on it is 128 MiB below */
	big.ct.memory.max_bytes = val_set(16384 * MIB);
	big.ct.memory.high_bytes = val_set(16256 * MIB);
	quiet(&big, "16 GiB");
	/* both of another size: one row */
	big.ct.memory.max_bytes = val_set(512 * MIB);
	big.ct.memory.high_bytes = val_set(512 * 1024 * 1016);
	only(&big, "memory");
}

static void swap_that_is_not_set_is_none(void)
{
	_cleanup_(setup_done) struct setup s = setup("memory: 512\n", NULL);

	quiet(&s, "no swap line");
	s.ct.memory.swap_max_bytes.kind = VAL_MAX;
	CHECK_STR(only(&s, "swap")->running, "no limit");
	/* no swap accounting in this kernel */
	s.ct.memory.swap_max_bytes.kind = VAL_ABSENT;
	quiet(&s, "no file");
	CHECK(gap(&s, "swap"), "not said");
}

static void cpu_limits_are_pves_formulas(void)
{
	static const struct {
		const char *conf;
		uint64_t quota, period, weight; /* quota 0: max */
		const char *row;
	} cases[] = {
		{ "cpulimit: 0.5\n", 50000, 100000, 100, NULL },
		{ "cpulimit: 0.29\n", 28999, 100000, 100, NULL },
		{ "cpulimit: 2\n", 100000, 50000, 100, NULL },
		{ "cpulimit: 2\n", 100000, 100000, 100, "cpulimit" },
		{ "cpulimit: 2\n", 0, 100000, 100, "cpulimit" },
		{ "cpulimit: 0\n", 0, 100000, 100, NULL },
		{ "", 50000, 100000, 100, "cpulimit" },
		{ "cpuunits: 200\n", 0, 100000, 200, NULL },
		{ "cpuunits: 200\n", 0, 100000, 100, "cpuunits" },
		{ "cpuunits: 50000\n", 0, 100000, 10000, NULL },
		{ "cpuunits: 0\n", 0, 100000, 100, NULL },
		{ "cpuunits: x\n", 0, 100000, 77, NULL },
		{ "", 0, 100000, 77, "cpuunits" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(setup_done) struct setup s = setup(cases[i].conf, NULL);

		if (cases[i].quota)
			s.ct.cpu.max_quota_usec = val_set(cases[i].quota);
		s.ct.cpu.max_period_usec = val_set(cases[i].period);
		s.ct.cpu.weight = val_set(cases[i].weight);
		if (cases[i].row)
			only(&s, cases[i].row);
		else
			quiet(&s, cases[i].conf);
	}
}

/* Half of it would leave the container worse off than it was. */
static void what_is_told_to_do_is_what_pve_takes(void)
{
	static const struct {
		const char *conf, *fix;
		uint64_t quota;
	} cases[] = {
		{ "cpulimit: 0.5\n",
		  "pct set 100 --cpulimit 1 && pct set 100 --cpulimit 0.5", 1 },
		/* the kernel refuses the quota 0 that PVE would write */
		{ "cpulimit: 0\n",
		  "pct set 100 --cpulimit 1 && pct set 100 --delete cpulimit", 1 },
		{ "cpulimit: 0.0\n",
		  "pct set 100 --cpulimit 1 && pct set 100 --delete cpulimit", 1 },
		{ "", "pct set 100 --cpulimit 1 && pct set 100 --delete cpulimit", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(setup_done) struct setup s = setup(cases[i].conf, NULL);

		s.ct.cpu.max_quota_usec = val_set(cases[i].quota);
		s.ct.cpu.max_period_usec = val_set(100000);
		CHECK_STR(only(&s, "cpulimit")->fix, cases[i].fix);
	}
}

/* pvestatd leaves a set alone that the config has a line for, of either cgroup version. */
static void a_cpu_set_of_cgroup_v1_is_waited_for_by_nobody(void)
{
	_cleanup_(setup_done) struct setup s =
		setup("cores: 2\nlxc.cgroup.cpuset.cpus: 0-1\n", NULL);
	const struct drift_row *r;

	free(s.ct.cpuset.cpus_effective);
	s.ct.cpuset.cpus_effective = xstrdup("3-5");
	r = only(&s, "cores");
	CHECK(r->action == DRIFT_RESTART, "%d", r->action);
	CHECK_STR(r->fix, "pct reboot 100");
}

static void cores_are_counted_not_named(void)
{
	_cleanup_(setup_done) struct setup s = setup("cores: 2\n", NULL);
	_cleanup_(setup_done) struct setup many = setup("cores: 64\n", NULL);
	_cleanup_(setup_done) struct setup raw =
		setup("cores: 2\nlxc.cgroup2.cpuset.cpus: 1-3,5\n", NULL);
	const struct drift_row *r;

	free(s.ct.cpuset.cpus_effective);
	s.ct.cpuset.cpus_effective = xstrdup("3,6");
	quiet(&s, "two of them");
	free(s.ct.cpuset.cpus_effective);
	s.ct.cpuset.cpus_effective = xstrdup("3-5");
	r = only(&s, "cores");
	CHECK_STR(r->configured, "2 CPUs");
	CHECK_STR(r->running, "3 CPUs (3-5)");
	CHECK(r->action == DRIFT_NOTHING, "%d", r->action);
	s.f.cpus.kind = VAL_ABSENT;
	quiet(&s, "node not known");
	CHECK(gap(&s, "cores"), "not said");
	/* more than there are: all of them */
	quiet(&many, "all");
	/* a raw line is what counts, whatever way it is written */
	free(raw.ct.cpuset.cpus);
	raw.ct.cpuset.cpus = xstrdup("1-3,5");
	quiet(&raw, "raw");
	free(raw.ct.cpuset.cpus);
	raw.ct.cpuset.cpus = xstrdup("1,2,3");
	only(&raw, "lxc.cgroup2.cpuset.cpus");
}

static void raw_limits_are_what_counts(void)
{
	_cleanup_(setup_done) struct setup s =
		setup("memory: 512\nlxc.cgroup2.memory.max: 1G\n"
		      "lxc.cgroup2.pids.max: 500\n",
		      NULL);

	s.ct.memory.max_bytes = val_set(1024 * MIB);
	s.ct.pids.max = val_set(500);
	quiet(&s, "raw");
	s.ct.pids.max = val_set(501);
	CHECK(only(&s, "pids.max")->action == DRIFT_RESTART, "action");
	s.ct.pids.max = val_set(500);
	s.ct.memory.max_bytes = val_set(512 * MIB);
	CHECK_STR(only(&s, "memory")->configured, "1024 MiB");
}

static void what_a_file_of_lxc_may_have_set_is_not_known(void)
{
	static const char *const common[] = { "cgroup2.pids.max" };
	_cleanup_(setup_done) struct setup s = setup(conf_minimal, START_HEAD);

	s.ct.pids.max = val_set(4096);
	CHECK(only(&s, "pids.max")->cause == DRIFT_CHANGED, "cause");
	s.f.common = common;
	s.f.n_common = 1;
	quiet(&s, "common");
	CHECK(gap(&s, "pids.max"), "not said");
}

static void a_kernel_without_controllers_has_no_drift(void)
{
	_cleanup_(setup_done) struct setup s = setup("memory: 64\ncores: 1\n", NULL);

	memset(&s.ct.memory, 0, sizeof(s.ct.memory));
	memset(&s.ct.cpu, 0, sizeof(s.ct.cpu));
	memset(&s.ct.pids, 0, sizeof(s.ct.pids));
	cg_cpuset_done(&s.ct.cpuset);
	quiet(&s, "v1");
	CHECK(gap(&s, "limits"), "not said");
}

static void pending_waits_for_a_restart(void)
{
	_cleanup_(setup_done) struct setup s = setup(
		"arch: amd64\nhostname: a\nmemory: 512\ntty: 2\nonboot: 1\n"
		"unprivileged: 1\n"
		"[pve:pending]\narch: i386\nmemory: 512\nonboot: 0\ndelete: tty,nope\n",
		START_HEAD);
	const struct drift_row *r;

	check(&s);
	CHECK(s.d.n == 2, "%zu rows", s.d.n);
	r = row(&s, "arch");
	CHECK(r && r->cause == DRIFT_PENDING && r->action == DRIFT_RESTART, "arch");
	CHECK_STR(r ? r->configured : NULL, "i386");
	CHECK_STR(r ? r->running : NULL, "amd64");
	r = row(&s, "tty");
	CHECK(r && !r->configured, "tty");
}

static void what_it_was_started_with_is_compared(void)
{
	static const struct {
		const char *more, *start, *row; /* row NULL: silent */
	} cases[] = {
		{ "tty: 4\n", "", "tty" },
		{ "console: 0\n", "", "console" },
		{ "features: nesting=1\n", "", "features.nesting" },
		{ "features: fuse=1\n", "", "features.fuse" },
		{ "features: mknod=1\n", "", "features.mknod" },
		{ "features: force_rw_sys=1\n", "", "features.force_rw_sys" },
		{ "features: mount=nfs\n", "", "features.mount" },
		{ "features: nesting=bad\n", "", NULL },
		{ "features: keyctl=1\n", "", NULL },
		{ "entrypoint: /bin/x\n", "", "entrypoint" },
		{ "entrypoint: /bin/x\n", "lxc.init.cmd = /bin/x\n", NULL },
		{ "", "lxc.init.cmd = /bin/x\n", "entrypoint" },
		/* what is started without it */
		{ "entrypoint: /sbin/init\n", "", NULL },
		{ "", "lxc.init.cmd = /sbin/init\n", NULL },
		{ "lxc.environment.runtime: A=b\n", "", "env" },
		{ "lxc.environment.runtime: A=b\n", "lxc.environment.runtime = A=b\n",
		  NULL },
		{ "lxc.cap.drop: sys_admin\n", "", "lxc.cap.drop" },
		{ "lxc.cap.drop: sys_admin\n", "lxc.cap.drop = sys_admin\n", NULL },
		{ "", "lxc.cap.drop = sys_admin\n", "lxc.cap.drop" },
		{ "lxc.cap.drop:\n", "lxc.cap.drop = \n", NULL },
		{ "lxc.mount.entry: a b c\nlxc.mount.entry: d e f\n",
		  "lxc.mount.entry = d e f\nlxc.mount.entry = a b c\n",
		  "lxc.mount.entry" },
		{ "lxc.signal.halt: \"SIGPWR\"\n", "lxc.signal.halt = SIGPWR\n", NULL },
		/* written by PVE itself, another one at each writing */
		{ "cores: 8\n", "lxc.cgroup2.cpuset.cpus = 0-7\n", NULL },
		{ "onboot: 1\ntags: a\ndescription: x\n", "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *conf =
			xasprintf("%s%s", conf_minimal, cases[i].more);
		_cleanup_free_ char *start =
			xasprintf("%s%s", START_HEAD, cases[i].start);
		_cleanup_(setup_done) struct setup s = setup(conf, start);
		_cleanup_(setup_done) struct setup later = setup(conf, start);
		const struct drift_row *r;

		if (!cases[i].row) {
			quiet(&s, cases[i].more);
			continue;
		}
		r = only(&s, cases[i].row);
		CHECK(r->cause == DRIFT_EDITED && r->action == DRIFT_RESTART, "%s",
		      cases[i].row);
		/* pct set wrote the file again: nothing is known by it */
		later.start.of_start = false;
		quiet(&later, "written later");
		CHECK(gap(&later, "start"), "not said");
	}
}

static void a_name_inside_is_nobodys_drift(void)
{
	_cleanup_(setup_done) struct setup s =
		setup("hostname: b\nunprivileged: 1\n", START_HEAD);

	quiet(&s, "hostname");
	CHECK(gap(&s, "hostname"), "not said");
}

static void features_of_an_own_profile_are_left_out(void)
{
	_cleanup_(setup_done) struct setup s =
		setup("hostname: a\nunprivileged: 1\nfeatures: nesting=1,mount=nfs\n"
		      "lxc.apparmor.profile: unconfined\n",
		      "lxc.idmap = u 0 100000 65536\nlxc.uts.name = a\n"
		      "lxc.rootfs.path = /x\nlxc.apparmor.profile = unconfined\n");

	quiet(&s, "own profile");
}

/* What the kernel says of init. */

#define LABEL(n)                                                                         \
	"lxc-" n "_</var/lib/lxc>//&:lxc-" n "_<-var-lib-lxc>:unconfined (enforce)\n"

static struct ctsec of_init(const char *uids, const char *gids, const char *label)
{
	struct ctsec s = { .init_pid = 4711, .n_procs = 1 };

	s.procs = xcalloc(1, sizeof(*s.procs));
	s.uid_got =
		procs_parse_idmap(span_str(uids), &s.uids) == 0 ? SEC_GOT : SEC_ABSENT;
	s.gid_got =
		procs_parse_idmap(span_str(gids), &s.gids) == 0 ? SEC_GOT : SEC_ABSENT;
	if (label)
		ctsec_parse_label(span_str(label), &s.procs[0].label);
	return s;
}

static void ids_and_profile_of_init_are_compared(void)
{
	static const char plain[] = "0 100000 65536\n", host[] = "0 0 4294967295\n";
	static const struct {
		const char *conf, *uids, *gids, *label, *row;
	} cases[] = {
		{ "unprivileged: 1\n", plain, plain, LABEL("100"), NULL },
		{ "unprivileged: 0\n", host, host, LABEL("100"), NULL },
		{ "", host, host, LABEL("100"), NULL },
		{ "unprivileged: 1\n", host, plain, LABEL("100"), "lxc.idmap" },
		{ "unprivileged: 1\n", plain, "0 200000 65536\n", LABEL("100"),
		  "lxc.idmap" },
		/* in another order, and as two lines that are one */
		{ "lxc.idmap: u 1000 1000 1\nlxc.idmap: u 0 100000 1000\n"
		  "lxc.idmap: g 0 100000 65536\n",
		  "0 100000 500\n500 100500 500\n1000 1000 1\n", plain, LABEL("100"),
		  NULL },
		{ "lxc.idmap: what\n", host, host, LABEL("100"), NULL },
		{ "lxc.idmap: u 0 1 2\n", "0 1 2\n", host, LABEL("100"), NULL },
		{ "unprivileged: 1\n", plain, plain, "unconfined\n",
		  "lxc.apparmor.profile" },
		{ "unprivileged: 1\n", plain, plain, LABEL("101"),
		  "lxc.apparmor.profile" },
		{ "unprivileged: 1\nlxc.apparmor.profile: unconfined\n", plain, plain,
		  "unconfined\n", NULL },
		{ "unprivileged: 1\nlxc.apparmor.profile: unconfined\n", plain, plain,
		  LABEL("100"), "lxc.apparmor.profile" },
		{ "unprivileged: 1\nlxc.apparmor.profile: mine\n", plain, plain,
		  "mine (enforce)\n", NULL },
		/* what becomes of it at the exec of init in complain mode; audit's matter */
		{ "unprivileged: 1\nlxc.apparmor.profile: mine\n", plain, plain,
		  "mine//null-/sbin/init (complain)\n", NULL },
		{ "unprivileged: 1\nlxc.apparmor.profile: mine\n", plain, plain,
		  "mine2//null-/sbin/init (complain)\n", "lxc.apparmor.profile" },
		/* no LSM answers, or one that is not AppArmor */
		{ "unprivileged: 1\n", plain, plain, NULL, NULL },
		{ "unprivileged: 1\n", plain, plain, "system_u:system_r:x:s0\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(setup_done) struct setup s = setup(cases[i].conf, NULL);
		_cleanup_(ctsec_done) struct ctsec sec =
			of_init(cases[i].uids, cases[i].gids, cases[i].label);

		s.f.sec = &sec;
		if (cases[i].row)
			only(&s, cases[i].row);
		else
			quiet(&s, cases[i].conf);
		if (!cases[i].label)
			CHECK(gap(&s, "lxc.apparmor.profile"), "not said");
	}
}

/* Mounts, as mountjoin() has put them together. */

static void what_the_seccomp_profile_forbids_is_no_keyctl(void)
{
	static const char forbids[] = "2\ndenylist\n[all]\nkexec_load errno 1\n"
				      "keyctl errno 38\n";
	static const char other[] = "2\ndenylist\n[all]\nkexec_load errno 1\n";
	struct setup s = setup(conf_minimal, START_HEAD), on = { 0 };

	s.f.seccomp = tbytes_str(forbids);
	check(&s);
	CHECK(s.d.n == 0, "%zu", s.d.n);
	setup_done(&s);
	on = setup(
		"arch: amd64\nfeatures: keyctl=1\nhostname: a\nmemory: 512\nostype: debian\n"
		"rootfs: local:100/x.raw,size=1G\nswap: 0\nunprivileged: 1\n",
		START_HEAD);
	on.f.seccomp = tbytes_str(forbids);
	check(&on);
	CHECK(on.d.n == 1, "%zu", on.d.n);
	CHECK_STR(on.d.v[0].key, "features.keyctl");
	drift_done(&on.d);
	on.f.seccomp = tbytes_str(other);
	check(&on);
	CHECK(on.d.n == 0, "%zu", on.d.n);
	setup_done(&on);
}

static void put_name(struct netif *d, const char *name)
{
	d->name_n = (uint8_t)strlen(name);
	memcpy(d->name, name, d->name_n);
}

struct wire {
	struct netif veth, bridge, guest;
	struct net_iface i;
	struct netview v;
};

static void wire(struct wire *w, const char *value)
{
	*w = (struct wire){ 0 };
	w->veth.ifindex = 5;
	w->veth.up = true;
	put_name(&w->veth, "veth100i0");
	w->bridge.ifindex = 3;
	put_name(&w->bridge, "vmbr0");
	put_name(&w->guest, "eth0");
	w->guest.mtu = 1500;
	memcpy(w->guest.mac, (uint8_t[]){ 0xbc, 0x24, 0x11, 0, 0, 1 }, 6);
	w->guest.mac_n = 6;
	w->i.in_config = true;
	w->i.config_text = xstrdup(value);
	CHECK(pve_net_parse(span_str(value), &w->i.conf, NULL) == 0, "%s", value);
	w->i.conf_rate = network_rate(w->i.conf.rate);
	w->i.want_bridge = xstrdup("vmbr0");
	w->i.veth = w->i.port = &w->veth;
	w->i.bridge = w->i.want = &w->bridge;
	w->i.guest = &w->guest;
	w->i.rate_known = true;
	w->v.host_known = true;
	w->v.ifaces = &w->i;
	w->v.n_ifaces = 1;
}

static void wire_done(struct wire *w)
{
	pve_net_done(&w->i.conf);
	free(w->i.config_text);
	free(w->i.want_bridge);
	free(w->i.tagged);
}

#define NET "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01"

static struct setup with_net(struct wire *w)
{
	struct setup s = setup(conf_minimal, START_HEAD "lxc.net.0.type = veth\n"
							"lxc.net.0.mtu = 1500\n");

	s.f.net = &w->v;
	return s;
}

static void an_interface_as_configured_is_silent(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };

	wire(&w, NET ",firewall=1");
	s = with_net(&w);
	quiet(&s, "net");
	CHECK(!gap(&s, "net"), "gap");
}

static void each_property_of_an_interface_is_compared(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };
	struct netif other = { .ifindex = 9 };

	put_name(&other, "vmbr1");
	wire(&w, NET);
	s = with_net(&w);
	w.veth.up = false;
	CHECK(only(&s, "net0.link_down")->action == DRIFT_HOTPLUG, "link_down");
	CHECK(only(&s, "net0.link_down")->fix != NULL, "no fix");
	/* a property that is there twice is no valid value */
	free(w.i.config_text);
	w.i.config_text = xstrdup(NET ",link_down=0");
	CHECK(!only(&s, "net0.link_down")->fix, "%s", s.d.v[0].fix);
	w.veth.up = true;
	w.i.bridge = &other;
	CHECK_STR(only(&s, "net0.bridge")->running, "vmbr1");
	w.i.bridge = NULL;
	CHECK(!only(&s, "net0.bridge")->running, "none");
	w.i.bridge = &w.bridge;
	w.guest.mac[5] = 2;
	CHECK_STR(only(&s, "net0.hwaddr")->running, "BC:24:11:00:00:02");
	w.guest.mac[5] = 1;
	w.guest.name[0] = 'x';
	CHECK_STR(only(&s, "net0.name")->running, "xth0");
	w.guest.name[0] = 'e';
	w.i.rate.to_guest_bytes_per_sec = val_set(1000);
	CHECK(!only(&s, "net0.rate")->configured, "rate");
	w.i.rate.to_guest_bytes_per_sec.kind = VAL_ABSENT;
	w.guest.mtu = 1400; /* no mtu= in the config: the guest's business */
	quiet(&s, "mtu");
	w.i.veth = NULL;
	CHECK(only(&s, "net0")->cause == DRIFT_CHANGED, "gone");
}

static void tag_mtu_and_rate_are_as_configured(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };

	wire(&w, NET ",tag=30,trunks=10;20,mtu=1400,rate=12.5");
	s = with_net(&w);
	w.i.tagged = xstrdup("10,20");
	w.i.pvid = val_set(30);
	w.guest.mtu = 1400;
	w.i.rate.to_guest_bytes_per_sec = w.i.rate.from_guest_bytes_per_sec =
		val_set(13107200);
	quiet(&s, "all of it");
	w.i.pvid = val_set(1);
	CHECK_STR(only(&s, "net0.tag")->running, "1");
	w.i.pvid = val_set(30);
	w.i.tagged[1] = '1';
	CHECK_STR(only(&s, "net0.trunks")->running, "11,20");
	w.i.tagged[1] = '0';
	w.guest.mtu = 1500;
	CHECK(only(&s, "net0.mtu")->cause == DRIFT_EDITED, "as started");
	w.guest.mtu = 1300;
	CHECK(only(&s, "net0.mtu")->cause == DRIFT_CHANGED, "changed inside");
	w.guest.mtu = 1400;
	w.i.rate.from_guest_bytes_per_sec.kind = VAL_ABSENT;
	CHECK(only(&s, "net0.rate")->action == DRIFT_HOTPLUG, "one way");
}

static void what_is_not_seen_of_the_network_is_not_judged(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };

	wire(&w, NET ",tag=30,trunks=10,rate=1,mtu=9000");
	s = with_net(&w);
	w.i.rate_known = false;
	w.i.guest = NULL;
	w.i.tagged = NULL;
	quiet(&s, "not seen");
	/* a bridge that PVE makes for the tag */
	put_name(&w.bridge, "vmbr0v30");
	quiet(&s, "tag bridge");
	put_name(&w.veth, "veth100i0");
	snprintf(w.veth.slave_kind, sizeof(w.veth.slave_kind), "openvswitch");
	w.i.bridge = NULL;
	quiet(&s, "ovs");
	CHECK(gap(&s, "net.bridge"), "not said");
	w.v.host_known = false;
	quiet(&s, "no devices");
	CHECK(gap(&s, "net"), "not said");
	w.v.host_known = true;
	w.v.guest.shares_host = true;
	quiet(&s, "the node's");
}

static void a_firewall_that_filters_needs_its_bridge(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };
	struct netif fwbr = { .ifindex = 7 };

	wire(&w, NET ",firewall=1");
	s = with_net(&w);
	w.i.fw_known = w.i.fwbr_known = true;
	quiet(&s, "not enabled");
	w.i.filtered = true;
	quiet(&s, "without bridges (nftables)");
	w.i.fwbr_expected = true;
	only(&s, "net0.firewall");
	w.i.fwbr = &fwbr;
	w.veth.master = 7;
	quiet(&s, "behind it");
}

static void an_interface_that_no_config_has_is_told(void)
{
	_cleanup_(wire_done) struct wire w;
	_cleanup_(setup_done) struct setup s = { 0 };

	wire(&w, NET);
	s = with_net(&w);
	w.i.in_config = false;
	CHECK_STR(only(&s, "net0")->running, "veth100i0");
	w.i.in_config = true;
	w.i.config_error = (char *)(uintptr_t) "bad";
	quiet(&s, "invalid");
	w.i.config_error = NULL;
}

static void the_file_of_a_start_is_parsed(void)
{
	_cleanup_(lxcstart_done) struct lxcstart s = { 0 }, empty = { 0 }, odd = { 0 };

	lxcstart_parse(span_str(START_HEAD "lxc.cap.drop = x\nlxc.uts.name = last"), &s);
	CHECK(s.present && s.n == 14 && s.n_own == 11, "%zu %zu", s.n, s.n_own);
	CHECK_STR(lxcstart_last(&s, "lxc.uts.name", true), "a");
	CHECK_STR(lxcstart_last(&s, "lxc.uts.name", false), "last");
	CHECK(!lxcstart_last(&s, "lxc.cap.drop", true), "raw");
	lxcstart_parse(span_of("", 0), &empty);
	CHECK(empty.present && !empty.n, "empty");
	lxcstart_parse(span_str("lxc.a\n lxc.b = \"c d\" \nx\nlxc.e="), &odd);
	CHECK(odd.n == 2 && !odd.n_own, "%zu", odd.n);
	CHECK_STR(lxcstart_last(&odd, "lxc.b", false), "c d");
	CHECK_STR(lxcstart_last(&odd, "lxc.e", false), "");
}

static void a_file_that_is_newer_than_the_start_is_not_of_it(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(lxcstart_done) struct lxcstart s = { 0 }, later = { 0 }, none = { 0 },
						 unknown = { 0 };
	struct err err = { 0 };

	CHECK(lxcstart_read(root, 101, &(struct lxcstart_when){ UINT64_MAX / 2, 0 }, &s,
			    &err) == 0,
	      "%s", err.msg);
	CHECK(s.present && s.of_start && s.n > 20, "%zu", s.n);
	CHECK(lxcstart_read(root, 101, &(struct lxcstart_when){ 1, 0 }, &later, &err) ==
		      0,
	      "%s", err.msg);
	CHECK(later.present && !later.of_start, "later");
	CHECK(lxcstart_read(root, 101, &(struct lxcstart_when){ 0, 0 }, &unknown, &err) ==
		      0,
	      "%s", err.msg);
	CHECK(!unknown.of_start, "unknown");
	CHECK(lxcstart_read(root, 999, &(struct lxcstart_when){ 1, 0 }, &none, &err) == 0,
	      "%s", err.msg);
	CHECK(!none.present, "none");
}

static void keys_of_all_containers_are_found(void)
{
	_cleanup_close_ int root = fixture_open("hosts/empty");
	_cleanup_(lxcstart_common_done) struct lxcstart_common keys = { 0 };
	struct err err = { 0 };

	CHECK(lxcstart_read_common(root, &keys, &err) == 0, "%s", err.msg);
	CHECK(!keys.keys.n && !keys.mounts.n, "%zu", keys.keys.n);
	CHECK(!keys.hooks, "hooks");
}

static void hooks_of_pve_lxcfs_and_ctscope_are_not_those_of_others(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(lxcstart_common_done) struct lxcstart_common c = { 0 };
	struct err err = { 0 };

	CHECK(lxcstart_read_common(root, &c, &err) == 0, "%s", err.msg);
	CHECK(!c.hooks, "hooks of PVE and lxcfs are known");
}

static bool has_hooks_of_others(const char *tree)
{
	_cleanup_close_ int root = fixture_open(tree);
	_cleanup_(lxcstart_common_done) struct lxcstart_common c = { 0 };
	struct err err = { 0 };

	CHECK(lxcstart_read_common(root, &c, &err) == 0, "%s: %s", tree, err.msg);
	return c.hooks;
}

static void the_dropin_is_known_by_its_name(void)
{
	CHECK(!has_hooks_of_others("drift/ours"), "its program is anywhere");
	CHECK(has_hooks_of_others("drift/others"), "whatever that does");
}

int main(void)
{
	RUN(as_configured_is_silent);
	RUN(what_does_not_run_is_not_compared);
	RUN(cause_tells_an_edit_from_a_write);
	RUN(memory_high_is_told_when_it_alone_differs);
	RUN(swap_that_is_not_set_is_none);
	RUN(cpu_limits_are_pves_formulas);
	RUN(what_is_told_to_do_is_what_pve_takes);
	RUN(a_cpu_set_of_cgroup_v1_is_waited_for_by_nobody);
	RUN(cores_are_counted_not_named);
	RUN(raw_limits_are_what_counts);
	RUN(what_a_file_of_lxc_may_have_set_is_not_known);
	RUN(a_kernel_without_controllers_has_no_drift);
	RUN(pending_waits_for_a_restart);
	RUN(what_it_was_started_with_is_compared);
	RUN(a_name_inside_is_nobodys_drift);
	RUN(features_of_an_own_profile_are_left_out);
	RUN(ids_and_profile_of_init_are_compared);
	RUN(what_the_seccomp_profile_forbids_is_no_keyctl);
	RUN(an_interface_as_configured_is_silent);
	RUN(each_property_of_an_interface_is_compared);
	RUN(tag_mtu_and_rate_are_as_configured);
	RUN(what_is_not_seen_of_the_network_is_not_judged);
	RUN(a_firewall_that_filters_needs_its_bridge);
	RUN(an_interface_that_no_config_has_is_told);
	RUN(the_file_of_a_start_is_parsed);
	RUN(a_file_that_is_newer_than_the_start_is_not_of_it);
	RUN(keys_of_all_containers_are_found);
	RUN(hooks_of_pve_lxcfs_and_ctscope_are_not_those_of_others);
	RUN(the_dropin_is_known_by_its_name);
	return DONE();
}
