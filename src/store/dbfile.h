/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The files of a store beside each other: NAME, NAME-wal, NAME-shm (SQLite's), and
 * NAME-reserve. Nothing here ever opens NAME itself: closing a second descriptor of it
 * would drop the locks that SQLite holds in this process (POSIX locks).
 */
#define DBFILE_RESERVE_BYTES ((size_t)5 << 20)
#define DBFILE_WAL_BYTES     ((size_t)8 << 20) /* that the WAL may always use */

struct dbfile {
	int dirfd;  /* -1: not open */
	char *name; /* "ctscope.db" */
	char *path; /* absolute, no link in it: what SQLite is given */
};

/* The directory must be there: -ENOENT. */
int dbfile_open(const char *path, struct dbfile *ret, struct err *err);
void dbfile_done(struct dbfile *f);

/* Is there NAME<suffix>? A link or a directory is there too. */
bool dbfile_exists(const struct dbfile *f, const char *suffix);
uint64_t dbfile_bytes(const struct dbfile *f, const char *suffix); /* 0: not there */
uint64_t dbfile_room(const struct dbfile *f, const char *suffix);  /* behind its end */

/* What tells one state of a file from another. Not there: { 0 }. */
struct dbfile_stamp {
	dev_t dev;
	ino_t ino;
	uint64_t size, mtime_nsec;
};

struct dbfile_stamp dbfile_stamp(const struct dbfile *f, const char *suffix);

/*
 * Can these be the store's own? 0; -ENOENT: NAME is not there; -EUCLEAN with the
 * sentence: one of them is a directory, a link, has other names, or is another user's.
 */
int dbfile_check(const struct dbfile *f, struct err *err);

/*
 * For who only reads, also a copy of anyone's: 0; -ENOENT: NAME is not there; -EUCLEAN
 * with the sentence: one of them is no regular file: open(2) of a FIFO or a device, which
 * is what SQLite would do, may never return.
 */
int dbfile_readable(const struct dbfile *f, struct err *err);

/* Makes an empty NAME, 0640. One that is there stays. */
int dbfile_create(const struct dbfile *f, struct err *err);

/*
 * Renames NAME and NAME-wal to NAME.<as>-<time>{,-wal} (owned, in *ret) and removes
 * NAME-shm. Of damaged ones that were set aside before, the two newest are left.
 */
#define DBFILE_CORRUPT "corrupt"
#define DBFILE_NEWER   "newer"

int dbfile_set_aside(const struct dbfile *f, const char *as, uint64_t now_real_usec,
		     char **ret, struct err *err);

/*
 * NAME-reserve: made whole, or not at all (-ENOSPC). Left alone when it is there; what is
 * no file of ours goes.
 */
int dbfile_make_reserve(const struct dbfile *f, struct err *err);

/* Cuts it to nothing. */
void dbfile_free_reserve(const struct dbfile *f);

/* Gives NAME-wal blocks, beyond its end, too: up to the size of the reserve. */
void dbfile_claim_wal(const struct dbfile *f);

/* Bytes that an ordinary user can still write to that file system. */
uint64_t dbfile_avail(const struct dbfile *f);
