/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "cli/cmds.h"
#include "cli/logask.h"
#include "cli/loginside.h"
#include "cli/logsview.h"
#include "cli/opts.h"
#include "logline.h"
#include "pveconf.h"
#include "read/facts.h"
#include "read/hostlog.h"
#include "read/journal.h"
#include "read/logfollow.h"
#include "read/tasklog.h"

#define POLL_MSEC 1000

struct logs {
	struct app *app;
	struct logask ask;
	uint32_t vmid;
	char *node, *name, *console;
	struct loginside inside;
	struct journal *journal;
	bool journal_failed;
	bool unlevelled_told;
	struct err journal_err; /* why, where it is worth a word */
};

static void logs_done(struct logs *l)
{
	free(l->node);
	free(l->name);
	free(l->console);
	loginside_done(&l->inside);
	journal_free(l->journal);
	logask_done(&l->ask);
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
	l->ask.want.console = l->console;
	l->inside.has_console = l->console;
	loginside_is(&l->inside, ct);
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
 * Where lines have no level nobody knows whether an error is among them. A syslog beside a
 * journal has nothing else than that.
 */
static void warn_unlevelled(struct logs *l)
{
	const bool *u = l->ask.unlevelled;
	const struct {
		enum log_source source;
		bool some;
	} of[] = {
		{ LOG_CONSOLE, u[LOG_CONSOLE] },
		{ LOG_SYSLOG, u[LOG_SYSLOG] && !l->inside.has_journal },
		{ LOG_FILE, u[LOG_FILE] },
	};
	_cleanup_(buf_done) struct buf b = { 0 };

	if (l->unlevelled_told)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		if (of[i].some)
			buf_addf(&b, "%s%s", b.n ? ", " : "",
				 log_source_name(of[i].source));
	if (!b.n)
		return;
	l->unlevelled_told = true;
	app_warn(l->app,
		 "%s: lines without a level are left out, errors may be among them "
		 "(--grep finds those)",
		 buf_str(&b));
}

static bool wants_journal(const struct logs *l)
{
	for (size_t i = 0; i < LOG_SOURCES; i++)
		if (l->ask.wants[i] && log_source_is_journal((enum log_source)i))
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
		r = journal_lines(l->journal, want, l->ask.wants, ret, &err);
	if (r == 0)
		return;
	l->journal_failed = true;
	/* a copy of a node without its journal is nothing that went wrong */
	if (r != -ENOENT || l->app->live || l->ask.sources)
		l->journal_err = err;
}

static void warn_journal(const struct logs *l)
{
	if (l->journal_err.code)
		app_warn(l->app, "journal: %s", l->journal_err.msg);
}

static void read_sources(struct logs *l, const struct log_want *want,
			 struct loglines *ret)
{
	for (size_t i = 0; i < LOG_SOURCES; i++) {
		enum log_source s = (enum log_source)i;
		struct err err = { 0 };
		int r;

		if (!l->ask.wants[i] || log_source_is_journal(s) ||
		    log_source_is_inside(s))
			continue;
		r = s == LOG_TASK ? tasklog_lines(l->app->rootfd, want, ret, &err)
				  : hostlog_lines(l->app->rootfd, s, want, ret, &err);
		if (r < 0)
			app_warn(l->app, "%s: %s", log_source_name(s), err.msg);
	}
	read_journal(l, want, ret);
	loginside_read(&l->inside, want, ret);
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

static struct logsview view_of(const struct logs *l)
{
	return (struct logsview){
		.app = l->app,
		.node = l->node,
		.name = l->name,
		.vmid = l->vmid,
		.volume = l->inside.target.volume ? l->inside.volume.name : NULL,
	};
}

static int print_now(const struct logs *l, const struct loglines *lines)
{
	struct logsview v = view_of(l);

	return logsview_now(&v, lines);
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
	struct log_want begin = l->ask.want,
			later = { .vmid = l->vmid,
				  .console = l->console,
				  .match = l->ask.want.match,
				  .match_arg = l->ask.want.match_arg,
				  .from_level = l->ask.want.from_level,
				  .to_level = l->ask.want.to_level,
				  .unlevelled = l->ask.want.unlevelled };
	struct log_want journal;
	struct logfollow *f;
	sigset_t mask;
	int r;

	/* the journal is cut at a point in time: what is before is read, the rest
	 * followed */
	begin.until_real_usec = clock_real_usec();
	journal = later;
	journal.since_real_usec = begin.until_real_usec + 1;
	catch_signals(&mask);
	f = logfollow_new(l->app->rootfd, &later, l->ask.wants);
	read_sources(l, &begin, &first);
	warn_journal(l);
	warn_unlevelled(l);
	r = print_now(l, &first);
	while (r == EXIT_FINE && wait_more(l, &mask)) {
		_cleanup_(loglines_done) struct loglines lines = { 0 };
		struct err err = { 0 };

		logfollow_poll(f, &lines);
		loginside_follow(&l->inside, &later, begin.until_real_usec, &lines);
		if (l->journal && !l->journal_failed &&
		    journal_follow(l->journal, &journal, l->ask.wants, &lines, &err) <
			    0) {
			l->journal_failed = true;
			app_warn(l->app, "journal: %s", err.msg);
		}
		warn_unlevelled(l);
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
		 l->ask.grep || l->ask.since || l->ask.until || l->ask.sources ||
				 l->ask.priority
			 ? " match what was asked for"
			 : " in the logs of this node");
}

static int show(struct logs *l)
{
	_cleanup_(loglines_done) struct loglines lines = { 0 };
	struct logsview v;
	struct err err = { 0 };
	int r = identify(l, &err);

	if (r == -ENOTSUP)
		return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
	if (l->ask.follow) {
		if (r < 0)
			app_warn(l->app, "%s: waiting for its logs", err.msg);
		return follow(l);
	}
	read_sources(l, &l->ask.want, &lines);
	if (!lines.n && r < 0)
		return app_error(l->app, EXIT_BROKEN, "%s", err.msg);
	warn_journal(l);
	warn_unlevelled(l);
	if (r < 0)
		app_warn(l->app, "%s; these are the logs it left here", err.msg);
	v = view_of(l);
	if (l->app->json)
		return logsview_json(&v, &lines);
	if (!lines.n)
		warn_nothing(l);
	logsview_text(&v, &lines);
	return EXIT_FINE;
}

#define O(field) offsetof(struct logask, field)
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
	{ "priority", 'p', OPT_STR, "LEVEL",
	  "err, warning, ...: only that and worse; crit..notice: between", O(priority) },
	{ "grep", 'g', OPT_STR, "REGEX", "only lines that match the extended regex",
	  O(grep) },
};
#undef O

static int logs_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(logs_done) struct logs l = { .app = app };
	struct err err = { 0 };
	int r = opts_parse(app, &cmd_logs, &l.ask, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "expected one container ID");
	if (app_ctid(pos.v[0], &l.vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	r = logask_check(app, &l.ask);
	if (r)
		return r;
	l.ask.want.vmid = l.vmid;
	l.inside = (struct loginside){ .app = app, .ask = &l.ask, .vmid = l.vmid };
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
		"Levels are journalctl's: emerg, alert, crit, err, warning, notice, info, debug,\n"
		"or 0 to 7. A line whose source gives it none counts as info, one of stderr as\n"
		"err. A syslog, a file and the console seldom have any: that --priority leaves\n"
		"out lines of them for that reason is told, and --grep finds those.\n"
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
		"What went wrong in and around 105 since yesterday?\n"
		"  ctscope logs 105 --since -1d -p err\n"
		"What does the web server in 105 say, as it says it?\n"
		"  ctscope logs 105 -f -s inside -u nginx.service -F '/var/log/nginx/*.log'",
	.opts = logs_opts,
	.nopts = ARRAY_SIZE(logs_opts),
	.run = logs_run,
};
