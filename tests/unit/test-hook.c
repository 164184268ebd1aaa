/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "read/spool.h"
#include "tmproot.h"

/* The hook on a root of its own; each test is run with and without the C library. */
static const char *program;

#define SPOOL "run/ctscope/spool"

static void root_make(struct tmproot *t)
{
	tmproot_make(t);
	tmproot_dirs(t, SPOOL "/");
}

static int spool_fd(const struct tmproot *t)
{
	int fd = -1;

	CHECK(fs_open(t->fd, SPOOL, O_RDONLY | O_DIRECTORY, &fd, NULL) == 0, "no spool");
	return fd;
}

/* Runs it as LXC does; it must say nothing and end with 0, in time. */
static void run(const struct tmproot *t, const char *const *env, const char *const *args)
{
	const char *argv[16] = { program, t->path };
	char out[64];
	int fds[2], status = -1;
	uint64_t began = clock_mono_usec();
	pid_t pid;
	ssize_t n;

	for (size_t i = 0; args[i]; i++)
		argv[2 + i] = args[i];
	CHECK(pipe2(fds, O_CLOEXEC) == 0, "%s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execve(program, (char **)(uintptr_t)argv, (char **)(uintptr_t)env);
		_exit(99);
	}
	close(fds[1]);
	n = read(fds[0], out, sizeof(out));
	CHECK(n == 0, "%zd bytes of output: %.*s", n, n > 0 ? (int)n : 0, out);
	close(fds[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%s: status %d", args[0],
	      status);
	began = clock_mono_usec() - began;
	/* a second (see main.c), and what the machine was busy with */
	CHECK(began < 20000000, "took %ju us", (uintmax_t)began);
}

#define RUN_ENV(t, env, ...) run(t, env, (const char *const[]){ __VA_ARGS__, NULL })
#define RUN_HOOK(t, ...)     RUN_ENV(t, ((const char *const[]){ NULL }), __VA_ARGS__)

static size_t waiting(const struct tmproot *t)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_close_ int fd = spool_fd(t);
	struct err err = { 0 };

	CHECK(spool_list(fd, &l, &err) == 0, "%s", err.msg);
	CHECK(l.n_writing == 0, "%zu dot files left", l.n_writing);
	return l.ids.n;
}

/* The one event in the spool, which is taken out. */
static bool take(const struct tmproot *t, struct buf *text, struct spool_event *ret)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_close_ int fd = spool_fd(t);
	struct err err = { 0 };

	*ret = (struct spool_event){ 0 };
	CHECK(spool_list(fd, &l, &err) == 0, "%s", err.msg);
	CHECK(l.ids.n == 1 && l.n_writing == 0, "%zu events", l.ids.n);
	if (l.ids.n != 1)
		return false;
	CHECK(spool_read(fd, l.ids.v[0], text, ret, &err) == 0, "%s", err.msg);
	CHECK(spool_remove(fd, l.ids.v[0], &err) == 0, "%s", err.msg);
	return ret->type != HOOK_NONE;
}

static uint64_t dropped(const struct tmproot *t, enum spool_drop why)
{
	_cleanup_close_ int fd = spool_fd(t);
	struct spool_dropped d = { 0 };
	struct err err = { 0 };

	CHECK(spool_take_dropped(fd, &d, &err) == 0, "%s", err.msg);
	return why == SPOOL_DROP_FULL   ? d.full
	       : why == SPOOL_DROP_LATE ? d.late
					: d.write;
}

static const struct spool_file *file_of(const struct spool_event *e, const char *name)
{
	for (size_t i = 0; i < e->n_files; i++)
		if (e->files[i].name.n == strlen(name) &&
		    memcmp(e->files[i].name.p, name, strlen(name)) == 0)
			return &e->files[i];
	return NULL;
}

static void what_lxc_tells_is_an_event(void)
{
	static const char *const env[] = {
		"PATH=/bin", "LXC_PID=2292", "LXC_TARGET=reboot",
		"INVOCATION_ID=014611e776c6408abcbfd049f2431762", NULL
	};
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;
	uint64_t now = clock_real_usec();

	root_make(&t);
	tmproot_put(&t, "proc/2292/stat",
		    "2292 (in) S 1 ) R 3 (x) S 7 8 9 10 11 12 13 14 "
		    "15 16 17 18 19 20 21 22 23 24 55523 9 9\n");
	RUN_ENV(&t, env, "101", "lxc", "post-stop", "user:/proc/1/fd/16");
	if (take(&t, &text, &e)) {
		CHECK(e.vmid == 101 && e.type == HOOK_POST_STOP && e.reboot, "%u",
		      e.vmid);
		CHECK(e.pid == 2292 && e.hook_pid > 1 && e.parent_pid == getpid(), "%d",
		      e.pid);
		CHECK(e.invocation.n == 32, "%u", e.invocation.n);
		CHECK(e.start_ticks.kind == VAL_ABSENT, "only at start-host");
		CHECK(e.real_usec >= now && e.real_usec <= clock_real_usec(), "%ju",
		      (uintmax_t)e.real_usec);
		CHECK(e.boot_usec > 0 && e.took_usec < 1000000, "%ju",
		      (uintmax_t)e.took_usec);
	}
	RUN_ENV(&t, env, "101", "lxc", "start-host");
	if (take(&t, &text, &e))
		CHECK(e.type == HOOK_START_HOST && e.start_ticks.n == 55523, "%ju",
		      (uintmax_t)e.start_ticks.n);
	tmproot_remove(&t);
}

static void every_type_is_told(void)
{
	static const struct {
		const char *section, *type;
		enum hook_type want;
	} types[] = {
		{ "lxc", "pre-start", HOOK_PRE_START },
		{ "lxc", "start-host", HOOK_START_HOST },
		{ "lxc", "stop", HOOK_STOP },
		{ "lxc", "post-stop", HOOK_POST_STOP },
		{ NULL, "pre-start", HOOK_GUEST_PRE_START },
		{ NULL, "post-start", HOOK_GUEST_POST_START },
		{ NULL, "pre-stop", HOOK_GUEST_PRE_STOP },
		{ NULL, "post-stop", HOOK_GUEST_POST_STOP },
	};
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;

	root_make(&t);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].section)
			RUN_HOOK(&t, "999999999", types[i].section, types[i].type);
		else
			RUN_HOOK(&t, "999999999", types[i].type);
		if (take(&t, &text, &e))
			CHECK(e.type == types[i].want && e.vmid == 999999999, "%s: %s",
			      types[i].type, hook_type_name(e.type));
	}
	tmproot_remove(&t);
}

static void what_is_no_pve_container_is_not_told(void)
{
	static const char *const names[] = { "web",        "99",  "0101", "1000000000",
					     "-101",       "+10", "101 ", "101x",
					     "../101",     "",    "1e3",  "101\n",
					     "4294967396", "0" };
	struct tmproot t;

	root_make(&t);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		RUN_HOOK(&t, names[i], "lxc", "pre-start");
	RUN_HOOK(&t, "101", "lxc", "mount");
	RUN_HOOK(&t, "101", "lxc");
	RUN_HOOK(&t, "101", "net", "up");
	RUN_HOOK(&t, "101", "start-host");
	RUN_HOOK(&t, "101");
	CHECK(waiting(&t) == 0, "%zu", waiting(&t));
	tmproot_remove(&t);
}

static void an_environment_of_rubbish_is_left_out(void)
{
	static const char *const env[] = {
		"LXC_PID=12x",
		"LXC_TARGET=/etc/passwd",
		"INVOCATION_ID=014611E776C6408ABCBFD049F2431762",
		"LXC_PIDS=1",
		"=",
		"",
		NULL
	};
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;

	root_make(&t);
	RUN_ENV(&t, env, "101", "lxc", "stop");
	if (take(&t, &text, &e))
		CHECK(e.pid == 0 && !e.reboot && e.invocation.n == 0, "%d", e.pid);
	tmproot_remove(&t);
}

static void the_last_counters_are_kept(void)
{
	_cleanup_(buf_done) struct buf text = { 0 }, big = { 0 };
	const struct spool_file *f;
	struct spool_event e;
	struct tmproot t;

	for (int i = 0; i < 200000; i++)
		buf_addc(&big, (char)('a' + i % 26));
	root_make(&t);
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/memory.events", "low 0\noom_kill 1\n");
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/ns/memory.events.local", "oom 0\n");
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/memory.peak", "1048576\n");
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/pids.peak", "");
	tmproot_putn(&t, "sys/fs/cgroup/lxc/101/memory.stat", big.p, big.n);
	tmproot_putn(&t, "sys/fs/cgroup/lxc/101/io.stat", big.p, big.n);
	tmproot_link(&t, "sys/fs/cgroup/lxc/101/cpu.stat", "memory.peak");
	RUN_HOOK(&t, "101", "lxc", "stop");
	if (take(&t, &text, &e)) {
		f = file_of(&e, "memory.events");
		CHECK(f && f->text.n == 17 && !f->cut, "%p", (const void *)f);
		f = file_of(&e, "ns/memory.events.local");
		CHECK(f && f->text.n == 6, "%p", (const void *)f);
		f = file_of(&e, "pids.peak");
		CHECK(f && f->text.n == 0, "%p", (const void *)f);
		f = file_of(&e, "io.stat");
		CHECK(f && f->cut && f->text.n == 16384 &&
			      memcmp(f->text.p, big.p, f->text.n) == 0,
		      "%p", (const void *)f);
		f = file_of(&e, "memory.stat");
		CHECK(f && f->cut && f->text.n == 8192, "%p", (const void *)f);
		CHECK(!file_of(&e, "cpu.stat"), "a symlink was followed");
		CHECK(!file_of(&e, "memory.max"), "what is not there is there");
	}
	/* of the others nothing is read */
	RUN_HOOK(&t, "101", "lxc", "post-stop");
	if (take(&t, &text, &e))
		CHECK(e.n_files == 0, "%zu", e.n_files);
	tmproot_remove(&t);
}

static void the_monitor_is_the_parents_parent(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;
	char path[64];

	root_make(&t);
	snprintf(path, sizeof(path), "proc/%d/stat", getpid());
	tmproot_put(&t, path, "7 (sh) S 4711 7 7 0\n");
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	if (take(&t, &text, &e))
		CHECK(e.monitor_pid == 4711, "%d", e.monitor_pid);
	tmproot_put(&t, path, "7 (sh S 4711 7 7 0\n");
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	if (take(&t, &text, &e))
		CHECK(e.monitor_pid == 0, "%d", e.monitor_pid);
	tmproot_put(&t, path, "");
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	if (take(&t, &text, &e))
		CHECK(e.monitor_pid == 0, "%d", e.monitor_pid);
	tmproot_remove(&t);
}

static void files_belong_to_the_group_of_the_spool(void)
{
	struct tmproot t;
	struct stat st = { 0 };
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_close_ int fd = -1;

	root_make(&t);
	fd = spool_fd(&t);
	if (geteuid() == 0)
		CHECK(fchown(fd, 0, 4242) == 0, "%s", strerror(errno));
	umask(077);
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	umask(022);
	CHECK(spool_list(fd, &l, NULL) == 0 && l.ids.n == 1, "%zu", l.ids.n);
	if (l.ids.n == 1)
		CHECK(fstatat(fd, l.ids.v[0], &st, 0) == 0, "%s", strerror(errno));
	CHECK((st.st_mode & 07777) == 0640, "mode %o", st.st_mode);
	CHECK(geteuid() != 0 || st.st_gid == 4242, "group %u", st.st_gid);
	tmproot_remove(&t);
}

/* `make` puts something in the place of the spool, which has to be left alone. */
static void spool_is_left_alone(const char *what,
				void (*make)(const struct tmproot *t, int above))
{
	struct tmproot t;
	char cmd[256];
	int above = -1;

	tmproot_make(&t);
	tmproot_dirs(&t, "run/ctscope/elsewhere/");
	CHECK(fs_open(t.fd, "run/ctscope", O_RDONLY | O_DIRECTORY, &above, NULL) == 0,
	      "%s", what);
	make(&t, above);
	RUN_HOOK(&t, "101", "lxc", "stop");
	close(above);
	snprintf(cmd, sizeof(cmd),
		 "! find '%s/run' -type f -name '*[0-9]*' | grep -q . &&"
		 " ! find '%s/run' -name dropped -type f -size +0 | grep -q .",
		 t.path, t.path);
	CHECK(system(cmd) == 0, "%s: something was written", what);
	tmproot_remove(&t);
}

static void nothing(const struct tmproot *t, int above)
{
	(void)t;
	(void)above;
}

static void a_file(const struct tmproot *t, int above)
{
	(void)above;
	tmproot_put(t, SPOOL, "");
}

static void a_fifo(const struct tmproot *t, int above)
{
	(void)t;
	CHECK(mkfifoat(above, "spool", 0770) == 0, "%s", strerror(errno));
}

static void a_symlink(const struct tmproot *t, int above)
{
	(void)t;
	CHECK(symlinkat("elsewhere", above, "spool") == 0, "%s", strerror(errno));
}

static void for_everyone(const struct tmproot *t, int above)
{
	(void)t;
	CHECK(mkdirat(above, "spool", 0777) == 0 &&
		      fchmodat(above, "spool", 0777, 0) == 0,
	      "%s", strerror(errno));
}

static void below_one_for_everyone(const struct tmproot *t, int above)
{
	(void)t;
	CHECK(mkdirat(above, "spool", 0770) == 0 && fchmod(above, 0777) == 0, "%s",
	      strerror(errno));
}

static void of_somebody(const struct tmproot *t, int above)
{
	(void)t;
	CHECK(mkdirat(above, "spool", 0770) == 0, "%s", strerror(errno));
	CHECK(fchownat(above, "spool", 1000, 1000, 0) == 0, "%s", strerror(errno));
}

static void all_behind_a_symlink(const struct tmproot *t, int above)
{
	CHECK(mkdirat(above, "spool", 0770) == 0, "%s", strerror(errno));
	CHECK(renameat(t->fd, "run/ctscope", t->fd, "run/real") == 0 &&
		      symlinkat("real", t->fd, "run/ctscope") == 0,
	      "%s", strerror(errno));
}

static void what_is_in_the_place_of_the_spool_is_left_alone(void)
{
	spool_is_left_alone("nothing", nothing);
	spool_is_left_alone("a file", a_file);
	spool_is_left_alone("a FIFO", a_fifo);
	spool_is_left_alone("a symlink", a_symlink);
	spool_is_left_alone("a directory for everyone", for_everyone);
	spool_is_left_alone("a parent for everyone", below_one_for_everyone);
	spool_is_left_alone("a symlink above", all_behind_a_symlink);
	if (geteuid() == 0)
		spool_is_left_alone("somebody's", of_somebody);
}

static void the_owner_of_both_directories_is_trusted(void)
{
	struct tmproot t;

	if (geteuid() != 0)
		return;
	root_make(&t);
	CHECK(fchownat(t.fd, "run/ctscope", 1000, 1000, 0) == 0 &&
		      fchownat(t.fd, SPOOL, 1000, 1000, 0) == 0,
	      "%s", strerror(errno));
	RUN_HOOK(&t, "101", "lxc", "stop");
	CHECK(waiting(&t) == 1, "%zu", waiting(&t));
	tmproot_remove(&t);
}

static void a_full_spool_counts_what_it_drops(void)
{
	struct tmproot t;
	_cleanup_close_ int fd = -1;
	char name[64];

	root_make(&t);
	fd = spool_fd(&t);
	tmproot_put(&t, SPOOL "/large", "");
	{
		_cleanup_close_ int big = openat(fd, "large", O_WRONLY);

		CHECK(ftruncate(big, SPOOL_MAX_TOTAL) == 0, "%s", strerror(errno));
		RUN_HOOK(&t, "101", "lxc", "pre-start");
		CHECK(waiting(&t) == 1, "%zu: just not full", waiting(&t));
		RUN_HOOK(&t, "101", "lxc", "pre-start");
		RUN_HOOK(&t, "101", "lxc", "start-host");
		CHECK(waiting(&t) == 1, "%zu", waiting(&t));
		CHECK_U64(dropped(&t, SPOOL_DROP_FULL), 2);
		CHECK_U64(dropped(&t, SPOOL_DROP_FULL), 0);
		CHECK(ftruncate(big, 0) == 0, "%s", strerror(errno));
	}
	for (size_t i = 0; i < SPOOL_MAX_EVENTS; i++) {
		snprintf(name, sizeof(name), "x%zu", i);
		CHECK(mknodat(fd, name, S_IFREG | 0600, 0) == 0, "%s", strerror(errno));
	}
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(waiting(&t) == 1, "%zu", waiting(&t));
	CHECK_U64(dropped(&t, SPOOL_DROP_FULL), 1);
	tmproot_remove(&t);
}

static void names_tell_how_full_the_spool_is(void)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	struct tmproot t;
	_cleanup_close_ int fd = -1;
	char name[64];
	size_t n;

	root_make(&t);
	fd = spool_fd(&t);
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(spool_list(fd, &l, NULL) == 0 && l.ids.n == 1, "%zu", l.ids.n);
	n = l.ids.n ? strlen(l.ids.v[0]) : 0;
	CHECK(n == SPOOL_ID_DIGITS && str_ends(l.ids.v[0], "01"), "%zu", n);
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "%s%013x-%014x-00000040", i % 2 ? "." : "",
			 i, i);
		CHECK(mknodat(fd, name, S_IFREG | 0600, 0) == 0, "%s", strerror(errno));
	}
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK_U64(dropped(&t, SPOOL_DROP_FULL), 1);
	tmproot_remove(&t);
}

static void the_count_of_the_dropped_is_bounded(void)
{
	struct tmproot t;
	_cleanup_close_ int fd = -1;
	struct stat st = { 0 };

	root_make(&t);
	fd = spool_fd(&t);
	tmproot_put(&t, SPOOL "/large", "");
	tmproot_put(&t, SPOOL "/dropped", "");
	{
		_cleanup_close_ int big = openat(fd, "large", O_WRONLY);
		_cleanup_close_ int count = openat(fd, "dropped", O_WRONLY);

		CHECK(ftruncate(big, SPOOL_MAX_TOTAL + 1) == 0 &&
			      ftruncate(count, SPOOL_MAX_DROPPED - 1) == 0,
		      "%s", strerror(errno));
	}
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(fstatat(fd, "dropped", &st, 0) == 0 &&
		      (size_t)st.st_size == SPOOL_MAX_DROPPED,
	      "%jd", (intmax_t)st.st_size);
	tmproot_remove(&t);
}

static void what_is_in_the_place_of_the_count_is_left_alone(void)
{
	struct tmproot t;
	_cleanup_close_ int fd = -1;
	struct stat st = { 0 };

	root_make(&t);
	fd = spool_fd(&t);
	tmproot_put(&t, SPOOL "/large", "");
	tmproot_put(&t, "run/precious", "");
	{
		_cleanup_close_ int big = openat(fd, "large", O_WRONLY);

		CHECK(ftruncate(big, SPOOL_MAX_TOTAL + 1) == 0, "%s", strerror(errno));
	}
	CHECK(mkfifoat(fd, "dropped", 0600) == 0, "%s", strerror(errno));
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(unlinkat(fd, "dropped", 0) == 0 &&
		      symlinkat("../../precious", fd, "dropped") == 0,
	      "%s", strerror(errno));
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(unlinkat(fd, "dropped", 0) == 0 &&
		      linkat(t.fd, "run/precious", fd, "dropped", 0) == 0,
	      "%s", strerror(errno));
	RUN_HOOK(&t, "101", "lxc", "pre-start");
	CHECK(fstatat(t.fd, "run/precious", &st, 0) == 0 && st.st_size == 0, "%jd bytes",
	      (intmax_t)st.st_size);
	tmproot_remove(&t);
}

static void what_hangs_is_given_up_and_the_event_is_told(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e;
	struct tmproot t;
	char path[64];

	root_make(&t);
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/memory.events", "oom_kill 1\n");
	CHECK(mkfifoat(t.fd, "sys/fs/cgroup/lxc/101/memory.peak", 0600) == 0, "%s",
	      strerror(errno));
	tmproot_put(&t, "sys/fs/cgroup/lxc/101/pids.peak", "7\n");
	RUN_HOOK(&t, "101", "lxc", "stop");
	if (take(&t, &text, &e)) {
		CHECK(file_of(&e, "memory.events") && !file_of(&e, "memory.peak"), "%zu",
		      e.n_files);
		CHECK(!file_of(&e, "pids.peak"), "it went on after the deadline");
		CHECK(e.took_usec >= 290000, "%ju", (uintmax_t)e.took_usec);
	}
	/* two in a row: there is no event, and that is counted */
	snprintf(path, sizeof(path), "proc/%d/stat", getpid());
	tmproot_dirs(&t, path);
	CHECK(mkfifoat(t.fd, path, 0600) == 0, "%s", strerror(errno));
	tmproot_dirs(&t, "proc/5/");
	CHECK(mkfifoat(t.fd, "proc/5/stat", 0600) == 0, "%s", strerror(errno));
	RUN_ENV(&t, ((const char *const[]){ "LXC_PID=5", NULL }), "101", "lxc",
		"start-host");
	CHECK(waiting(&t) == 0, "%zu", waiting(&t));
	CHECK_U64(dropped(&t, SPOOL_DROP_LATE), 1);
	tmproot_remove(&t);
}

/* Runs it and holds it at its first look for the spool until its deadline has come. */
static void run_held(const struct tmproot *t)
{
	const char *const argv[] = { program, t->path, "101", "lxc", "pre-start", NULL };
	struct __ptrace_syscall_info info = { 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve(program, (char **)(uintptr_t)argv, (char *[]){ NULL });
		_exit(99);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    info.entry.nr == SYS_openat2) {
			usleep(1500000);
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
			break;
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "status %d", status);
}

static void kept_from_the_spool_until_the_deadline_it_is_counted(void)
{
	struct tmproot t;

	root_make(&t);
	run_held(&t);
	CHECK(waiting(&t) == 0, "%zu", waiting(&t));
	CHECK_U64(dropped(&t, SPOOL_DROP_LATE), 1);
	tmproot_remove(&t);
}

static void ids_are_unique_and_in_order(void)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event e = { 0 };
	struct tmproot t;
	_cleanup_close_ int fd = -1;
	uint64_t last = 0;

	root_make(&t);
	fd = spool_fd(&t);
	for (unsigned i = 0; i < 100; i++) {
		char vmid[16];

		snprintf(vmid, sizeof(vmid), "%u", 100 + i);
		RUN_HOOK(&t, vmid, "lxc", "pre-start");
	}
	CHECK(spool_list(fd, &l, NULL) == 0 && l.ids.n == 100, "%zu", l.ids.n);
	for (size_t i = 0; i < l.ids.n; i++) {
		CHECK(spool_read(fd, l.ids.v[i], &text, &e, NULL) == 0, "%s", l.ids.v[i]);
		CHECK(e.vmid == 100 + i && e.boot_usec >= last, "%u", e.vmid);
		last = e.boot_usec;
	}
	tmproot_remove(&t);
}

static void run_all(void)
{
	RUN(what_lxc_tells_is_an_event);
	RUN(every_type_is_told);
	RUN(what_is_no_pve_container_is_not_told);
	RUN(an_environment_of_rubbish_is_left_out);
	RUN(the_last_counters_are_kept);
	RUN(the_monitor_is_the_parents_parent);
	RUN(files_belong_to_the_group_of_the_spool);
	RUN(what_is_in_the_place_of_the_spool_is_left_alone);
	RUN(the_owner_of_both_directories_is_trusted);
	RUN(a_full_spool_counts_what_it_drops);
	RUN(names_tell_how_full_the_spool_is);
	RUN(the_count_of_the_dropped_is_bounded);
	RUN(what_is_in_the_place_of_the_count_is_left_alone);
	RUN(what_hangs_is_given_up_and_the_event_is_told);
	RUN(kept_from_the_spool_until_the_deadline_it_is_counted);
	RUN(ids_are_unique_and_in_order);
}

int main(void)
{
	const char *build = getenv("CTSCOPE_BUILD");
	_cleanup_free_ char *raw =
		xasprintf("%s/tests/unit/hookroot", build ? build : ".");
	_cleanup_free_ char *libc = xasprintf("%s-libc", raw);

	umask(022);
	program = raw;
	run_all();
	program = libc;
	run_all();
	return DONE();
}
