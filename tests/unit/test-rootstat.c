/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "read/hungroot.h"
#include "read/procfs.h"
#include "read/rootstat.h"
#include "tmproot.h"

static void ask(struct rootstat *v, size_t n)
{
	struct rootstat_job job = { 0 };
	int root = -1;

	CHECK(fs_open_root("/", &root, NULL) == 0, "/");
	CHECK(rootstat_start(root, n, &job, NULL) == 0, "start");
	rootstat_ask(&job, v);
	rootstat_finish(root, &job, v);
	close(root);
}

static _noreturn_ void live_in(const char *dir, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chroot(dir) == 0)
		(void)!write(ready, "x", 1);
	close(ready);
	for (;;)
		pause();
}

/* A container that is just being started has the node's root still: not its own use. */
static void the_root_of_the_node_is_no_containers(void)
{
	struct rootstat v[] = { { .init_pid = getpid() },
				{ 0 },
				{ .init_pid = 1 << 30 } };

	ask(v, ARRAY_SIZE(v));
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		CHECK(v[i].used_bytes.kind == VAL_ABSENT, "%zu: used %ju", i,
		      (uintmax_t)v[i].used_bytes.n);
		CHECK(v[i].total_bytes.kind == VAL_ABSENT && !v[i].count.total_bytes,
		      "%zu: total", i);
		CHECK(!v[i].stuck, "%zu: stuck", i);
	}
}

/* A process with a root of its own; 0: nobody here may give it one. */
static pid_t make_rooted(const struct tmproot *t)
{
	int fds[2];
	pid_t pid;
	char c;

	CHECK(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0)
		live_in(t->path, fds[1]);
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1) {
		printf("# no root here: not tried\n");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(fds[0]);
	return pid;
}

static void end_rooted(pid_t pid)
{
	if (!pid)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void another_root_is_asked(void)
{
	struct rootstat v = { 0 };
	struct tmproot t;

	tmproot_make(&t);
	v.init_pid = make_rooted(&t);
	if (v.init_pid) {
		ask(&v, 1);
		CHECK(v.total_bytes.kind == VAL_SET && v.total_bytes.n > 0, "total");
		CHECK(v.count.total_bytes == v.total_bytes.n, "count");
	}
	end_rooted(v.init_pid);
	tmproot_remove(&t);
}

static uint64_t ticks_of(pid_t pid)
{
	struct proc_stat st = { 0 };
	char buf[1024];
	int root = -1;

	CHECK(fs_open_root("/", &root, NULL) == 0, "/");
	CHECK(procfs_read_stat(root, pid, buf, sizeof(buf), &st, NULL) == 0, "stat");
	close(root);
	return st.start_ticks;
}

static void another_process_of_that_number_is_not_taken_for_it(void)
{
	struct rootstat v[2] = { 0 };
	struct tmproot t;
	pid_t pid;

	tmproot_make(&t);
	pid = make_rooted(&t);
	if (pid) {
		for (size_t i = 0; i < ARRAY_SIZE(v); i++)
			v[i] = (struct rootstat){ .init_pid = pid,
						  .start_ticks = ticks_of(pid) + i };
		ask(v, ARRAY_SIZE(v));
		CHECK(v[0].total_bytes.kind == VAL_SET, "itself");
		CHECK(v[1].total_bytes.kind == VAL_ABSENT && !v[1].count.total_bytes &&
			      !v[1].stuck,
		      "another");
	}
	end_rooted(pid);
	tmproot_remove(&t);
}

/* The caller has other work: what was found meanwhile is there at the end. */
static void looks_in_between_lose_nothing(void)
{
	struct rootstat v[3] = { { .init_pid = getpid() }, { 0 }, { 0 } };
	struct rootstat_job job = { 0 };
	struct tmproot t;
	int root = -1;

	tmproot_make(&t);
	rootstat_step(&job);
	CHECK(fs_open_root("/", &root, NULL) == 0, "/");
	CHECK(rootstat_start(root, ARRAY_SIZE(v), &job, NULL) == 0, "start");
	rootstat_step(&job);
	v[2].init_pid = make_rooted(&t);
	rootstat_ask(&job, v);
	for (int i = 0; i < 20 && !job.over; i++) {
		clock_sleep_usec(10000);
		rootstat_step(&job);
	}
	rootstat_finish(root, &job, v);
	CHECK(!v[0].stuck && v[0].total_bytes.kind == VAL_ABSENT, "the node's own");
	CHECK(!v[2].stuck && (v[2].total_bytes.kind == VAL_SET) == (v[2].init_pid != 0),
	      "another");
	CHECK(!job.shared, "it is at its end");
	end_rooted(v[2].init_pid);
	close(root);
	tmproot_remove(&t);
}

static void put_stat(const struct tmproot *t, pid_t pid, char state, unsigned ticks)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
	snprintf(
		text, sizeof(text),
		"%d (x) %c 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 1 0 0 0 0 0 "
		"0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		(int)pid, state, ticks);
	tmproot_put(t, path, text);
}

static void add(pid_t init, void *arg)
{
	unsigned *sum = arg;

	*sum = *sum * 100 + (unsigned)init;
}

static unsigned hung(const struct tmproot *t)
{
	unsigned sum = 0;

	hungroot_each(t->fd, add, &sum);
	return sum;
}

static void who_hangs_is_known_as_long_as_both_are_what_they_were(void)
{
	struct tmproot t;

	if (geteuid()) {
		printf("# not root: nothing is noted\n");
		return;
	}
	tmproot_make(&t);
	tmproot_put(&t, "run/x", "");
	put_stat(&t, 5, 'S', 777);
	put_stat(&t, 9, 'D', 888);
	CHECK_U64(hung(&t), 0);
	hungroot_note(t.fd, 5, 10);
	CHECK_U64(hung(&t), 0);
	hungroot_note(t.fd, 5, 9);
	CHECK_U64(hung(&t), 5);
	hungroot_note(t.fd, 5, 9);
	CHECK_U64(hung(&t), 5);
	put_stat(&t, 9, 'D', 889);
	CHECK_U64(hung(&t), 0);
	put_stat(&t, 9, 'D', 888);
	CHECK_U64(hung(&t), 0);
	hungroot_note(t.fd, 5, 9);
	put_stat(&t, 5, 'S', 778);
	CHECK_U64(hung(&t), 0);
	hungroot_note(t.fd, 5, 9);
	put_stat(&t, 9, 'Z', 888);
	CHECK_U64(hung(&t), 0);
	put_stat(&t, 9, 'D', 888);
	hungroot_note(t.fd, 5, 9);
	tmproot_link(&t, HUNGROOT_DIR "/7", "x.y.z");
	tmproot_put(&t, HUNGROOT_DIR "/junk", "");
	CHECK_U64(hung(&t), 5);
	/* what others may write to is not believed */
	CHECK(fchmodat(t.fd, HUNGROOT_DIR, 0755, 0) == 0, "%s", strerror(errno));
	CHECK_U64(hung(&t), 0);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(the_root_of_the_node_is_no_containers);
	RUN(another_root_is_asked);
	RUN(another_process_of_that_number_is_not_taken_for_it);
	RUN(looks_in_between_lose_nothing);
	RUN(who_hangs_is_known_as_long_as_both_are_what_they_were);
	return DONE();
}
