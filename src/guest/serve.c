/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "guest/serve.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/diskwire.h"
#include "read/guestread.h"
#include "sandbox/sandbox.h"

#define ASK_MSEC  1000 /* who connects asks at once */
#define EACH_MSEC 300
#define TOGETHER  16   /* at work at a time: no more than a busy machine has time for */
#define ALL_MSEC  2500 /* no more of them are begun then */

static int say(int level, const char *text)
{
	fprintf(stderr, "<%d>guest-read: %s\n", level, text);
	return 1;
}

/*
 * The socket's owner: that of the file which it is bound to. It lies in a directory of
 * root's, so nobody else can exchange it. Root's where there is none (tests).
 */
static uid_t owner_of(int fd)
{
	struct sockaddr_un at = { 0 };
	socklen_t n = sizeof(at);
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0 || at.sun_family != AF_UNIX ||
	    at.sun_path[0] != '/' || n >= sizeof(at) || lstat(at.sun_path, &st) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return 0;
	return st.st_uid;
}

static bool may_ask(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || n != sizeof(who))
		return false;
	return who.uid == 0 || who.uid == owner_of(fd);
}

static int receive(int fd, char *buf, size_t cap, size_t *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ASK_MSEC) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, buf, cap, MSG_DONTWAIT | MSG_TRUNC);
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	if ((size_t)n > cap)
		return -E2BIG;
	*ret = (size_t)n;
	return 0;
}

static int answer(int fd, const struct disk_use *v, size_t n, int error)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	diskwire_put_answer(&b, v, n, error);
	return send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.n ? 0 : 1;
}

/* ---- asking ---- */

static enum disk_why why_of(const struct guestread_job *job)
{
	if (job->stuck)
		return DISK_STUCK;
	switch (job->error) {
	case 0:
		break;
	case -ESRCH: /* or it is starting */
	case -EAGAIN:
		return DISK_GONE;
	case -ETIMEDOUT:
		return DISK_LATE;
	case -EBUSY:
		return DISK_BUSY;
	default:
		return DISK_FAILED;
	}
	switch (job->answers.v[0].why) {
	case GUESTREAD_OK:
		return DISK_OK;
	case GUESTREAD_LATE:
	case GUESTREAD_NO_ANSWER:
		return DISK_LATE;
	case GUESTREAD_FSTYPE:
	case GUESTREAD_CHROOT:
	case GUESTREAD_KIND:
		return DISK_REFUSED;
	default:
		return DISK_FAILED;
	}
}

static struct disk_use use_of(const struct guestread_job *job)
{
	struct disk_use u = { .vmid = job->target.vmid, .why = why_of(job) };
	const struct guestread_fs *fs;

	if (u.why)
		return u;
	fs = &job->answers.v[0].fs;
	u.size_bytes = fs->total_bytes;
	u.used_bytes = num_sub(fs->total_bytes, fs->free_bytes);
	u.avail_bytes = fs->avail_bytes;
	u.inodes = fs->files;
	u.inodes_used = num_sub(fs->files, fs->files_free);
	return u;
}

/* How many of them were asked. */
static size_t run(int root, const char *program, struct guestread_job *jobs, size_t n)
{
	uint64_t until = clock_mono_usec() + ALL_MSEC * USEC_PER_MSEC;
	size_t i;

	for (i = 0; i < n && clock_mono_usec() < until; i += MIN(TOGETHER, n - i))
		(void)guestread_run(root, program, jobs + i, MIN(TOGETHER, n - i));
	return i;
}

/* A root of a type that may be left unanswered is refused, not asked. */
static int ask(const struct disk_ask *asks, size_t n, struct disk_use *ret)
{
	_cleanup_(buf_done) struct buf program = { 0 };
	struct guestread_item item = { .op = GUESTREAD_STATFS, .path = "/" };
	struct guestread_job *jobs = xcalloc(n, sizeof(*jobs));
	int root = -1, r = fs_open_root("/", &root, NULL);
	size_t done;

	if (r < 0) {
		free(jobs);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		jobs[i].target = (struct guestread_target){
			asks[i].vmid,
			asks[i].init_pid,
			asks[i].start_ticks,
		};
		jobs[i].request = (struct guestread_request){ &item, 1, EACH_MSEC };
	}
	guestread_program(root, &program);
	done = run(root, buf_str(&program), jobs, n);
	for (size_t i = 0; i < n; i++) {
		ret[i] = i < done ? use_of(&jobs[i])
				  : (struct disk_use){ .vmid = asks[i].vmid,
						       .why = DISK_LATE };
		if (ret[i].why == DISK_FAILED && jobs[i].error)
			say(4, jobs[i].err.msg);
		guestread_job_done(&jobs[i]);
	}
	free(jobs);
	close(root);
	return 0;
}

int serve(int fd)
{
	_uninit_ char text[DISKWIRE_MAX_REQUEST];
	_uninit_ struct disk_ask asks[DISK_MAX_ASKED];
	_uninit_ struct disk_use uses[DISK_MAX_ASKED];
	struct err err = { 0 };
	size_t n = 0;
	int r;

	if (sandbox_begin(&err) < 0)
		return say(3, err.msg);
	if (!may_ask(fd))
		return say(4, "refused: only root and the owner of the socket may ask");
	r = receive(fd, text, sizeof(text), &n);
	if (r < 0 && r != -E2BIG)
		return say(4, "nothing was asked for");
	if (r == 0)
		r = diskwire_parse_request(span_of(text, n), asks, &n, &err);
	else
		err_set(&err, r, "more than %d bytes", DISKWIRE_MAX_REQUEST);
	if (r == 0)
		r = ask(asks, n, uses);
	if (r == 0)
		return answer(fd, uses, n, 0);
	say(4, err.code ? err.msg : strerror(-r));
	(void)answer(fd, NULL, 0, -r);
	return 1;
}
