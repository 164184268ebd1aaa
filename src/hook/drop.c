/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook/drop.h"

#include <spool.h>

#include "hook/sys.h"

#define MAX_LOOKS 64 /* files whose names do not tell their size */

/* How far it is, for the handler of the deadline. */
static struct {
	volatile enum stage { NOTHING, OPENED, MAKING, WRITTEN, TOLD } stage;
	int spool;
	struct statx dir;
	char hidden[SPOOL_ID_MAX + 1]; /* "." and the id */
} drop;

static bool is_regular(const struct statx *st)
{
	return S_ISREG(st->stx_mode);
}

/* getdents64(2) */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t size;
	uint8_t type;
	char name[];
};

#define TYPE_FILE 8   /* DT_REG */
#define MAX_ENTRY 288 /* with a name of 255 bytes */

/*
 * A directory right below another: no symlink, and nothing mounted over it, which with a
 * file system of a dead server would hold us in the kernel where no signal reaches
 * (EXDEV comes before the first request). -1: it is not as it has to be.
 */
static int open_dir(int parent, const char *name, struct statx *st)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = sys_openat2(parent, name, &how);

	if (fd < 0)
		return -1;
	if (sys_statx(fd, "", st) == 0 && !(st->stx_mode & S_IWOTH))
		return fd;
	sys_close(fd);
	return -1;
}

/* Only root makes a directory in /run: whose /run/ctscope is may own the spool in it. */
static int open_spool(int rootfd, struct statx *st)
{
	struct statx above;
	int run, ours, spool;

	run = sys_openat(rootfd, "run", O_PATH | O_DIRECTORY, 0);
	if (run < 0)
		return -1;
	ours = open_dir(run, "ctscope", &above);
	sys_close(run);
	if (ours < 0)
		return -1;
	spool = open_dir(ours, "spool", st);
	sys_close(ours);
	if (spool < 0)
		return -1;
	if (st->stx_uid == 0 || st->stx_uid == above.stx_uid)
		return spool;
	sys_close(spool);
	return -1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size that the name of an event tells, hidden or not; 0: not an event's. */
static size_t size_told(const char *name)
{
	size_t n;
	int high, low;

	if (*name == '.')
		name++;
	n = str_len(name);
	if (n != SPOOL_ID_DIGITS)
		return 0;
	high = hex_digit(name[n - 2]);
	low = hex_digit(name[n - 1]);
	return high < 0 || low < 0 ? 0 : (size_t)(high * 16 + low) << 10;
}

/*
 * What is there is counted anew each time: it is little as long as somebody takes it, and
 * names are enough, as a look at each of thousands of files would take too long.
 */
static bool has_room(int spool)
{
	static char names[16 << 10];
	size_t n = 0, looks = 0, total = 0;
	long got;

	do {
		got = sys_getdents(spool, names, sizeof(names));
		for (long at = 0; at < got;) {
			const struct entry *e = (const void *)(names + at);
			size_t size = size_told(e->name);
			struct statx st;

			at += e->size;
			if (++n > SPOOL_MAX_EVENTS)
				return false;
			if (!size && e->type == TYPE_FILE && looks++ < MAX_LOOKS &&
			    sys_statx(spool, e->name, &st) == 0)
				size = (size_t)st.stx_size;
			total += size;
			if (total > SPOOL_MAX_TOTAL)
				return false;
		}
		/* where one more had fitted there is none: no call to hear that */
	} while (got > (long)(sizeof(names) - MAX_ENTRY));
	return got >= 0;
}

/* One byte for each that is not there. Whatever is in its place is left alone. */
static void count_dropped(enum spool_drop why)
{
	const char byte = (char)why;
	struct statx st;
	int fd = sys_openat(
		drop.spool, SPOOL_DROPPED,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);

	if (fd < 0)
		return;
	if (sys_statx(fd, "", &st) == 0 && is_regular(&st) && st.stx_nlink == 1 &&
	    (size_t)st.stx_size < SPOOL_MAX_DROPPED) {
		if (st.stx_size == 0)
			sys_chgrp(fd, drop.dir.stx_gid);
		sys_write(fd, &byte, 1);
	}
}

bool drop_open(int rootfd)
{
	drop.spool = open_spool(rootfd, &drop.dir);
	if (drop.spool < 0)
		return false;
	sys_umask(0);
	drop.stage = OPENED;
	if (has_room(drop.spool))
		return true;
	drop.stage = TOLD;
	count_dropped(SPOOL_DROP_FULL);
	return false;
}

static bool write_all(int fd, const struct iovec *iov, int iovcnt)
{
	size_t want = 0;

	for (int i = 0; i < iovcnt; i++)
		want += iov[i].iov_len;
	return sys_writev(fd, iov, iovcnt) == (long)want;
}

static bool give_name(void)
{
	return sys_rename(drop.spool, drop.hidden, drop.hidden + 1) == 0;
}

/* What is open is closed by the end of the program: each call less counts. */
void drop_event(const char *id, const struct iovec *iov, int iovcnt)
{
	int fd;

	drop.hidden[0] = '.';
	for (size_t i = 0; id[i] && i < SPOOL_ID_MAX - 1; i++)
		drop.hidden[1 + i] = id[i];
	drop.stage = MAKING;
	fd = sys_openat(drop.spool, drop.hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
			0640);
	if (fd >= 0) {
		/* where this is refused the collector cannot read it: it reconciles */
		sys_chgrp(fd, drop.dir.stx_gid);
		if (write_all(fd, iov, iovcnt)) {
			drop.stage = WRITTEN;
			if (give_name()) {
				drop.stage = TOLD;
				return;
			}
		}
	}
	drop.stage = TOLD;
	if (fd >= 0)
		sys_unlink(drop.spool, drop.hidden);
	count_dropped(SPOOL_DROP_WRITE);
}

/* A name that was given in the very moment is there: then the second time fails. */
void drop_give_up(int rootfd)
{
	const enum stage was = drop.stage;

	if (was == WRITTEN)
		(void)give_name();
	if (was == NOTHING)
		drop.spool = open_spool(rootfd, &drop.dir);
	if (was == OPENED || was == MAKING || (was == NOTHING && drop.spool >= 0))
		count_dropped(SPOOL_DROP_LATE);
	if (was == MAKING)
		sys_unlink(drop.spool, drop.hidden);
}
