/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/open.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "guest/mounts.h"

#define MAX_DEPTH 64
#define MAX_LINKS 40 /* as the kernel */
#define MAX_TRIES 3
#define MAX_CROSS 64 /* mounts that are entered on one walk: each is looked up anew */

enum guestread_why guest_why(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return GUESTREAD_OK;
	case ENOENT:
	case ENOTDIR:
		return GUESTREAD_ABSENT;
	case EACCES:
	case EPERM:
		return GUESTREAD_DENIED;
	case ELOOP:
		return GUESTREAD_LOOP;
	case EXDEV:
		return GUESTREAD_MOUNT;
	case EMEDIUMTYPE: /* ours: check_type() */
		return GUESTREAD_FSTYPE;
	case ETIME: /* ours: walk_by_hand() */
		return GUESTREAD_LATE;
	case EAGAIN:
	case EBUSY:
		return GUESTREAD_BUSY;
	default:
		return GUESTREAD_FAILED;
	}
}

/* A guest sets it as it likes: what does not fit is as early, or as late, as there is. */
static uint64_t real_usec(const struct statx_timestamp *t)
{
	if (t->tv_sec < 0)
		return 0;
	if (t->tv_sec >= INT64_MAX / (int64_t)USEC_PER_SEC)
		return INT64_MAX;
	return (uint64_t)t->tv_sec * USEC_PER_SEC + t->tv_nsec / 1000;
}

int guest_stat(int fd, const char *name, struct guestread_stat *ret, bool *ret_mount_root)
{
	struct statx x;
	int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW |
		    (name ? 0 : AT_EMPTY_PATH);

	if (statx(fd, name ? name : "", flags, STATX_BASIC_STATS | STATX_MNT_ID, &x) < 0)
		return -errno;
	*ret = (struct guestread_stat){
		.dev = (uint64_t)x.stx_dev_major << 32 | x.stx_dev_minor,
		.ino = x.stx_ino,
		.size_bytes = x.stx_size,
		.mtime_real_usec = real_usec(&x.stx_mtime),
		.mnt_id = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0,
		.mode = x.stx_mode,
		.uid = x.stx_uid,
		.gid = x.stx_gid,
	};
	if (ret_mount_root)
		*ret_mount_root = x.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

/*
 * Every openat2(2) of the program. seccomp cannot see what is in its struct, so what must
 * be in it is here, once: a way of resolving that stays below the directory and off magic
 * links, or else the one magic link that is ours, a number in our own /proc/self/fd.
 */
static int open_below(int dir, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.resolve = resolve };

	for (int tries = 1;; tries++) {
		long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* EAGAIN: a rename anywhere on the machine raced with the walk, or a
		 * lease: only the first of the two is worth another try */
		if (errno != EINTR && !(errno == EAGAIN && resolve))
			return -errno;
		if (tries >= MAX_TRIES)
			return -EAGAIN;
	}
}

#define STAY (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

/* ---- component by component --------------------------------------------------------- */

struct walk {
	const struct guest_root *g;
	const struct guest_how *how;
	int fds[MAX_DEPTH]; /* from below the root to where it stands */
	size_t n;
	char rest[2 * (GUESTREAD_MAX_PATH + 1)];
	unsigned links, crossed;
};

static int here(const struct walk *w)
{
	return w->n ? w->fds[w->n - 1] : w->g->root;
}

static void go_up(struct walk *w, bool to_root)
{
	do {
		if (w->n)
			close(w->fds[--w->n]);
	} while (to_root && w->n);
}

static bool is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/* The next component; false: the path is at its end, or *ret_error says why not. */
static bool next_component(struct walk *w, char name[static 256], int *ret_error)
{
	size_t skip = strspn(w->rest, "/"), n = strcspn(w->rest + skip, "/");

	*ret_error = n < 256 ? 0 : -ENAMETOOLONG;
	if (!n || *ret_error)
		return false;
	memcpy(name, w->rest + skip, n);
	name[n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return true;
}

static int take_link(struct walk *w, int fd)
{
	char text[GUESTREAD_MAX_PATH + 1];
	ssize_t n = readlinkat(fd, "", text, sizeof(text));
	size_t rest = strlen(w->rest);

	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if ((size_t)n + rest >= sizeof(w->rest))
		return -ENAMETOOLONG;
	if (text[0] == '/')
		go_up(w, true);
	memmove(w->rest + n, w->rest, rest + 1);
	memcpy(w->rest, text, (size_t)n);
	return 0;
}

static int check_type(const struct guest_root *g, int fd)
{
	struct guestread_stat st;
	bool local;
	int r = guest_stat(fd, NULL, &st, NULL);

	if (r == 0)
		r = st.mnt_id ? mounts_is_local(g->mountinfo, st.mnt_id, &local)
			      : -ENOENT;
	/* one that is out of sight may be of any type */
	if (r == -ENOENT)
		return -EMEDIUMTYPE;
	return r < 0 ? r : local ? 0 : -EMEDIUMTYPE;
}

/*
 * EXDEV: something is mounted there. Or it was moved to another directory in that very
 * moment, which does not happen each time.
 */
static int open_beneath(int dir, const char *name, uint64_t resolve)
{
	int fd = -EXDEV;

	for (int tries = 0; fd == -EXDEV && tries < MAX_TRIES; tries++)
		fd = open_below(dir, name, O_PATH | O_NOFOLLOW,
				RESOLVE_BENEATH | resolve);
	return fd;
}

/*
 * One component, which is no "..": what is mounted there is only entered by an O_PATH
 * open of its root, which asks it nothing, and then looked at. While its descriptor is
 * held its id is no other mount's.
 */
static int open_component(struct walk *w, const char *name, int *ret)
{
	_cleanup_close_ int fd = -1;
	int r = open_beneath(here(w), name, STAY);

	if (r == -EXDEV && w->how->cross) {
		if (++w->crossed > MAX_CROSS)
			return -ELOOP;
		r = open_beneath(here(w), name, RESOLVE_NO_MAGICLINKS);
		fd = r;
		if (r >= 0 && !(w->how->any_last && is_last(w)))
			r = check_type(w->g, fd);
	} else {
		fd = r;
	}
	if (r < 0)
		return r;
	*ret = take_fd(&fd);
	return 0;
}

/* One component further: 1 with the descriptor in *ret when it was the last. */
static int step(struct walk *w, const char *name, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct guestread_stat st;
	bool last = is_last(w), slash = *w->rest;
	int r;

	if (str_eq(name, ".") || str_eq(name, "..")) {
		if (name[1])
			go_up(w, false);
		return 0;
	}
	r = open_component(w, name, &fd);
	if (r == 0)
		r = guest_stat(fd, NULL, &st, NULL);
	if (r < 0)
		return r;
	if (S_ISLNK(st.mode) && !(last && !slash && w->how->nofollow))
		return take_link(w, fd);
	if (last && !slash) {
		*ret = take_fd(&fd);
		return 1;
	}
	if (!S_ISDIR(st.mode))
		return -ENOTDIR;
	if (w->n >= MAX_DEPTH)
		return -ENAMETOOLONG;
	w->fds[w->n++] = take_fd(&fd);
	return 0;
}

static bool is_late(const struct guest_root *g)
{
	return g->until_mono_usec && clock_mono_usec() >= g->until_mono_usec;
}

static int walk_by_hand(const struct guest_root *g, const char *path,
			const struct guest_how *how, int *ret)
{
	struct walk w = { .g = g, .how = how };
	char name[256];
	int r = 0;

	memcpy(w.rest, path, strlen(path) + 1);
	while (r == 0 && next_component(&w, name, &r))
		r = is_late(g) ? -ETIME : step(&w, name, ret);
	if (r == 0) { /* it ended in a directory that is held: "..", "dir/", "/" */
		*ret = open_below(here(&w), ".", O_PATH, RESOLVE_BENEATH | STAY);
		r = *ret;
	}
	go_up(&w, true);
	return MIN(r, 0);
}

enum guestread_why guest_open(const struct guest_root *g, const char *path,
			      const struct guest_how *how, int *ret, int *ret_error)
{
	int fd, r;

	*ret_error = 0;
	if (strlen(path) > GUESTREAD_MAX_PATH) {
		*ret_error = ENAMETOOLONG;
		return GUESTREAD_FAILED;
	}
	r = fd = open_below(g->root, *path ? path : "/",
			    O_PATH | (how->nofollow ? O_NOFOLLOW : 0),
			    RESOLVE_IN_ROOT | STAY);
	if ((r == -EXDEV && how->cross) || r == -EAGAIN)
		r = walk_by_hand(g, path, how, &fd);
	if (r < 0) {
		*ret_error = -r;
		return guest_why(r);
	}
	*ret = fd;
	return GUESTREAD_OK;
}

enum guestread_why guest_check_root(const struct guest_root *g, int *ret_error)
{
	struct guestread_stat st;
	bool mount_root;
	int r = guest_stat(g->root, NULL, &st, &mount_root);

	if (r == 0)
		r = check_type(g, g->root);
	*ret_error = -r;
	return r == -EMEDIUMTYPE && !mount_root ? GUESTREAD_CHROOT : guest_why(r);
}

/* Who looks leaves no trace; only an owner may ask for that, and what is another's is
 * read all the same. */
static int open_self(const struct guest_root *g, const char *name)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	int fd = open_below(g->self, name, flags | O_NOATIME, 0);

	return fd == -EPERM ? open_below(g->self, name, flags, 0) : fd;
}

enum guestread_why guest_reopen(const struct guest_root *g, int fd, uint32_t kind,
				struct guestread_stat *ret_st, int *ret, int *ret_error)
{
	_cleanup_close_ int to = -1;
	struct guestread_stat before, after;
	char name[16];
	int r = guest_stat(fd, NULL, &before, NULL);

	*ret_error = -r;
	if (r < 0)
		return guest_why(r);
	if ((before.mode & S_IFMT) != kind)
		return GUESTREAD_KIND;
	num_path(name, sizeof(name), "", (uint64_t)fd, "");
	to = open_self(g, name);
	r = to < 0 ? to : guest_stat(to, NULL, &after, NULL);
	*ret_error = -r;
	if (r < 0)
		return guest_why(r);
	if (after.dev != before.dev || after.ino != before.ino ||
	    (after.mode & S_IFMT) != kind)
		return GUESTREAD_CHANGED;
	*ret_st = after;
	*ret = take_fd(&to);
	return GUESTREAD_OK;
}
