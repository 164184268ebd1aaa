/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "read/journal.h"

/*
 * The kernel's messages out of the journal, in a thread of its own: the journal's files
 * are on a disk that may be slow. Without a journal, or the right to read it, OOM kills
 * are still counted; only who was killed is not known.
 */
#define MAX_LINES         4096 /* that wait for the loop */
#define RETRY_USEC        (30 * USEC_PER_SEC)
#define DENIED_EVERY_USEC (10 * USEC_PER_SEC)
#define DENIED_KEPT       64

struct denied {
	uint32_t vmid;
	char *operation, *path, *profile, *process;
	struct lc_time first;
	uint64_t times;
};

struct kernsrc {
	struct collector *c;
	int rootfd, wake; /* eventfd towards the loop */
	int stop;         /* eventfd towards the thread */
	struct loop_io *io;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;
	/* under the lock */
	struct strv lines;
	uint64_t lost;
	bool there;
	char why[256];

	struct denied denied[DENIED_KEPT];
	size_t n_denied;
	uint64_t denied_more;
};

/* ---- the thread ---------------------------------------------------------------------
 */

static void hand_over(struct kernsrc *s, const struct loglines *l)
{
	const uint64_t one = 1;
	bool any = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < l->n; i++) {
		struct span text = span_of((const char *)l->v[i].text.p, l->v[i].text.n);
		struct kernmsg m;

		if (!kernmsg_parse(text, &m))
			continue;
		any = true;
		if (s->lines.n < MAX_LINES)
			strv_addn(&s->lines, text.p, text.n);
		else
			s->lost++;
	}
	pthread_mutex_unlock(&s->lock);
	if (any)
		(void)!write(s->wake, &one, sizeof(one));
}

static void say_there(struct kernsrc *s, bool there, const char *why)
{
	pthread_mutex_lock(&s->lock);
	s->there = there;
	snprintf(s->why, sizeof(s->why), "%s", why);
	pthread_mutex_unlock(&s->lock);
}

/* False: it is to end. */
static bool wait_for(struct kernsrc *s, int fd, uint64_t usec)
{
	struct pollfd p[2] = { { .fd = s->stop, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };

	(void)poll(p, fd >= 0 ? 2 : 1, (int)(usec / 1000));
	return !(p[0].revents & POLLIN);
}

static bool follow(struct kernsrc *s, struct journal *j, uint64_t since)
{
	struct err err = { 0 };

	say_there(s, true, "");
	for (;;) {
		_cleanup_(loglines_done) struct loglines lines = { 0 };

		if (journal_follow_kernel(j, since, 1024, &lines, &err) < 0) {
			say_there(s, false, err.msg);
			return true;
		}
		hand_over(s, &lines);
		if (!lines.n && !wait_for(s, journal_fd(j), USEC_PER_SEC))
			return false;
	}
}

static void *run(void *arg)
{
	struct kernsrc *s = arg;
	uint64_t since = clock_real_usec();
	bool on = true;

	while (on) {
		struct journal *j = NULL;
		struct err err = { 0 };

		if (journal_open(s->rootfd, true, &j, &err) == 0)
			on = follow(s, j, since);
		else
			say_there(s, false, err.msg);
		journal_free(j);
		since = clock_real_usec();
		if (on)
			on = wait_for(s, -1, RETRY_USEC);
	}
	return NULL;
}

/* ---- the loop -----------------------------------------------------------------------
 */

static bool same_denied(const struct denied *d, const struct kernmsg *m)
{
	return d->vmid == m->vmid && span_eq(m->operation, d->operation) &&
	       span_eq(m->path, d->path) && span_eq(m->profile, d->profile);
}

/* The same refusal again and again is one event each ten seconds. */
static void on_denied(struct kernsrc *s, const struct kernmsg *m)
{
	struct denied *d;

	for (size_t i = 0; i < s->n_denied; i++)
		if (same_denied(&s->denied[i], m)) {
			s->denied[i].times++;
			return;
		}
	if (s->n_denied == DENIED_KEPT) {
		s->denied_more++;
		return;
	}
	d = &s->denied[s->n_denied++];
	*d = (struct denied){ .vmid = m->vmid,
			      .operation = span_dup(m->operation),
			      .path = span_dup(m->path),
			      .profile = span_dup(m->profile),
			      .process = span_dup(m->name),
			      .first = collector_now(),
			      .times = 1 };
}

static void tell_denied(struct collector *c, struct denied *d)
{
	struct event *e =
		collector_event(c, EVENT_DENIED, ORIGIN_KERNEL, d->vmid, d->first);
	struct data w;

	collector_id(c, e, "denied", d->first.boot_usec);
	if (data_open(&w)) {
		jw_str(w.w, "by", "apparmor");
		jw_text(w.w, "operation", tbytes_str(d->operation));
		if (*d->path)
			jw_text(w.w, "path", tbytes_str(d->path));
		if (*d->process)
			jw_text(w.w, "process", tbytes_str(d->process));
		jw_text(w.w, "profile", tbytes_str(d->profile));
		jw_int(w.w, "times", d->times);
		data_close(&w, &e->data);
	}
	free(d->operation);
	free(d->path);
	free(d->profile);
	free(d->process);
}

static void on_wake(void *arg, uint32_t events)
{
	struct kernsrc *s = arg;
	struct strv lines;
	uint64_t n;

	(void)events;
	(void)!read(s->wake, &n, sizeof(n));
	pthread_mutex_lock(&s->lock);
	lines = s->lines;
	s->lines = (struct strv){ 0 };
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < lines.n; i++) {
		struct kernmsg m;

		if (!kernmsg_parse(span_str(lines.v[i]), &m))
			continue;
		if (m.kind == KERNMSG_DENIED)
			on_denied(s, &m);
		else
			oom_message(s->c, &m);
	}
	strv_done(&lines);
	collector_settle(s->c);
}

bool kernsrc_is_there(const struct collector *c)
{
	bool there;

	if (!c->kern)
		return false;
	pthread_mutex_lock(&c->kern->lock);
	there = c->kern->there;
	pthread_mutex_unlock(&c->kern->lock);
	return there;
}

void kernsrc_reconcile(struct collector *c)
{
	struct kernsrc *s = c->kern;

	for (size_t i = 0; s && i < s->n_denied; i++)
		tell_denied(c, &s->denied[i]);
	if (s)
		s->n_denied = 0;
}

int kernsrc_open(struct collector *c, struct err *err)
{
	struct kernsrc *s = xcalloc(1, sizeof(*s));

	c->kern = s;
	s->c = c;
	s->rootfd = c->rootfd;
	pthread_mutex_init(&s->lock, NULL);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0 || s->stop < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	s->io = loop_add_io(c->loop, s->wake, EPOLLIN, false, on_wake, s);
	if (!s->io)
		return err_set(err, -ENOMEM, "add the journal to the event loop");
	s->runs = c->o->live && c->settings.collect.kernel_messages.kind == VAL_SET &&
		  pthread_create(&s->thread, NULL, run, s) == 0;
	return 0;
}

/* A thread that waits for its disk is not waited for. */
void kernsrc_close(struct collector *c)
{
	struct kernsrc *s = c->kern;
	const uint64_t one = 1;
	struct timespec ts;

	if (!s)
		return;
	loop_del_io(s->io);
	(void)!write(s->stop, &one, sizeof(one));
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 2;
	if (s->runs && pthread_timedjoin_np(s->thread, NULL, &ts) != 0)
		return; /* it still uses what it has */
	strv_done(&s->lines);
	for (size_t i = 0; i < s->n_denied; i++) {
		free(s->denied[i].operation);
		free(s->denied[i].path);
		free(s->denied[i].profile);
		free(s->denied[i].process);
	}
	if (s->wake >= 0)
		close(s->wake);
	if (s->stop >= 0)
		close(s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s);
	c->kern = NULL;
}
