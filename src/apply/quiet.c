/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LXC reads common.conf.d by opendir() and readdir(), opens each name while it goes on, and
 * closes the directory then (src/lxc/confile.c, do_includedir). The kernel asks us before
 * each listing of a directory that we have marked (fanotify(7), FAN_ACCESS_PERM), so from
 * the mark on everybody is known who has listed it:
 *   - who did before has it open still, and is found in /proc
 *   - whom we let list it since is noted
 * When none of them has the directory open, but to wait for our answer, none is between
 * listing and opening. Who waits has dealt with all that it was told before, and what it is
 * told after the answer is what is left. When we die the kernel answers for us.
 */
#include "apply/quiet.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fanotify.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"

/* how long we wait for a moment, and how long others wait for us */
#define PATIENCE_USEC (2 * USEC_PER_SEC)
#define HOLD_USEC     (20 * USEC_PER_MSEC)
#define LAST_USEC     (50 * USEC_PER_MSEC)
#define CHECK_USEC    200

/* of whom we wait for an answer: a descriptor of ours each, the rest waits in the queue */
#define MAX_WAIT 64

struct quiet {
	int proc; /* <root>/proc */
	int dir;  /* opened before the mark, never listed */
	int fan;
	const char *name;       /* of the directory */
	char *self;             /* our pid in proc */
	uint64_t ino;           /* of the directory, as fdinfo says it */
	uint64_t end_mono_usec; /* of our patience */
	bool hold;              /* nobody is answered */
	struct {
		int32_t pid;
		int fd;
	} waits[MAX_WAIT];
	size_t n_waits;
	int32_t *seen; /* pids of who may have listed it */
	size_t n_seen, cap_seen;
};

static void let_on(struct quiet *q);

static void quiet_done(struct quiet *q)
{
	let_on(q);
	free(q->self);
	free(q->seen);
	cleanup_close(&q->fan);
	cleanup_close(&q->dir);
	cleanup_close(&q->proc);
}

/* ---- who asks ---------------------------------------------------------------------- */

static void note_seen(struct quiet *q, int32_t pid)
{
	for (size_t i = 0; i < q->n_seen; i++)
		if (q->seen[i] == pid)
			return;
	GROW(q->seen, q->n_seen, q->cap_seen);
	q->seen[q->n_seen++] = pid;
}

static void let_on(struct quiet *q)
{
	for (size_t i = 0; i < q->n_waits; i++) {
		const struct fanotify_response yes = { q->waits[i].fd, FAN_ALLOW };

		note_seen(q, q->waits[i].pid);
		/* it fails for who was killed meanwhile */
		(void)!write(q->fan, &yes, sizeof(yes));
		close(q->waits[i].fd);
	}
	q->n_waits = 0;
}

/* Takes what is asked, one time; answers it unless all are held. */
static void attend(struct quiet *q)
{
	struct fanotify_event_metadata m[MAX_WAIT];
	ssize_t n = 0;

	if (q->n_waits < MAX_WAIT)
		n = read(q->fan, m, (MAX_WAIT - q->n_waits) * sizeof(*m));
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(*m); i++) {
		if (m[i].fd < 0)
			continue;
		q->waits[q->n_waits].pid = m[i].pid;
		q->waits[q->n_waits++].fd = m[i].fd;
	}
	if (!q->hold)
		let_on(q);
}

static void attend_for(struct quiet *q, uint64_t usec)
{
	struct pollfd p = { .fd = q->fan, .events = POLLIN };
	uint64_t now, end = clock_mono_usec() + usec;

	while ((now = clock_mono_usec()) < end) {
		poll(&p, 1, (int)((end - now) / USEC_PER_MSEC + 1));
		attend(q);
	}
}

static size_t waits_of(const struct quiet *q, int32_t pid)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n_waits; i++)
		n += q->waits[i].pid == pid;
	return n;
}

/* ---- who has it open --------------------------------------------------------------- */

struct holder {
	const struct quiet *q;
	const char *pid;
	size_t n;
};

/* The inode of that process's descriptor; 0: the kernel does not say (before 5.14). */
static uint64_t fd_ino(int proc, const char *pid, const char *fd)
{
	char path[64], text[4096];
	const char *at;
	uint64_t ino;
	size_t n;

	snprintf(path, sizeof(path), "%s/fdinfo/%s", pid, fd);
	if (fs_read_small(proc, path, text, sizeof(text) - 1, &n, NULL) < 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, "\nino:\t");
	if (!at)
		return 0;
	at += strlen("\nino:\t");
	return num_parse_u64(span_of(at, strcspn(at, "\n")), &ino) < 0 ? 0 : ino;
}

/* By name first, which is cheap: nothing of the file is asked, whose file system may hang. */
static int count_fd(const char *fd, void *arg)
{
	struct holder *h = arg;
	char path[64], text[4096];
	const char *slash;
	uint64_t ino;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/fd/%s", h->pid, fd);
	n = readlinkat(h->q->proc, path, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	slash = strrchr(text, '/');
	if (!slash || !str_eq(slash + 1, h->q->name))
		return 0;
	ino = fd_ino(h->q->proc, h->pid, fd);
	h->n += !ino || !h->q->ino || ino == h->q->ino;
	return 0;
}

static size_t held_by(const struct quiet *q, const char *pid)
{
	struct holder h = { q, pid, 0 };
	char path[32];

	snprintf(path, sizeof(path), "%s/fd", pid);
	fs_each(q->proc, path, count_fd, &h, NULL);
	return h.n;
}

/* Of /proc, until our patience ends; meanwhile nobody waits for us. */
static int note_holder(const char *name, void *arg)
{
	struct quiet *q = arg;
	uint32_t pid;

	attend(q);
	if (num_parse_u32(span_of(name, strlen(name)), &pid) == 0 &&
	    !str_eq(name, q->self) && held_by(q, name))
		note_seen(q, (int32_t)pid);
	return clock_mono_usec() < q->end_mono_usec ? 0 : -ETIME;
}

/* ---- the moment -------------------------------------------------------------------- */

/*
 * While all are held: has each of those who may have listed it come to its end, or back to
 * us? Who has is forgotten: nobody lists anything now.
 */
static bool is_quiet(struct quiet *q, uint64_t end_mono_usec)
{
	attend(q);
	for (size_t i = q->n_seen; i-- > 0 && clock_mono_usec() < end_mono_usec;) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d", q->seen[i]);
		if (held_by(q, pid) <= waits_of(q, q->seen[i]))
			q->seen[i] = q->seen[--q->n_seen];
	}
	return q->n_seen == 0;
}

/* Holds all, until it is quiet or for that long. */
static bool hold(struct quiet *q, uint64_t usec)
{
	uint64_t end = clock_mono_usec() + usec;

	q->hold = true;
	while (!is_quiet(q, end)) {
		if (clock_mono_usec() >= end)
			return false;
		clock_sleep_usec(CHECK_USEC);
	}
	return true;
}

static void wait_quiet(struct quiet *q)
{
	q->end_mono_usec = clock_mono_usec() + PATIENCE_USEC;
	/*
	 * Whoever was on its way into the directory when it was marked has it open by now: from
	 * Linux 6.14 on its listing is not asked for (fs/notify, file_set_fsnotify_mode).
	 */
	attend_for(q, 2 * USEC_PER_MSEC);
	fs_each(q->proc, ".", note_holder, q, NULL);
	while (clock_mono_usec() < q->end_mono_usec) {
		if (hold(q, HOLD_USEC))
			return;
		q->hold = false;
		attend_for(q, HOLD_USEC);
	}
	hold(q, LAST_USEC);
}

/* False: it cannot be watched. */
static bool watch(struct quiet *q, int rootfd)
{
	char fd[16];

	/* one for each who waits: the kernel says no to who asks while we have none left */
	if (sysconf(_SC_OPEN_MAX) < 4 * MAX_WAIT ||
	    fs_open(rootfd, "proc", O_RDONLY | O_DIRECTORY, &q->proc, NULL) < 0 ||
	    fs_readlink(q->proc, "self", &q->self, NULL) < 0)
		return false;
	snprintf(fd, sizeof(fd), "%d", q->dir);
	q->ino = fd_ino(q->proc, q->self, fd);
	q->fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK,
			       O_RDONLY | O_CLOEXEC);
	return q->fan >= 0 &&
	       fanotify_mark(q->fan, FAN_MARK_ADD | FAN_MARK_ONLYDIR,
			     FAN_ACCESS_PERM | FAN_ONDIR, q->dir, NULL) == 0;
}

/* ^Z while others wait for us: not now. */
static void hold_stops(sigset_t *before)
{
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	sigaddset(&stops, SIGTTIN);
	sigaddset(&stops, SIGTTOU);
	sigprocmask(SIG_BLOCK, &stops, before);
}

int quiet_remove(int rootfd, const char *path, struct err *err)
{
	_cleanup_(quiet_done) struct quiet q = { .proc = -1, .dir = -1, .fan = -1 };
	_cleanup_free_ char *where = NULL;
	const char *name;
	sigset_t before;
	int r = fs_open_parent(rootfd, path, &name, &q.dir, err);

	if (r < 0)
		return r;
	where = xstrndup(path, name > path ? (size_t)(name - path - 1) : 0);
	q.name = strrchr(where, '/') ? strrchr(where, '/') + 1 : where;
	hold_stops(&before);
	if (faccessat(q.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && watch(&q, rootfd))
		wait_quiet(&q);
	r = unlinkat(q.dir, name, 0) < 0 ? -errno : 0;
	q.hold = false;
	let_on(&q);
	cleanup_close(&q.fan);
	q.fan = -1;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r == 0 && fsync(q.dir) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "remove %s: %s", path, strerror(-r)) : 0;
}
