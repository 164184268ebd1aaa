/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "collect/confdiff.h"
#include "read/conffile.h"
#include "read/kernmsg.h"
#include "read/pveconf.h"
#include "rule/cause.h"
#include "rule/incident.h"
#include "test.h"

/* ---- causes -------------------------------------------------------------------------
 */

#define STOP_TASK                                                                        \
	{                                                                                \
		.type = "vzshutdown", .user = "joe@pve"                                  \
	}

static void causes_by_table(void)
{
	static const struct {
		const char *what;
		struct stop_evidence ev;
		enum stop_cause cause;
		bool weak, rebooted;
	} rows[] = {
		{ "nothing was seen", { 0 }, CAUSE_UNKNOWN, true, false },
		{ "only a stop hook", { .hook = true }, CAUSE_UNKNOWN, true, false },
		{ "systemd powered off",
		  { .exit = INIT_EXIT_CODE },
		  CAUSE_HALTED_INSIDE,
		  0,
		  0 },
		{ "halt as the parent sees it",
		  { .exit = INIT_EXIT_SIGNAL, .exit_value = SIGINT },
		  CAUSE_HALTED_INSIDE,
		  false,
		  false },
		{ "reboot as the parent sees it",
		  { .exit = INIT_EXIT_SIGNAL, .exit_value = SIGHUP },
		  CAUSE_REBOOTED_INSIDE,
		  false,
		  true },
		{ "the stop hook says reboot",
		  { .exit = INIT_EXIT_CODE, .hook = true, .hook_reboot = true },
		  CAUSE_REBOOTED_INSIDE,
		  false,
		  true },
		{ "killed, by whom is not known",
		  { .exit = INIT_EXIT_SIGNAL, .exit_value = SIGKILL },
		  CAUSE_SIGNAL,
		  true,
		  false },
		{ "killed when all else had ended",
		  { .exit = INIT_EXIT_SIGNAL, .exit_value = SIGKILL, .emptied = true },
		  CAUSE_HALTED_INSIDE,
		  true,
		  false },
		{ "crashed",
		  { .exit = INIT_EXIT_SIGNAL, .exit_value = SIGSEGV },
		  CAUSE_SIGNAL,
		  false,
		  false },
		{ "crashed, by the kernel's message",
		  { .hook = true, .crash = SIGSEGV },
		  CAUSE_SIGNAL,
		  false,
		  false },
		{ "a crash does not outweigh how it ended",
		  { .exit = INIT_EXIT_CODE, .crash = SIGSEGV },
		  CAUSE_HALTED_INSIDE,
		  false,
		  false },
		{ "systemd was told to stop the unit",
		  { .hook = true, .unit_stop = true },
		  CAUSE_ADMIN,
		  false,
		  false },
		{ "systemd stops it with the node",
		  { .hook = true, .unit_stop = true, .node_down = true },
		  CAUSE_HOST_SHUTDOWN,
		  false,
		  false },
		{ "its monitor was killed",
		  { .monitor = "killed 9" },
		  CAUSE_SIGNAL,
		  false,
		  false },
		{ "a reboot from inside restarts the unit",
		  { .hook = true, .hook_reboot = true, .unit_stop = true },
		  CAUSE_REBOOTED_INSIDE,
		  false,
		  true },
		{ "a task",
		  { .exit = INIT_EXIT_CODE, .task = STOP_TASK },
		  CAUSE_ADMIN,
		  false,
		  false },
		{ "a task that reboots",
		  { .hook = true, .hook_reboot = true, .task = STOP_TASK },
		  CAUSE_ADMIN,
		  false,
		  true },
		{ "OOM by the kernel's word",
		  { .oom_victim_init = true, .task = STOP_TASK },
		  CAUSE_OOM_INIT,
		  false,
		  false },
		{ "OOM by the counter",
		  { .exit = INIT_EXIT_SIGNAL,
		    .exit_value = SIGKILL,
		    .oom_kills = { 2, VAL_SET } },
		  CAUSE_OOM_INIT,
		  true,
		  false },
		{ "OOM of others, then a halt",
		  { .exit = INIT_EXIT_CODE, .oom_kills = { 2, VAL_SET } },
		  CAUSE_HALTED_INSIDE,
		  false,
		  false },
		{ "OOM of others, then a task",
		  { .exit = INIT_EXIT_SIGNAL,
		    .exit_value = SIGKILL,
		    .oom_kills = { 2, VAL_SET },
		    .task = STOP_TASK },
		  CAUSE_ADMIN,
		  false,
		  false },
		{ "a backup in stop mode",
		  { .backup = BACKUP_STOP, .dump = { .type = "vzdump" } },
		  CAUSE_BACKUP,
		  false,
		  false },
		{ "a backup of an unknown mode",
		  { .backup = BACKUP_MODE_UNKNOWN, .dump = { .type = "vzdump" } },
		  CAUSE_BACKUP,
		  true,
		  false },
		{ "halted inside during a live backup",
		  { .exit = INIT_EXIT_CODE, .backup = BACKUP_LIVE },
		  CAUSE_HALTED_INSIDE,
		  false,
		  false },
		{ "the node goes down",
		  { .exit = INIT_EXIT_CODE,
		    .node_down = true,
		    .task = { .type = "stopall", .user = "root@pam", .all = true } },
		  CAUSE_HOST_SHUTDOWN,
		  false,
		  false },
		{ "an admin's stopall",
		  { .task = { .type = "stopall", .user = "root@pam", .all = true } },
		  CAUSE_ADMIN,
		  false,
		  false },
		{ "the node was booted anew",
		  { .node_booted = true },
		  CAUSE_HOST_SHUTDOWN,
		  true,
		  false },
		{ "stopall, and the node was booted anew",
		  { .node_booted = true,
		    .task = { .type = "stopall", .user = "root@pam", .all = true } },
		  CAUSE_HOST_SHUTDOWN,
		  true,
		  false },
		{ "an admin's task, and the node was booted anew",
		  { .node_booted = true,
		    .task = { .type = "vzshutdown", .user = "root@pam" } },
		  CAUSE_ADMIN,
		  false,
		  false },
		{ "it never came up",
		  { .start_failed = true, .exit = INIT_EXIT_CODE, .hook_reboot = true },
		  CAUSE_START_FAILED,
		  false,
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stop_verdict v;

		cause_decide(&rows[i].ev, &v);
		CHECK(v.cause == rows[i].cause && v.weak == rows[i].weak &&
			      v.rebooted == rows[i].rebooted,
		      "%s: %s weak %d rebooted %d", rows[i].what,
		      stop_cause_name(v.cause), v.weak, v.rebooted);
		CHECK(*v.why, "%s: a sentence", rows[i].what);
	}
}

static void a_long_user_fits_the_sentence(void)
{
	char user[300];
	struct stop_evidence ev = { .task = { .type = "vzstop", .user = user } };
	struct stop_verdict v;

	memset(user, 'u', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	cause_decide(&ev, &v);
	CHECK(strlen(v.why) < sizeof(v.why), "%zu", strlen(v.why));
}

/* ---- incidents ----------------------------------------------------------------------
 */

#define SEC UINT64_C(1000000)

static void one_of_a_kind_at_a_time(void)
{
	struct incident_watch w = { 0 };

	CHECK(incident_sign(&w, INCIDENT_OOM_KILL, 10 * SEC) == STEP_OPEN, "opens");
	CHECK(incident_sign(&w, INCIDENT_OOM_KILL, 20 * SEC) == STEP_MORE, "goes on");
	CHECK(!incident_over(&w, INCIDENT_OOM_KILL, 79 * SEC), "too early");
	CHECK(incident_over(&w, INCIDENT_OOM_KILL, 80 * SEC), "quiet for a minute");
	CHECK(!incident_over(&w, INCIDENT_OOM_KILL, 90 * SEC), "once");
}

static void pressure_must_last(void)
{
	struct incident_watch w = { 0 };

	CHECK(incident_sign(&w, INCIDENT_PRESSURE, 10 * SEC) == STEP_NONE, "first");
	CHECK(incident_sign(&w, INCIDENT_PRESSURE, 20 * SEC) == STEP_NONE, "second");
	CHECK(incident_sign(&w, INCIDENT_PRESSURE, 50 * SEC) == STEP_NONE, "a gap");
	CHECK(incident_sign(&w, INCIDENT_PRESSURE, 60 * SEC) == STEP_NONE, "second");
	CHECK(incident_sign(&w, INCIDENT_PRESSURE, 70 * SEC) == STEP_OPEN, "third");
}

static void a_guest_cannot_fill_the_store_with_incidents(void)
{
	struct incident_watch w = { 0 };
	unsigned opened = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		if (incident_sign(&w, INCIDENT_UNEXPECTED_STOP, (100 + i) * SEC) ==
		    STEP_OPEN)
			opened++;
		incident_close(&w, INCIDENT_UNEXPECTED_STOP);
	}
	CHECK_U64(opened, INCIDENTS_PER_HOUR);
	CHECK_U64(w.refused, 1000 - INCIDENTS_PER_HOUR);
	CHECK(incident_sign(&w, INCIDENT_UNEXPECTED_STOP, 3800 * SEC) == STEP_OPEN,
	      "an hour later");
}

static void what_nobody_wanted(void)
{
	struct stop_evidence ev = { .exit = INIT_EXIT_CODE };
	struct stop_verdict v = { .cause = CAUSE_HALTED_INSIDE };

	CHECK(!incident_unexpected(&v, &ev), "powered off");
	ev.exit_value = 1;
	CHECK(incident_unexpected(&v, &ev), "init failed");
	v.cause = CAUSE_ADMIN;
	CHECK(!incident_unexpected(&v, &ev), "a task");
	v.cause = CAUSE_OOM_INIT;
	CHECK(incident_unexpected(&v, &ev), "OOM");
}

static void pressure_of_what(void)
{
	struct cg_pressure p = { 0 };
	struct settings s;

	conffile_defaults(&s);
	CHECK(!incident_pressure(&p, &s.incidents), "no PSI");
	p.cpu.some.avg60_centi = val_set(6999);
	CHECK(!incident_pressure(&p, &s.incidents), "just not");
	p.cpu.some.avg60_centi = val_set(7000);
	CHECK_STR(incident_pressure(&p, &s.incidents), "cpu");
	p.memory.full.avg60_centi = val_set(1000);
	CHECK_STR(incident_pressure(&p, &s.incidents), "memory");
	s.incidents.memory_full_percent = val_set(11);
	CHECK_STR(incident_pressure(&p, &s.incidents), "cpu");
	s.incidents.cpu_some_percent = (struct val){ 0 };
	CHECK(!incident_pressure(&p, &s.incidents), "off");
}

/* ---- configs ------------------------------------------------------------------------
 */

static struct buf diff_said;

static const char *diff(const char *a, const char *b)
{
	struct pveconf x = { 0 }, y = { 0 };
	struct conf_diff d;

	buf_done(&diff_said);
	pveconf_parse(a, strlen(a), 101, &x, NULL);
	pveconf_parse(b, strlen(b), 101, &y, NULL);
	conf_diff(&x, &y, &d);
	for (size_t i = 0; i < d.n; i++)
		buf_addf(&diff_said, "%s%s%s %.*s>%.*s;", d.v[i].section,
			 *d.v[i].section ? "." : "", d.v[i].key, (int)d.v[i].old.n,
			 (const char *)d.v[i].old.p, (int)d.v[i].new.n,
			 (const char *)d.v[i].new.p);
	for (size_t i = 0; i < d.n_snaps; i++)
		buf_addf(&diff_said, "%c%s;",
			 d.snaps[i].action == SNAP_CREATE ? '+' : '-', d.snaps[i].name);
	if (d.rolled_back)
		buf_addf(&diff_said, "<%s;", d.rolled_back);
	conf_diff_done(&d);
	pveconf_done(&x);
	pveconf_done(&y);
	return buf_str(&diff_said);
}

static void configs_key_by_key(void)
{
	CHECK_STR(diff("memory: 512\n", "memory: 512\n"), "");
	CHECK_STR(diff("", ""), "");
	CHECK_STR(diff("memory: 512\ncores: 1\n", "memory: 1024\nswap: 0\n"),
		  "cores 1>;memory 512>1024;swap >0;");
	CHECK_STR(diff("memory: 512\n", "memory: 512\n[pve:pending]\nmemory: 1024"),
		  "pending.memory >1024;");
	CHECK_STR(diff("#a\nmemory: 512\n", "#b\nmemory: 512\n"), "description a\n>b\n;");
	CHECK_STR(diff("lxc.cap.drop: 1\nlxc.cap.drop: 2\nlxc.cap.drop: 3\n",
		       "lxc.cap.drop: 1\nlxc.cap.drop: 4\nlxc.cap.drop: 3\n"),
		  "lxc.cap.drop 2>;lxc.cap.drop >4;");
	/* LXC takes one pair of quotes off: no change to it, and none is told */
	CHECK_STR(diff("lxc.environment: \"A=b c\"\n", "lxc.environment: A=b c\n"), "");
	CHECK_STR(diff("lxc.environment: 'A=b c'\n", "lxc.environment: 'A=b d'\n"),
		  "lxc.environment A=b c>;lxc.environment >A=b d;");
}

static void snapshots_and_locks(void)
{
	CHECK_STR(diff("memory: 512\nlock: snapshot\n[s1]\nsnapstate: prepare\n",
		       "memory: 512\nparent: s1\n[s1]\nmemory: 512\nsnaptime: 1\n"),
		  "+s1;");
	CHECK_STR(diff("memory: 512\n[s1]\nmemory: 512\n", "memory: 512\n"), "-s1;");
	CHECK_STR(diff("memory: 512\n", "memory: 512\nlock: backup\n"), "");
	CHECK_STR(diff("memory: 512\n", "memory: 512\nlock: migrate\n"),
		  "lock >migrate;");
	CHECK_STR(diff("memory: 512\nlock: backup\n",
		       "memory: 512\nlock: backup\n[vzdump]\nmemory: 512\n"),
		  "");
	CHECK_STR(diff("lock: rollback\nmemory: 1\n", "memory: 2\nparent: s1\n"),
		  "memory 1>2;<s1;");
}

static bool by_task(const char *a, const char *b, const char *type)
{
	struct pveconf x = { 0 }, y = { 0 };
	struct conf_diff d;
	bool ret;

	pveconf_parse(a, strlen(a), 101, &x, NULL);
	pveconf_parse(b, strlen(b), 101, &y, NULL);
	conf_diff(&x, &y, &d);
	ret = conf_diff_by_task(&d, type);
	conf_diff_done(&d);
	pveconf_done(&x);
	pveconf_done(&y);
	return ret;
}

static void a_task_explains_what_it_does_and_no_more(void)
{
	const char *pending =
		"memory: 1\nswap: 1\n[pve:pending]\ndelete: swap\nmemory: 2\n";

	CHECK(by_task("rootfs: a:b,size=1G\n", "rootfs: a:b,size=2G\n", "resize"),
	      "rootfs");
	CHECK(by_task("mp7: a:b,size=1G\n", "mp7: a:b,size=2G\n", "resize"), "mp7");
	CHECK(!by_task("rootfs: a\n", "rootfs: b\ncores: 1\n", "resize"), "and cores");
	CHECK(!by_task("rootfs: a\n", "rootfs: b\n", "vzsnapshot"), "another task");
	CHECK(!by_task("memory: 1\n", "memory: 1\n", "vzrestore"), "nothing");
	CHECK(by_task("memory: 1\n", "cores: 1\n", "vzrollback"), "a rollback");
	CHECK(by_task(pending, "memory: 2\n", "vzstart"), "pending values");
	CHECK(!by_task(pending, "memory: 2\ncores: 1\n", "vzstart"), "and another");
	CHECK(!by_task("memory: 1\n", "memory: 2\n", "vzstart"), "nothing was pending");
	CHECK(!by_task("cores: 1\n", "cores: 1\n[pve:pending]\ncores: 2\n", "resize"),
	      "what is pending is no task's");
}

/* ---- kernel messages ----------------------------------------------------------------
 */

static bool parse(const char *text, struct kernmsg *m)
{
	*m = (struct kernmsg){ 0 };
	return kernmsg_parse(span_str(text), m);
}

static bool is(struct span s, const char *text)
{
	return span_eq(s, text);
}

static void an_oom_kill(void)
{
	struct kernmsg m;

	CHECK(parse("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ns,"
		    "mems_allowed=0,oom_memcg=/lxc/101,task_memcg=/lxc/101/ns/a.service,"
		    "task=dd,pid=12642,uid=100000",
		    &m),
	      "an OOM kill");
	CHECK(m.kind == KERNMSG_OOM && m.vmid == 101 && m.pid == 12642 && m.memcg, "%u",
	      m.vmid);
	CHECK(is(m.name, "dd") && is(m.task_cgroup, "/lxc/101/ns/a.service"), "%.*s",
	      (int)m.task_cgroup.n, m.task_cgroup.p);
	CHECK_U64(m.uid.n, 100000);
	CHECK(is(m.oom_cgroup, "/lxc/101"), "%.*s", (int)m.oom_cgroup.n, m.oom_cgroup.p);
	CHECK(parse("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,"
		    "mems_allowed=0,global_oom,task_memcg=/lxc/102/ns,task=a,pid=7,uid=0",
		    &m) &&
		      m.vmid == 102 && !m.memcg && !m.oom_cgroup.n,
	      "of the node");
	CHECK(parse("Memory cgroup out of memory: Killed process 12642 (dd) "
		    "total-vm:309504kB, anon-rss:130232kB, file-rss:32kB, shmem-rss:0kB, "
		    "UID:100000 pgtables:296kB oom_score_adj:-500",
		    &m),
	      "killed");
	CHECK(m.pid == 12642 && is(m.name, "dd") && m.has_score &&
		      m.oom_score_adj == -500,
	      "%d", m.pid);
	CHECK_U64(m.anon_bytes.n, 130232 * UINT64_C(1024));
}

static void names_that_a_guest_chose(void)
{
	struct kernmsg m;

	CHECK(parse("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ns,"
		    "mems_allowed=0,oom_memcg=/lxc/101,task_memcg=/lxc/101/ns/"
		    "x,task=y,pid=1,uid=0,task=evil,pid=1,uid=2,pid=77,uid=100000",
		    &m),
	      "an OOM kill");
	CHECK(m.vmid == 101 && m.pid == 77, "%d", m.pid);
	CHECK(parse("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,"
		    "oom_memcg=b,task_memcg=c,mems_allowed=0,oom_memcg=/lxc/101,"
		    "task_memcg=/lxc/101/ns/x,oom_memcg=/lxc/102,task=dd,pid=5,uid=0",
		    &m),
	      "a cpuset with such a name");
	CHECK(m.vmid == 101 && m.pid == 5, "%u", m.vmid);
	CHECK(!parse("oom-kill:constraint=x,pid=1,task_memcg=/lxc/101,task=a", &m),
	      "the pid in front of the cgroup");
	CHECK(parse("Memory cgroup out of memory: Killed process 5 (a) anon-rss:9kB) "
		    "total-vm:1kB, anon-rss:2kB, oom_score_adj:0",
		    &m) &&
		      m.anon_bytes.n == 2048,
	      "%ju", (uintmax_t)m.anon_bytes.n);
	CHECK(!parse("oom-kill:", &m) && !parse("", &m) && !parse("Killed process", &m),
	      "nothing of it");
}

static void a_denial(void)
{
	struct kernmsg m;

	CHECK(parse("audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		    "operation=\"mount\" class=\"mount\" info=\"failed flags match\" "
		    "profile=\"lxc-101_</var/lib/lxc>\" name=\"/x\" pid=9 comm=\"mount\"",
		    &m),
	      "a denial");
	CHECK(m.vmid == 101 && is(m.operation, "mount") && is(m.path, "/x"), "%u",
	      m.vmid);
	CHECK(is(m.error, "failed flags match") && m.by == DENIED_APPARMOR, "%.*s",
	      (int)m.error.n, m.error.p);
	CHECK(parse("AVC apparmor=\"DENIED\" operation=\"open\" "
		    "namespace=\"root//lxc-104_<-var-lib-lxc>\" profile=\"snap.x\" "
		    "name=\"/y\"",
		    &m) &&
		      m.vmid == 104,
	      "in its namespace, as journald has it of auditd");
	CHECK(!parse("audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		     "operation=\"open\" profile=\"/usr/bin/man\"",
		     &m),
	      "of the node");
	CHECK(parse("audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		    "operation=\"open\" profile=\"lxc-container-default-cgns\" pid=77",
		    &m) &&
		      !m.vmid && m.pid == 77,
	      "in a profile that many share: by its pid");
	CHECK(parse("audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		    "operation=\"open\" profile=\"lxc-101_</var/lib/lxc>\" "
		    "name=2F746D702F612262 pid=9 comm=2F0A22",
		    &m) &&
		      m.path_hex && m.name_hex,
	      "names in hex");
	_cleanup_free_ char *path = kernmsg_text(m.path, m.path_hex);
	_cleanup_free_ char *comm = kernmsg_text(m.name, m.name_hex);
	_cleanup_free_ char *odd = kernmsg_text(span_str("2Fz"), true);
	CHECK_STR(path, "/tmp/a\"b");
	CHECK_STR(comm, "/\n\"");
	CHECK_STR(odd, "/");
}

#define SECCOMP "audit: type=1326 audit(1732170000.123:45): auid=4294967295 uid=100000 "

static void a_system_call_that_seccomp_stopped(void)
{
	struct kernmsg m;

	CHECK(parse(SECCOMP "gid=100000 ses=4294967295 subj=lxc-101_</var/lib/lxc>//&"
			    ":lxc-101_<-var-lib-lxc>:unconfined pid=123 comm=\"x\" "
			    "exe=\"/bin/x\" sig=31 arch=c000003e syscall=165 compat=0 "
			    "ip=0x7f01 code=0x80000000",
		    &m),
	      "seccomp");
	CHECK(m.vmid == 101 && m.pid == 123 && m.by == DENIED_SECCOMP &&
		      is(m.name, "x") && is(m.path, "/bin/x"),
	      "%u %d", m.vmid, m.pid);
	CHECK_U64(m.syscall.n, 165);
	CHECK_U64(m.arch.n, 0xc000003e);
	CHECK_U64(m.uid.n, 100000);
	CHECK_STR(kernmsg_seccomp_action(m.action.n), "kill-process");
	CHECK_STR(kernmsg_seccomp_action(0x50001), "errno");
	CHECK(kernmsg_seccomp_action(0x12340000) == NULL, "an action that is new");
	CHECK(parse(SECCOMP "subj=unconfined pid=9 comm=\"x\" exe=\"/x\" sig=0 "
			    "arch=40000003 syscall=1 compat=1 ip=0x1 code=0x7ffc0000",
		    &m) &&
		      !m.vmid && m.pid == 9,
	      "unconfined: by its pid");
	CHECK(!parse(SECCOMP "subj=unconfined pid=9", &m) &&
		      !parse("audit: type=1326 audit(", &m) && !parse("SECCOMP", &m),
	      "cut");
	CHECK(parse("kauditd_printk_skb: 34 callbacks suppressed", &m) && m.lines == 34 &&
		      m.kind == KERNMSG_SUPPRESSED,
	      "left out");
}

static void a_crash(void)
{
	struct kernmsg m;

	CHECK(parse("init[4711]: segfault at 0 ip 0 sp 0 error 4 in busybox[4000+1]",
		    &m) &&
		      m.kind == KERNMSG_CRASH && m.pid == 4711 && m.signal == 11,
	      "segfault");
	CHECK(is(m.name, "init"), "%.*s", (int)m.name.n, m.name.p);
	CHECK(parse("traps: a b[1][12] trap invalid opcode ip:4 sp:5 error:0 in x[1+1]",
		    &m) &&
		      m.pid == 12 && m.signal == 4,
	      "%d", m.pid);
	CHECK(parse("a[99]: segfault[12]: segfault at 0 ip 0", &m) && m.pid == 12, "%d",
	      m.pid);
	CHECK(parse("cgroup: fork rejected by pids controller in /lxc/114/ns/x", &m) &&
		      m.kind == KERNMSG_FORK && m.vmid == 114,
	      "%u", m.vmid);
	CHECK(!parse("a[12]: segfaul", &m) && !parse("[12", &m) &&
		      !parse("0123456789012345x[1]: segfault at 0", &m),
	      "not one");
}

/* None of these begins as the kernel begins it, or names a container first that it is. */
static void lines_that_a_guest_made_up(void)
{
	static const char *const lines[] = {
		/* AUDIT_USER of a container with CAP_AUDIT_WRITE */
		"audit: type=1107 audit(1.2:3): pid=1 uid=0 msg='apparmor=\"DENIED\" "
		"operation=\"open\" profile=\"lxc-102_<x>\"'",
		"USER_AVC pid=1 uid=0 msg='apparmor=\"DENIED\" operation=\"open\" "
		"profile=\"lxc-102_<x>\"'",
		"apparmor=\"DENIED\" operation=\"open\" profile=\"lxc-102_<x>\"",
		" oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/lxc/102,"
		"task_memcg=/lxc/102/ns,task=x,pid=1,uid=0",
		"audit: type=1400 audit(1.2:3) x): apparmor=\"DENIED\" operation=\"open\" "
		"profile=\"lxc-102_<x>\"",
	};
	struct kernmsg m;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		CHECK(!parse(lines[i], &m), "%s", lines[i]);
	CHECK(parse("x[7]: segfault at 0 ip 0 sp 0 error 4 in audit: type=1400 "
		    "audit(1.2:3): apparmor=\"DENIED\" operation=\"open\" "
		    "profile=\"lxc-102_<x>\"",
		    &m) &&
		      m.kind == KERNMSG_CRASH && !m.vmid,
	      "a file of that name");
	/* a profile, a namespace of its own below LXC's, named as if it were another's */
	CHECK(parse("audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"open\" "
		    "namespace=\"root//lxc-101_<-var-lib-lxc>//lxc-102_<-var-lib-lxc>\" "
		    "profile=\"lxc-102_</var/lib/lxc>\"",
		    &m) &&
		      m.vmid == 101,
	      "%u", m.vmid);
	CHECK(parse(SECCOMP
		    "subj=lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:a pid=1 "
		    "subj=lxc-102_<x> pid=4 comm=\"x\" exe=\"/x\" sig=0 "
		    "arch=c000003e syscall=1 compat=0 ip=0x1 code=0x7ffc0000",
		    &m) &&
		      m.vmid == 101 && m.pid == 4,
	      "%u %d", m.vmid, m.pid);
}

int main(void)
{
	RUN(causes_by_table);
	RUN(a_long_user_fits_the_sentence);
	RUN(one_of_a_kind_at_a_time);
	RUN(pressure_must_last);
	RUN(a_guest_cannot_fill_the_store_with_incidents);
	RUN(what_nobody_wanted);
	RUN(pressure_of_what);
	RUN(configs_key_by_key);
	RUN(snapshots_and_locks);
	RUN(a_task_explains_what_it_does_and_no_more);
	RUN(an_oom_kill);
	RUN(names_that_a_guest_chose);
	RUN(a_denial);
	RUN(a_system_call_that_seccomp_stopped);
	RUN(a_crash);
	RUN(lines_that_a_guest_made_up);
	buf_done(&diff_said);
	return DONE();
}
