/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/loginside.h"

#include "base/clock.h"
#include "read/facts.h"
#include "read/guestlog.h"

void loginside_done(struct loginside *l)
{
	ctvolume_done(&l->volume);
	guestlog_free(l->log);
	*l = (struct loginside){ 0 };
}

void loginside_is(struct loginside *l, const struct ct *ct)
{
	l->state = ct->state;
	if (!l->app->live) /* the processes of a copy are no processes */
		return;
	l->target =
		(struct guestread_target){ ct->vmid, ct->init_pid, ct->init_start_ticks };
}

/*
 * It may have been started, or started anew, since it was looked at. `volume`: if it is
 * stopped that is what is wanted.
 */
static void find_again(struct loginside *l, bool volume)
{
	_cleanup_(facts_done) struct facts facts = { 0 };
	struct facts_want want = { .vmid = l->vmid, .no_config = !volume };

	l->target = (struct guestread_target){ 0 };
	ctvolume_done(&l->volume);
	if (facts_read(l->app->rootfd, l->app->live, &want, clock_real_usec(), &facts,
		       NULL) < 0 ||
	    !facts.n_cts)
		return;
	loginside_is(l, &facts.cts[0]);
	if (!volume || l->state != CT_STOPPED)
		return;
	ctvolume_read(l->app, &facts.cts[0], &l->volume);
	if (!l->volume.why)
		l->target.volume = &l->volume.v;
}

static bool is_still_stopped(struct loginside *l)
{
	_cleanup_(facts_done) struct facts facts = { 0 };
	struct facts_want want = { .vmid = l->vmid, .no_config = true };

	return facts_read(l->app->rootfd, l->app->live, &want, clock_real_usec(), &facts,
			  NULL) < 0 ||
	       !facts.n_cts || facts.cts[0].state == CT_STOPPED;
}

static bool wants(const struct loginside *l)
{
	return l->ask->wants[LOG_GUEST] || l->ask->wants[LOG_SYSLOG] ||
	       (l->ask->wants[LOG_FILE] && l->ask->files.n);
}

static void say_notes(const struct loginside *l, const struct guestlog_said *said)
{
	for (size_t i = 0; i < said->notes.n; i++)
		app_warn(l->app, "%s", said->notes.v[i]);
}

/* What is inside is said to be missing only where somebody could have expected it. */
static void warn_outside(const struct loginside *l)
{
	bool asked = l->ask->sources || l->ask->files.n || l->ask->unit;

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

/* Nothing of what it could be expected to keep. */
static bool keeps_none(const struct loginside *l, const struct guestlog_said *said)
{
	return !said->has_journal && !said->has_syslog && !said->has_file &&
	       !said->notes.n && !said->gone && l->ask->wants[LOG_GUEST] &&
	       l->ask->wants[LOG_SYSLOG];
}

static void warn_no_logs(const struct loginside *l)
{
	app_warn(
		l->app,
		"container %u keeps no journal and no syslog inside%s: --file PATH shows "
		"a file of it",
		l->vmid,
		l->has_console
			? ""
			: "; what its programs print goes to the console, which is not "
			  "kept (lxc.console.logfile)");
}

/* It is not what the container says now. */
static void say_volume(const struct loginside *l, bool none)
{
	const char *then = l->ask->follow ? "; they go on when it is started" : "";

	if (none)
		app_warn(
			l->app,
			"container %u is stopped, and its volume, %s, has no journal and "
			"no syslog%s: --file PATH shows a file of it%s",
			l->vmid, l->volume.v.path,
			l->volume.v.n_away ? " (its mount points are not looked at)" : "",
			then);
	else
		app_warn(
			l->app,
			"container %u is stopped: its own logs are from its volume, %s%s%s",
			l->vmid, l->volume.v.path,
			l->volume.v.n_away ? ", without its mount points" : "", then);
}

void loginside_read(struct loginside *l, const struct log_want *want,
		    struct loglines *ret)
{
	_cleanup_(guestlog_said_done) struct guestlog_said said = { 0 };

	if (!wants(l))
		return;
	if (l->app->live && l->state == CT_STOPPED)
		find_again(l, true);
	if (!l->target.init_pid && !l->target.volume) {
		warn_outside(l);
		return;
	}
	l->log = guestlog_new(l->app->rootfd, l->ask->wants, &l->ask->files, l->ask->unit,
			      l->ask->follow);
	guestlog_lines(l->log, &l->target, want, ret, &said);
	if (l->target.volume)
		say_volume(l, keeps_none(l, &said));
	say_notes(l, &said);
	l->has_journal |= said.has_journal;
	l->ran = l->target.init_pid;
	if (l->target.volume && !is_still_stopped(l))
		app_warn(l->app,
			 "container %u was started while its volume was read: what it "
			 "says now may be missing",
			 l->vmid);
	if (said.gone)
		app_warn(l->app, "container %u stopped while its logs were read",
			 l->vmid);
	else if (!l->target.volume && keeps_none(l, &said))
		warn_no_logs(l);
}

/* It was started since: what it said before is not new; most logs count in seconds. */
static void begin(struct loginside *l, const struct log_want *want,
		  uint64_t began_real_usec, struct loglines *ret,
		  struct guestlog_said *said)
{
	struct log_want first = *want;

	first.since_real_usec = began_real_usec - began_real_usec % USEC_PER_SEC;
	first.until_real_usec = clock_real_usec();
	l->log = guestlog_new(l->app->rootfd, l->ask->wants, &l->ask->files, l->ask->unit,
			      true);
	guestlog_lines(l->log, &l->target, &first, ret, said);
}

void loginside_follow(struct loginside *l, const struct log_want *want,
		      uint64_t began_real_usec, struct loglines *ret)
{
	_cleanup_(guestlog_said_done) struct guestlog_said said = { 0 };

	if (!wants(l) || !l->app->live)
		return;
	if (!l->target.init_pid)
		find_again(l, l->ran);
	if (!l->target.init_pid && !(l->ran && l->state == CT_STOPPED))
		return;
	l->ran = l->target.init_pid;
	if (!l->target.init_pid && !l->target.volume)
		return;
	if (l->log)
		guestlog_poll(l->log, &l->target, want, clock_real_usec(), ret, &said);
	else
		begin(l, want, began_real_usec, ret, &said);
	say_notes(l, &said);
	l->has_journal |= said.has_journal;
	if (said.gone)
		l->target.init_pid = 0;
}
