/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostfs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"

#define ONE_TIMEOUT_USEC (300 * USEC_PER_MSEC)
#define MAX_STUCK        2

/* What comes through the pipe, in the order of `order`. */
struct answer {
	int error;
	struct fscount count;
};

struct task {
	int rootfd;
	const struct hostfs *v;
	const size_t *order;
	size_t n;
};

static bool count_of(const struct statfs *fs, struct fscount *ret)
{
	uint64_t unit = fs->f_frsize > 0 ? (uint64_t)fs->f_frsize : (uint64_t)fs->f_bsize;

	ret->files = fs->f_files;
	ret->files_free = fs->f_ffree;
	return !__builtin_mul_overflow(fs->f_blocks, unit, &ret->total_bytes) &&
	       !__builtin_mul_overflow(fs->f_bfree, unit, &ret->free_bytes) &&
	       !__builtin_mul_overflow(fs->f_bavail, unit, &ret->avail_bytes);
}

/* Symlinks may have led elsewhere: what is there is another file system's. */
static int check_mount(int fd, uint32_t mnt_id)
{
	struct statx x;

	if (!mnt_id)
		return 0;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_MNT_ID, &x) < 0)
		return -errno;
	return x.stx_mask & STATX_MNT_ID && x.stx_mnt_id == mnt_id ? 0 : -EXDEV;
}

static int ask(int rootfd, const char *path, uint32_t mnt_id, struct fscount *ret)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	int r;

	while (*path == '/')
		path++;
	r = fs_open(rootfd, *path ? path : ".", O_PATH, &fd, NULL);
	if (r == 0)
		r = check_mount(fd, mnt_id);
	if (r < 0)
		return r;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return count_of(&fs, ret) ? 0 : -EOVERFLOW;
}

static int child(int out, void *arg)
{
	const struct task *t = arg;

	for (size_t i = 0; i < t->n; i++) {
		const struct hostfs *h = &t->v[t->order[i]];
		struct answer a = { 0 };
		int r;

		a.error = ask(t->rootfd, h->path, h->mnt_id, &a.count);
		r = fs_write_all(out, &a, sizeof(a));
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * As long as answers come it goes on: many of them, or a slow machine, are nobody's
 * fault. What hangs is what has no answer a while after the one before it.
 */
static void collect(struct guard *g, size_t max, struct buf *ret)
{
	size_t seen = 0;
	int r;

	while ((r = guard_take(g, max, ret, NULL)) == 1) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };

		if (ret->n > seen)
			guard_renew(g, ONE_TIMEOUT_USEC);
		seen = ret->n;
		poll(&p, 1, (int)(ONE_TIMEOUT_USEC / USEC_PER_MSEC));
	}
	guard_done(g);
}

/* The number of answers that came: all of n, or the next one hangs. */
static size_t run(struct task *t, struct hostfs *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct guard g;
	size_t n;

	if (guard_start(child, t, ONE_TIMEOUT_USEC, &g, NULL) < 0)
		return 0;
	collect(&g, t->n * sizeof(struct answer), &b);
	n = MIN(b.n / sizeof(struct answer), t->n);
	for (size_t i = 0; i < n; i++) {
		struct hostfs *h = &v[t->order[i]];
		struct answer a;

		memcpy(&a, b.p + i * sizeof(a), sizeof(a));
		h->error = a.error;
		h->count = a.count;
		h->ok = !a.error;
		h->stale = a.error == -ESTALE || a.error == -ENOTCONN;
	}
	return n;
}

static void sort_out(const struct hostfs *v, size_t n, size_t *order)
{
	size_t k = 0;

	for (int late = 0; late < 2; late++)
		for (size_t i = 0; i < n; i++)
			if (v[i].may_hang == late)
				order[k++] = i;
}

/* What hangs, and what lies on the same file system, is not asked again. */
static size_t give_up(struct hostfs *v, size_t *order, size_t n)
{
	uint32_t mnt_id = v[order[0]].mnt_id;
	bool grouped = v[order[0]].may_hang;
	size_t kept = 0;

	v[order[0]].stale = true;
	for (size_t i = 1; i < n; i++) {
		struct hostfs *h = &v[order[i]];

		if (grouped && h->may_hang && h->mnt_id == mnt_id)
			h->stale = true;
		else
			order[kept++] = order[i];
	}
	return kept;
}

void hostfs_read(int rootfd, struct hostfs *v, size_t n)
{
	_cleanup_free_ size_t *order = xcalloc(n, sizeof(*order));

	sort_out(v, n, order);
	for (unsigned stuck = 0; n && stuck < MAX_STUCK; stuck++) {
		struct task t = { .rootfd = rootfd, .v = v, .order = order, .n = n };
		size_t done = run(&t, v);

		n -= done;
		memmove(order, order + done, n * sizeof(*order));
		if (n)
			n = give_up(v, order, n);
	}
	for (size_t i = 0; i < n; i++)
		v[order[i]].error = -EBUSY;
}
