/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Bounded reads below a root directory fd. Every path is relative to that root and is
 * resolved inside it (openat2 RESOLVE_IN_ROOT): neither an absolute symlink nor ".."
 * leads out of it, and magic links are refused. Errors are negative errnos; -ENOENT and
 * -ENODEV are the ordinary ways of something not being there.
 */

/* A directory to be the root of everything: "/" on a node. Close it with close(). */
int fs_open_root(const char *path, int *ret, struct err *err);

/* Any open below the root; O_CLOEXEC and O_NOCTTY are added. */
int fs_open(int rootfd, const char *path, int flags, int *ret, struct err *err);

/* Does the kernel resolve paths inside of a root (openat2), or is it done by hand? */
bool fs_opens_beneath(void);

/*
 * What fs_open() does where there is no openat2 (a kernel before 5.6, a sandbox,
 * valgrind), or where the kernel's own walk is disturbed by renames: component by
 * component, each without following, symlinks resolved by their text inside the root,
 * magic ones refused. The descriptor, or a negative errno.
 */
int fs_open_by_hand(int rootfd, const char *path, int flags);

/*
 * Reads a whole file into `buf` of `cap` bytes: no allocation, for the small files of the
 * kernel. *ret_n is the number of bytes (no NUL is added). -EFBIG when more than cap.
 * A path of one component opened below a directory fd that fs_open() gave is cheapest.
 */
int fs_read_small(int dirfd, const char *path, char *buf, size_t cap, size_t *ret_n,
		  struct err *err);

/*
 * The same for a file that the kernel makes in one piece when it is read (cgroup v2, most
 * of /proc/<pid>): one read() is all of it, so no second one looks for the end.
 */
int fs_read_once(int dirfd, const char *path, char *buf, size_t cap, size_t *ret_n,
		 struct err *err);

/* The same for a descriptor that is kept: one pread from offset 0. */
int fs_pread_small(int fd, char *buf, size_t cap, size_t *ret_n);

/* Appends a whole file to *ret, at most `max` bytes, else -EFBIG. Non-regular: -EINVAL.
 */
int fs_read_file(int rootfd, const char *path, size_t max, struct buf *ret,
		 struct err *err);

struct fs_stat;

/* Opens a regular file for reading; *st is of what was opened. Else -EINVAL, -EISDIR. */
int fs_open_regular(int rootfd, const char *path, struct fs_stat *st, int *ret,
		    struct err *err);

/* Appends at most `max` bytes from `offset` on; short at the end of the file. */
int fs_pread_buf(int fd, uint64_t offset, size_t max, struct buf *ret);

struct fs_stat;

/* The same, and what fstat says of it. */
int fs_read_file_stat(int rootfd, const char *path, size_t max, struct buf *ret,
		      struct fs_stat *ret_st, struct err *err);

/*
 * The same of an entry of a directory that is held: no path is walked. -ELOOP: it is a
 * symlink.
 */
int fs_read_entry(int dirfd, const char *name, size_t max, struct buf *ret,
		  struct fs_stat *ret_st);

/* The last `max` bytes of a file; *ret_start is the offset of the first of them. */
int fs_read_tail(int rootfd, const char *path, size_t max, struct buf *ret,
		 uint64_t *ret_start, struct err *err);

/* Names in a directory, "." and ".." left out, in no order; at most `max`, else -EFBIG.
 */
int fs_list(int rootfd, const char *path, size_t max, struct strv *ret, struct err *err);

/*
 * Each of them in turn, however many there are: until `fn` returns a negative errno, which
 * is returned then.
 */
int fs_each(int rootfd, const char *path, int (*fn)(const char *name, void *arg),
	    void *arg, struct err *err);

/* With the inode number that the directory says, of what is mounted there another one. */
typedef int fs_each_ino_fn(const char *name, uint64_t ino, void *arg);
int fs_each_ino(int rootfd, const char *path, fs_each_ino_fn *fn, void *arg,
		struct err *err);

/* The text of a symlink. */
int fs_readlink(int rootfd, const char *path, char **ret, struct err *err);

struct fs_stat {
	mode_t mode;
	uint64_t size_bytes;
	uint64_t mtime_real_usec;
	uint64_t ctime_real_usec;
	uint64_t ino;
	uid_t uid;
	gid_t gid;
};

/* follow=false: of the symlink itself. */
int fs_stat(int rootfd, const char *path, bool follow, struct fs_stat *ret,
	    struct err *err);

/* The directory that `path` is in; *name is its last component, within `path`. */
int fs_open_parent(int rootfd, const char *path, const char **name, int *ret,
		   struct err *err);

/*
 * Replaces a regular file as a whole: written beside it as ".<name>.new", on the disk
 * before it gets its name; readers see the old one or the new one. What was left by one
 * that was killed is replaced too. The directory has to be there.
 */
int fs_replace(int rootfd, const char *path, const void *p, size_t n, mode_t mode,
	       struct err *err);

/* Writes all of it, over short writes and EINTR. */
int fs_write_all(int fd, const void *p, size_t n);
