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
#define MAX_STUCK        2 /* of one hand */

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

/* ---- hands -------------------------------------------------------------------------- */

static bool at_work(const struct hostfs_hand *h)
{
	return h->guard.pid > 0;
}

static void start(struct hostfs_job *job, struct hostfs_hand *h)
{
	struct task t = {
		.rootfd = job->rootfd, .v = job->v, .order = h->order, .n = h->n
	};

	h->seen = 0;
	if (h->n && h->n_stuck < MAX_STUCK &&
	    guard_start(child, &t, ONE_TIMEOUT_USEC, &h->guard, NULL) == 0)
		return;
	for (size_t i = 0; i < h->n; i++)
		job->v[h->order[i]].error = -EBUSY;
}

static void take(const struct hostfs_job *job, struct hostfs_hand *h)
{
	size_t n = MIN(h->got.n / sizeof(struct answer), h->n);

	for (size_t i = 0; i < n; i++) {
		struct hostfs *v = &job->v[h->order[i]];
		struct answer a;

		memcpy(&a, h->got.p + i * sizeof(a), sizeof(a));
		v->error = a.error;
		v->count = a.count;
		v->ok = !a.error;
		v->stale = a.error == -ESTALE || a.error == -ENOTCONN;
	}
	buf_done(&h->got);
	h->n -= n;
	memmove(h->order, h->order + n, h->n * sizeof(*h->order));
}

/* What hangs, and what lies on the same file system, is not asked again. */
static void give_up(const struct hostfs_job *job, struct hostfs_hand *h)
{
	const struct hostfs *first = &job->v[h->order[0]];
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct hostfs *v = &job->v[h->order[i]];

		if (v == first || (first->may_hang && v->mnt_id == first->mnt_id))
			v->stale = true;
		else
			h->order[kept++] = h->order[i];
	}
	h->n = kept;
	h->n_stuck++;
}

/*
 * As long as answers come it goes on: many of them, or a slow machine, are nobody's
 * fault. What hangs is what has no answer a while after the one before it.
 */
static void step(struct hostfs_job *job, struct hostfs_hand *h)
{
	if (!at_work(h))
		return;
	if (guard_take(&h->guard, h->n * sizeof(struct answer), &h->got, NULL) == 1) {
		if (h->got.n > h->seen)
			guard_renew(&h->guard, ONE_TIMEOUT_USEC);
		h->seen = h->got.n;
		return;
	}
	guard_done(&h->guard);
	take(job, h);
	if (h->n)
		give_up(job, h);
	start(job, h);
}

/* Until one has something to say, or the time of one may be up. */
static void wait_one(const struct hostfs_job *job, size_t n)
{
	_uninit_ struct pollfd p[HOSTFS_HANDS];

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = at_work(&job->hands[i])
						      ? job->hands[i].guard.fd
						      : -1,
					.events = POLLIN };
	poll(p, (nfds_t)n, (int)(ONE_TIMEOUT_USEC / 8 / USEC_PER_MSEC));
}

/* Till the first n of them are done. */
static void finish(struct hostfs_job *job, size_t n)
{
	for (;;) {
		bool any = false;

		hostfs_step(job);
		for (size_t i = 0; i < n; i++)
			any |= at_work(&job->hands[i]);
		if (!any)
			return;
		wait_one(job, n);
	}
}

/* ---- all ---------------------------------------------------------------------------- */

static size_t hand_of(const struct hostfs_job *job, const struct hostfs *h)
{
	size_t i = 1;

	if (!h->may_hang)
		return 0;
	while (i < HOSTFS_HANDS - 1 && job->hands[i].n &&
	       job->v[job->hands[i].order[0]].mnt_id != h->mnt_id)
		i++;
	return i;
}

void hostfs_start(int rootfd, struct hostfs *v, size_t n, struct hostfs_job *ret)
{
	*ret = (struct hostfs_job){ .rootfd = rootfd, .v = v, .n = n };
	for (size_t i = 0; i < n; i++) {
		struct hostfs_hand *h = &ret->hands[hand_of(ret, &v[i])];

		if (!h->order)
			h->order = xcalloc(n, sizeof(*h->order));
		h->order[h->n++] = i;
	}
	for (size_t i = 0; i < HOSTFS_HANDS; i++)
		start(ret, &ret->hands[i]);
}

void hostfs_step(struct hostfs_job *job)
{
	for (size_t i = 0; i < HOSTFS_HANDS; i++)
		step(job, &job->hands[i]);
}

void hostfs_wait_safe(struct hostfs_job *job)
{
	finish(job, 1);
}

bool hostfs_is_answered(const struct hostfs *h)
{
	return h->ok || h->stale || h->error;
}

void hostfs_wait(struct hostfs_job *job)
{
	finish(job, HOSTFS_HANDS);
}

void hostfs_done(struct hostfs_job *job)
{
	for (size_t i = 0; i < HOSTFS_HANDS; i++) {
		guard_done(&job->hands[i].guard);
		buf_done(&job->hands[i].got);
		free(job->hands[i].order);
	}
	*job = (struct hostfs_job){ 0 };
}

void hostfs_read(int rootfd, struct hostfs *v, size_t n)
{
	struct hostfs_job job;

	hostfs_start(rootfd, v, n, &job);
	hostfs_wait(&job);
	hostfs_done(&job);
}
