/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <diskuse.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/num.h"
#include "collect/collector.h"
#include "read/diskwire.h"

/*
 * How full the root file systems are: once a minute while that changes, where it does not
 * after twice the time until it is ten minutes (a process for each of them is two
 * milliseconds of CPU), and where many run not all in one minute. Nothing here may look at
 * one: the reader is asked for it (guest/serve.h), 64 at a time, over a socket that systemd
 * starts it by. No reader, no row: it is no fault, and said in the status.
 */
#define EVERY_USEC    (60 * USEC_PER_SEC)
#define SELDOM_USEC   (600 * USEC_PER_SEC)
#define SETTLE_USEC   (3 * USEC_PER_SEC) /* after a start: until its root is its own */
#define DEADLINE_USEC (4 * USEC_PER_SEC)
#define TROUBLED_USEC (600 * USEC_PER_SEC) /* before one that hangs is asked again */
#define HOURLY_USEC   (3600 * USEC_PER_SEC)
#define GAP_USEC      (15 * USEC_PER_SEC) /* between two batches of a round */
#define MISSED        3 /* times in turn: then it is not known any more */

struct diskct {
	uint32_t vmid;
	uint64_t life;
	uint64_t due_boot_usec;
	uint64_t step_usec; /* until it is asked again */
	uint64_t round;     /* in which it was asked last; 0: not in this life */
	unsigned missed;
	enum disk_why why;    /* the last answer */
	bool known;           /* by the last row, which was: */
	struct disk_use last; /* this */
	uint64_t row_boot_usec;
};

struct disksrc {
	struct loop_io *timer, *io;
	int fd; /* of the batch under way; -1: none */
	uint64_t deadline_boot_usec;
	uint64_t free_boot_usec; /* no batch before then */
	struct disk_ask asks[DISK_MAX_ASKED];
	uint64_t lives[DISK_MAX_ASKED];
	size_t n_asks;

	struct diskct *v; /* by vmid */
	size_t n, cap;
	uint64_t round, round_boot_usec; /* 1 and up, and when the next begins */
	uint64_t round_usec;             /* for how long it lasts */
	uint64_t n_failed; /* batches without an answer since the last one */
	int error;         /* of the last of them, negative */
};

/* ---- what is known of each ---- */

static struct diskct *find(struct disksrc *s, uint32_t vmid, size_t *ret_at)
{
	size_t from = 0, to = s->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (s->v[mid].vmid < vmid)
			from = mid + 1;
		else
			to = mid;
	}
	*ret_at = from;
	return from < s->n && s->v[from].vmid == vmid ? &s->v[from] : NULL;
}

/* Of the present life; a new one begins with nothing. */
static struct diskct *get(struct disksrc *s, const struct lc_ct *ct, uint64_t now)
{
	size_t at;
	struct diskct *d = find(s, ct->vmid, &at);

	if (!d) {
		GROW(s->v, s->n, s->cap);
		memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
		s->n++;
		d = &s->v[at];
		*d = (struct diskct){ .vmid = ct->vmid };
	}
	if (d->life != ct->life)
		*d = (struct diskct){ .vmid = ct->vmid,
				      .life = ct->life,
				      .due_boot_usec = now + SETTLE_USEC };
	return d;
}

static void put_row(struct collector *c, struct diskct *d, const struct disk_use *u)
{
	struct disk_row row = { .vmid = d->vmid,
				.life = d->life,
				.real_usec = clock_real_usec(),
				.known = u != NULL };

	if (u) {
		row.use = *u;
		d->last = *u;
	}
	/* dropped: the next one is the first again */
	d->known = writer_disk(c->writer, &row, 1) == 0 && u;
	d->row_boot_usec = clock_boot_usec();
}

/* The last row must not be older than an hour when it is asked the next time. */
static bool is_news(const struct disksrc *s, const struct diskct *d,
		    const struct disk_use *u)
{
	uint64_t age = clock_boot_usec() - d->row_boot_usec;

	return !d->known || age + s->round_usec + d->step_usec >= HOURLY_USEC ||
	       disk_use_changed(&d->last, u);
}

/* What was known holds for a few minutes, then it is said that it is not any more. */
static void miss(struct collector *c, struct diskct *d, enum disk_why why)
{
	bool hangs = why == DISK_STUCK || why == DISK_BUSY || why == DISK_REFUSED;

	d->why = why;
	d->missed++;
	if (hangs)
		d->due_boot_usec = clock_boot_usec() + TROUBLED_USEC;
	if (d->known && (hangs || d->missed >= MISSED))
		put_row(c, d, NULL);
}

static void take(struct collector *c, struct diskct *d, const struct disk_use *u)
{
	if (u->why) {
		miss(c, d, u->why);
		return;
	}
	d->missed = 0;
	d->why = DISK_OK;
	d->step_usec = !d->known || disk_use_changed(&d->last, u)
			       ? EVERY_USEC
			       : MIN(2 * d->step_usec, SELDOM_USEC);
	/* in the round that is nearest to it */
	d->due_boot_usec = clock_boot_usec() + d->step_usec - EVERY_USEC / 2;
	if (is_news(c->disk, d, u))
		put_row(c, d, u);
}

/* ---- a batch ---- */

/* One batch alone is the whole round. */
static uint64_t gap(const struct disksrc *s)
{
	return s->round_usec > EVERY_USEC || s->n > DISK_MAX_ASKED ? GAP_USEC
								   : USEC_PER_SEC;
}

static void disconnect(struct disksrc *s)
{
	loop_del_io(s->io);
	s->io = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void end_batch(struct disksrc *s)
{
	disconnect(s);
	s->n_asks = 0;
	s->free_boot_usec = clock_boot_usec() + gap(s);
}

/* The one that was asked for, if it is still in that life. */
static struct diskct *asked(struct disksrc *s, size_t i)
{
	size_t at;
	struct diskct *d = find(s, s->asks[i].vmid, &at);

	return d && d->life == s->lives[i] ? d : NULL;
}

static void fail(struct collector *c, int error)
{
	struct disksrc *s = c->disk;

	s->n_failed++;
	s->error = error;
	for (size_t i = 0; i < s->n_asks; i++) {
		struct diskct *d = asked(s, i);

		if (d)
			miss(c, d, DISK_LATE);
	}
	end_batch(s);
}

static int take_answer(struct collector *c)
{
	struct disksrc *s = c->disk;
	_uninit_ char text[DISKWIRE_MAX_ANSWER + 1];
	_uninit_ struct disk_use v[DISK_MAX_ASKED];
	size_t n = 0;
	int r, error = 0;
	ssize_t got = recv(s->fd, text, sizeof(text), 0);

	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	r = diskwire_parse_answer(span_of(text, (size_t)got), v, &n, &error, NULL);
	if (r == 0 && (error || n != s->n_asks))
		r = error ? -error : -EBADMSG;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (v[i].vmid != s->asks[i].vmid)
			r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct diskct *d = asked(s, i);

		if (d)
			take(c, d, &v[i]);
	}
	return r;
}

static void on_answer(void *arg, uint32_t events)
{
	struct collector *c = arg;
	struct disksrc *s = c->disk;
	int r = take_answer(c);

	(void)events;
	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r < 0) {
		fail(c, r);
	} else {
		end_batch(s);
		s->n_failed = 0;
		s->error = 0;
	}
	loop_at(s->timer, s->free_boot_usec);
	collector_settle(c);
}

/* Nothing of it waits: a reader that has no room is asked with the next round. */
static int send_request(struct collector *c)
{
	static const struct sockaddr_un at = { AF_UNIX, "/" DISKWIRE_SOCKET };
	struct disksrc *s = c->disk;
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = diskwire_put_request(&b, s->asks, s->n_asks, NULL);

	if (r < 0)
		return r;
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    send(s->fd, b.p, b.n, MSG_NOSIGNAL) < 0)
		return -errno;
	s->io = loop_add_io(c->loop, s->fd, EPOLLIN, false, on_answer, c);
	if (!s->io)
		return -ENOMEM;
	s->deadline_boot_usec = clock_boot_usec() + DEADLINE_USEC;
	return 0;
}

/* ---- whose turn it is ---- */

static bool is_due(const struct disksrc *s, const struct diskct *d, uint64_t now)
{
	return d->round != s->round && d->due_boot_usec <= now;
}

/* When to look again, if nothing is asked for now. */
static uint64_t pick(struct collector *c, uint64_t now)
{
	struct disksrc *s = c->disk;
	uint64_t next = s->round_boot_usec;

	s->n_asks = 0;
	for (size_t i = 0; i < c->lc.n; i++) {
		const struct lc_ct *ct = &c->lc.v[i];
		struct diskct *d;

		if (ct->phase != LC_UP || ct->init <= 1 || !ct->init_ticks)
			continue;
		d = get(s, ct, now);
		if (!is_due(s, d, now)) {
			if (!d->round)
				next = MIN(next, d->due_boot_usec);
			continue;
		}
		if (s->n_asks == DISK_MAX_ASKED)
			return 0;
		d->round = s->round;
		s->lives[s->n_asks] = d->life;
		s->asks[s->n_asks++] =
			(struct disk_ask){ ct->vmid, ct->init, ct->init_ticks };
	}
	return next;
}

static void step(struct collector *c)
{
	struct disksrc *s = c->disk;
	uint64_t now = clock_boot_usec(), next;
	int r;

	if (now >= s->round_boot_usec) {
		s->round++;
		s->round_usec = MAX(EVERY_USEC, (s->n / DISK_MAX_ASKED + 1) * GAP_USEC);
		s->round_boot_usec = now + s->round_usec;
	}
	next = now < s->free_boot_usec ? s->free_boot_usec : pick(c, now);
	if (!s->n_asks) {
		loop_at(s->timer, next);
		return;
	}
	r = send_request(c);
	if (r < 0)
		fail(c, r);
	loop_at(s->timer, r < 0 ? s->free_boot_usec : s->deadline_boot_usec);
}

static void on_timer(void *arg, uint32_t events)
{
	struct collector *c = arg;

	(void)events;
	if (c->disk->fd >= 0)
		fail(c, -ETIMEDOUT);
	step(c);
	collector_settle(c);
}

/* ---- its life ---- */

int disksrc_open(struct collector *c, struct err *err)
{
	struct disksrc *s;

	if (!c->o->live)
		return 0;
	s = xcalloc(1, sizeof(*s));
	s->fd = -1;
	s->timer = loop_add_timer(c->loop, on_timer, c);
	c->disk = s;
	if (!s->timer)
		return err_set(err, -ENOMEM, "add to the event loop");
	loop_at(s->timer, clock_boot_usec() + SETTLE_USEC);
	return 0;
}

void disksrc_reconcile(struct collector *c)
{
	/* who has started since; in the middle of a batch its end looks */
	if (c->disk && c->disk->fd < 0)
		step(c);
}

/* From now on nobody looks. */
void disksrc_finish(struct collector *c)
{
	struct disksrc *s = c->disk;

	for (size_t i = 0; s && i < s->n; i++) {
		const struct lc_ct *ct = lc_find(&c->lc, s->v[i].vmid);

		if (s->v[i].known && ct && ct->life == s->v[i].life)
			put_row(c, &s->v[i], NULL);
	}
}

void disksrc_close(struct collector *c)
{
	struct disksrc *s = c->disk;

	if (!s)
		return;
	disconnect(s);
	loop_del_io(s->timer);
	free(s->v);
	free(s);
	c->disk = NULL;
}

void disksrc_trouble(const struct collector *c, char *ret, size_t size)
{
	const struct disksrc *s = c->disk;
	size_t hang = 0;

	*ret = '\0';
	for (size_t i = 0; s && i < s->n; i++) {
		const struct lc_ct *ct = lc_find(&c->lc, s->v[i].vmid);

		hang += (s->v[i].why == DISK_STUCK || s->v[i].why == DISK_BUSY) && ct &&
			ct->phase == LC_UP && ct->life == s->v[i].life;
	}
	if (s && s->n_failed)
		snprintf(ret, size,
			 "; use of root disks is not recorded: /" DISKWIRE_SOCKET
			 ": %s (tries: %ju)",
			 strerror(-s->error), (uintmax_t)s->n_failed);
	else if (hang)
		snprintf(ret, size, "; the root disks of %zu containers cannot be asked",
			 hang);
}
