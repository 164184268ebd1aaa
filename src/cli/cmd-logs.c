/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <regex.h>
#include <signal.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/ctvolume.h"
#include "cli/opts.h"
#include "logline.h"
#include "out/json.h"
#include "out/text.h"
#include "pveconf.h"
#include "read/facts.h"
#include "read/guestlog.h"
#include "read/hostlog.h"
#include "read/journal.h"
#include "read/logfollow.h"
#include "read/tasklog.h"

#define DEFAULT_LINES        200
#define DEFAULT_FOLLOW_LINES 10
#define POLL_MSEC            1000

struct logs_opts {
	const char *lines, *sources, *grep, *unit;
	struct strv files;
	uint64_t since, until;
	bool follow;
};

struct logs {
	struct app *app;
	struct logs_opts o;
	struct log_want want;
	bool sources[LOG_SOURCES];
	regex_t re;
	bool has_re;
	uint32_t vmid;
	char *node, *name, *console;
	enum ct_state state;
	struct guestread_target target; /* init_pid 0: it does not run */
	struct ctvolume volume;         /* of one that is stopped */
	bool ran;                       /* it did at the last look, while following */
	struct guestlog *inside;
	uint64_t began_real_usec; /* following */
	struct journal *journal;
	bool journal_failed;
	struct err journal_err; /* why, where it is worth a word */
};

static void logs_done(struct logs *l)
{
	if (l->has_re)
		regfree(&l->re);
	free(l->node);
	free(l->name);
	free(l->console);
	strv_done(&l->o.files);
	ctvolume_done(&l->volume);
	guestlog_free(l->inside);
	journal_free(l->journal);
}

/* What lines hold is no C string: the matcher is told where they end. */
static bool matches(void *arg, struct tbytes t)
{
	const struct logs *l = arg;
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)t.n };

	return regexec(&l->re, t.n ? (const char *)t.p : "", 1, &m, REG_STARTEND) == 0;
}

static int set_grep(struct logs *l)
{
	char msg[128];
	int r;

	if (!l->o.grep)
		return EXIT_FINE;
	r = regcomp(&l->re, l->o.grep, REG_EXTENDED);
	if (r != 0) {
		regerror(r, &l->re, msg, sizeof(msg));
		return app_error(l->app, EXIT_USAGE, "--grep \"%s\": %s", l->o.grep, msg);
	}
	l->has_re = true;
	l->want.match = matches;
	l->want.match_arg = l;
	return EXIT_FINE;
}

static bool choose_source(struct logs *l, struct span name)
{
	bool found = false;

	for (size_t i = 0; i < LOG_SOURCES; i++) {
		enum log_source s = (enum log_source)i;

		if (span_eq(name, log_source_name(s)) ||
		    (span_eq(name, "journal") && log_source_is_journal(s)) ||
		    (span_eq(name, "inside") && log_source_is_inside(s)))
			found = l->sources[i] = true;
	}
	return found;
}

static int set_sources(struct logs *l)
{
	struct span list, name;

	if (!l->o.sources) {
		for (size_t i = 0; i < LOG_SOURCES; i++)
			l->sources[i] = true;
		return EXIT_FINE;
	}
	list = span_str(l->o.sources);
	while (span_cut(&list, ',', &name))
		if (!choose_source(l, name))
			return app_error(
				l->app, EXIT_USAGE,
				"--source: \"%.*s\" is none of task, stderr, "
				"warnings, vzdump, replication, firewall, console, "
				"journal, unit, hook, pve, kernel, inside, guest, "
				"syslog, file",
				(int)MIN(name.n, 64), name.p);
	return EXIT_FINE;
}

static int set_lines(struct logs *l)
{
	uint32_t n;

	l->want.since_real_usec = l->o.since;
	l->want.until_real_usec = l->o.until;
	l->want.max_lines = l->o.since    ? 0
			    : l->o.follow ? DEFAULT_FOLLOW_LINES
					  : DEFAULT_LINES;
	if (l->o.since && l->o.until && l->o.since > l->o.until)
		return app_error(l->app, EXIT_USAGE, "--since is later than --until");
	if (l->o.follow && l->o.until)
		return app_error(l->app, EXIT_USAGE, "--until does not go with --follow");
	if (!l->o.lines)
		return EXIT_FINE;
	if (str_eq(l->o.lines, "all"))
		l->want.max_lines = 0;
	else if (num_parse_u32(span_str(l->o.lines), &n) == 0 && n > 0)
		l->want.max_lines = n;
	else
		return app_error(l->app, EXIT_USAGE,
				 "--lines \"%s\": expected a number from 1 on, or all",
				 l->o.lines);
	return EXIT_FINE;
}

static void take_target(struct logs *l, const struct ct *ct)
{
	l->state = ct->state;
	if (!l->app->live) /* the processes of a copy are no processes */
		return;
	l->target =
		(struct guestread_target){ ct->vmid, ct->init_pid, ct->init_start_ticks };
}

/* Where its console is kept; the last line counts, an empty one is nowhere. */
static char *console_of(const struct pveconf *conf)
{
	const struct pveconf_section *s = &conf->main;
	const struct pveconf_lxc *l = NULL;

	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, "lxc.console.logfile"))
			l = &s->lxc[i];
	return l && l->value_n && *l->value == '/' ? xstrndup(l->value, l->value_n)
						   : NULL;
}

static void take_ct(struct logs *l, const struct ct *ct)
{
	if (ct->name)
		l->name = xstrdup(ct->name);
	if (ct->conf)
		l->console = console_of(ct->conf);
	l->want.console = l->console;
	take_target(l, ct);
}

/*
 * Is there such a container? Its logs may outlive it, so that it is gone, or on another
 * node, is only said: *ret_err holds the sentence then.
 */
static int identify(struct logs *l, struct err *ret_err)
{
	_cleanup_(facts_done) struct facts facts = { 0 };
	struct facts_want want = { .vmid = l->vmid };
	struct facts_want none = { 0 };
	int r = facts_read(l->app->rootfd, l->app->live, &want, l->app->now_real_usec,
			   &facts, ret_err);

	if (r < 0) {
		/* -EIO: /etc/pve hangs, and would again */
		if (r != -EIO &&
		    facts_read(l->app->rootfd, l->app->live, &none, l->app->now_real_usec,
			       &facts, NULL) == 0 &&
		    facts.node)
			l->node = xstrdup(facts.node);
		return r;
	}
	if (facts.node)
		l->node = xstrdup(facts.node);
	if (facts.n_cts)
		take_ct(l, &facts.cts[0]);
	return 0;
}

/*
 * It may have been started, or started anew, since it was looked at. `volume`: if it is
 * stopped that is what is wanted.
 */
static void find_again(struct logs *l, bool volume)
{
	_cleanup_(facts_done) struct facts facts = { 0 };
	struct facts_want want = { .vmid = l->vmid, .no_config = !volume };

	l->target = (struct guestread_target){ 0 };
	ctvolume_done(&l->volume);
	if (facts_read(l->app->rootfd, l->app->live, &want, clock_real_usec(), &facts,
		       NULL) < 0 ||
	    !facts.n_cts)
		return;
	take_target(l, &facts.cts[0]);
	if (!volume || l->state != CT_STOPPED)
		return;
	ctvolume_read(l->app, &facts.cts[0], &l->volume);
	if (!l->volume.why)
		l->target.volume = &l->volume.v;
}

static bool is_still_stopped(struct logs *l)
{
	_cleanup_(facts_done) struct facts facts = { 0 };
	struct facts_want want = { .vmid = l->vmid, .no_config = true };

	return facts_read(l->app->rootfd, l->app->live, &want, clock_real_usec(), &facts,
			  NULL) < 0 ||
	       !facts.n_cts || facts.cts[0].state == CT_STOPPED;
}

static bool wants_journal(const struct logs *l)
{
	for (size_t i = 0; i < LOG_SOURCES; i++)
		if (l->sources[i] && log_source_is_journal((enum log_source)i))
			return true;
	return false;
}

static void read_journal(struct logs *l, const struct log_want *want,
			 struct loglines *ret)
{
	struct err err = { 0 };
	int r;

	if (!wants_journal(l))
		return;
	r = journal_open(l->app->rootfd, l->app->live, &l->journal, &err);
	if (r == 0)
		r = journal_lines(l->journal, want, l->sources, ret, &err);
	if (r == 0)
		return;
	l->journal_failed = true;
	/* a copy of a node without its journal is nothing that went wrong */
	if (r != -ENOENT || l->app->live || l->o.sources)
		l->journal_err = err;
}

static void warn_journal(const struct logs *l)
{
	if (l->journal_err.code)
		app_warn(l->app, "journal: %s", l->journal_err.msg);
}

static bool wants_inside(const struct logs *l)
{
	return l->sources[LOG_GUEST] || l->sources[LOG_SYSLOG] ||
	       (l->sources[LOG_FILE] && l->o.files.n);
}

static void say_notes(const struct logs *l, const struct guestlog_said *said)
{
	for (size_t i = 0; i < said->notes.n; i++)
		app_warn(l->app, "%s", said->notes.v[i]);
}

/* What is inside is said to be missing only where somebody could have expected it. */
static void warn_outside(const struct logs *l)
{
	bool asked = l->o.sources || l->o.files.n || l->o.unit;

	if (!l->app->live && asked)
		app_warn(l->app, "a copy of a node has nothing of the inside of its "
				 "containers");
	else if (l->app->live && l->state == CT_STOPPED)
		app_warn(l->app,
			 "container %u is stopped, and its own logs are not to be had: "
			 "%s",
			 l->vmid, l->volume.why ? l->volume.why : "it is not found");
	else if (l->app->live && l->state != CT_UNKNOWN)
		app_warn(l->app, "container %u is %s: its own logs cannot be read now",
			 l->vmid, ct_state_name(l->state));
}

static void warn_no_logs(const struct logs *l, const struct guestlog_said *said)
{
	if (said->has_journal || said->has_syslog || said->has_file || said->notes.n ||
	    !l->sources[LOG_GUEST] || !l->sources[LOG_SYSLOG])
		return;
	app_warn(
		l->app,
		"container %u keeps no journal and no syslog inside%s: --file PATH shows "
		"a file of it",
		l->vmid,
		l->console
			? ""
			: "; what its programs print goes to the console, which is not "
			  "kept (lxc.console.logfile)");
}

/* It is not what the container says now. */
static void say_volume(const struct logs *l)
{
	app_warn(l->app,
		 "container %u is stopped: its own logs are from its volume, %s%s%s",
		 l->vmid, l->volume.v.path,
		 l->volume.v.n_away ? ", without its mount points" : "",
		 l->o.follow ? "; they go on when it is started" : "");
}

static void read_inside(struct logs *l, const struct log_want *want, struct loglines *ret)
{
	_cleanup_(guestlog_said_done) struct guestlog_said said = { 0 };

	if (!wants_inside(l))
		return;
	if (l->app->live && l->state == CT_STOPPED)
		find_again(l, true);
	if (!l->target.init_pid && !l->target.volume) {
		warn_outside(l);
		return;
	}
	l->inside = guestlog_new(l->app->rootfd, l->sources, &l->o.files, l->o.unit,
				 l->o.follow);
	if (l->target.volume)
		say_volume(l);
	guestlog_lines(l->inside, &l->target, want, ret, &said);
	say_notes(l, &said);
	l->ran = l->target.init_pid;
	if (l->target.volume && !is_still_stopped(l))
		app_warn(l->app,
			 "container %u was started while its volume was read: what it "
			 "says now may be missing",
			 l->vmid);
	if (said.gone)
		app_warn(l->app, "container %u stopped while its logs were read",
			 l->vmid);
	else
		warn_no_logs(l, &said);
}

/* It was started since: what it said before is not new; most logs count in seconds. */
static void begin_inside(struct logs *l, const struct log_want *want,
			 struct loglines *ret, struct guestlog_said *said)
{
	struct log_want first = *want;

	first.since_real_usec = l->began_real_usec - l->began_real_usec % USEC_PER_SEC;
	first.until_real_usec = clock_real_usec();
	l->inside =
		guestlog_new(l->app->rootfd, l->sources, &l->o.files, l->o.unit, true);
	guestlog_lines(l->inside, &l->target, &first, ret, said);
}

/*
 * As it runs: one that is stopped is looked for again each time. What it said at its end,
 * after the last look, is in its volume.
 */
static void follow_inside(struct logs *l, const struct log_want *want,
			  struct loglines *ret)
{
	_cleanup_(guestlog_said_done) struct guestlog_said said = { 0 };

	if (!wants_inside(l) || !l->app->live)
		return;
	if (!l->target.init_pid)
		find_again(l, l->ran);
	if (!l->target.init_pid && !(l->ran && l->state == CT_STOPPED))
		return;
	l->ran = l->target.init_pid;
	if (!l->target.init_pid && !l->target.volume)
		return;
	if (l->inside)
		guestlog_poll(l->inside, &l->target, want, clock_real_usec(), ret, &said);
	else
		begin_inside(l, want, ret, &said);
	say_notes(l, &said);
	if (said.gone)
		l->target.init_pid = 0;
}

static void read_sources(struct logs *l, const struct log_want *want,
			 struct loglines *ret)
{
	for (size_t i = 0; i < LOG_SOURCES; i++) {
		enum log_source s = (enum log_source)i;
		struct err err = { 0 };
		int r;

		if (!l->sources[i] || log_source_is_journal(s) || log_source_is_inside(s))
			continue;
		r = s == LOG_TASK ? tasklog_lines(l->app->rootfd, want, ret, &err)
				  : hostlog_lines(l->app->rootfd, s, want, ret, &err);
		if (r < 0)
			app_warn(l->app, "%s: %s", log_source_name(s), err.msg);
	}
	read_journal(l, want, ret);
	read_inside(l, want, ret);
	loglines_sort(ret);
	loglines_drop_repeats(ret, LOG_TASK, LOG_VZDUMP);
	loglines_drop_repeats(ret, LOG_SYSLOG, LOG_GUEST);
	if (want->max_lines)
		loglines_tail(ret, want->max_lines);
	if (ret->cut && !want->max_lines)
		app_warn(l->app,
			 "a log is too long to be read as a whole: its older lines are "
			 "missing");
}

static void json_line(struct jw *w, const struct logline *line)
{
	if (line->time_kind != LOG_TIME_NONE) {
		jw_stamp(w, "time", line->time_real_usec);
		jw_str(w, "time_is", log_time_kind_name(line->time_kind));
	}
	jw_str(w, "source", log_source_name(line->source));
	jw_str(w, "level", log_level_name(line->level));
	if (line->origin)
		jw_text(w, line->source == LOG_TASK ? "upid" : "origin",
			tbytes_str(line->origin));
	if (line->unit)
		jw_text(w, "unit", tbytes_str(line->unit));
	if (line->pid)
		jw_int(w, "pid", line->pid);
	jw_text(w, "text", line->text);
}

static int print_json(struct logs *l, const struct loglines *lines)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(l->app->out, "ctscope.logs/1", l->node, l->app->now_real_usec, &w,
		   &err) < 0)
		return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
	jw_obj(w, "container");
	jw_int(w, "vmid", l->vmid);
	if (l->name)
		jw_text(w, "name", tbytes_str(l->name));
	if (l->target.volume)
		jw_text(w, "volume", tbytes_str(l->volume.name));
	jw_end(w);
	jw_arr(w, "lines");
	for (size_t i = 0; i < lines->n; i++) {
		jw_obj(w, NULL);
		json_line(w, &lines->v[i]);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(l->app, w);
}

static int stream_json(struct logs *l, const struct loglines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		struct err err = { 0 };
		struct jw *w;

		if (jw_new_line(l->app->out, &w, &err) < 0)
			return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
		jw_int(w, "vmid", l->vmid);
		json_line(w, &lines->v[i]);
		if (app_json_end(l->app, w) != EXIT_FINE)
			return EXIT_BROKEN;
	}
	return EXIT_FINE;
}

static const char *color_of(const struct logs *l, enum log_level level)
{
	if (!l->app->table.color)
		return NULL;
	return level == LOG_LEVEL_ERROR     ? "\033[31m"
	       : level == LOG_LEVEL_WARNING ? "\033[33m"
	       : level == LOG_LEVEL_DEBUG   ? "\033[2m"
					    : NULL;
}

/* "2025-08-13 03:12:24  task     text"; '~' where the source does not give the time. */
static void text_line(const struct logs *l, const struct logline *line, struct buf *b)
{
	const char *color = color_of(l, line->level);

	if (line->time_kind == LOG_TIME_NONE)
		buf_addf(b, "%19s", "-");
	else
		text_stamp(b, line->time_real_usec);
	buf_adds(b, line->time_kind == LOG_TIME_EXACT ? "  " : "~ ");
	buf_addf(b, "%-8s ", log_source_name(line->source));
	if (color)
		buf_adds(b, color);
	if (line->origin && line->source != LOG_TASK) {
		text_escape(b, tbytes_str(line->origin), false);
		buf_adds(b, ": ");
	}
	text_escape(b, line->text, true); /* a line has no line end, but tabs */
	if (color)
		buf_adds(b, "\033[0m");
	buf_addc(b, '\n');
}

static void print_text(struct logs *l, const struct loglines *lines)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < lines->n; i++) {
		b.n = 0;
		text_line(l, &lines->v[i], &b);
		fwrite(b.p, 1, b.n, l->app->out);
	}
}

/* As app_flush(). */
static int print_now(struct logs *l, const struct loglines *lines)
{
	if (l->app->json)
		(void)stream_json(l, lines);
	else
		print_text(l, lines);
	return app_flush(l->app);
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

/* Waits for the journal, a second, a signal, or the end of the reader of our output. */
static bool wait_more(struct logs *l, const sigset_t *mask)
{
	struct pollfd p[2] = {
		{ .fd = fileno(l->app->out), .events = 0 },
		{ .fd = l->journal && !l->journal_failed ? journal_fd(l->journal) : -1,
		  .events = POLLIN },
	};
	struct timespec ts = { .tv_sec = POLL_MSEC / 1000,
			       .tv_nsec = POLL_MSEC % 1000 * 1000000 };

	if (!stop)
		(void)ppoll(p, 2, &ts, mask);
	return !stop && !(p[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

static int follow(struct logs *l)
{
	_cleanup_(loglines_done) struct loglines first = { 0 };
	struct log_want begin = l->want, later = { .vmid = l->vmid,
						   .console = l->console,
						   .match = l->want.match,
						   .match_arg = l->want.match_arg };
	struct log_want journal;
	struct logfollow *f;
	sigset_t mask;
	int r;

	/* the journal is cut at a point in time: what is before is read, the rest
	 * followed */
	begin.until_real_usec = l->began_real_usec = clock_real_usec();
	journal = later;
	journal.since_real_usec = begin.until_real_usec + 1;
	catch_signals(&mask);
	f = logfollow_new(l->app->rootfd, &later, l->sources);
	read_sources(l, &begin, &first);
	warn_journal(l);
	r = print_now(l, &first);
	while (r == EXIT_FINE && wait_more(l, &mask)) {
		_cleanup_(loglines_done) struct loglines lines = { 0 };
		struct err err = { 0 };

		logfollow_poll(f, &lines);
		follow_inside(l, &later, &lines);
		if (l->journal && !l->journal_failed &&
		    journal_follow(l->journal, &journal, l->sources, &lines, &err) < 0) {
			l->journal_failed = true;
			app_warn(l->app, "journal: %s", err.msg);
		}
		loglines_sort(&lines);
		loglines_drop_repeats(&lines, LOG_SYSLOG, LOG_GUEST);
		r = print_now(l, &lines);
	}
	logfollow_free(f);
	return r == -EPIPE ? EXIT_FINE : r;
}

static void warn_nothing(const struct logs *l)
{
	app_warn(l->app, "no lines of container %u%s", l->vmid,
		 l->o.grep || l->o.since || l->o.until || l->o.sources
			 ? " match what was asked for"
			 : " in the logs of this node");
}

static int show(struct logs *l)
{
	_cleanup_(loglines_done) struct loglines lines = { 0 };
	struct err err = { 0 };
	int r = identify(l, &err);

	if (r == -ENOTSUP)
		return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
	if (l->o.follow) {
		if (r < 0)
			app_warn(l->app, "%s: waiting for its logs", err.msg);
		return follow(l);
	}
	read_sources(l, &l->want, &lines);
	if (!lines.n && r < 0)
		return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
	warn_journal(l);
	if (r < 0)
		app_warn(l->app, "%s; these are the logs it left here", err.msg);
	if (l->app->json)
		return print_json(l, &lines);
	if (!lines.n)
		warn_nothing(l);
	print_text(l, &lines);
	return EXIT_FINE;
}

#define O(field) offsetof(struct logs_opts, field)
static const struct opt logs_opts[] = {
	{ "lines", 'n', OPT_STR, "LINES", "how many, or all (200; -f: 10; --since: all)",
	  O(lines) },
	{ "since", 'S', OPT_TIME, "TIME", "not older than TIME", O(since) },
	{ "until", 'U', OPT_TIME, "TIME", "not younger than TIME", O(until) },
	{ "follow", 'f', OPT_FLAG, NULL, "go on with new lines as they come", O(follow) },
	{ "source", 's', OPT_STR, "NAME,...", "only these sources, see below",
	  O(sources) },
	{ "file", 'F', OPT_STRV, "PATH",
	  "a file inside it, too; its name may be a pattern (*.log)", O(files) },
	{ "unit", 'u', OPT_STR, "UNIT", "of the journal inside only that unit", O(unit) },
	{ "grep", 'g', OPT_STR, "REGEX", "only lines that match the extended regex",
	  O(grep) },
};
#undef O

static int logs_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(logs_done) struct logs l = { .app = app };
	struct err err = { 0 };
	int r = opts_parse(app, &cmd_logs, &l.o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "expected one container ID");
	if (app_ctid(pos.v[0], &l.vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	if (l.o.files.n > GUESTLOG_MAX_NAMED)
		return app_error(app, EXIT_USAGE, "--file: at most %d of them",
				 GUESTLOG_MAX_NAMED);
	l.want.vmid = l.vmid;
	if ((r = set_sources(&l)) || (r = set_lines(&l)) || (r = set_grep(&l)))
		return r;
	return show(&l);
}

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "ID",
	.help = "what the node and the container itself logged, on one time line",
	.more = "Each line has its time, its source and its text. A time with ~ is not the line's\n"
		"own: the source gives none. For a line of a task it is when the task began, for\n"
		"one of a file when that was last written. Times are local. Logs of a container\n"
		"that was destroyed, or that is on another node now, are shown as long as they\n"
		"are here. What is inside is read without entering it, as it runs; of one that is\n"
		"stopped from its volume, if that is a directory of the node (ZFS, btrfs, dir).\n"
		"\n"
		"Sources:\n"
		"  task         PVE tasks about it: start, stop, backup, snapshot, ...\n"
		"  stderr       what lxc-start said at the last start\n"
		"  warnings     warnings of PVE's pre-start hook\n"
		"  vzdump       the log of its last backup\n"
		"  replication  the last run of its replication jobs\n"
		"  firewall     packets that its firewall logged\n"
		"  console      its console, if lxc.console.logfile keeps it\n"
		"  journal      these four, from the journal of the node:\n"
		"    unit       its unit pve-container@ID\n"
		"    hook       PVE's LXC hooks\n"
		"    pve        PVE's daemons and commands, where they name it\n"
		"    kernel     OOM kills, AppArmor denials, its network devices\n"
		"  inside       these three, from inside the container:\n"
		"    guest      its journal\n"
		"    syslog     its /var/log/syslog, or messages; not what the journal has, too\n"
		"    file       what --file names\n"
		"\n"
		"Why did 106 not start this morning?\n"
		"  ctscope logs 106 --since 06:00 --source task,stderr,journal\n"
		"What does the web server in 105 say, as it says it?\n"
		"  ctscope logs 105 -f -s inside -u nginx.service -F '/var/log/nginx/*.log'",
	.opts = logs_opts,
	.nopts = ARRAY_SIZE(logs_opts),
	.run = logs_run,
};
