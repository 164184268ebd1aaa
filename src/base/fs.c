/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/sys.h"

int fs_open_root(const char *path, int *ret, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "open %s: %s", path, strerror(errno));
	*ret = fd;
	return 0;
}

#define MAX_DEPTH 64
#define MAX_LINKS 40 /* as the kernel */
#define MAX_TRIES 4

#define PROC_TOP_INO 1 /* of the root of every procfs */

/* A walk by hand: the directories from the root to where it stands, and what is left. */
struct walk {
	int root;
	int fds[MAX_DEPTH];
	size_t n;
	char rest[8192];
	unsigned links;
};

static int here(const struct walk *w)
{
	return w->n ? w->fds[w->n - 1] : w->root;
}

static void go_up(struct walk *w, bool to_root)
{
	do {
		if (w->n)
			close(w->fds[--w->n]);
	} while (to_root && w->n);
}

/* The next component; false: the path is at its end. */
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

/* Puts the text of a symlink before what is left. */
static int take_link(struct walk *w, int fd)
{
	char text[4096 + 4096];
	ssize_t n = readlinkat(fd, "", text, 4095);
	size_t rest = strlen(w->rest);

	if (n < 0)
		return -errno;
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

static bool is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/*
 * Below its top the links of a procfs lead to what a process has, whatever their text
 * says: openat2(2) is told to refuse them, and so they are here.
 */
static bool is_magic(const struct walk *w, int fd)
{
	struct statfs fs;
	struct stat dir;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	       fstat(here(w), &dir) == 0 && dir.st_ino != PROC_TOP_INO;
}

/* One component further: 1 with the descriptor in *ret when it was the last. */
static int step(struct walk *w, const char *name, int flags, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	bool last = is_last(w);

	if (str_eq(name, ".") || str_eq(name, "..")) {
		if (name[1])
			go_up(w, false);
		return 0;
	}
	fd = openat(here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && flags & O_NOFOLLOW))
		return is_magic(w, fd) ? -ELOOP : take_link(w, fd);
	if (last && !*w->rest) {
		*ret = openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC);
		return *ret < 0 ? -errno : 1;
	}
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (w->n >= MAX_DEPTH)
		return -ENAMETOOLONG;
	w->fds[w->n++] = take_fd(&fd);
	return 0;
}

int fs_open_by_hand(int rootfd, const char *path, int flags)
{
	struct walk w = { .root = rootfd };
	char name[256];
	int r = 0, fd = -1;

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= 4096)
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	while (r == 0 && next_component(&w, name, &r))
		r = step(&w, name, flags, &fd);
	if (r == 0) { /* it ended in a directory: "..", "dir/" */
		fd = openat(here(&w), ".", flags | O_CLOEXEC);
		r = fd < 0 ? -errno : 1;
	}
	go_up(&w, true);
	return r < 0 ? r : fd;
}

static int open_in_root(int rootfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC |
					      (flags & O_PATH ? 0 : O_NOCTTY)),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/*
	 * EAGAIN: at a ".." something had been renamed or mounted meanwhile, anywhere on
	 * the machine. The kernel asks to try again, but a guest can keep that up for as
	 * long as it likes; a walk that asks the kernel for no ".." is not disturbed.
	 */
	for (int tries = 1;; tries++) {
		long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == EINTR || (errno == EAGAIN && tries < MAX_TRIES))
			continue;
		if (errno == ENOSYS || errno == EAGAIN)
			return fs_open_by_hand(rootfd, path,
					       flags | (flags & O_PATH ? 0 : O_NOCTTY));
		return -errno;
	}
}

/* The text of an error costs more than the call that failed: only where it is wanted. */
static int failed(struct err *err, int r, const char *what, const char *path)
{
	return err ? err_set(err, r, "%s %s: %s", what, path, strerror(-r)) : r;
}

bool fs_opens_beneath(void)
{
	return syscall(SYS_openat2, -1, "", NULL, 0) >= 0 || errno != ENOSYS;
}

int fs_open(int rootfd, const char *path, int flags, int *ret, struct err *err)
{
	int fd = open_in_root(rootfd, path, flags);

	if (fd < 0)
		return failed(err, fd, "open", path);
	*ret = fd;
	return 0;
}

static int read_up_to(int fd, char *buf, size_t cap, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		ssize_t r;
		char more;

		if (n < cap) {
			r = read(fd, buf + n, cap - n);
			if (r > 0)
				n += (size_t)r;
		} else {
			r = read(fd, &more, 1);
			if (r > 0)
				return -EFBIG;
		}
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
	}
	*ret_n = n;
	return 0;
}

/* One component below a directory that is held: nothing to resolve but a symlink. */
static int open_small(int dirfd, const char *path)
{
	int fd;

	if (strchr(path, '/'))
		return open_in_root(dirfd, path, O_RDONLY | O_NONBLOCK);
	fd = sys_openat(dirfd, path,
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int read_once(int fd, char *buf, size_t cap, size_t *ret_n)
{
	ssize_t n;

	do
		n = sys_read(fd, buf, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -EFBIG;
	*ret_n = (size_t)n;
	return 0;
}

static int read_path(int dirfd, const char *path, char *buf, size_t cap, size_t *ret_n,
		     int (*read_fd)(int, char *, size_t, size_t *), struct err *err)
{
	int r, fd = open_small(dirfd, path);

	if (fd < 0)
		return failed(err, fd, "open", path);
	r = read_fd(fd, buf, cap, ret_n);
	sys_close(fd);
	if (r < 0)
		return failed(err, r, "read", path);
	return 0;
}

int fs_read_small(int dirfd, const char *path, char *buf, size_t cap, size_t *ret_n,
		  struct err *err)
{
	return read_path(dirfd, path, buf, cap, ret_n, read_up_to, err);
}

int fs_read_once(int dirfd, const char *path, char *buf, size_t cap, size_t *ret_n,
		 struct err *err)
{
	return read_path(dirfd, path, buf, cap, ret_n, read_once, err);
}

int fs_pread_small(int fd, char *buf, size_t cap, size_t *ret_n)
{
	ssize_t n;

	do
		n = sys_pread(fd, buf, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -EFBIG;
	*ret_n = (size_t)n;
	return 0;
}

static int check_regular(int fd, const char *path, struct stat *st, struct err *err)
{
	if (fstat(fd, st) < 0)
		return err_set(err, -errno, "stat %s: %s", path, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return err_set(err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL,
			       "%s is not a regular file", path);
	return 0;
}

/* Opens without running a driver or waiting for a writer: only a regular file is read. */
static int open_regular(int rootfd, const char *path, struct stat *st, int *ret,
			struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r = open_in_root(rootfd, path, O_RDONLY | O_NONBLOCK);

	if (r < 0)
		return failed(err, r, "open", path);
	fd = r;
	r = check_regular(fd, path, st, err);
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

static struct fs_stat from_stat(const struct stat *st)
{
	return (struct fs_stat){
		.mode = st->st_mode,
		.size_bytes = (uint64_t)st->st_size,
		.mtime_real_usec = (uint64_t)st->st_mtim.tv_sec * USEC_PER_SEC +
				   (uint64_t)st->st_mtim.tv_nsec / 1000,
		.ctime_real_usec = (uint64_t)st->st_ctim.tv_sec * USEC_PER_SEC +
				   (uint64_t)st->st_ctim.tv_nsec / 1000,
		.ino = st->st_ino,
		.uid = st->st_uid,
		.gid = st->st_gid,
	};
}

static int read_regular(int fd, const char *path, const struct stat *st, size_t max,
			struct buf *ret, struct err *err)
{
	size_t start = ret->n;

	if (st->st_size > 0)
		buf_reserve(ret, MIN((size_t)st->st_size, max));
	for (;;) {
		size_t room;
		ssize_t n;

		buf_reserve(ret, 4096);
		room = ret->cap - ret->n - 1;
		n = read(fd, ret->p + ret->n, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "read %s: %s", path, strerror(errno));
		if (n == 0)
			break;
		ret->n += (size_t)n;
		if (ret->n - start > max)
			return err_set(err, -EFBIG, "%s is larger than %zu bytes", path,
				       max);
		/* of a file on disk or on FUSE a short read is the end (of /proc not) */
		if (st->st_size > 0 && (size_t)n < room &&
		    ret->n - start >= (size_t)st->st_size)
			break;
	}
	ret->p[ret->n] = '\0';
	return 0;
}

int fs_read_file_stat(int rootfd, const char *path, size_t max, struct buf *ret,
		      struct fs_stat *ret_st, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	r = open_regular(rootfd, path, &st, &fd, err);
	if (r == 0)
		r = read_regular(fd, path, &st, max, ret, err);
	if (r == 0)
		*ret_st = from_stat(&st);
	return r;
}

int fs_read_entry(int dirfd, const char *name, size_t max, struct buf *ret,
		  struct fs_stat *ret_st)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (strchr(name, '/'))
		return -EINVAL;
	fd = openat(dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = check_regular(fd, name, &st, NULL);
	if (r == 0)
		r = read_regular(fd, name, &st, max, ret, NULL);
	if (r == 0)
		*ret_st = from_stat(&st);
	return r;
}

int fs_read_file(int rootfd, const char *path, size_t max, struct buf *ret,
		 struct err *err)
{
	struct fs_stat st;

	return fs_read_file_stat(rootfd, path, max, ret, &st, err);
}

int fs_open_regular(int rootfd, const char *path, struct fs_stat *ret_st, int *ret,
		    struct err *err)
{
	struct stat st;
	int r = open_regular(rootfd, path, &st, ret, err);

	if (r == 0)
		*ret_st = from_stat(&st);
	return r;
}

int fs_pread_buf(int fd, uint64_t offset, size_t max, struct buf *ret)
{
	for (size_t n = 0; n < max;) {
		ssize_t got;

		buf_reserve(ret, MIN(max - n, (size_t)1 << 16));
		got = pread(fd, ret->p + ret->n, MIN(max - n, ret->cap - ret->n - 1),
			    (off_t)(offset + n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
		ret->n += (size_t)got;
		ret->p[ret->n] = '\0';
	}
	return 0;
}

int fs_read_tail(int rootfd, const char *path, size_t max, struct buf *ret,
		 uint64_t *ret_start, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	r = open_regular(rootfd, path, &st, &fd, err);
	if (r < 0)
		return r;
	*ret_start = num_sub((uint64_t)st.st_size, max);
	buf_reserve(ret, 0);
	ret->p[ret->n] = '\0';
	r = fs_pread_buf(fd, *ret_start, max, ret);
	if (r < 0)
		return failed(err, r, "read", path);
	return 0;
}

int fs_each_ino(int rootfd, const char *path, fs_each_ino_fn *fn, void *arg,
		struct err *err)
{
	struct dirent *de;
	DIR *dir;
	int r, fd = open_in_root(rootfd, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return failed(err, fd, "open", path);
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return failed(err, r, "open", path);
	}
	for (r = 0, errno = 0; r == 0 && (de = readdir(dir)); errno = 0)
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			r = fn(de->d_name, de->d_ino, arg);
	if (!r && errno)
		r = err_set(err, -errno, "list %s: %s", path, strerror(errno));
	closedir(dir);
	return r;
}

struct each {
	int (*fn)(const char *name, void *arg);
	void *arg;
};

static int each_name(const char *name, uint64_t ino, void *arg)
{
	const struct each *e = arg;

	(void)ino;
	return e->fn(name, e->arg);
}

int fs_each(int rootfd, const char *path, int (*fn)(const char *name, void *arg),
	    void *arg, struct err *err)
{
	struct each e = { fn, arg };

	return fs_each_ino(rootfd, path, each_name, &e, err);
}

struct listing {
	struct strv *names;
	size_t max;
};

static int add_name(const char *name, void *arg)
{
	struct listing *l = arg;

	if (l->names->n >= l->max)
		return -EFBIG;
	strv_addn(l->names, name, strlen(name));
	return 0;
}

int fs_list(int rootfd, const char *path, size_t max, struct strv *ret, struct err *err)
{
	struct listing l = { .names = ret, .max = max };
	int r = fs_each(rootfd, path, add_name, &l, err);

	if (r == -EFBIG)
		err_set(err, r, "%s has more than %zu entries", path, max);
	return r;
}

int fs_readlink(int rootfd, const char *path, char **ret, struct err *err)
{
	_cleanup_close_ int fd = -1;
	char text[4096];
	ssize_t n;
	int r;

	r = fs_open(rootfd, path, O_PATH | O_NOFOLLOW, &fd, err);
	if (r < 0)
		return r;
	n = readlinkat(fd, "", text, sizeof(text));
	if (n < 0)
		return err_set(err, errno == ENOENT ? -EINVAL : -errno,
			       "%s is not a symlink", path);
	*ret = xstrndup(text, (size_t)n);
	return 0;
}

/* An entry of the directory itself: no path that could lead out of it. */
static bool is_entry(const char *path)
{
	return *path && !strchr(path, '/') && !str_eq(path, ".") && !str_eq(path, "..");
}

int fs_stat(int rootfd, const char *path, bool follow, struct fs_stat *ret,
	    struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!follow && is_entry(path)) {
		if (fstatat(rootfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return failed(err, -errno, "open", path);
		*ret = from_stat(&st);
		return 0;
	}
	r = fs_open(rootfd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "stat %s: %s", path, strerror(errno));
	*ret = from_stat(&st);
	return 0;
}

/* The directory of a path, opened; *name is the last component. */
int fs_open_parent(int rootfd, const char *path, const char **name, int *ret,
		   struct err *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;

	*name = slash ? slash + 1 : path;
	return fs_open(rootfd, dir ? dir : ".", O_RDONLY | O_DIRECTORY, ret, err);
}

/* Errors are left in errno. */
static int write_new(int dir, const char *name, const void *p, size_t n, mode_t mode)
{
	_cleanup_close_ int fd = -1;

	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -1;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    mode);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -1;
	if (fs_write_all(fd, p, n) < 0 || fsync(fd) < 0)
		return -1;
	return 0;
}

int fs_replace(int rootfd, const char *path, const void *p, size_t n, mode_t mode,
	       struct err *err)
{
	_cleanup_free_ char *hidden = NULL;
	_cleanup_close_ int dir = -1;
	const char *name;
	int r = fs_open_parent(rootfd, path, &name, &dir, err);

	if (r < 0)
		return r;
	hidden = xasprintf(".%s.new", name);
	if (write_new(dir, hidden, p, n, mode) < 0 ||
	    renameat(dir, hidden, dir, name) < 0 || fsync(dir) < 0) {
		r = -errno;
		unlinkat(dir, hidden, 0);
		return err_set(err, r, "write %s: %s", path, strerror(-r));
	}
	return 0;
}

int fs_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t w = write(fd, at, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}
