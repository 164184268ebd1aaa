/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/guard.h"
#include "collect/confimpl.h"
#include "read/pmxcfs.h"

/*
 * Configs, read by a process that can be abandoned: /etc/pve may hang. One process is
 * asked again and again; where it does not answer it is left behind, and another one is
 * asked. The counters of .version say whether anything changed (facts: pve-node.md 2.3,
 * 2.5), and only then the configs are read; once a minute they are read whatever it says.
 * What was read last is in the store, so that the next collector tells what changed
 * since.
 */
#define POLL_USEC  (2 * USEC_PER_SEC)
#define KICK_USEC  (200 * USEC_PER_MSEC)
#define FULL_USEC  (60 * USEC_PER_SEC)
#define MARK_USEC  (60 * USEC_PER_SEC) /* the store is told until when it was so */
#define SLOW_USEC  (30 * USEC_PER_SEC) /* at most between two tries when it hangs */
#define MAX_ANSWER ((size_t)256 << 20)

/* What of .version is about guests; a cluster's other counters never rest. */
static char *version_of(struct span text)
{
	struct cfs_version v = { 0 };
	char *key;

	if (pmxcfs_parse_version(text.p ? text.p : "", text.n, &v, NULL) < 0)
		return xstrndup(text.p ? text.p : "", text.n);
	key = xasprintf("%ju %ju", (uintmax_t)v.starttime, (uintmax_t)v.vmlist);
	cfs_version_done(&v);
	return key;
}

/* ---- trouble ------------------------------------------------------------------------
 */

static void set_trouble(struct confsrc *s, const char *text)
{
	bool was = *s->trouble;

	snprintf(s->trouble, sizeof(s->trouble), "%s", text);
	if (was)
		return;
	loop_log(s->c->loop, 4, "pve", "%s: changes of configs are not seen", text);
	collector_say(s->c, "stale", text, 0);
}

static void end_trouble(struct confsrc *s)
{
	s->retry_usec = s->retry_boot_usec = 0;
	if (!*s->trouble)
		return;
	*s->trouble = '\0';
	loop_log(s->c->loop, 5, "pve-back", "/etc/pve is read again");
	collector_say(s->c, "back", "/etc/pve is read again", 0);
}

/* pmxcfs is not there, or does not let us: NULL where it is and does. */
static bool is_refused(const struct confsrc *s, char *ret, size_t size)
{
	const struct pvefs_file *local = pvefs_get(&s->answer, "etc/pve/local");
	const struct pvefs_file *dir = pvefs_get(&s->answer, "etc/pve/lxc");

	if (!local || local->error == -ENOENT || local->error == -ENOTDIR)
		snprintf(ret, size, "/etc/pve is not mounted");
	else if (local->error)
		snprintf(ret, size, "/etc/pve: %s", strerror(-local->error));
	else if (dir && dir->error)
		snprintf(ret, size, "/etc/pve/lxc: %s", strerror(-dir->error));
	else
		return false;
	return true;
}

static void leave(struct confsrc *s, pid_t pid)
{
	if (pid <= 0 || !guard_is_left(pid))
		return;
	for (size_t i = 0; i < CONF_MAX_LEFT; i++)
		if (!s->left[i]) {
			s->left[i] = pid;
			return;
		}
}

/* True: one of those that hung has ended, so it may be worth a try. */
static bool reap_left(struct confsrc *s)
{
	bool ended = false;

	guard_reap();
	for (size_t i = 0; i < CONF_MAX_LEFT; i++)
		if (s->left[i] && !guard_is_left(s->left[i])) {
			s->left[i] = 0;
			ended = true;
		}
	return ended;
}

static bool has_room(const struct confsrc *s)
{
	for (size_t i = 0; i < CONF_MAX_LEFT; i++)
		if (!s->left[i])
			return true;
	return false;
}

static void end_server(struct confsrc *s)
{
	pid_t pid = s->server.guard.pid;

	loop_del_io(s->io);
	s->io = NULL;
	s->asked = false;
	pvefs_quit(&s->server);
	leave(s, pid);
}

static void on_hang(struct confsrc *s)
{
	set_trouble(s, "/etc/pve does not answer");
	s->retry_usec = MIN(s->retry_usec ? s->retry_usec * 2 : POLL_USEC, SLOW_USEC);
	s->retry_boot_usec = clock_boot_usec() + s->retry_usec;
}

/* ---- reading ------------------------------------------------------------------------
 */

/* All of the configs, or only whether they changed. */
static const struct pvefs_req reqs[] = {
	{ PVEFS_FILE, "etc/pve/.version" },
	{ PVEFS_LINK, "etc/pve/local" },
	{ PVEFS_FILE, "etc/pve/.vmlist" },
	{ PVEFS_CONFS, "etc/pve/lxc" },
};

static size_t n_reqs(bool full)
{
	return full ? ARRAY_SIZE(reqs) : 2;
}

static void on_answer(void *arg, uint32_t events);

static int start_server(struct confsrc *s, struct err *err)
{
	int r = pvefs_serve(s->c->rootfd, reqs, ARRAY_SIZE(reqs), &s->server, err);

	if (r < 0)
		return r;
	s->io = loop_add_io(s->c->loop, s->server.guard.fd, EPOLLIN, false, on_answer, s);
	if (s->io)
		return 0;
	end_server(s);
	return err_set(err, -ENOMEM, "add a reader to the event loop");
}

/* One that has died is seen at the next poll. */
static void ask(struct confsrc *s, bool full)
{
	struct err err = { 0 };

	s->full = full;
	if (!s->io && start_server(s, &err) < 0) {
		set_trouble(s, err.msg);
		return;
	}
	if (pvefs_ask(&s->server, n_reqs(full)) == 0)
		s->asked = true;
	else
		end_server(s);
}

/* All that is known is as it was read now. */
static void set_good(struct confsrc *s)
{
	s->good_boot_usec = clock_boot_usec();
	s->good_real_usec = clock_real_usec();
	if (!s->partial && (s->c->now.configs.all ||
			    s->good_boot_usec > s->marked_boot_usec + MARK_USEC))
		confsrc_mark(s);
}

static void take_answer(struct confsrc *s)
{
	_cleanup_free_ char *version = NULL;
	char why[128];

	if (is_refused(s, why, sizeof(why))) {
		set_trouble(s, why);
		return;
	}
	confsrc_take_local(s);
	version = version_of(pvefs_data(&s->answer, "etc/pve/.version"));
	if (s->full) {
		/* only now: what was missed is read at the next poll */
		confsrc_take(s, true);
		free(s->version);
		s->version = take_ptr(version);
		confsrc_settle(s);
		end_trouble(s);
		set_good(s);
	} else if (!str_eq(version, s->version) || *s->trouble ||
		   clock_boot_usec() > s->full_boot_usec + FULL_USEC) {
		pvefs_done(&s->answer);
		ask(s, true);
	} else {
		set_good(s);
	}
}

static void on_answer(void *arg, uint32_t events)
{
	struct confsrc *s = arg;
	struct buf *b = &s->answer.raw;
	bool whole;
	ssize_t n;

	(void)events;
	do {
		buf_reserve(b, 1 << 16);
		n = read(s->server.guard.fd, b->p + b->n, b->cap - b->n - 1);
		if (n > 0)
			b->n += (size_t)n;
	} while (n > 0 && b->n < MAX_ANSWER);
	if (b->p)
		b->p[b->n] = '\0';
	whole = s->asked && pvefs_ended(&s->answer);
	if (!whole && n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	s->asked = false;
	if (!whole) /* it has died, or does not know what it says */
		end_server(s);
	else if (pvefs_parse(&s->answer) == 0)
		take_answer(s);
	if (!s->asked)
		pvefs_done(&s->answer);
	collector_settle(s->c);
}

/* Some may have come before it hung. */
static void give_up(struct confsrc *s)
{
	char why[128];

	end_server(s);
	on_hang(s);
	(void)pvefs_parse(&s->answer);
	if (s->full && s->baseline && s->answer.n && !is_refused(s, why, sizeof(why))) {
		confsrc_take_local(s);
		confsrc_take(s, false);
	}
	pvefs_done(&s->answer);
}

static void on_timer(void *arg, uint32_t events)
{
	struct confsrc *s = arg;

	(void)events;
	if (s->asked && guard_is_over(&s->server.guard))
		give_up(s);
	if (reap_left(s))
		s->retry_boot_usec = 0;
	s->kicked = false;
	confsrc_settle(s);
	if (!s->asked && has_room(s) && clock_boot_usec() >= s->retry_boot_usec)
		ask(s, !s->began);
	loop_at(s->timer, clock_off_beat(clock_boot_usec(), POLL_USEC));
	collector_settle(s->c);
}

void confsrc_look(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s || s->kicked || *s->trouble)
		return;
	s->kicked = true;
	loop_at(s->timer, clock_boot_usec() + KICK_USEC);
}

void confsrc_kick(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s || *s->trouble)
		return;
	s->full_boot_usec = 0; /* whatever .version says */
	confsrc_look(c);
}

/* The store was begun anew: all of them go into it with the next reading. */
static void fill_again(struct confsrc *s)
{
	struct writer_stat st;

	writer_stat(s->c->writer, &st);
	if (st.replaced == s->replaced || !s->began)
		return;
	s->replaced = st.replaced;
	for (size_t i = 0; i < s->n; i++)
		*s->v[i].digest = '\0';
	s->baseline = false;
	confsrc_kick(s->c);
}

void confsrc_reconcile(struct collector *c)
{
	guard_reap();
	fill_again(c->conf);
}

void confsrc_begin(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s->began && s->answer.n && !s->answer.timed_out)
		take_answer(s);
	pvefs_done(&s->answer);
}

void confsrc_finish(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (s && s->began && !s->partial)
		confsrc_mark(s);
}

void confsrc_new(struct collector *c)
{
	struct confsrc *s = xcalloc(1, sizeof(*s));

	c->conf = s;
	s->c = c;
	(void)start_server(s, NULL); /* else with the first poll */
}

/*
 * The first reading is waited for a moment: names of what is told first come from it.
 * Where the store knows what was before, nothing is taken until the lives are known too.
 */
int confsrc_open(struct collector *c, struct db *db, struct err *err)
{
	struct confsrc *s = c->conf;
	struct pvefs_job job = { 0 };
	pid_t pid;

	s->timer = loop_add_timer(c->loop, on_timer, s);
	if (!s->timer)
		return err_set(err, -ENOMEM, "add a timer to the event loop");
	confsrc_load(s, db);
	s->full = true;
	if (pvefs_start(c->rootfd, reqs, n_reqs(true), &job, NULL) == 0) {
		pid = job.guard.pid;
		(void)pvefs_finish(&job, &s->answer, NULL);
		leave(s, pid);
	}
	if (s->answer.timed_out)
		on_hang(s);
	else if (!s->baseline && s->answer.n)
		take_answer(s);
	loop_at(s->timer, clock_boot_usec() + POLL_USEC);
	return 0;
}

void confsrc_close(struct collector *c)
{
	struct confsrc *s = c->conf;

	if (!s)
		return;
	end_server(s);
	loop_del_io(s->timer);
	pvefs_done(&s->answer);
	for (size_t i = 0; i < s->n; i++)
		conf_done(&s->v[i]);
	pveconf_done(&s->parsed);
	vmlist_done(&s->guests);
	free(s->v);
	free(s->version);
	free(s);
	c->conf = NULL;
}
