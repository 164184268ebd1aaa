/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

int main(void)
{
	RUN(the_root_of_the_node_is_no_containers);
	RUN(another_root_is_asked);
	return DONE();
}
