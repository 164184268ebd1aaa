/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "collect/collector.h"
#include "read/spool.h"

/* Names that were taken: from the moment they are handed over until the file is gone. */
#define SET_MIN 1024

struct taken {
	char id[SPOOL_ID_MAX];
};

/* What cannot be read now may be readable soon: asked again after that, and for so long
 * the younger ones wait for it. */
#define RETRY_USEC (200 * USEC_PER_MSEC)
#define HOLD_USEC  (5 * USEC_PER_SEC)

struct spoolsrc {
	int dir, inotify;
	int spare; /* let go while a descriptor is needed: there is always one for hooks */
	struct loop_io *io;
	struct taken *v; /* hash table, open addressing; *id == 0: free */
	size_t n, cap;
	struct strv known; /* ids that the store had when we began, sorted */
	struct {
		uint64_t token;
		char id[SPOOL_ID_MAX];
	} * wait; /* in the order of the tokens */
	size_t wait_first, wait_n, wait_cap;
	struct strv stuck;        /* committed, but the file could not be removed */
	char held[SPOOL_ID_MAX];  /* the one that the younger ones wait for */
	uint64_t held_boot_usec;  /* since when */
	uint64_t retry_boot_usec; /* 0: nothing is waited for */
	bool gone;
	bool rescan; /* names were missed, or left because the queue was full */
	uint64_t n_bad;
	bool draining;
};

/* ---- the set ------------------------------------------------------------------------
 */

static struct taken *slot(struct taken *v, size_t cap, const char *id)
{
	size_t i = (size_t)str_hash(id) & (cap - 1);

	while (*v[i].id && !str_eq(v[i].id, id))
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static bool is_taken(const struct spoolsrc *s, const char *id)
{
	return s->cap && *slot(s->v, s->cap, id)->id;
}

static void take(struct spoolsrc *s, const char *id)
{
	if ((s->n + 1) * 2 > s->cap) {
		size_t cap = s->cap ? s->cap * 2 : SET_MIN;
		struct taken *v = xcalloc(cap, sizeof(*v));

		for (size_t i = 0; i < s->cap; i++)
			if (*s->v[i].id)
				*slot(v, cap, s->v[i].id) = s->v[i];
		free(s->v);
		s->v = v;
		s->cap = cap;
	}
	snprintf(slot(s->v, s->cap, id)->id, SPOOL_ID_MAX, "%s", id);
	s->n++;
}

/* Those that come after it in the chain are put in again. */
static void untake(struct spoolsrc *s, const char *id)
{
	struct taken *t = s->cap ? slot(s->v, s->cap, id) : NULL;
	size_t i;

	if (!t || !*t->id)
		return;
	*t->id = '\0';
	s->n--;
	for (i = ((size_t)(t - s->v) + 1) & (s->cap - 1); *s->v[i].id;
	     i = (i + 1) & (s->cap - 1)) {
		struct taken moved = s->v[i];

		*s->v[i].id = '\0';
		*slot(s->v, s->cap, moved.id) = moved;
	}
}

/* ---- files --------------------------------------------------------------------------
 */

/* Is it gone? */
static bool remove_file(struct collector *c, const char *id)
{
	struct err err = { 0 };

	if (spool_remove(c->spool->dir, id, &err) == 0) {
		untake(c->spool, id);
		return true;
	}
	/* it stays in the set: never told twice */
	loop_log_change(c->loop, 4, "unlink", id, "%s", err.msg);
	strv_add(&c->spool->stuck, xstrdup(id));
	return false;
}

static void remove_stuck(struct collector *c)
{
	_cleanup_(strv_done) struct strv again = c->spool->stuck;

	c->spool->stuck = (struct strv){ 0 };
	for (size_t i = 0; i < again.n; i++)
		remove_file(c, again.v[i]);
}

static void refuse(struct collector *c, const char *id, const struct err *err)
{
	c->spool->n_bad++;
	take(c->spool, id);
	if (remove_file(c, id))
		loop_log(c->loop, 4, "bad",
			 "spool file %s is no event and is removed: %s", id, err->msg);
}

static bool was_stored(const struct spoolsrc *s, const char *id)
{
	size_t lo = 0, hi = s->known.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(s->known.v[mid], id);

		if (d == 0)
			return true;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static void remember(struct spoolsrc *s, uint64_t token, const char *id)
{
	if (s->wait_first && s->wait_n == s->wait_cap) {
		memmove(s->wait, s->wait + s->wait_first,
			(s->wait_n - s->wait_first) * sizeof(*s->wait));
		s->wait_n -= s->wait_first;
		s->wait_first = 0;
	}
	GROW(s->wait, s->wait_n, s->wait_cap);
	s->wait[s->wait_n].token = token;
	snprintf(s->wait[s->wait_n++].id, SPOOL_ID_MAX, "%s", id);
}

static void tell(struct collector *c, const struct spool_event *h)
{
	const struct lc_ct *ct = lc_find(&c->lc, h->vmid);
	bool alive = false;

	if (ct && ct->phase == LC_UP &&
	    (h->type == HOOK_STOP || h->type == HOOK_POST_STOP)) {
		alive = cgsrc_is_alive(c, ct);
		if (!alive)
			cgsrc_poll_exit(c, h->vmid);
	} else if (ct && ct->phase == LC_ENDING) {
		cgsrc_poll_exit(c, h->vmid);
	}
	lc_hook(&c->lc, h, alive, collector_now());
}

static bool may_pass(int r)
{
	return r == -EIO || r == -EMFILE || r == -ENFILE || r == -ENOMEM ||
	       r == -EAGAIN || r == -EINTR || r == -EBUSY;
}

static void ask_again(struct spoolsrc *s)
{
	s->rescan = true;
	s->retry_boot_usec = clock_boot_usec() + RETRY_USEC;
}

/* It cannot be read. True: those that are younger wait for it. */
static bool hold(struct collector *c, const char *id, int r, const struct err *err)
{
	struct spoolsrc *s = c->spool;
	uint64_t now = clock_boot_usec();

	loop_log_change(c->loop, 4, "read", id, "%s", err->msg);
	if (!may_pass(r))
		return false; /* looked at again with the next reconciliation */
	if (!str_eq(s->held, id)) {
		snprintf(s->held, sizeof(s->held), "%s", id);
		s->held_boot_usec = now;
	}
	if (now >= s->held_boot_usec + HOLD_USEC)
		return false;
	ask_again(s);
	return true;
}

/* False: no younger one may be taken before it. */
static bool one_file(struct collector *c, const char *id)
{
	struct spoolsrc *s = c->spool;
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_event h = { 0 };
	struct err err = { 0 };
	uint64_t token;
	int r;

	if (!spool_is_id(id) || is_taken(s, id))
		return true;
	if (collector_is_full(c)) {
		s->rescan = true;
		return false;
	}
	if (was_stored(s, id)) {
		take(s, id);
		remove_file(c, id);
		return true;
	}
	r = spool_read(s->dir, id, &text, &h, &err);
	if (r == -EINVAL)
		refuse(c, id, &err);
	else if (r < 0 && r != -ENOENT)
		return !hold(c, id, r, &err);
	if (r < 0)
		return true;
	take(s, id);
	collector_flush(c, false); /* what came before is not this file's */
	tell(c, &h);
	token = collector_flush(c, true);
	remember(s, token, id);
	return true;
}

static bool list_names(struct collector *c, struct strv *names)
{
	_cleanup_(spool_list_done) struct spool_list list = { 0 };
	struct err err = { 0 };

	c->spool->rescan = false;
	if (spool_list(c->spool->dir, &list, &err) < 0) {
		loop_log(c->loop, 4, "scan", "%s", err.msg);
		ask_again(c->spool);
		return false;
	}
	for (size_t i = 0; i < list.ids.n; i++)
		strv_add(names, take_ptr(list.ids.v[i]));
	c->spool->rescan = list.more;
	return true;
}

/* All that the kernel has ready, in the order of the renames. */
static void read_names(struct spoolsrc *s, struct strv *names)
{
	_uninit_ char buf[16384]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	if (s->inotify < 0) {
		s->rescan = true;
		return;
	}
	while ((n = read(s->inotify, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			if (e->mask & IN_Q_OVERFLOW)
				s->rescan = true;
			else if (e->mask & IN_IGNORED)
				s->gone = true; /* removed, or its file system */
			else if (e->len)
				strv_add(names, xstrdup(e->name));
			p += sizeof(*e) + e->len;
		}
		if (n < (ssize_t)sizeof(buf) / 2)
			break;
	}
}

/*
 * Names that were told in their order, unless some were missed, or lay there before: then
 * the directory first, so that what is listed while its elder was not is no surprise, all
 * of them in the order of their time. A hook that is taken before its elder makes that one
 * late, and what it says is lost.
 */
static bool take_names(struct collector *c)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	struct spoolsrc *s = c->spool;
	bool whole = s->rescan && !collector_is_full(c);
	bool wait = s->rescan && clock_boot_usec() < s->retry_boot_usec;

	if (whole && !wait) {
		s->retry_boot_usec = 0;
		wait = !list_names(c, &names);
	}
	read_names(s, &names);
	if (wait)
		return true;
	if (whole)
		strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		if (!one_file(c, names.v[i]))
			break;
	return whole;
}

/*
 * Containers take as many descriptors as there are, and then a hook's file could not be
 * opened, nor the directory listed, for as long as all of them run.
 */
static void let_spare_go(struct spoolsrc *s)
{
	if (s->spare >= 0)
		close(s->spare);
	s->spare = -1;
}

static void keep_spare(struct spoolsrc *s)
{
	if (s->spare < 0)
		s->spare = fcntl(s->dir, F_DUPFD_CLOEXEC, 0);
}

void spoolsrc_drain(struct collector *c)
{
	struct spoolsrc *s = c->spool;

	if (!s || s->draining || s->dir < 0)
		return;
	s->draining = true;
	let_spare_go(s);
	if (!take_names(c) && s->rescan && !collector_is_full(c))
		(void)take_names(c);
	keep_spare(s);
	s->draining = false;
}

static void on_inotify(void *arg, uint32_t events)
{
	(void)events;
	spoolsrc_drain(arg);
	collector_settle(arg);
}

void spoolsrc_done(struct collector *c, uint64_t token, int result)
{
	struct spoolsrc *s = c->spool;

	if (!s || s->wait_first == s->wait_n || s->wait[s->wait_first].token != token)
		return;
	if (result < 0)
		loop_log(c->loop, 4, "lost", "event %s cannot be stored: %s",
			 s->wait[s->wait_first].id, strerror(-result));
	remove_file(c, s->wait[s->wait_first++].id);
	if (s->wait_first == s->wait_n)
		s->wait_first = s->wait_n = 0;
}

uint64_t spoolsrc_due(const struct collector *c)
{
	const struct spoolsrc *s = c->spool;

	return s && s->dir >= 0 && s->rescan ? s->retry_boot_usec : 0;
}

void spoolsrc_room(struct collector *c)
{
	if (c->spool && c->spool->rescan)
		spoolsrc_drain(c);
}

/*
 * What hooks had to drop is said once; what it was about is concluded from the kernel.
 * `killed`: they left a file that was not complete.
 */
static void tell_dropped(struct collector *c, uint64_t killed)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct spool_dropped d = { 0 };
	uint64_t sum = 0;

	if (spool_take_dropped(c->spool->dir, &d, NULL) < 0)
		d = (struct spool_dropped){ 0 };
	const struct {
		uint64_t n;
		const char *why;
	} parts[] = {
		{ d.full, "the spool was full" },
		{ d.write + d.other, "it could not be written" },
		{ d.late, "the hook's deadline came first, the node is overloaded" },
		{ killed, "the hook was killed" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!parts[i].n)
			continue;
		buf_addf(&text, "%s%ju: %s", sum ? "; " : "", (uintmax_t)parts[i].n,
			 parts[i].why);
		sum += parts[i].n;
	}
	if (!sum)
		return;
	c->n_dropped += sum;
	loop_log(c->loop, 4, "dropped", "events of hooks are missing: %s%s",
		 d.at_least ? "at least " : "", buf_str(&text));
	buf_addf(&text, "%s", d.at_least ? " (at least)" : "");
	collector_say(c, "dropped", buf_str(&text), sum);
}

static void close_dir(struct spoolsrc *s)
{
	loop_del_io(s->io);
	s->io = NULL;
	if (s->dir >= 0)
		close(s->dir);
	if (s->inotify >= 0)
		close(s->inotify);
	let_spare_go(s);
	s->dir = s->inotify = -1;
}

/* By the number of the descriptor: the path may be below another root. */
static int watch(struct spoolsrc *s)
{
	char path[32];

	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dir);
	if (inotify_add_watch(s->inotify, path, IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -errno;
	return 0;
}

/*
 * After a crash: files whose events are in the store already. (The ids of one boot sort
 * by time, so does the list.)
 */
static void find_stored(struct spoolsrc *s, struct db *db)
{
	_cleanup_(spool_list_done) struct spool_list list = { 0 };

	if (!db || spool_list(s->dir, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.ids.n; i++) {
		const struct event_query q = { .id = list.ids.v[i], .limit = 1 };
		_cleanup_(events_done) struct events found = { 0 };

		if (db_events(db, &q, &found, NULL) == 0 && found.n)
			strv_add(&s->known, xstrdup(list.ids.v[i]));
	}
	strv_sort(&s->known);
}

/*
 * tmpfiles.d makes the directory; where it is missing, and /run/ctscope is ours, we do.
 * Without it there are still events, from the kernel: it is tried again.
 */
static int open_dir(struct collector *c, struct err *err)
{
	struct spoolsrc *s = c->spool;
	int r;

	if (mkdirat(c->rootfd, c->o->spool, 0770) == 0 &&
	    fchmodat(c->rootfd, c->o->spool, 0770, 0) < 0) /* whatever the umask */
		return err_set(err, -errno, "chmod %s: %s", c->o->spool, strerror(errno));
	r = fs_open(c->rootfd, c->o->spool, O_RDONLY | O_DIRECTORY, &s->dir, err);
	if (r < 0)
		return r;
	s->rescan = true;
	return 0;
}

/* Without a watch it is looked through every ten seconds, and whenever a guest moves. */
static void try_watch(struct collector *c)
{
	struct spoolsrc *s = c->spool;
	int r = watch(s);

	if (r == 0)
		s->io = loop_add_io(c->loop, s->inotify, EPOLLIN, true, on_inotify, c);
	if (s->io)
		return;
	if (s->inotify >= 0)
		close(s->inotify);
	s->inotify = -1;
	loop_log(c->loop, 4, "spool",
		 "%s is not watched (%s; fs.inotify.max_user_watches): looked through "
		 "every ten seconds instead",
		 c->o->spool, strerror(r < 0 ? -r : ENOMEM));
}

static void try_open(struct collector *c)
{
	struct err why = { 0 };

	if (open_dir(c, &why) == 0) {
		try_watch(c);
		return;
	}
	close_dir(c->spool);
	loop_log(c->loop, 4, "nospool", "events of hooks are not seen: %s", why.msg);
}

/* As it is held open, nobody tells that it was removed or that another is in its place. */
static bool is_there(struct collector *c)
{
	struct fs_stat held, there;
	int r = fs_stat(c->spool->dir, ".", false, &held, NULL);

	if (r == 0)
		r = fs_stat(c->rootfd, c->o->spool, true, &there, NULL);
	return r == 0 ? held.ino == there.ino : may_pass(r);
}

void spoolsrc_reconcile(struct collector *c)
{
	size_t swept = 0;

	if (!c->spool)
		return;
	let_spare_go(c->spool); /* until it is drained */
	if (c->spool->gone || c->spool->dir < 0 || !is_there(c)) {
		c->spool->gone = false;
		close_dir(c->spool);
		try_open(c);
		if (c->spool->dir < 0)
			return;
	}
	if (!c->spool->io)
		try_watch(c);
	if (c->spool->n_bad) {
		collector_say(c, "dropped", "files in the spool that are no events",
			      c->spool->n_bad);
		c->spool->n_bad = 0;
	}
	(void)spool_sweep(c->spool->dir, clock_boot_usec(), &swept, NULL);
	tell_dropped(c, swept);
	remove_stuck(c);
	c->spool->rescan = true;
	spoolsrc_drain(c);
}

int spoolsrc_open(struct collector *c, struct db *db, struct err *err)
{
	struct spoolsrc *s = xcalloc(1, sizeof(*s));

	(void)err;
	c->spool = s;
	s->dir = s->inotify = s->spare = -1;
	try_open(c);
	if (s->dir < 0)
		return 0;
	find_stored(s, db);
	keep_spare(s);
	return 0;
}

/* No more is taken; writer_stop() commits all, and the next start removes the files. */
void spoolsrc_finish(struct collector *c)
{
	if (!c->spool)
		return;
	loop_del_io(c->spool->io);
	c->spool->io = NULL;
}

void spoolsrc_close(struct collector *c)
{
	struct spoolsrc *s = c->spool;

	if (!s)
		return;
	close_dir(s);
	strv_done(&s->known);
	strv_done(&s->stuck);
	free(s->v);
	free(s->wait);
	free(s);
	c->spool = NULL;
}
