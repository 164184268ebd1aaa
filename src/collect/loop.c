/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "collect/notify.h"
#include "out/text.h"

#define LOG_EVERY_USEC (10 * USEC_PER_SEC)
#define LOG_KEYS       32
#define SAME_USEC      (3600 * USEC_PER_SEC)
#define SAME_LINES     64

struct log_key {
	const char *key;
	uint64_t last_mono_usec, held;
};

/* A line that is not said again as long as it says the same. */
struct log_same {
	uint64_t about, text; /* hashes; about 0: all for which there was no room */
	uint64_t said_mono_usec;
};

#define LOOP_SIGNALS 4

/* What the manager did not take is said again. */
#define SAY_AGAIN_USEC (500 * USEC_PER_MSEC)

struct loop {
	sd_event *e;
	struct loop_signal {
		loop_fn *fn;
		void *arg;
	} signals[LOOP_SIGNALS];
	size_t n_signals;
	struct notify notify;
	struct loop_io *say;      /* timer: what the manager is to hear */
	uint64_t alive_boot_usec; /* when it is to hear that we live; 0: never */
	struct log_key keys[LOG_KEYS];
	struct log_same same[SAME_LINES + 1];
	bool torn; /* of the last line only the beginning went out */
};

struct loop_io {
	struct loop *loop;
	sd_event_source *source;
	loop_fn *fn;
	void *arg;
};

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	(void)s;
	(void)si;
	return sd_event_exit(((struct loop *)arg)->e, 0);
}

static int add_signals(struct loop *l)
{
	static const int sigs[] = { SIGTERM, SIGINT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaddset(&set, sigs[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
		int r = sd_event_add_signal(l->e, NULL, sigs[i], on_signal, l);

		if (r < 0)
			return r;
	}
	return 0;
}

static void say(struct loop *l)
{
	bool again = !notify_send(&l->notify);
	uint64_t due = again ? clock_boot_usec() + SAY_AGAIN_USEC : 0;

	if (l->alive_boot_usec && (!due || l->alive_boot_usec < due))
		due = l->alive_boot_usec;
	loop_at(l->say, due);
}

static void on_say(void *arg, uint32_t events)
{
	struct loop *l = arg;
	uint64_t now = clock_boot_usec();

	(void)events;
	if (l->alive_boot_usec && now >= l->alive_boot_usec) {
		l->notify.alive = true;
		l->alive_boot_usec = now + MAX(l->notify.watchdog_usec / 2, (uint64_t)1);
	}
	say(l);
}

/* Before all others: what is ready all the time does not make us look dead. */
static int add_say(struct loop *l)
{
	uint64_t usec;

	notify_init(&l->notify);
	usec = l->notify.watchdog_usec;
	l->say = loop_add_timer(l, on_say, l);
	if (!l->say)
		return -ENOMEM;
	if (usec)
		l->alive_boot_usec = clock_boot_usec() + usec / 2;
	loop_at(l->say, l->alive_boot_usec);
	return sd_event_source_set_priority(l->say->source,
					    SD_EVENT_PRIORITY_IMPORTANT - 1);
}

int loop_new(struct loop **ret, struct err *err)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	int r = sd_event_new(&l->e);

	if (r >= 0)
		r = add_signals(l);
	if (r >= 0)
		r = add_say(l);
	if (r < 0) {
		loop_free(l);
		return err_set(err, r, "make the event loop: %s", strerror(-r));
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	loop_del_io(l->say);
	sd_event_unref(l->e);
	notify_done(&l->notify);
	free(l);
}

static int on_asked_signal(sd_event_source *s, const struct signalfd_siginfo *si,
			   void *arg)
{
	struct loop_signal *sig = arg;

	(void)s;
	(void)si;
	sig->fn(sig->arg, 0);
	return 0;
}

int loop_on_signal(struct loop *l, int sig, loop_fn *fn, void *arg, struct err *err)
{
	sigset_t set;
	int r;

	if (l->n_signals == LOOP_SIGNALS)
		return err_set(err, -ENOSPC, "too many signals");
	sigemptyset(&set);
	sigaddset(&set, sig);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(err, -errno, "block a signal: %s", strerror(errno));
	l->signals[l->n_signals] = (struct loop_signal){ fn, arg };
	r = sd_event_add_signal(l->e, NULL, sig, on_asked_signal,
				&l->signals[l->n_signals]);
	if (r < 0)
		return err_set(err, r, "wait for a signal: %s", strerror(-r));
	l->n_signals++;
	return 0;
}

int loop_run(struct loop *l, struct err *err)
{
	int r = sd_event_loop(l->e);

	return r < 0 ? err_set(err, r, "the event loop: %s", strerror(-r)) : 0;
}

void loop_quit(struct loop *l)
{
	(void)sd_event_exit(l->e, 0);
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *arg)
{
	struct loop_io *io = arg;

	(void)s;
	(void)fd;
	io->fn(io->arg, events);
	return 0;
}

struct loop_io *loop_add_io(struct loop *l, int fd, uint32_t events, bool urgent,
			    loop_fn *fn, void *arg)
{
	struct loop_io *io = xcalloc(1, sizeof(*io));

	*io = (struct loop_io){ .loop = l, .fn = fn, .arg = arg };
	if (sd_event_add_io(l->e, &io->source, fd, events, on_io, io) < 0) {
		free(io);
		return NULL;
	}
	if (urgent)
		(void)sd_event_source_set_priority(io->source,
						   SD_EVENT_PRIORITY_IMPORTANT);
	return io;
}

/* The memory of a source that is removed in its own callback is not used after it. */
void loop_del_io(struct loop_io *io)
{
	if (!io)
		return;
	(void)sd_event_source_set_enabled(io->source, SD_EVENT_OFF);
	sd_event_source_unref(io->source);
	free(io);
}

void loop_set_io(struct loop_io *io, uint32_t events)
{
	if (io)
		(void)sd_event_source_set_io_events(io->source, events);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct loop_io *t = arg;

	(void)s;
	(void)usec;
	t->fn(t->arg, 0);
	return 0;
}

struct loop_io *loop_add_timer(struct loop *l, loop_fn *fn, void *arg)
{
	struct loop_io *t = xcalloc(1, sizeof(*t));

	*t = (struct loop_io){ .loop = l, .fn = fn, .arg = arg };
	if (sd_event_add_time(l->e, &t->source, CLOCK_BOOTTIME, UINT64_MAX, 1, on_timer,
			      t) < 0) {
		free(t);
		return NULL;
	}
	(void)sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
	return t;
}

void loop_at(struct loop_io *t, uint64_t boot_usec)
{
	if (!t)
		return;
	if (boot_usec)
		(void)sd_event_source_set_time(t->source, boot_usec);
	(void)sd_event_source_set_enabled(t->source,
					  boot_usec ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void loop_ready(struct loop *l)
{
	l->notify.ready = true;
	say(l);
}

void loop_status(struct loop *l, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	notify_status(&l->notify, text);
	say(l);
}

void loop_stopping(struct loop *l)
{
	l->notify.stopping = true;
	say(l);
}

static struct log_key *log_key(struct loop *l, const char *key)
{
	for (size_t i = 0; i < LOG_KEYS - 1; i++) {
		if (!l->keys[i].key)
			l->keys[i].key = key;
		if (str_eq(l->keys[i].key, key))
			return &l->keys[i];
	}
	return &l->keys[LOG_KEYS - 1]; /* the rest shares one */
}

/*
 * stderr is the journal's socket, and a journal that does not read must not hold the
 * collector up. False: nothing of it was taken.
 */
static bool put_line(struct loop *l, struct buf *line)
{
	_cleanup_(buf_done) struct buf out = { 0 };
	ssize_t n;

	if (l->torn) /* of the one before only the beginning was taken */
		buf_addc(&out, '\n');
	buf_add(&out, line->p, line->n);
	buf_addc(&out, '\n');
	n = send(STDERR_FILENO, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK)
		n = fwrite(out.p, 1, out.n, stderr) == out.n ? (ssize_t)out.n : -1;
	if (n > 0)
		l->torn = (size_t)n < out.n;
	return n > 0;
}

/* False: it was held back. */
static bool log_line(struct loop *l, int level, const char *key, const char *text)
{
	_cleanup_(buf_done) struct buf out = { 0 };
	struct log_key once = { 0 };
	struct log_key *k = key ? log_key(l, key) : &once;
	uint64_t now = clock_mono_usec();

	if (k->last_mono_usec && now < k->last_mono_usec + LOG_EVERY_USEC) {
		k->held++;
		return false;
	}
	buf_addf(&out, "<%d>", level);
	text_escape(&out, tbytes_str(text), false);
	if (k->held)
		buf_addf(&out, " (and %ju more like it)", (uintmax_t)k->held);
	if (!put_line(l, &out)) {
		k->held++;
		return false;
	}
	*k = (struct log_key){ .key = k->key, .last_mono_usec = now };
	return true;
}

void loop_log(struct loop *l, int level, const char *key, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)log_line(l, level, key, text);
}

static bool is_old(const struct log_same *s, uint64_t now)
{
	return !s->said_mono_usec || now >= s->said_mono_usec + SAME_USEC;
}

/* The one about that, else a free one, else the one for all the others. */
static struct log_same *log_same(struct loop *l, uint64_t about, uint64_t now)
{
	struct log_same *spare = &l->same[SAME_LINES];

	for (size_t i = 0; i < SAME_LINES; i++) {
		if (l->same[i].about == about)
			return &l->same[i];
		if (spare == &l->same[SAME_LINES] && is_old(&l->same[i], now))
			spare = &l->same[i];
	}
	return spare;
}

void loop_log_change(struct loop *l, int level, const char *key, const char *about,
		     const char *fmt, ...)
{
	uint64_t now = clock_mono_usec(), id = str_hash(about) | 1, what;
	struct log_same *s = log_same(l, id, now);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	what = s == &l->same[SAME_LINES] ? 0 : str_hash(text);
	if ((s->about == id || !what) && s->text == what && !is_old(s, now))
		return;
	if (log_line(l, level, key, text))
		*s = (struct log_same){ what ? id : 0, what, now };
}
