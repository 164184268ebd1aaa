/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/dbfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"

#define KEEP_ASIDE 2

int dbfile_open(const char *path, struct dbfile *ret, struct err *err)
{
	_cleanup_(dbfile_done) struct dbfile f = { .dirfd = -1 };
	_cleanup_free_ char *dir = NULL, *real = NULL;
	const char *slash = strrchr(path, '/');
	int r;

	f.name = xstrdup(slash ? slash + 1 : path);
	dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	if (!*f.name)
		return err_set(err, -EINVAL, "\"%s\" names no file", path);
	r = fs_open_root(dir, &f.dirfd, err);
	if (r < 0)
		return r;
	real = realpath(dir, NULL);
	if (!real)
		return err_set(err, -errno, "%s: %s", dir, strerror(errno));
	f.path = xasprintf("%s/%s", str_eq(real, "/") ? "" : real, f.name);
	*ret = f;
	f = (struct dbfile){ .dirfd = -1 };
	return 0;
}

void dbfile_done(struct dbfile *f)
{
	if (f->name && f->dirfd >= 0)
		close(f->dirfd);
	free(f->name);
	free(f->path);
	*f = (struct dbfile){ .dirfd = -1 };
}

static char *name_of(const struct dbfile *f, const char *suffix)
{
	return xasprintf("%s%s", f->name, suffix);
}

static int look(const struct dbfile *f, const char *suffix, struct stat *st)
{
	_cleanup_free_ char *name = name_of(f, suffix);

	return fstatat(f->dirfd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

bool dbfile_exists(const struct dbfile *f, const char *suffix)
{
	struct stat st;

	return look(f, suffix, &st) == 0;
}

uint64_t dbfile_bytes(const struct dbfile *f, const char *suffix)
{
	struct stat st;

	return look(f, suffix, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

uint64_t dbfile_room(const struct dbfile *f, const char *suffix)
{
	struct stat st;

	return look(f, suffix, &st) == 0 && st.st_blocks * 512 > st.st_size
		       ? (uint64_t)(st.st_blocks * 512 - st.st_size)
		       : 0;
}

struct dbfile_stamp dbfile_stamp(const struct dbfile *f, const char *suffix)
{
	struct stat st;

	if (look(f, suffix, &st) < 0)
		return (struct dbfile_stamp){ 0 };
	return (struct dbfile_stamp){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_nsec = (uint64_t)st.st_mtim.tv_sec * 1000000000 +
			      (uint64_t)st.st_mtim.tv_nsec,
	};
}

static int check_kind(const struct dbfile *f, const char *suffix, struct stat *ret,
		      struct err *err)
{
	int r = look(f, suffix, ret);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return err_set(err, r, "%s%s: %s", f->path, suffix, strerror(-r));
	if (!S_ISREG(ret->st_mode))
		return err_set(err, -EUCLEAN, "%s%s is %s, expected a regular file",
			       f->path, suffix,
			       S_ISDIR(ret->st_mode)   ? "a directory"
			       : S_ISLNK(ret->st_mode) ? "a symbolic link"
						       : "a special file");
	return 0;
}

static int check_one(const struct dbfile *f, const char *suffix, struct err *err)
{
	struct stat st;
	int r = check_kind(f, suffix, &st, err);

	if (r < 0)
		return r;
	if (st.st_nlink > 1)
		return err_set(err, -EUCLEAN, "%s%s has %ju names, expected one", f->path,
			       suffix, (uintmax_t)st.st_nlink);
	if (st.st_uid != geteuid())
		return err_set(err, -EUCLEAN, "%s%s belongs to user %u, not to us (%u)",
			       f->path, suffix, (unsigned)st.st_uid, (unsigned)geteuid());
	return 0;
}

static const char *const beside[] = { "-wal", "-shm" };

int dbfile_check(const struct dbfile *f, struct err *err)
{
	int main_file = check_one(f, "", err), r;

	if (main_file < 0 && main_file != -ENOENT)
		return main_file;
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		r = check_one(f, beside[i], err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return main_file;
}

int dbfile_readable(const struct dbfile *f, struct err *err)
{
	struct stat st;
	int main_file = check_kind(f, "", &st, err), r;

	if (main_file < 0)
		return main_file;
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		r = check_kind(f, beside[i], &st, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	/* SQLite would only say that it cannot open it */
	if (faccessat(f->dirfd, f->name, R_OK, AT_EACCESS) < 0)
		return err_set(err, -errno, "open %s: %s", f->path, strerror(errno));
	return 0;
}

/* O_NONBLOCK: a FIFO in its place is an error, nothing to wait for. */
static int create(const struct dbfile *f, const char *suffix, int flags, int *ret,
		  struct err *err)
{
	_cleanup_free_ char *name = name_of(f, suffix);
	int fd = openat(f->dirfd, name,
			O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags,
			0640);

	if (fd < 0)
		return err_set(err, -errno, "open %s%s: %s", f->path, suffix,
			       strerror(errno));
	*ret = fd;
	return 0;
}

int dbfile_create(const struct dbfile *f, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (dbfile_exists(f, ""))
		return 0;
	r = create(f, "", O_CREAT | O_EXCL, &fd, err);
	return r == -EDQUOT ? -ENOSPC : r;
}

/* "ctscope.db.corrupt-20261121T031200Z": those of an earlier time come first. */
static char *aside_name(const struct dbfile *f, const char *as, uint64_t now_real_usec,
			unsigned again)
{
	time_t t = (time_t)(now_real_usec / USEC_PER_SEC);
	char stamp[32] = "", more[16] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (again)
		snprintf(more, sizeof(more), ".%u", again);
	return xasprintf("%s.%s-%s%s", f->name, as, stamp, more);
}

static char *free_aside_name(const struct dbfile *f, const char *as,
			     uint64_t now_real_usec)
{
	struct stat st;

	for (unsigned i = 0; i < 1000; i++) {
		char *name = aside_name(f, as, now_real_usec, i);

		if (fstatat(f->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return name;
		free(name);
	}
	return NULL;
}

/* A store that is damaged again and again must not fill the disk with what it was. */
static void drop_older(const struct dbfile *f, const char *newest)
{
	_cleanup_(strv_done) struct strv all = { 0 }, aside = { 0 };
	_cleanup_free_ char *prefix = xasprintf("%s." DBFILE_CORRUPT "-", f->name);

	if (fs_list(f->dirfd, ".", 4096, &all, NULL) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		if (str_starts(all.v[i], prefix) && !str_ends(all.v[i], "-wal") &&
		    !str_eq(all.v[i], newest))
			strv_add(&aside, xstrdup(all.v[i]));
	strv_sort(&aside);
	for (size_t i = 0; i + KEEP_ASIDE - 1 < aside.n; i++) {
		_cleanup_free_ char *wal = xasprintf("%s-wal", aside.v[i]);

		unlinkat(f->dirfd, aside.v[i], 0);
		unlinkat(f->dirfd, wal, 0);
	}
}

static int rename_to(const struct dbfile *f, const char *suffix, const char *to,
		     struct err *err)
{
	_cleanup_free_ char *from = name_of(f, suffix), *full = NULL;

	full = xasprintf("%s%s", to, suffix);
	if (renameat(f->dirfd, from, f->dirfd, full) < 0 && errno != ENOENT)
		return err_set(err, -errno, "rename %s%s to %s: %s", f->path, suffix,
			       full, strerror(errno));
	return 0;
}

int dbfile_set_aside(const struct dbfile *f, const char *as, uint64_t now_real_usec,
		     char **ret, struct err *err)
{
	_cleanup_free_ char *to = free_aside_name(f, as, now_real_usec);
	_cleanup_free_ char *shm = name_of(f, "-shm");
	int r;

	if (!to)
		return err_set(err, -EEXIST, "%s: no name left to set it aside", f->path);
	/* the WAL first: left alone with a new database it would be taken for its own */
	r = rename_to(f, "-wal", to, err);
	if (r == 0)
		r = rename_to(f, "", to, err);
	if (r < 0)
		return r;
	if (unlinkat(f->dirfd, shm, 0) < 0 && errno == EISDIR)
		r = rename_to(f, "-shm", to, err);
	if (r < 0)
		return r;
	if (str_eq(as, DBFILE_CORRUPT))
		drop_older(f, to);
	*ret = take_ptr(to);
	return 0;
}

/* xorshift64: bytes that no file system stores in less room than they have. */
static void noise(uint64_t *state, void *p, size_t n)
{
	uint64_t *v = p;

	for (size_t i = 0; i < n / sizeof(*v); i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		v[i] = *state;
	}
}

static int fill_reserve(int fd)
{
	static const size_t chunk = (size_t)64 << 10;
	_cleanup_free_ char *buf = xmalloc(chunk);
	uint64_t state = 0x9e3779b97f4a7c15;
	int r = 0;

	for (size_t n = 0; r == 0 && n < DBFILE_RESERVE_BYTES; n += chunk) {
		noise(&state, buf, chunk);
		r = fs_write_all(fd, buf, chunk);
	}
	return r == -EDQUOT ? -ENOSPC : r;
}

int dbfile_make_reserve(const struct dbfile *f, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r = check_one(f, "-reserve", NULL);

	if (r == -EUCLEAN) {
		_cleanup_free_ char *name = name_of(f, "-reserve");

		unlinkat(f->dirfd, name, 0);
	}
	if (dbfile_bytes(f, "-reserve") == DBFILE_RESERVE_BYTES)
		return 0;
	r = create(f, "-reserve", O_CREAT | O_TRUNC, &fd, err);
	if (r < 0)
		return r;
	r = fill_reserve(fd);
	if (r < 0) {
		dbfile_free_reserve(f);
		return err_set(err, r, "write %s-reserve: %s", f->path, strerror(-r));
	}
	return 0;
}

void dbfile_free_reserve(const struct dbfile *f)
{
	_cleanup_close_ int fd = -1;

	if (create(f, "-reserve", O_TRUNC, &fd, NULL) < 0) {
		_cleanup_free_ char *name = name_of(f, "-reserve");

		unlinkat(f->dirfd, name, 0);
	}
}

void dbfile_claim_wal(const struct dbfile *f)
{
	static const off_t step = (off_t)512 << 10;
	_cleanup_close_ int fd = -1;

	if (create(f, "-wal", 0, &fd, NULL) < 0)
		return;
	for (off_t n = (off_t)DBFILE_WAL_BYTES; n >= step; n -= step)
		if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, n) == 0 ||
		    (errno != ENOSPC && errno != EDQUOT))
			break;
}

uint64_t dbfile_avail(const struct dbfile *f)
{
	struct statvfs st;

	if (fstatvfs(f->dirfd, &st) < 0)
		return 0;
	return (uint64_t)st.f_bavail * st.f_frsize;
}
