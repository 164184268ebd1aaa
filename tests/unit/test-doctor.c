/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/doctor.h"

#include "read/accounts.h"
#include "read/dropin.h"
#include "read/filelock.h"
#include "read/progfile.h"
#include "read/unixsock.h"
#include "tmproot.h"

#define USEC UINT64_C(1000000)
#define NOW  (UINT64_C(1795300000) * USEC)
#define MIB  (UINT64_C(1) << 20)
#define CTS  2
/* text of a struct that owns none of it here */
#define S(text) ((char *)(uintptr_t)(text))

/* ---- an installation without a fault ------------------------------------------------ */

static struct doctor_lib libs[2];
static struct doctor_ct cts[CTS];

/* Nothing of it is owned: it is never given to doctor_facts_done(). */
static struct doctor_facts sound(void)
{
	libs[0] = (struct doctor_lib){ "liba.so.1", "liba1", "no a", false, true };
	libs[1] = (struct doctor_lib){ "libb.so.1", "libb1", "less b", true, true };
	for (uint32_t i = 0; i < CTS; i++)
		cts[i] = (struct doctor_ct){ .vmid = 101 + i,
					     .runs = true,
					     .reports_all = true };
	return (struct doctor_facts){
		.live = true,
		.now_real_usec = NOW,
		.version = "ctscope 1",
		.libs = libs,
		.n_libs = 2,
		.beneath = DOCTOR_YES,
		.pidfd = DOCTOR_YES,
		.cgroup2 = DOCTOR_YES,
		.pressure = DOCTOR_YES,
		.controllers_known = true,
		.pve_there = true,
		.tasks = DOCTOR_YES,
		.journal = DOCTOR_YES,
		.user = { .known = true,
			  .user = true,
			  .group = true,
			  .uid = 990,
			  .gid = 991,
			  .groups = { true, true } },
		.reader = { .path = S("/r") },
		.hooks = { .known = true,
			   .present = true,
			   .current = true,
			   .program = { .path = S("/h") },
			   .cts = cts,
			   .n_cts = CTS },
		.spool = { .there = true,
			   .uid = 990,
			   .gid = 991,
			   .mode = 040770,
			   .waiting = val_set(0) },
		.service = { .known = true,
			     .load = S("loaded"),
			     .active = S("active"),
			     .sub = S("running"),
			     .file_state = S("enabled"),
			     .result = S("success"),
			     .status = S("2 containers run, 3 events"),
			     .pid = 77 },
		.process = { .pid = 77, .state = 'S', .uid = 990 },
		.ring = { .there = true, .beat_usec = val_set(USEC) },
		.store = { .there = true,
			   .checked = true,
			   .bytes = val_set(20 * MIB),
			   .max_bytes = val_set(1024 * MIB),
			   .avail_bytes = val_set(2048 * MIB),
			   .version = S("ctscope 1"),
			   .last_event_real_usec = NOW - USEC },
		.socket = { .there = true,
			    .is_socket = true,
			    .uid = 990,
			    .mode = 0140600,
			    .listens = DOCTOR_YES },
	};
}

/* The ids of the checks in that state, "a b"; then also the first sentence and its fix. */
struct told {
	char ids[256], seen[512], fix[512];
	size_t n;
};

static struct told told(const struct doctor_facts *f, enum doctor_state state)
{
	struct doctor_results v = { 0 };
	struct told t = { 0 };

	doctor_judge(f, &v);
	for (size_t i = 0; i < v.n; i++) {
		const struct doctor_result *r = &v.v[i];
		const struct finding *first = r->found.v;
		size_t at = strlen(t.ids);

		if (r->state != state)
			continue;
		snprintf(t.ids + at, sizeof(t.ids) - at, "%s%s", at ? " " : "", r->check);
		if (!*t.seen)
			snprintf(t.seen, sizeof(t.seen), "%s",
				 first     ? first->seen
				 : r->says ? r->says
					   : "");
		if (first && !*t.fix)
			snprintf(t.fix, sizeof(t.fix), "%s",
				 first->fix ? first->fix : "");
		t.n += r->found.n;
	}
	doctor_results_done(&v);
	return t;
}

/* That fault is found by these checks and no other one; the sentence has `says` in it. */
static void fault(const struct doctor_facts *f, const char *ids, const char *says,
		  const char *fix)
{
	struct told t = told(f, DOCTOR_FOUND);

	CHECK_STR(t.ids, ids);
	CHECK(strstr(t.seen, says) != NULL, "\"%s\", want \"%s\"", t.seen, says);
	CHECK(strstr(t.fix, fix) != NULL, "fix \"%s\", want \"%s\"", t.fix, fix);
}

static void silent(const struct doctor_facts *f)
{
	struct told t = told(f, DOCTOR_FOUND);

	CHECK(!*t.ids, "found by %s: %s", t.ids, t.seen);
}

static struct strv one(const char *text)
{
	static char *v[1];

	free(v[0]);
	v[0] = xstrdup(text);
	return (struct strv){ .v = v, .n = 1 };
}

static void a_sound_one_is_fine_in_all(void)
{
	struct doctor_facts f = sound();
	struct doctor_results v = { 0 };
	struct told t = told(&f, DOCTOR_FINE);

	silent(&f);
	doctor_judge(&f, &v);
	for (size_t i = 0; i < v.n; i++)
		CHECK(v.v[i].state == DOCTOR_FINE, "%s: %s", v.v[i].check,
		      v.v[i].says ? v.v[i].says : "");
	CHECK(v.n > 20 && strstr(t.ids, "collector"), "%zu: %s", v.n, t.ids);
	doctor_results_done(&v);
}

static void nothing_known_is_nothing_fine(void)
{
	/* live, as root, and not one thing could be read */
	struct doctor_facts f = {
		.live = true,
		.now_real_usec = NOW,
		.version = "ctscope 1",
		.user = { .problem = S("u") },
		.hooks = { .problem = S("h") },
		.spool = { .problem = S("s") },
		.service = { .problem = S("d") },
		.journal_problem = S("j"),
		.pve_there = true,
		.pve_problem = S("p"),
		.store = { .there = true, .denied = true, .problem = S("no") },
		.ring = { .there = true, .problem = S("r") }
	};
	struct told t = told(&f, DOCTOR_FINE);

	/* nothing of these depends on what was read */
	CHECK_STR(t.ids, "root libraries config waivers clock reader");
	t = told(&f, DOCTOR_UNCHECKED);
	CHECK(strstr(t.ids, "account") && strstr(t.ids, "service") &&
		      strstr(t.ids, "collector") && strstr(t.ids, "store"),
	      "%s", t.ids);
}

static void a_copy_says_only_what_it_holds(void)
{
	struct doctor_facts f = { .now_real_usec = NOW, .version = "ctscope 1" };

	f.hooks.known = true;
	f.user.problem = S("u");
	f.hooks.present = true;
	f.hooks.current = true;
	silent(&f);
	CHECK_STR(told(&f, DOCTOR_UNCHECKED).ids, "");
	f.hooks.current = false;
	fault(&f, "hook-drop-in", "edited", "ctscope hooks install");
}

/* ---- the node ----------------------------------------------------------------------- */

static void who_is_not_root_is_told(void)
{
	struct doctor_facts f = sound();

	f.euid = 1000;
	fault(&f, "root", "1000", "sudo ctscope doctor");
}

static void a_missing_library_is_found(void)
{
	struct doctor_facts f = sound();

	libs[0].there = false;
	fault(&f, "libraries", "liba.so.1", "apt install liba1");
	libs[0].there = true;
	libs[1].there = false;
	silent(&f);
}

static void errors_of_files_are_told(void)
{
	struct doctor_facts f = sound();

	f.config = one("/etc/ctscope/ctscope.conf:3: expected a size");
	fault(&f, "config", "conf:3: expected a size", "reload ctscoped");
	f.config = (struct strv){ 0 };
	f.waivers = one("/etc/ctscope/waivers.conf:1: there is no rule");
	fault(&f, "waivers", "conf:1:", "waivers.conf");
}

static void what_the_kernel_lacks_is_found(void)
{
	struct doctor_facts f = sound();

	f.beneath = DOCTOR_NO;
	fault(&f, "kernel", "openat2", "kernel");
	f = sound();
	f.pidfd = DOCTOR_NO;
	fault(&f, "kernel", "pidfd_open", "kernel");
	f = sound();
	f.cgroup2 = DOCTOR_NO;
	fault(&f, "kernel", "no cgroup v2", "unified_cgroup_hierarchy=1");
	f = sound();
	f.controllers = one("io (held by cgroup v1 on this machine)");
	fault(&f, "controllers", "controller io (held", "cgroup_disable");
	f = sound();
	f.pressure = DOCTOR_NO;
	fault(&f, "pressure", "PSI is off", "psi=1");
}

static void a_wrong_clock_is_found(void)
{
	struct doctor_facts f = sound();

	f.now_real_usec = 3600 * USEC;
	f.store.last_event_real_usec = 0;
	fault(&f, "clock", "before 2025", "timedatectl");
	f = sound();
	f.store.last_event_real_usec = NOW + 59 * USEC;
	silent(&f);
	f.store.last_event_real_usec = NOW + 3600 * USEC;
	fault(&f, "clock", "3600 s ahead", "timedatectl");
}

static void pve_that_does_not_answer_is_found(void)
{
	struct doctor_facts f = sound();

	f.pve_problem = S("/etc/pve does not answer");
	fault(&f, "pve", "does not answer", "pve-cluster");
	f = sound();
	f.pve_files = one("etc/pve/lxc/101.conf: I/O error");
	fault(&f, "pve", "I/O error", "pve-cluster");
	f = sound();
	f.pve_there = false;
	fault(&f, "pve", "no Proxmox VE node", "");
}

static void logs_that_cannot_be_read_are_found(void)
{
	struct doctor_facts f = sound();

	f.tasks = DOCTOR_NO;
	f.tasks_problem = S("open index: Permission denied");
	fault(&f, "task-logs", "Permission denied", "ls -ld");
	f = sound();
	f.journal = DOCTOR_NO;
	f.journal_problem = S("there is no journal");
	fault(&f, "journal", "there is no journal", "systemd-journald");
}

static void a_missing_account_is_found(void)
{
	struct doctor_facts f = sound();

	f.user.groups[0] = false;
	fault(&f, "account", "no group www-data", "systemd-sysusers");
	f = sound();
	f.process.lacks[1] = true;
	fault(&f, "account", "systemd-journal", "restart ctscoped");
	f = sound();
	f.process.uid = 0;
	fault(&f, "account", "as user 0", "restart ctscoped");
}

/* ---- hooks -------------------------------------------------------------------------- */

static void a_hook_that_does_not_run_is_found(void)
{
	struct doctor_facts f = sound();

	f.hooks.program.problem = S("not there");
	fault(&f, "hook-program", "/h: not there", "apt install --reinstall");
	f.hooks.program.mode = true;
	fault(&f, "hook-program", "/h: not there", "chmod 755 /h");
	f = sound();
	f.hooks.program.foreign = true;
	fault(&f, "hook-program", "kind of machine", "apt install --reinstall");
	f = sound();
	f.hooks.program.failed = S("it died of signal 11");
	fault(&f, "hook-program", "signal 11", "apt install --reinstall");
}

static void a_dropin_that_is_not_ours_is_found(void)
{
	struct doctor_facts f = sound();

	f.hooks.current = false;
	fault(&f, "hook-drop-in", "edited", "ctscope hooks install");
	f.hooks.broken_line = 7;
	cts[0].reports_all = false; /* monitors do not answer then */
	cts[0].reports_none = true;
	fault(&f, "hook-drop-in", "line 7", "ctscope hooks install");
	f = sound();
	f.hooks.present = false;
	fault(&f, "hook-drop-in", "not there", "ctscope hooks install");
}

static void what_keeps_it_from_being_read_is_found(void)
{
	struct doctor_facts f = sound();

	f.hooks.obstacles = one("60-x.conf line 1 clears lxc.hook.stop");
	fault(&f, "hook-include", "60-x.conf", "edit");
	f = sound();
	cts[1].unincluded = S("container 102: no");
	fault(&f, "hook-include", "container 102", "pct reboot 102");
}

static void containers_that_do_not_report_are_named(void)
{
	struct doctor_facts f = sound();

	cts[0].reports_all = false;
	cts[0].reports_none = true;
	fault(&f, "hook-containers", "container 101 was started before",
	      "pct reboot 101");
	cts[0].reports_none = false;
	fault(&f, "hook-containers", "not all", "pct reboot 101");
	cts[0].not_known = true;
	fault(&f, "hook-containers", "does not answer", "pct reboot 101");
	cts[0].starting = true;
	silent(&f);
	cts[1].cleared = S("line 9 of its configuration");
	cts[1].runs = false;
	fault(&f, "hook-containers", "container 102: line 9",
	      "edit /etc/pve/lxc/102.conf");
	CHECK(!strstr(told(&f, DOCTOR_FOUND).fix, "reboot"), "it does not run");
}

static void a_spool_of_somebody_else_is_found(void)
{
	struct doctor_facts f = sound();

	f.spool.uid = f.spool.gid = 0;
	fault(&f, "spool", "user 0 and group 0", "systemd-tmpfiles");
	f = sound();
	f.spool.uid = 0; /* as the contract allows */
	silent(&f);
	f.spool.mode = 040700;
	fault(&f, "spool", "0700", "systemd-tmpfiles");
	f = sound();
	f.spool.problem = S("not there");
	fault(&f, "spool", "not there", "systemd-tmpfiles");
}

static void a_spool_that_is_not_emptied_is_found(void)
{
	struct doctor_facts f = sound();

	f.spool.waiting = val_set(3);
	f.spool.oldest_sec = val_set(10);
	silent(&f);
	f.spool.oldest_sec = val_set(11);
	fault(&f, "spool-drain", "3 events wait", "restart ctscoped");
	f.spool.oldest_sec = val_set(0);
	f.spool.waiting = val_set(8000);
	fault(&f, "spool-drain", "8000", "restart ctscoped");
}

/* ---- the collector ------------------------------------------------------------------ */

static void a_collector_that_is_gone_is_found_once(void)
{
	struct doctor_facts f = sound();

	f.process.pid = f.service.pid = 0;
	f.service.active = S("inactive");
	f.ring.beat_usec = val_set(900 * USEC);
	f.socket = (struct doctor_socket){ 0 };
	f.spool.waiting = val_set(5);
	f.spool.oldest_sec = val_set(900);
	fault(&f, "collector", "inactive", "systemctl start ctscoped");
	f.service.result = S("watchdog");
	f.service.active = S("failed");
	fault(&f, "collector", "watchdog", "journalctl -u ctscoped");
	/* without systemd */
	f.service = (struct doctor_unit){ .problem = S("no systemd") };
	fault(&f, "collector", "holds /run/ctscope/ring", "start ctscoped");
}

static void one_that_is_stopped_by_a_signal_is_found(void)
{
	struct doctor_facts f = sound();

	f.process.state = 'T';
	f.ring.beat_usec = val_set(900 * USEC);
	f.spool.waiting = val_set(5);
	f.spool.oldest_sec = val_set(900);
	fault(&f, "collector", "stopped by a signal", "kill -CONT 77");
}

static void what_it_says_of_itself_is_told(void)
{
	struct doctor_facts f = sound();

	f.service.status = S("2 containers run; 3 errors of the store");
	fault(&f, "collector", "says: 3 errors", "journalctl");
}

static void a_unit_that_will_not_start_is_found(void)
{
	struct doctor_facts f = sound();

	f.service.file_state = S("disabled");
	fault(&f, "service", "disabled", "systemctl enable ctscoped");
	f.service.load = S("masked");
	fault(&f, "service", "masked", "systemctl unmask ctscoped");
	f.service.load = S("not-found");
	fault(&f, "service", "not-found", "apt install");
	f = sound();
	f.service.need_reload = true;
	fault(&f, "service", "as it is now", "daemon-reload");
}

static void an_older_collector_is_found(void)
{
	struct doctor_facts f = sound();

	f.store.version = S("ctscope 0");
	fault(&f, "version", "ctscope 0, installed is ctscope 1", "restart ctscoped");
	f = sound();
	f.process.replaced = true;
	fault(&f, "version", "replaced", "restart ctscoped");
}

static void a_ring_that_stands_still_is_found(void)
{
	struct doctor_facts f = sound();

	f.ring.beat_usec = val_set(5 * USEC);
	silent(&f);
	f.ring.beat_usec = val_set(6 * USEC);
	fault(&f, "recorder", "6 s old", "restart ctscoped");
	f.ring = (struct doctor_ring){ .there = true,
				       .other_layout = true,
				       .problem = S("no ring") };
	fault(&f, "recorder", "not a ring of this version", "restart ctscoped");
	f.ring = (struct doctor_ring){ 0 };
	fault(&f, "recorder", "there is no", "restart ctscoped");
	f.ring.off = true;
	silent(&f);
}

static void a_socket_without_anybody_is_found(void)
{
	struct doctor_facts f = sound();
	const char *fix = "restart ctscope-reader.socket";

	f.socket.listens = DOCTOR_NO;
	fault(&f, "socket", "nobody listens", fix);
	f = sound();
	f.socket.mode = 0140666;
	fault(&f, "socket", "0666", fix);
	f.socket.is_socket = false;
	fault(&f, "socket", "no socket", fix);
	f.socket.there = false;
	fault(&f, "socket", "not there", fix);
}

static void a_store_that_is_damaged_is_found(void)
{
	struct doctor_facts f = sound();

	f.store.problem = S("it is damaged");
	f.store.damaged = true;
	fault(&f, "store", "it is damaged", "mv /var/lib/ctscope/ctscope.db ");
	f.store.checked = false;
	fault(&f, "store", "it is damaged", "restart ctscoped");
	f.store.damaged = false;
	f.store.newer = true;
	fault(&f, "store", "it is damaged", "apt install ctscope");
	f = sound();
	f.store.there = false;
	fault(&f, "store", "although the collector runs", "journalctl");
	f = sound();
	f.store.checked = false;
	silent(&f);
	CHECK_STR(told(&f, DOCTOR_UNCHECKED).ids, "store");
}

static void a_store_that_is_too_large_is_found(void)
{
	struct doctor_facts f = sound();

	f.store.bytes = val_set(1280 * MIB);
	silent(&f);
	f.store.bytes = val_set(1400 * MIB);
	fault(&f, "store-size", "1400 MiB", "journalctl");
	f.store.max_bytes = (struct val){ 0 };
	silent(&f);
}

static void a_disk_that_is_full_is_found(void)
{
	struct doctor_facts f = sound();

	f.store.in_reserve = true;
	fault(&f, "store-disk", "is full", "make room");
	f = sound();
	f.store.avail_bytes = val_set(63 * MIB);
	fault(&f, "store-disk", "only 63 MiB", "make room");
	f.store.avail_bytes = val_set(64 * MIB);
	silent(&f);
}

static void what_was_set_aside_is_named(void)
{
	struct doctor_facts f = sound();

	f.store.aside = one("ctscope.db.corrupt-20261121T031200Z");
	fault(&f, "store-aside", "corrupt-20261121T031200Z", "rm -f /var/lib/ctscope/");
	f.store.aside = one("ctscope.db.newer-20261121T031200Z");
	fault(&f, "store-aside", "newer ctscope", "apt install ctscope");
}

static void what_was_lost_is_told(void)
{
	struct doctor_facts f = sound();

	f.store.losses = one("since the collector was started: 3 dropped");
	fault(&f, "losses", "3 dropped", "restart ctscoped");
	f = sound();
	f.spool.dropped = 2;
	silent(&f); /* the collector takes and tells that in a moment */
}

/* ---- what is read for it ------------------------------------------------------------ */

static void accounts_are_found_by_their_whole_name(void)
{
	static const char text[] =
		"root:x:0:0:::\nctscope2:x:5:5::\nctscope:x:990:991::\n"
		"bad:x\nlast:x:12";
	struct span s = span_str(text);
	uint32_t n = 7;

	CHECK(accounts_parse(s, "ctscope", &n) && n == 990, "%u", n);
	CHECK(accounts_parse(s, "last", &n) && n == 12, "%u", n);
	CHECK(!accounts_parse(s, "bad", &n) && !accounts_parse(s, "ctscop", &n) &&
		      !accounts_parse((struct span){ 0 }, "root", &n),
	      "%u", n);
}

static void who_holds_a_lock_is_read(void)
{
	static const char text[] = "1: POSIX  ADVISORY  WRITE 10 00:1a:567 0 EOF\n"
				   "2: FLOCK  ADVISORY  READ 11 00:1a:567 0 EOF\n"
				   "3: FLOCK  ADVISORY  WRITE 12 00:1b:567 0 EOF\n"
				   "4: FLOCK  ADVISORY  WRITE 13 00:1a:5670 0 EOF\n"
				   "5: -> FLOCK  ADVISORY  WRITE 14 00:1a:567 0 EOF\n"
				   "6: FLOCK  ADVISORY  WRITE 15 00:1a:567 0 EOF\n"
				   "7: FLOCK  ADVISORY  WRITE -1 00:1a:99 0 EOF\n";
	pid_t pid = -1;

	CHECK(filelock_parse(span_str(text), 0, 0x1a, 567, &pid) == 0 && pid == 15, "%d",
	      (int)pid);
	CHECK(filelock_parse(span_str(text), 0, 0x1a, 568, &pid) == 0 && pid == 0, "%d",
	      (int)pid);
	CHECK(filelock_parse(span_str(text), 0, 0x1a, 99, &pid) == -ESRCH, "%d",
	      (int)pid);
}

static void who_listens_is_read(void)
{
	static const char text[] =
		"Num       RefCount Protocol Flags    Type St Inode Path\n"
		"0: 00000002 00000000 00010000 0005 01 11 /run/a.sock\n"
		"0: 00000003 00000000 00000000 0005 03 12 /run/b.sock\n"
		"0: 00000002 00000000 00010000 0005 01 13\n";

	CHECK(unixsock_parse_listens(span_str(text), "/run/a.sock"), "a listens");
	CHECK(!unixsock_parse_listens(span_str(text), "/run/b.sock"), "b is connected");
	CHECK(!unixsock_parse_listens(span_str(text), "/run/a"), "another one");
}

static void a_program_of_another_machine_is_none(void)
{
	char elf[64] = "\177ELF\2\1\1";
	struct tmproot t;

	tmproot_make(&t);
	elf[18] = 0x3e;
	tmproot_putn(&t, "bin/sh", elf, sizeof(elf));
	tmproot_putn(&t, "hook", elf, sizeof(elf));
	CHECK(progfile_check(t.fd, "hook", "bin/sh", NULL) == 0, "the same");
	elf[18] = (char)0xb7;
	tmproot_putn(&t, "hook", elf, sizeof(elf));
	CHECK(progfile_check(t.fd, "hook", "bin/sh", NULL) == -ENOEXEC, "another");
	tmproot_put(&t, "hook", "#!/bin/sh\nexit 0\n# and so on\n");
	CHECK(progfile_check(t.fd, "hook", "bin/sh", NULL) == -ENOEXEC, "a script");
	tmproot_put(&t, "hook", "");
	CHECK(progfile_check(t.fd, "hook", "bin/sh", NULL) == -ENOEXEC, "empty");
	CHECK(progfile_check(t.fd, "no", "bin/sh", NULL) == -ENOENT, "not there");
	tmproot_remove(&t);
}

/* Whoever is not root has no program that is root's alone. */
static void how_a_program_ends_is_told(void)
{
	struct err err = { 0 };
	int root = -1, r;

	CHECK(fs_open_root("/", &root, NULL) == 0, "no root");
	CHECK(progfile_run(root, "bin/true", 5 * USEC, &err) == 0, "%s", err.msg);
	r = progfile_run(root, "bin/false", 5 * USEC, &err);
	CHECK(r == -ECHILD && strstr(err.msg, "ended with 1"), "%d %s", r, err.msg);
	r = progfile_run(root, "etc/passwd", 5 * USEC, &err);
	CHECK(r == -EACCES, "%d %s", r, err.msg);
	r = progfile_run(root, "proc/self/stat", 5 * USEC, &err);
	CHECK(r < 0, "%d %s", r, err.msg);
	r = progfile_run(root, "bin/yes", USEC / 10, &err);
	CHECK(r == -ETIMEDOUT && strstr(err.msg, "does not end"), "%d %s", r, err.msg);
	close(root);
}

static void includes_are_followed_to_the_dropin(void)
{
	struct tmproot t;
	bool reached = true;

	tmproot_make(&t);
	CHECK(dropin_reached(t.fd, 101, &reached, NULL) == -ENOENT && !reached, "none");
	tmproot_put(&t, "var/lib/lxc/101/config",
		    "lxc.arch = amd64\nlxc.include = /usr/share/lxc/config/d.conf\n");
	CHECK(dropin_reached(t.fd, 101, &reached, NULL) == -ENOENT && !reached,
	      "a file on the way is missing");
	tmproot_put(&t, "usr/share/lxc/config/d.conf",
		    "lxc.include = /usr/share/lxc/config/d.conf\n"
		    "lxc.include = /usr/share/lxc/config/common.conf\n");
	tmproot_put(&t, DROPIN_COMMON, "lxc.tty.max = 4\n");
	CHECK(dropin_reached(t.fd, 101, &reached, NULL) == 0 && !reached,
	      "a loop that leads nowhere");
	tmproot_put(&t, DROPIN_COMMON, "lxc.include = /" DROPIN_DIR "/\n");
	CHECK(dropin_reached(t.fd, 101, &reached, NULL) == 0 && reached, "there");
	tmproot_remove(&t);
}

int main(void)
{
	RUN(a_sound_one_is_fine_in_all);
	RUN(nothing_known_is_nothing_fine);
	RUN(a_copy_says_only_what_it_holds);
	RUN(who_is_not_root_is_told);
	RUN(a_missing_library_is_found);
	RUN(errors_of_files_are_told);
	RUN(what_the_kernel_lacks_is_found);
	RUN(a_wrong_clock_is_found);
	RUN(pve_that_does_not_answer_is_found);
	RUN(logs_that_cannot_be_read_are_found);
	RUN(a_missing_account_is_found);
	RUN(a_hook_that_does_not_run_is_found);
	RUN(a_dropin_that_is_not_ours_is_found);
	RUN(what_keeps_it_from_being_read_is_found);
	RUN(containers_that_do_not_report_are_named);
	RUN(a_spool_of_somebody_else_is_found);
	RUN(a_spool_that_is_not_emptied_is_found);
	RUN(a_collector_that_is_gone_is_found_once);
	RUN(one_that_is_stopped_by_a_signal_is_found);
	RUN(what_it_says_of_itself_is_told);
	RUN(a_unit_that_will_not_start_is_found);
	RUN(an_older_collector_is_found);
	RUN(a_ring_that_stands_still_is_found);
	RUN(a_socket_without_anybody_is_found);
	RUN(a_store_that_is_damaged_is_found);
	RUN(a_store_that_is_too_large_is_found);
	RUN(a_disk_that_is_full_is_found);
	RUN(what_was_set_aside_is_named);
	RUN(what_was_lost_is_told);
	RUN(accounts_are_found_by_their_whole_name);
	RUN(who_holds_a_lock_is_read);
	RUN(who_listens_is_read);
	RUN(a_program_of_another_machine_is_none);
	RUN(how_a_program_ends_is_told);
	RUN(includes_are_followed_to_the_dropin);
	return DONE();
}
