/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>

#include "base/num.h"
#include "cli/cmds.h"
#include "cli/eventtext.h"
#include "cli/opts.h"
#include "cli/ringrates.h"
#include "out/cloudevent.h"
#include "out/text.h"
#include "store/db.h"

#define DEFAULT_LINES        200
#define DEFAULT_FOLLOW_LINES 10
#define POLL_MSEC            250 /* where nothing wakes us */
#define SETTLE_MSEC          3   /* from the write that woke us to its being visible */

struct events_opts {
	const char *lines, *types;
	uint64_t since, until;
	bool follow, reverse;
};

struct show {
	struct app *app;
	struct events_opts o;
	struct event_query q;
	enum event_type types[EVENT_TYPES];
	struct db *db;
};

static int set_types(struct show *s)
{
	struct span list, name;

	if (!s->o.types)
		return EXIT_FINE;
	list = span_str(s->o.types);
	while (span_cut(&list, ',', &name)) {
		_cleanup_free_ char *text = xstrndup(name.p, name.n);
		enum event_type t;

		if (event_type_parse(text, &t) < 0)
			return app_error(s->app, EXIT_USAGE,
					 "--type: \"%s\" is no type of event, see "
					 "ctscope events --help",
					 text);
		if (s->q.n_types < ARRAY_SIZE(s->types))
			s->types[s->q.n_types++] = t;
	}
	s->q.types = s->types;
	return EXIT_FINE;
}

static int set_lines(struct show *s)
{
	uint32_t n;

	s->q.since_real_usec = s->o.since;
	s->q.until_real_usec = s->o.until;
	s->q.limit = s->o.since ? 0 : s->o.follow ? DEFAULT_FOLLOW_LINES : DEFAULT_LINES;
	if (s->o.since && s->o.until && s->o.since > s->o.until)
		return app_error(s->app, EXIT_USAGE, "--since is later than --until");
	if (s->o.follow && (s->o.until || s->o.reverse))
		return app_error(s->app, EXIT_USAGE,
				 "--until and --reverse do not go with --follow");
	if (!s->o.lines)
		return EXIT_FINE;
	if (str_eq(s->o.lines, "all"))
		s->q.limit = 0;
	else if (num_parse_u32(span_str(s->o.lines), &n) == 0 && n > 0)
		s->q.limit = n;
	else
		return app_error(s->app, EXIT_USAGE,
				 "--lines \"%s\": expected a number from 1 on, or all",
				 s->o.lines);
	return EXIT_FINE;
}

static const char *color_code(enum cell_color c)
{
	static const char *const codes[] = {
		[COLOR_NONE] = NULL,       [COLOR_GOOD] = "\033[32m",
		[COLOR_WARN] = "\033[33m", [COLOR_BAD] = "\033[31m",
		[COLOR_DIM] = "\033[2m",
	};

	return codes[c];
}

/* Escaped, and blanks up to the next column; at least one. */
static void pad_text(struct buf *b, struct tbytes t, size_t width)
{
	size_t n = t.n ? text_width(t) : 0;

	text_escape(b, t, false);
	do
		buf_addc(b, ' ');
	while (++n < width);
}

/* "2026-11-21 03:12:24  101 web  stopped  killed ..."; '~' where it was inferred. */
static void text_line(const struct show *s, const struct event *e, struct buf *b)
{
	const char *color = s->app->table.color ? color_code(event_color(e)) : NULL;

	event_time(b, e);
	buf_addc(b, ' ');
	if (e->vmid)
		buf_addf(b, "%-5u ", e->vmid);
	else
		buf_adds(b, "node  ");
	pad_text(b, e->name ? tbytes_str(e->name) : (struct tbytes){ 0 }, 12);
	if (color)
		buf_adds(b, color);
	buf_addf(b, "%-14s", event_type_name(e->type));
	if (color)
		buf_adds(b, "\033[0m");
	buf_addc(b, ' ');
	event_text(b, e);
	while (b->n && b->p[b->n - 1] == ' ')
		b->n--;
	buf_addc(b, '\n');
}

static int print_one(const struct show *s, const struct event *e)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };
	int r;

	if (!s->app->json) {
		text_line(s, e, &b);
		fwrite(b.p, 1, b.n, s->app->out);
		return EXIT_FINE;
	}
	r = cloudevent_print(s->app->out, e, db_node(s->db), &err);
	if (r < 0 && r != -EPIPE)
		return app_error(s->app, EXIT_BROKEN, "%s", err.msg);
	return EXIT_FINE;
}

/* As app_flush(). */
static int print_all(const struct show *s, const struct events *l)
{
	for (size_t i = 0; i < l->n && !ferror(s->app->out); i++) {
		size_t at = s->o.reverse ? l->n - 1 - i : i;
		int r = print_one(s, &l->v[at]);

		if (r != EXIT_FINE)
			return r;
	}
	return app_flush(s->app);
}

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void catch_signals(sigset_t *ret_old)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, ret_old);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/*
 * The store is written to: a hint, as the write comes before its end. Where there is no
 * inotify the next look is soon enough.
 */
static int watch_store(const struct app *app)
{
	_cleanup_(buf_done) struct buf dir = { 0 };
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return -1;
	buf_addf(&dir, "%s/var/lib/ctscope", app->root ? app->root : "");
	(void)inotify_add_watch(fd, buf_str(&dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	return fd;
}

static void drain(int fd)
{
	char buf[4096];

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
}

/* Waits for a write, a quarter of a second, a signal, or the end of our reader. */
static bool wait_more(const struct show *s, int watch, const sigset_t *mask)
{
	struct pollfd p[2] = {
		{ .fd = fileno(s->app->out), .events = 0 },
		{ .fd = watch, .events = POLLIN },
	};
	struct timespec ts = { .tv_nsec = POLL_MSEC * 1000000L };

	if (!stop && ppoll(p, 2, &ts, mask) > 0 && p[1].revents) {
		ts.tv_nsec = SETTLE_MSEC * 1000000L;
		(void)ppoll(p, 1, &ts, mask);
		drain(watch);
	}
	return !stop && !(p[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* What came since; a store that was begun anew is read from its start. */
static int read_more(struct show *s, struct events *ret, struct err *err)
{
	bool replaced = false;
	int r = db_refresh(s->db, &replaced, err);

	if (r < 0)
		return r;
	if (replaced)
		s->q.after_seq = 0;
	r = db_events(s->db, &s->q, ret, err);
	if (r == 0 && ret->n)
		s->q.after_seq = ret->v[ret->n - 1].seq;
	return r;
}

static bool is_passing(int r)
{
	return r == -EBUSY || r == -ENOENT || r == -EUCLEAN;
}

static int follow(struct show *s)
{
	_cleanup_close_ int watch = watch_store(s->app);
	struct err err = { 0 };
	int out = EXIT_FINE, r;
	sigset_t mask;

	catch_signals(&mask);
	r = db_last_seq(s->db, &s->q.after_seq, &err);
	if (r == 0) {
		_cleanup_(events_done) struct events first = { 0 };
		struct event_query begin = s->q;

		begin.after_seq = 0;
		begin.before_seq = s->q.after_seq + 1;
		r = db_events(s->db, &begin, &first, &err);
		if (r == 0)
			out = print_all(s, &first);
	}
	s->q.limit = 0;
	s->q.since_real_usec = 0;
	while (r == 0 && out == EXIT_FINE && wait_more(s, watch, &mask)) {
		_cleanup_(events_done) struct events more = { 0 };

		r = read_more(s, &more, &err);
		if (r < 0 && !is_passing(r))
			break;
		r = 0;
		if (more.n)
			out = print_all(s, &more);
	}
	if (r < 0)
		return app_error(s->app, EXIT_BROKEN, "%s", err.msg);
	return out == -EPIPE ? EXIT_FINE : out;
}

/* Of no use to a script that mistyped a number: that nothing happened to it. */
static bool is_in_store(const struct show *s)
{
	const struct event_query any = { .vmid = s->q.vmid, .limit = 1 };
	_cleanup_(db_lives_done) struct db_lives lives = { 0 };
	_cleanup_(events_done) struct events l = { 0 };

	if (db_events(s->db, &any, &l, NULL) < 0 || l.n ||
	    db_last_lives(s->db, &lives, NULL) < 0)
		return true;
	for (size_t i = 0; i < lives.n; i++)
		if (lives.v[i].vmid == s->q.vmid)
			return true;
	return false;
}

/* Why there is nothing: it may be a container that never was. */
static int show_none(const struct show *s)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	const struct facts_want want = { .vmid = s->q.vmid, .lean = true };

	if (s->q.vmid && !is_in_store(s) && app_facts(s->app, want, &f) != EXIT_FINE)
		return EXIT_BROKEN;
	if (!s->app->json)
		app_warn(s->app, "no events%s",
			 s->q.vmid || s->q.n_types || s->o.since || s->o.until
				 ? " match what was asked for"
				 : " are recorded yet");
	return EXIT_FINE;
}

static int show_events(struct show *s)
{
	_cleanup_(events_done) struct events l = { 0 };
	struct err err = { 0 };
	int r;

	ringrates_warn_silent(s->app);
	if (s->o.follow)
		return follow(s);
	r = db_events(s->db, &s->q, &l, &err);
	if (r < 0)
		return app_error(s->app, EXIT_BROKEN, "%s", err.msg);
	if (!l.n)
		return show_none(s);
	events_order(&l);
	r = print_all(s, &l);
	return r == -EPIPE ? EXIT_FINE : r;
}

static int open_store(struct show *s)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	struct err err = { 0 };
	int r;

	buf_addf(&path, "%s/" DB_PATH, s->app->root ? s->app->root : "");
	r = db_open_readonly(buf_str(&path), s->app->live, &s->db, &err);
	if (r == -ENOENT)
		return app_error(s->app, EXIT_BROKEN,
				 "%s: nothing is recorded here: the collector (ctscoped) "
				 "has not run",
				 buf_str(&path));
	return r < 0 ? app_error(s->app, EXIT_BROKEN, "%s", err.msg) : EXIT_FINE;
}

#define O(field) offsetof(struct events_opts, field)
static const struct opt events_opts[] = {
	{ "lines", 'n', OPT_STR, "LINES", "how many, or all (200; -f: 10; --since: all)",
	  O(lines) },
	{ "since", 'S', OPT_TIME, "TIME", "not older than TIME", O(since) },
	{ "until", 'U', OPT_TIME, "TIME", "not younger than TIME", O(until) },
	{ "type", 't', OPT_STR, "TYPE,...", "only these types, see below", O(types) },
	{ "follow", 'f', OPT_FLAG, NULL, "go on with new events as they come",
	  O(follow) },
	{ "reverse", 'r', OPT_FLAG, NULL, "newest first", O(reverse) },
};
#undef O

static int events_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct show s = { .app = app };
	struct err err = { 0 };
	int r = opts_parse(app, &cmd_events, &s.o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n > 1)
		return app_error(app, EXIT_USAGE, "expected one container ID at most");
	if (pos.n && app_ctid(pos.v[0], &s.q.vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	if ((r = set_types(&s)) || (r = set_lines(&s)) || (r = open_store(&s)))
		return r;
	r = show_events(&s);
	db_close(s.db);
	return r;
}

const struct cmd cmd_events = {
	.name = "events",
	.args = "[ID]",
	.help = "what happened to the containers, and why",
	.more = "What the collector (ctscoped) recorded, oldest first; times are local. A time\n"
		"with ~ is of an event that no source told: it was concluded from what was\n"
		"found. With --json each line is a CloudEvents 1.0 object. What was told late\n"
		"stands where it happened, but with -f where it was told.\n"
		"\n"
		"Types: prestart started stopped rebooted frozen thawed oom-kill memory-limit\n"
		"pids-limit pressure start-failed config-changed snapshot backup interface-up\n"
		"interface-down address denied hookscript task reconciled collector poststop\n"
		"\n"
		"Why did 101 stop last night?\n"
		"  ctscope events 101 --since yesterday --type stopped,oom-kill,start-failed",
	.opts = events_opts,
	.nopts = ARRAY_SIZE(events_opts),
	.run = events_run,
};
