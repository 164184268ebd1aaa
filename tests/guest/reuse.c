/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two containers whose init has the same number by turns, again and again, and one that
 * reads them meanwhile by that number.
 *
 *   reuse N VMID_A VMID_B DIR_A DIR_B
 *
 * The cgroups lxc/VMID and the directories are there; each holds a file "canary" with its
 * vmid. Until the number was used N times: prints what came of the readings, and of as many
 * by who only looks at the cgroup of that number first. "wrong" are those that were given
 * the other's canary.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/guestread.h"
#include "read/procfs.h"

#define PID 29999

struct side {
	uint32_t vmid;
	const char *dir;
	int cgroup;
};

static uint32_t seed = 1;

static uint32_t some(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* A process of that number, in the container's cgroup and root. */
static pid_t start_init(const struct side *s)
{
	pid_t want = PID, parent = getpid();
	struct clone_args a = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.set_tid = (unsigned long long)(uintptr_t)&want,
		.set_tid_size = 1,
		.cgroup = (unsigned)s->cgroup,
	};
	long pid = syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* who died before that tells nobody */
		if (getppid() != parent || chroot(s->dir) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	return (pid_t)pid;
}

/* Most lives are shorter than a reading, which takes `unit`, some are longer. */
static _noreturn_ void churn(const struct side *sides, uint32_t unit,
			     _Atomic uint64_t *lives)
{
	unsigned failed = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = start_init(&sides[some(2)]);

		/* somebody else has the number for now */
		if (pid < 0 && errno == EEXIST && ++failed < 1000000)
			continue;
		if (pid < 0) {
			perror("clone3");
			_exit(1);
		}
		(*lives)++;
		clock_sleep_usec(some(4) ? some(unit / 2) : 2 * unit + some(2 * unit));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static uint64_t ticks_now(int root)
{
	char buf[1024];
	struct proc_stat st;

	if (procfs_read_stat(root, PID, buf, sizeof(buf), &st, NULL) < 0)
		return 0;
	return st.start_ticks;
}

struct count {
	uint64_t ok, gone, other, wrong, naive_ok, naive_wrong;
};

static bool is_canary(struct span data, uint32_t vmid)
{
	uint64_t n;

	return num_parse_u64(data, &n) == 0 && n == vmid;
}

static void ask(int root, const char *program, uint32_t vmid, struct count *c)
{
	struct guestread_item it = { .op = GUESTREAD_FILE, .path = "/canary" };
	struct guestread_job job = {
		.target = { .vmid = vmid,
			    .init_pid = PID,
			    .start_ticks = ticks_now(root) },
		.request = { .v = &it, .n = 1, .deadline_msec = 5000 },
	};
	const struct guestread_answer *a;

	guestread_run(root, program, &job, 1);
	a = job.answers.v;
	if (!job.error && a->why == GUESTREAD_OK && a->data.n) {
		if (is_canary(span_of((const char *)a->data.p, a->data.n), vmid))
			c->ok++;
		else
			c->wrong++;
	} else if (job.error == -ESRCH || job.error == -EAGAIN) {
		c->gone++;
	} else {
		fprintf(stderr, "%d %d %s\n", job.error, a ? (int)a->why : -1,
			job.err.msg);
		c->other++;
	}
	guestread_job_done(&job);
}

/* What a reading takes on this machine, of an init that stays; 0: it cannot be read. */
static uint32_t reading_usec(int root, const char *program, const struct side *s)
{
	uint64_t least = USEC_PER_SEC;
	struct count c = { 0 };
	pid_t pid = start_init(s);

	for (int i = 0; pid > 0 && i < 100 && c.ok < 5; i++) {
		uint64_t had = c.ok, t0;

		clock_sleep_usec(10 * USEC_PER_MSEC); /* until it is where it belongs */
		t0 = clock_mono_usec();
		ask(root, program, s->vmid, &c);
		if (c.ok > had)
			least = MIN(least, clock_mono_usec() - t0);
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return c.ok ? (uint32_t)MAX(least, (uint64_t)1000) : 0;
}

static void ask_naively(int root, uint32_t vmid, uint32_t unit, struct count *c)
{
	char text[256], path[64];
	struct span cgroup;
	size_t n;
	int fd;

	snprintf(path, sizeof(path), "proc/%d/cgroup", PID);
	if (fs_read_small(root, path, text, sizeof(text), &n, NULL) < 0 ||
	    procfs_parse_cgroup(span_of(text, n), &cgroup) < 0 ||
	    !procfs_cgroup_is_ct(cgroup, vmid))
		return;
	clock_sleep_usec(unit / 10);
	snprintf(path, sizeof(path), "/proc/%d/root/canary", PID);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = (size_t)read(fd, text, sizeof(text));
	close(fd);
	if (n > sizeof(text))
		return;
	if (is_canary(span_of(text, n), vmid))
		c->naive_ok++;
	else
		c->naive_wrong++;
}

int main(int argc, char **argv)
{
	_cleanup_(buf_done) struct buf program = { 0 };
	struct side sides[2];
	struct count c = { 0 };
	_Atomic uint64_t *lives;
	uint64_t n, start, reads = 0;
	uint32_t unit;
	int root = -1;
	pid_t pid;

	if (argc != 6 || num_parse_u64(span_str(argv[1]), &n) < 0 ||
	    fs_open_root("/", &root, NULL) < 0 || !getenv("CTSCOPE_BUILD"))
		return 2;
	for (int i = 0; i < 2; i++) {
		char path[64];

		sides[i].dir = argv[4 + i];
		if (num_parse_u32(span_str(argv[2 + i]), &sides[i].vmid) < 0)
			return 2;
		snprintf(path, sizeof(path), "/sys/fs/cgroup/lxc/%u", sides[i].vmid);
		sides[i].cgroup = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (sides[i].cgroup < 0)
			return 2;
	}
	buf_addf(&program, "%s/guest-read", getenv("CTSCOPE_BUILD"));
	lives = mmap(NULL, sizeof(*lives), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (lives == MAP_FAILED)
		return 2;
	unit = reading_usec(root, program.p, &sides[0]);
	if (!unit) {
		fprintf(stderr, "an init that stays cannot be read\n");
		return 1;
	}
	pid = fork();
	if (pid == 0)
		churn(sides, unit, lives);
	start = clock_mono_usec();
	for (; *lives < n && waitpid(pid, NULL, WNOHANG) == 0; reads++) {
		ask(root, program.p, sides[reads % 2].vmid, &c);
		ask_naively(root, sides[reads % 2].vmid, unit, &c);
	}
	printf("unit=%u lives=%ju reads=%ju ok=%ju gone=%ju other=%ju wrong=%ju naive_ok=%ju naive_wrong=%ju "
	       "msec=%ju\n",
	       unit, (uintmax_t)*lives, (uintmax_t)reads, (uintmax_t)c.ok,
	       (uintmax_t)c.gone, (uintmax_t)c.other, (uintmax_t)c.wrong,
	       (uintmax_t)c.naive_ok, (uintmax_t)c.naive_wrong,
	       (uintmax_t)((clock_mono_usec() - start) / USEC_PER_MSEC));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
