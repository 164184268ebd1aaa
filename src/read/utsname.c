/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/utsname.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "base/str.h"
#include "read/procfs.h"

#define TIMEOUT_USEC (2 * USEC_PER_SEC)

struct visit {
	int rootfd;
	const struct utsname_of *v;
	size_t n;
};

/* What the child writes for each. Both ends are this program. */
struct answer {
	int error;
	char name[UTSNAME_MAX + 1];
};

static int check(int proc, uint64_t start_ticks)
{
	struct proc_stat st;
	char text[1024];
	size_t n;
	int r = fs_read_small(proc, "stat", text, sizeof(text), &n, NULL);

	if (r == 0)
		r = procfs_parse_stat(span_of(text, n), &st);
	if (r < 0)
		return r;
	return st.start_ticks == start_ticks ? 0 : -ESRCH;
}

static int enter(int rootfd, const struct utsname_of *u)
{
	_cleanup_close_ int proc = -1, ns = -1;
	char path[32];
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)u->pid, "");
	r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY, &proc, NULL);
	if (r == 0)
		r = check(proc, u->start_ticks);
	if (r < 0)
		return r;
	ns = openat(proc, "ns/uts", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWUTS) < 0)
		return -errno;
	return check(proc, u->start_ticks);
}

static int visit_child(int out, void *arg)
{
	const struct visit *v = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->n; i++) {
		struct answer a = { .error = enter(v->rootfd, &v->v[i]) };
		struct utsname u;

		if (a.error == 0 && uname(&u) < 0)
			a.error = -errno;
		if (a.error == 0)
			memcpy(a.name, u.nodename,
			       MIN(sizeof(a.name), sizeof(u.nodename)));
		a.name[UTSNAME_MAX] = '\0';
		r = fs_write_all(out, &a, sizeof(a));
	}
	return r;
}

int utsname_read(int rootfd, struct utsname_of *v, size_t n, struct err *err)
{
	_cleanup_(buf_done) struct buf got = { 0 };
	struct visit visit = { rootfd, v, n };
	struct guard g = { 0 };
	struct answer a;
	int r;

	for (size_t i = 0; i < n; i++)
		v[i].error = -ETIMEDOUT;
	r = guard_start(visit_child, &visit, TIMEOUT_USEC, &g, err);
	if (r == 0)
		r = guard_collect(&g, n * sizeof(a), &got, err);
	for (size_t i = 0; i < n && (i + 1) * sizeof(a) <= got.n; i++) {
		memcpy(&a, got.p + i * sizeof(a), sizeof(a));
		v[i].error = a.error;
		memcpy(v[i].name, a.name, sizeof(a.name));
	}
	return r < 0 ? err_wrap(err, r, "host names inside") : 0;
}
