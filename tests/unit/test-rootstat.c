/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "read/hungroot.h"
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

static void another_root_is_asked(void)
{
	struct rootstat v = { 0 };
	struct tmproot t;
	int fds[2];
	char c;

	tmproot_make(&t);
	CHECK(pipe(fds) == 0, "pipe");
	v.init_pid = fork();
	if (v.init_pid == 0)
		live_in(t.path, fds[1]);
	close(fds[1]);
	if (read(fds[0], &c, 1) == 1) {
		ask(&v, 1);
		CHECK(v.total_bytes.kind == VAL_SET && v.total_bytes.n > 0, "total");
		CHECK(v.count.total_bytes == v.total_bytes.n, "count");
	} else {
		printf("# no root here: not tried\n");
	}
	close(fds[0]);
	kill(v.init_pid, SIGKILL);
	waitpid(v.init_pid, NULL, 0);
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
	RUN(who_hangs_is_known_as_long_as_both_are_what_they_were);
	return DONE();
}
