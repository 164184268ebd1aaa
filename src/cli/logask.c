/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/logask.h"

#include "base/num.h"
#include "read/guestlog.h"

#define DEFAULT_LINES        200
#define DEFAULT_FOLLOW_LINES 10

void logask_done(struct logask *l)
{
	if (l->has_re)
		regfree(&l->re);
	strv_done(&l->files);
	*l = (struct logask){ 0 };
}

/* What lines hold is no C string: the matcher is told where they end. */
static bool matches(void *arg, struct tbytes t)
{
	const struct logask *l = arg;
	regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)t.n };

	return regexec(&l->re, t.n ? (const char *)t.p : "", 1, &m, REG_STARTEND) == 0;
}

static int set_grep(const struct app *app, struct logask *l)
{
	char msg[128];
	int r;

	if (!l->grep)
		return EXIT_FINE;
	r = regcomp(&l->re, l->grep, REG_EXTENDED);
	if (r != 0) {
		regerror(r, &l->re, msg, sizeof(msg));
		return app_error(app, EXIT_USAGE, "--grep \"%s\": %s", l->grep, msg);
	}
	l->has_re = true;
	l->want.match = matches;
	l->want.match_arg = l;
	return EXIT_FINE;
}

static bool choose_source(struct logask *l, struct span name)
{
	bool found = false;

	for (size_t i = 0; i < LOG_SOURCES; i++) {
		enum log_source s = (enum log_source)i;

		if (span_eq(name, log_source_name(s)) ||
		    (span_eq(name, "journal") && log_source_is_journal(s)) ||
		    (span_eq(name, "inside") && log_source_is_inside(s)))
			found = l->wants[i] = true;
	}
	return found;
}

static int set_sources(const struct app *app, struct logask *l)
{
	struct span list, name;

	if (!l->sources) {
		for (size_t i = 0; i < LOG_SOURCES; i++)
			l->wants[i] = true;
		return EXIT_FINE;
	}
	list = span_str(l->sources);
	while (span_cut(&list, ',', &name))
		if (!choose_source(l, name))
			return app_error(
				app, EXIT_USAGE,
				"--source: \"%.*s\" is none of task, stderr, "
				"warnings, vzdump, replication, firewall, console, "
				"journal, unit, hook, pve, kernel, inside, guest, "
				"syslog, file",
				(int)MIN(name.n, 64), name.p);
	return EXIT_FINE;
}

static int set_lines(const struct app *app, struct logask *l)
{
	uint32_t n;

	l->want.since_real_usec = l->since;
	l->want.until_real_usec = l->until;
	l->want.max_lines = l->since    ? 0
			    : l->follow ? DEFAULT_FOLLOW_LINES
					: DEFAULT_LINES;
	if (l->since && l->until && l->since > l->until)
		return app_error(app, EXIT_USAGE, "--since is later than --until");
	if (l->follow && l->until)
		return app_error(app, EXIT_USAGE, "--until does not go with --follow");
	if (!l->lines)
		return EXIT_FINE;
	if (str_eq(l->lines, "all"))
		l->want.max_lines = 0;
	else if (num_parse_u32(span_str(l->lines), &n) == 0 && n > 0)
		l->want.max_lines = n;
	else
		return app_error(app, EXIT_USAGE,
				 "--lines \"%s\": expected a number from 1 on, or all",
				 l->lines);
	return EXIT_FINE;
}

static int set_priority(const struct app *app, struct logask *l)
{
	if (l->priority &&
	    log_levels_parse(l->priority, &l->want.from_level, &l->want.to_level) < 0)
		return app_error(
			app, EXIT_USAGE,
			"--priority \"%.40s\": expected emerg, alert, crit, err, "
			"warning, notice, info, debug, their numbers 0 to 7, or "
			"a range as crit..warning",
			l->priority);
	l->want.unlevelled = l->unlevelled;
	return EXIT_FINE;
}

int logask_check(const struct app *app, struct logask *l)
{
	int r;

	if (l->files.n > GUESTLOG_MAX_NAMED)
		return app_error(app, EXIT_USAGE, "--file: at most %d of them",
				 GUESTLOG_MAX_NAMED);
	for (size_t i = 0; i < l->files.n; i++)
		if (!*l->files.v[i])
			return app_error(app, EXIT_USAGE,
					 "--file: expected a path inside the container");
	if ((r = set_sources(app, l)) || (r = set_lines(app, l)) ||
	    (r = set_grep(app, l)) || (r = set_priority(app, l)))
		return r;
	return EXIT_FINE;
}
