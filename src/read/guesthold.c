/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guesthold.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/fs.h"
#include "base/num.h"
#include "read/procfs.h"
#include "read/userns.h"

void guesthold_init(struct guesthold *h)
{
	for (size_t i = 0; i < GUESTFD_N; i++)
		h->fd[i] = -1;
	h->proc = h->pidfd = -1;
}

void guesthold_done(struct guesthold *h)
{
	for (size_t i = 0; i < GUESTFD_N; i++)
		cleanup_close(&h->fd[i]);
	cleanup_close(&h->proc);
	cleanup_close(&h->pidfd);
}

int guesthold_gone(const struct guestread_target *t, struct err *err)
{
	return err_set(err, -ESRCH, "container %u: its init %d is gone", t->vmid,
		       (int)t->init_pid);
}

/* The directory of the process, which has to be one of a real procfs: the "root" in it is
 * a magic link and nothing that somebody put there. */
static int open_proc(int rootfd, const struct guestread_target *t, struct guesthold *h,
		     struct err *err)
{
	struct statfs fs;
	char path[32];
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)t->init_pid, "");
	r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY, &h->proc, NULL);
	if (r < 0)
		return r == -ENOENT ? guesthold_gone(t, err)
				    : err_set(err, r, "open %s: %s", path, strerror(-r));
	if (fstatfs(h->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, -ENOTSUP, "%s is not of a running node", path);
	h->pidfd = (int)syscall(SYS_pidfd_open, t->init_pid, 0);
	return h->pidfd < 0 ? guesthold_gone(t, err) : 0;
}

static int check_start(const struct guestread_target *t, const struct guesthold *h,
		       struct err *err)
{
	_uninit_ char buf[1024];
	struct proc_stat st;
	size_t n;
	int r = fs_read_once(h->proc, "stat", buf, sizeof(buf), &n, err);

	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &st);
	if (r == -ESRCH || r == -ENOENT)
		return guesthold_gone(t, err);
	if (r < 0)
		return r;
	if (st.start_ticks != t->start_ticks)
		return err_set(err, -ESRCH, "container %u: process %d is another by now",
			       t->vmid, (int)t->init_pid);
	return 0;
}

static int check_cgroup(const struct guestread_target *t, const struct guesthold *h,
			struct err *err)
{
	_uninit_ char buf[8192];
	struct span cgroup;
	size_t n;
	int r = fs_read_once(h->proc, "cgroup", buf, sizeof(buf), &n, err);

	if (r == -ESRCH || r == -ENOENT)
		return guesthold_gone(t, err);
	if (r < 0)
		return r;
	if (procfs_parse_cgroup(span_of(buf, n), &cgroup) < 0 ||
	    !procfs_cgroup_is_ct(cgroup, t->vmid))
		return err_set(err, -ESRCH, "container %u: process %d is not in lxc/%u",
			       t->vmid, (int)t->init_pid, t->vmid);
	return 0;
}

/* It is still there, so its number was never another's since pidfd_open(). */
static int check_alive(const struct guestread_target *t, const struct guesthold *h,
		       struct err *err)
{
	return syscall(SYS_pidfd_send_signal, h->pidfd, 0, NULL, 0) < 0
		       ? guesthold_gone(t, err)
		       : 0;
}

static int open_of(const struct guestread_target *t, const struct guesthold *h,
		   const char *name, int flags, int *ret, struct err *err)
{
	int fd = openat(h->proc, name, flags | O_CLOEXEC);

	/* EINVAL: it is exiting and has no mounts any more */
	if (fd < 0 && (errno == ENOENT || errno == ESRCH || errno == EINVAL))
		return guesthold_gone(t, err);
	if (fd < 0) {
		int r = -errno;

		/* EACCES: of a process that is not there the kernel lets no link be
		 * followed either */
		return check_alive(t, h, err) < 0
			       ? -ESRCH
			       : err_set(err, r, "open %s of container %u: %s", name,
					 t->vmid, strerror(-r));
	}
	*ret = fd;
	return 0;
}

/*
 * Until LXC has changed init's root, that is the host's, seen in a mount namespace of its
 * own: what would be read then is not the container's.
 */
static int check_root(int rootfd, const struct guestread_target *t, int root,
		      struct err *err)
{
	/* a file system of the guest's is not asked: it may never answer */
	int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
	struct statx its;
	struct stat own;

	if (fstat(rootfd, &own) < 0 || statx(root, "", flags, STATX_INO, &its) < 0)
		return err_set(err, -errno, "stat the root of container %u: %s", t->vmid,
			       strerror(errno));
	if (own.st_dev == makedev(its.stx_dev_major, its.stx_dev_minor) &&
	    own.st_ino == its.stx_ino)
		return err_set(err, -EAGAIN,
			       "container %u has no root of its own yet: it is starting",
			       t->vmid);
	return 0;
}

/* Of a privileged container there is none: it has the host's. */
static int open_userns(const struct guestread_target *t, struct guesthold *h,
		       struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat own, its;
	int r = open_of(t, h, "ns/user", O_RDONLY, &fd, err);

	if (r < 0)
		return r;
	if (stat("/proc/self/ns/user", &own) < 0 || fstat(fd, &its) < 0)
		return err_set(err, -errno, "/proc/self/ns/user: %s", strerror(errno));
	if (own.st_dev != its.st_dev || own.st_ino != its.st_ino)
		h->fd[GUESTFD_USERNS] = take_fd(&fd);
	return 0;
}

/*
 * Whoever can open a file can hold its lock, and so keep all readers of a container
 * waiting: these can be come by for root alone, and no container has them.
 */
static int check_private(int fd, mode_t kind)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & S_IFMT) == kind && !st.st_uid && !(st.st_mode & 077)
		       ? 0
		       : -EPERM;
}

static int open_lock_dir(int rootfd, int *ret)
{
	_cleanup_close_ int run = -1, fd = -1;
	int r = fs_open(rootfd, "run", O_PATH | O_DIRECTORY, &run, NULL);

	if (r == 0 && mkdirat(run, GUESTREAD_LOCKS, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return r;
	fd = openat(run, GUESTREAD_LOCKS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = check_private(fd, S_IFDIR);
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

/* Never removed: the next reader would lock another one then. */
static int open_lock(int rootfd, const struct guestread_target *t, struct guesthold *h,
		     struct err *err)
{
	_cleanup_close_ int dir = -1, fd = -1;
	char name[16];
	int r = open_lock_dir(rootfd, &dir);

	num_path(name, sizeof(name), "", t->vmid, "");
	if (r == 0) {
		fd = openat(dir, name,
			    O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC,
			    0600);
		r = check_private(fd, S_IFREG);
	}
	if (r < 0)
		return err_set(err, r, "lock /run/" GUESTREAD_LOCKS "/%s: %s", name,
			       r == -EPERM ? "not root's alone" : strerror(-r));
	h->fd[GUESTFD_LOCK] = take_fd(&fd);
	return 0;
}

/* ---- the root of one that is stopped ------------------------------------------------- */

/* That very directory, on the mount on which it was found. */
static int open_volume(int rootfd, const struct guestread_target *t, struct guesthold *h,
		       struct err *err)
{
	int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
	const struct guestread_volume *v = t->volume;
	struct statx x;
	int r = fs_open(rootfd, v->path + strspn(v->path, "/"),
			O_PATH | O_DIRECTORY | O_NOFOLLOW, &h->fd[GUESTFD_ROOT], NULL);

	if (r == -ENOTDIR || r == -ELOOP)
		return err_set(err, r, "%s is a link, or no directory", v->path);
	if (r < 0)
		return err_set(err, r, "open %s: %s", v->path, strerror(-r));
	if (statx(h->fd[GUESTFD_ROOT], "", flags, STATX_MNT_ID, &x) < 0)
		return err_set(err, -errno, "stat %s: %s", v->path, strerror(errno));
	if (!(x.stx_mask & STATX_MNT_ID) || x.stx_mnt_id != v->mnt_id)
		return err_set(err, -ESTALE, "%s: something else is mounted there by now",
			       v->path);
	return 0;
}

static int hold_volume(int rootfd, const struct guestread_target *t, struct guesthold *h,
		       struct err *err)
{
	const struct guestread_volume *v = t->volume;
	int r = open_volume(rootfd, t, h, err);

	if (r == 0)
		r = check_root(rootfd, t, h->fd[GUESTFD_ROOT], err);
	if (r == 0)
		r = fs_open(rootfd, "proc/self/mountinfo", O_RDONLY,
			    &h->fd[GUESTFD_MOUNTINFO], err);
	if (r == 0 && !v->privileged)
		r = userns_make(rootfd, &v->uids, &v->gids, &h->fd[GUESTFD_USERNS], err);
	return r == 0 ? open_lock(rootfd, t, h, err) : r;
}

/* ---- the two ------------------------------------------------------------------------ */

static int hold_running(int rootfd, const struct guestread_target *t, struct guesthold *h,
			struct err *err)
{
	int r = open_proc(rootfd, t, h, err);

	if (r == 0)
		r = check_start(t, h, err);
	if (r == 0)
		r = check_cgroup(t, h, err);
	if (r == 0)
		r = open_of(t, h, "root", O_PATH | O_DIRECTORY, &h->fd[GUESTFD_ROOT],
			    err);
	if (r == 0)
		r = check_root(rootfd, t, h->fd[GUESTFD_ROOT], err);
	if (r == 0)
		r = open_of(t, h, "mountinfo", O_RDONLY, &h->fd[GUESTFD_MOUNTINFO], err);
	if (r == 0)
		r = open_userns(t, h, err);
	if (r == 0)
		r = open_lock(rootfd, t, h, err);
	return r == 0 ? check_alive(t, h, err) : r;
}

int guesthold_open(int rootfd, const struct guestread_target *t, struct guesthold *ret,
		   struct err *err)
{
	_cleanup_(guesthold_done) struct guesthold h;
	int r;

	guesthold_init(&h);
	r = t->volume ? hold_volume(rootfd, t, &h, err)
		      : hold_running(rootfd, t, &h, err);
	if (r < 0)
		return r;
	*ret = h;
	guesthold_init(&h);
	return 0;
}
