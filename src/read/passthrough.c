/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/passthrough.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"
#include "read/procfs.h"

static void take(const struct statx *st, struct devnode *ret)
{
	*ret = (struct devnode){
		.there = ANSWER_YES,
		.device = S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode),
		.block = S_ISBLK(st->stx_mode),
		.major = st->stx_rdev_major,
		.minor = st->stx_rdev_minor,
		.mode = st->stx_mode & 07777,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.fs_major = st->stx_dev_major,
		.fs_minor = st->stx_dev_minor,
	};
}

static void look(int rootfd, const char *path, int flags, struct devnode *ret)
{
	_cleanup_close_ int fd = -1;
	struct statx st;
	int r = fs_open(rootfd, path, O_PATH | flags, &fd, NULL);

	if (r == -ENOENT || r == -ENOTDIR)
		*ret = (struct devnode){ .there = ANSWER_NO };
	else if (r == 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0)
		take(&st, ret);
	else
		*ret = (struct devnode){ 0 };
}

void devnode_read(int rootfd, const char *path, struct devnode *ret)
{
	/* a copy of a node has no /dev: that one is not there says nothing then */
	look(rootfd, "/dev/null", 0, ret);
	if (!ret->device) {
		*ret = (struct devnode){ 0 };
		return;
	}
	look(rootfd, path, 0, ret);
}

/*
 * Is the monitor still init's parent? Asked when the monitor's directory in /proc is held:
 * it is of that process from then on, so its root is the node's, never a guest's.
 */
static bool is_parent(int rootfd, const struct ct *ct)
{
	struct proc_stat st;
	char text[1024];

	return procfs_read_stat(rootfd, ct->init_pid, text, sizeof(text), &st, NULL) ==
		       0 &&
	       st.start_ticks == ct->init_start_ticks && st.ppid == ct->monitor_pid;
}

/* The root of the monitor's mount namespace; -1: it is not to be had. */
static int open_root(int rootfd, const struct ct *ct)
{
	_cleanup_close_ int proc = -1;
	char path[32];

	num_path(path, sizeof(path), "proc/", (uint64_t)ct->monitor_pid, "");
	if (fs_open(rootfd, path, O_PATH | O_DIRECTORY, &proc, NULL) < 0 ||
	    !is_parent(rootfd, ct))
		return -1;
	return openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void passthrough_open(int rootfd, const struct ct *ct, struct passthrough *ret)
{
	_cleanup_close_ int root = -1, dir = -1;
	struct statx st;
	char path[64];

	*ret = (struct passthrough){ .fd = -1 };
	if (!ct->init_pid || !ct->monitor_pid)
		return;
	root = open_root(rootfd, ct);
	snprintf(path, sizeof(path), "var/lib/lxc/%u/passthrough", ct->vmid);
	if (root < 0 || fs_open(root, path, O_PATH | O_DIRECTORY, &dir, NULL) < 0 ||
	    statx(dir, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return;
	/* without the mount it is an empty directory of the node */
	if (!(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return;
	ret->present = true;
	ret->fs_major = st.stx_dev_major;
	ret->fs_minor = st.stx_dev_minor;
	if (st.stx_mask & STATX_BTIME)
		ret->made_real_usec = (uint64_t)st.stx_btime.tv_sec * 1000000 +
				      st.stx_btime.tv_nsec / 1000;
	ret->fd = take_fd(&dir);
}

void passthrough_close(struct passthrough *p)
{
	if (p->present)
		close(p->fd);
	*p = (struct passthrough){ .fd = -1 };
}

void passthrough_node(const struct passthrough *p, const char *path, struct devnode *ret)
{
	*ret = (struct devnode){ 0 };
	if (p->present)
		look(p->fd, path, O_NOFOLLOW, ret);
}
