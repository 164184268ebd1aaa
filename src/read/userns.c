/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/userns.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"

#define TIMEOUT_USEC (2 * USEC_PER_SEC)
/* its maker is done with it long before, or gone */
#define LAST_MSEC 5000
/* the kernel takes a map by one write of less than a page */
#define MAX_TEXT 4095

/* Says that it is there, then only has to be there. */
static int child(int out, void *arg)
{
	int r;

	(void)arg;
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = fs_write_all(out, "", 1);
	if (r == 0)
		(void)poll(NULL, 0, LAST_MSEC);
	return r;
}

static int wait_for(struct guard *g, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = 1;

	while (r == 1 && !b.n) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };

		(void)poll(&p, 1, (int)(TIMEOUT_USEC / USEC_PER_MSEC));
		r = guard_take(g, 1, &b, err);
	}
	if (r < 0)
		return err_set(err, r, "make a user namespace: %s", strerror(-r));
	return b.n ? 0 : err_set(err, -EIO, "make a user namespace");
}

static int write_map(int proc, const char *name, const struct idmap *m, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	for (size_t i = 0; i < m->n; i++)
		buf_addf(&b, "%u %u %u\n", m->v[i].inside, m->v[i].outside,
			 m->v[i].count);
	if (!b.n || b.n > MAX_TEXT)
		return err_set(err, -EINVAL, "%s: %s", name,
			       b.n ? "too many lines" : "no line");
	r = fs_open(proc, name, O_WRONLY, &fd, err);
	if (r == 0)
		r = fs_write_all(fd, b.p, b.n);
	return r < 0 ? err_set(err, r, "%s: %s", name, strerror(-r)) : 0;
}

static int fill(int rootfd, pid_t pid, const struct idmap *uids, const struct idmap *gids,
		int *ret, struct err *err)
{
	_cleanup_close_ int proc = -1, fd = -1;
	char path[32];
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)pid, "");
	r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY, &proc, err);
	if (r == 0)
		r = write_map(proc, "uid_map", uids, err);
	if (r == 0)
		r = write_map(proc, "gid_map", gids, err);
	if (r < 0)
		return r;
	fd = openat(proc, "ns/user", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s/ns/user: %s", path, strerror(errno));
	*ret = take_fd(&fd);
	return 0;
}

int userns_make(int rootfd, const struct idmap *uids, const struct idmap *gids, int *ret,
		struct err *err)
{
	_cleanup_(guard_done) struct guard g = { 0 };
	int r = guard_start(child, NULL, TIMEOUT_USEC, &g, err);

	if (r == 0)
		r = wait_for(&g, err);
	return r < 0 ? r : fill(rootfd, g.pid, uids, gids, ret, err);
}
