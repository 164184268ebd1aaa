/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "idmap.h"
#include "tbytes.h"

/*
 * What is asked of guest-read and what it answers: the one program that opens paths below
 * a container's root. One request, one process, one container. read/guestread.h asks,
 * read/guestwire.h is the form in which both travel.
 *
 * Every path is one of the guest: absolute or not, it begins at the guest's root and never
 * leaves it. It stays on the file system that is mounted there, too, unless `cross` is
 * set. Links into /proc are never followed. What is read is what the guest's own root
 * could read: in an unprivileged container the uid 0 of its user namespace, with the
 * right to read whatever belongs to its ids, and no right of the host's root.
 */
#define GUESTREAD_MAX_ITEMS   256
#define GUESTREAD_MAX_PATH    4095              /* bytes, without the NUL */
#define GUESTREAD_MAX_BYTES   ((size_t)1 << 20) /* of the data of one item */
#define GUESTREAD_MAX_ANSWER  ((size_t)8 << 20) /* of all that is answered */
#define GUESTREAD_MAX_ENTRIES 4096              /* of a directory that are given */
#define GUESTREAD_MAX_NAMES   65536             /* of a directory that are looked at */
#define GUESTREAD_MAX_MSEC    10000

enum guestread_op {
	GUESTREAD_NOTHING,
	GUESTREAD_FILE,     /* bytes of a regular file from `offset` or `cursor` on */
	GUESTREAD_TAIL,     /* the last max_bytes of a regular file */
	GUESTREAD_LIST,     /* the names in a directory that fit `pattern` */
	GUESTREAD_STATFS,   /* of the file system that is mounted on the path, and only if
			       one is: a path below gives GUESTREAD_KIND */
	GUESTREAD_READLINK, /* the text of a symlink */
	GUESTREAD_STAT,
	GUESTREAD_JOURNAL, /* the newest entries of its journal (systemd's files), as
			      read/guestjournal.h writes them; alone in its request. Where
			      /run is a file system of its own `cross` is needed for it */
	GUESTREAD_N_OPS,
};

/*
 * How far a file has been read, so that the next request goes on there: ino 0 is none.
 * The file is taken for another one (and read from its beginning, `reset` says so) when
 * dev or ino differ, when it is shorter than offset, or when the bytes before offset are
 * not those that were there: it was rotated, truncated, or written anew.
 */
struct guestread_cursor {
	uint64_t dev, ino;
	uint64_t offset; /* behind the last byte that was given */
	uint64_t mark;   /* FNV-1a of the up to 64 bytes before offset */
};

/* Which entries of a journal. */
struct guestread_span {
	uint64_t since_real_usec, until_real_usec; /* both included; 0: no bound */
	uint32_t
		n_priorities; /* the most urgent so many of 8: 4 is err and what is worse;
				  0: all, those without one too */
};

struct guestread_item {
	enum guestread_op op;
	const char *path;    /* borrowed; "" and "/" are the root; JOURNAL: "" */
	const char *pattern; /* LIST: shell pattern (* ? [a-z]) of names; JOURNAL: of
				 which unit; NULL: all */
	uint64_t offset;     /* FILE without cursor */
	uint32_t
		max_bytes; /* FILE, TAIL, JOURNAL: at most GUESTREAD_MAX_BYTES; 0: that */
	uint32_t max_entries; /* LIST, JOURNAL: at most GUESTREAD_MAX_ENTRIES; 0: that */
	struct guestread_span span;     /* JOURNAL */
	struct guestread_cursor cursor; /* FILE */
	/*
	 * File systems mounted in the guest may be entered on the way (/run, a mount
	 * point of the config), if their type is one that is served by this machine's
	 * kernel alone. STATFS does it always.
	 */
	bool cross;
	/*
	 * STATFS: also of a type that somebody may leave unanswered (FUSE, NFS, ...). It
	 * may hang then, and what is behind it in the request is not answered: such items
	 * go last, better in a request of their own.
	 */
	bool any_type;
	bool nofollow; /* STAT: of the symlink itself */
	bool newest; /* FILE: of more than max_bytes the last ones; skipped_bytes tells */
};

struct guestread_request {
	struct guestread_item *v;
	size_t n;
	uint32_t deadline_msec; /* of the process as a whole; 1..GUESTREAD_MAX_MSEC */
};

/* Why an item was not answered, or was: in words by guestread_why_text(). */
enum guestread_why {
	GUESTREAD_OK,
	GUESTREAD_ABSENT, /* there is no such file */
	GUESTREAD_DENIED, /* the guest's root may not read it either */
	GUESTREAD_LOOP,   /* a loop of symlinks, or one into /proc */
	GUESTREAD_MOUNT,  /* another file system is mounted on the way, `cross` not set */
	GUESTREAD_FSTYPE, /* it is on a file system of a type that is not asked */
	GUESTREAD_KIND,   /* no regular file, directory, symlink, mount point */
	GUESTREAD_BUSY,   /* the guest holds a lease on it, or renames on the way */
	GUESTREAD_CHANGED, /* it was exchanged for another while it was opened */
	GUESTREAD_LATE,    /* the time was up, or the answer full, before its turn */
	GUESTREAD_FAILED,  /* anything else: `error` tells */
	GUESTREAD_CHROOT, /* init has made a directory its root: what the container has is
			     out of its sight */
	GUESTREAD_NO_ANSWER, /* the reader ended or hangs before or in this item */
	GUESTREAD_N_WHYS,
};

/* Ids are those the guest sees: 65534 where its user namespace has none for them. */
struct guestread_stat {
	uint64_t dev; /* major << 32 | minor, as in mountinfo */
	uint64_t ino, size_bytes, mtime_real_usec, mnt_id;
	uint32_t mode, uid, gid;
};

struct guestread_fs {
	uint64_t magic; /* f_type of statfs(2) */
	uint64_t total_bytes, free_bytes, avail_bytes;
	uint64_t files, files_free; /* 0 and 0: it does not count them (btrfs) */
	bool readonly;
};

struct guestread_entry {
	struct tbytes name;
	struct guestread_stat st; /* of the entry itself; ino 0: it could not be asked, or
				     something is mounted on it */
};

struct guestread_answer {
	enum guestread_why why;
	int error;                /* the errno behind it, positive; 0: none */
	struct guestread_stat st; /* of what was opened; ino 0: not known */
	struct guestread_fs fs;   /* STATFS */
	struct tbytes data;       /* FILE, TAIL, READLINK, JOURNAL */
	uint64_t start_offset;    /* FILE, TAIL: of data in the file */
	uint64_t skipped_bytes;   /* FILE: left out before it */
	struct guestread_cursor next;
	bool reset;     /* the cursor was of another file: start_offset is 0 */
	bool truncated; /* FILE: there is more; LIST: not all names were looked at or
			   given; JOURNAL: older ones may be missing */
	struct guestread_entry *entries; /* LIST; in no order */
	size_t n_entries;
};

struct guestread_answers {
	struct guestread_answer *v; /* one for each item */
	size_t n;
	bool waited;  /* another reader of the container was at work before */
	bool blocked; /* and still was when this one ended */
	bool opened; /* everything was opened: what is missing was not answered in time */
	bool complete; /* the reader came to its end */
	int failed;    /* the errno, positive, of what kept it from beginning */
	char *bytes;   /* what the answers point into */
};

void guestread_answers_done(struct guestread_answers *a);

/* "refused: a link into /proc, or a loop of links" and the like. */
const char *guestread_why_text(enum guestread_why why);

/* A mount of the config that is only there while the container runs. */
struct guestread_away {
	char *key;  /* "mp0" */
	char *path; /* inside */
};

/*
 * The directory of the node in which the root of a stopped container is. What is in it
 * was left by a guest, so it is read in the same way, with the rights of the root that the
 * container would have: in a user namespace of the same ids, made for that. That it is
 * stopped is the caller's to see to, before and afterwards: one that is started meanwhile
 * can do no more than any that runs, but what was read may be older than it seems.
 */
struct guestread_volume {
	char *path;      /* absolute; no component is a link */
	uint32_t mnt_id; /* of the mount of the node that it lies on */
	bool privileged; /* its root is the host's: no map */
	struct idmap uids, gids;
	bool cross; /* what the node has mounted below it is the container's, too */
	struct guestread_away *away; /* what else is in the config */
	size_t n_away;
};

void guestread_volume_done(struct guestread_volume *v);

/* Which of those mounts that path inside would be on; NULL: none. */
const struct guestread_away *guestread_away(const struct guestread_volume *v,
					    const char *path);
