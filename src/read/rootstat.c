/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/rootstat.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/procfs.h"

#define ONE_TIMEOUT_USEC (300 * USEC_PER_MSEC)
#define MAX_STUCK        4

struct job {
	int rootfd;
	const struct rootstat *v;
	size_t first, n;
};

/* `done` is sent before a root is asked: the last one begun is the one that hangs. */
struct answer {
	uint32_t index;
	uint32_t ok;
	uint64_t used_bytes, total_bytes;
};

/*
 * The directory of the process is held over the look at its start time and the statfs, so
 * both are of the same process even when the number is used again in between.
 */
static int ask(int rootfd, const struct rootstat *s, struct answer *a)
{
	_cleanup_close_ int proc = -1, root = -1;
	_uninit_ char buf[1024];
	struct proc_stat st;
	struct statfs fs;
	char path[32];
	size_t n;
	int r;

	snprintf(path, sizeof(path), "proc/%d", s->init_pid);
	r = fs_open(rootfd, path, O_PATH | O_DIRECTORY, &proc, NULL);
	if (r == 0)
		r = fs_read_once(proc, "stat", buf, sizeof(buf), &n, NULL);
	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &st);
	if (r < 0)
		return r;
	if (st.start_ticks != s->init_start_ticks)
		return -ESRCH;
	/* a magic link, which the kernel follows to the root itself and no further */
	root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fstatfs(root, &fs) < 0)
		return -errno;
	if (fs.f_bfree > fs.f_blocks)
		return -EINVAL;
	a->used_bytes = num_muldiv(fs.f_blocks - fs.f_bfree, (uint64_t)fs.f_frsize, 1);
	a->total_bytes = num_muldiv(fs.f_blocks, (uint64_t)fs.f_frsize, 1);
	return 0;
}

static int child(int out, void *arg)
{
	const struct job *j = arg;
	int r = 0;

	for (size_t i = j->first; r == 0 && i < j->n; i++) {
		struct answer a = { .index = (uint32_t)i };

		if (j->v[i].init_pid <= 0)
			continue;
		a.ok = ask(j->rootfd, &j->v[i], &a) == 0;
		r = fs_write_all(out, &a, sizeof(a));
	}
	return r;
}

static int start(int rootfd, const struct rootstat *v, size_t first, size_t n,
		 struct guard *ret, struct err *err)
{
	struct job j = { .rootfd = rootfd, .v = v, .first = first, .n = n };

	return guard_start(child, &j, ONE_TIMEOUT_USEC, ret, err);
}

int rootstat_start(int rootfd, struct rootstat *v, size_t n, struct guard *ret,
		   struct err *err)
{
	return start(rootfd, v, 0, n, ret, err);
}

/* Takes the answers over; the index after the last one. */
static size_t take(const struct buf *b, struct rootstat *v, size_t first, size_t n)
{
	for (size_t at = 0; at + sizeof(struct answer) <= b->n;
	     at += sizeof(struct answer)) {
		struct answer a;

		memcpy(&a, b->p + at, sizeof(a));
		if (a.index >= n)
			break;
		first = a.index + 1;
		if (!a.ok)
			continue;
		v[a.index].used_bytes = val_set(a.used_bytes);
		v[a.index].total_bytes = val_set(a.total_bytes);
	}
	return first;
}

void rootstat_finish(int rootfd, struct guard *g, struct rootstat *v, size_t n)
{
	size_t next = 0;

	for (unsigned stuck = 0; g->pid > 0; stuck++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		int r;

		/* the caller's own work in between is no fault of the guest */
		g->deadline_mono_usec = clock_mono_usec() + ONE_TIMEOUT_USEC;
		r = guard_collect(g, (n + 1) * sizeof(struct answer), &b, NULL);
		next = take(&b, v, next, n);
		if (r != -ETIMEDOUT)
			return;
		while (next < n && v[next].init_pid <= 0)
			next++;
		if (next >= n)
			return;
		v[next++].stuck = true;
		if (stuck + 1 >= MAX_STUCK || start(rootfd, v, next, n, g, NULL) < 0)
			return;
	}
}
