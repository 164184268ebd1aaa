/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/historyview.h"
#include "cli/opts.h"
#include "cli/ringrates.h"
#include "read/facts.h"
#include "read/rrd.h"
#include "store/history.h"

#define RING            "run/ctscope/ring"
#define DB              "var/lib/ctscope/ctscope.db"
#define WEEK_USEC       (604800 * USEC_PER_SEC)
#define DEFAULT_RANGE   (3600 * USEC_PER_SEC)
#define DEFAULT_ROWS    60
#define DEFAULT_POINTS  3600 /* of JSON and CSV */
#define DEFAULT_METRICS "cpu,mem,net-in,net-out,io-read,io-write"

struct history_opts {
	const char *metric;
	uint64_t since, until, step_usec;
	bool csv, table, plot, ascii;
};

#define O(field) offsetof(struct history_opts, field)
static const struct opt opts[] = {
	{ "metric", 'm', OPT_STR, "NAME,...",
	  "what to show (" DEFAULT_METRICS "); help: all there is", O(metric) },
	{ "since", 'S', OPT_TIME, "TIME", "from then on (an hour ago)", O(since) },
	{ "until", 'U', OPT_TIME, "TIME", "up to then (now)", O(until) },
	{ "step", 0, OPT_DURATION, "SECONDS", "time of one point (what fits)",
	  O(step_usec) },
	{ "csv", 0, OPT_FLAG, NULL, "comma separated values", O(csv) },
	{ "table", 0, OPT_FLAG, NULL, "a table, also in a terminal", O(table) },
	{ "plot", 0, OPT_FLAG, NULL, "a plot, also in a pipe", O(plot) },
	{ "ascii", 0, OPT_FLAG, NULL, "a plot without braille characters", O(ascii) },
};
#undef O

/* ---- what to show ---- */

static int list_metrics(struct app *app)
{
	for (unsigned i = 0; i < HISTORY_COLUMNS; i++) {
		struct history_def d;

		history_def(i, &d);
		if (!*d.name)
			continue;
		fprintf(app->out, "%-18s %s\n", d.name, d.help);
	}
	return 1;
}

/* 0; 1: they were listed; else the exit code, negative. */
static int parse_metrics(struct app *app, const char *text, unsigned *ret, size_t *ret_n)
{
	struct span rest = span_str(text), name;
	size_t n = 0;

	if (str_eq(text, "help"))
		return list_metrics(app);
	while (span_cut(&rest, ',', &name)) {
		if (n == HISTORY_MAX_SHOWN)
			return -app_error(app, EXIT_USAGE, "--metric: at most %d",
					  HISTORY_MAX_SHOWN);
		if (history_column_parse(name.p, name.n, &ret[n++]) < 0)
			return -app_error(app, EXIT_USAGE,
					  "--metric: there is no \"%.*s\", --metric help "
					  "lists what there is",
					  (int)MIN(name.n, (size_t)40), name.p);
	}
	*ret_n = n;
	return 0;
}

/* The next step above that people count in. */
static uint64_t pretty_step(uint64_t usec)
{
	static const uint32_t steps[] = { 1,     2,     5,     10,    15,     30,    60,
					  120,   300,   600,   900,   1800,   3600,  7200,
					  10800, 21600, 43200, 86400, 172800, 604800 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i] * USEC_PER_SEC >= usec)
			return steps[i] * USEC_PER_SEC;
	/* whole weeks */
	return (usec + WEEK_USEC - 1) / WEEK_USEC * WEEK_USEC;
}

enum form { FORM_TABLE, FORM_PLOT, FORM_JSON, FORM_CSV };

static enum form form_of(const struct app *app, const struct history_opts *o)
{
	if (app->json)
		return FORM_JSON;
	if (o->csv)
		return FORM_CSV;
	if (o->plot || o->ascii)
		return FORM_PLOT;
	return o->table || !app->table.width ? FORM_TABLE : FORM_PLOT;
}

static uint64_t default_step(const struct app *app, enum form form, bool ascii,
			     uint64_t range)
{
	uint64_t n = form == FORM_TABLE ? DEFAULT_ROWS
		     : form == FORM_PLOT
			     ? historyview_plot_width(app->table.width) * (ascii ? 1 : 2)
			     : DEFAULT_POINTS;

	return pretty_step((range + n - 1) / n);
}

/* ---- where from ---- */

struct sources {
	struct ring *ring;
	struct db *db;
	bool no_store; /* neither of them is there */
};

static void sources_done(struct sources *s)
{
	ring_close(s->ring);
	db_close(s->db);
}

static int open_sources(const struct app *app, struct sources *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", app->root ? app->root : "", DB);
	struct err err = { 0 };
	int r = ring_open(app->rootfd, RING, &ret->ring, &err), e;

	if (r < 0 && r != -ENOENT)
		app_warn(app, "%s", err.msg);
	e = db_open_readonly(path, app->live, &ret->db, &err);
	if (e < 0 && e != -ENOENT)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (e < 0 && faccessat(app->rootfd, DB, F_OK, 0) == 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	ret->no_store = r == -ENOENT && e == -ENOENT;
	return EXIT_FINE;
}

/* PVE's own record for what is missing. That there is none is said only where it matters:
 * when there is nothing else. */
static void add_rrd(const struct app *app, const struct history_range *g,
		    struct history_data *d, struct err *err)
{
	_cleanup_(rrd_rows_done) struct rrd_rows rows = { 0 };
	int r;

	if (!history_has_holes(d))
		return;
	r = rrd_read(app->rootfd, g->vmid, g->since_real_usec, g->until_real_usec,
		     app->live, &rows, err);
	if (r == 0)
		history_add_rrd(d, &rows);
	else if (r != -ENOENT)
		app_warn(app, "%s", err->msg);
}

static int nothing(const struct app *app, const struct history_range *g, bool no_store,
		   const struct err *unknown, const struct err *rrd)
{
	if (unknown->code)
		return app_error(app, EXIT_BROKEN, "%s; nothing was recorded of it%s",
				 unknown->msg, no_store ? "" : " in that time");
	if (no_store)
		return app_error(app, EXIT_BROKEN,
				 "nothing was recorded of container %u: the collector "
				 "(ctscoped) has not run on this node%s%s",
				 g->vmid, rrd->code ? ", and " : "", rrd->msg);
	return app_error(app, EXIT_BROKEN,
			 "nothing was recorded of container %u in that time", g->vmid);
}

/* Its name and its CPUs: a container that is gone has a history all the same. */
static int identify(const struct app *app, uint32_t vmid, struct facts *f,
		    struct historyview *v, struct val *ret_cpus_milli, struct err *err)
{
	struct facts_want want = { .vmid = vmid };

	int r = facts_read(app->rootfd, app->live, &want, app->now_real_usec, f, err);

	if (r < 0)
		return r;
	v->node = f->node;
	if (!f->n_cts)
		return 0;
	v->name = f->cts[0].name;
	if (f->cts[0].conf)
		*ret_cpus_milli = val_set(ct_cpus_centi(&f->cts[0], f->host.cpus) * 10);
	return 0;
}

static int print(const struct historyview *v, enum form form)
{
	switch (form) {
	case FORM_JSON:
		return historyview_json(v);
	case FORM_CSV:
		return historyview_csv(v);
	case FORM_PLOT:
		return historyview_plot(v);
	case FORM_TABLE:
		break;
	}
	return historyview_table(v);
}

/* What is asked for. */
struct ask {
	struct history_range range;
	enum form form;
	unsigned columns[HISTORY_MAX_SHOWN];
	size_t n;
	uint64_t step_usec; /* 0: what fits */
	bool since, ascii;
};

/* No finer than fits. */
static uint64_t step_of(const struct app *app, const struct ask *a)
{
	uint64_t step = default_step(app, a->form, a->ascii,
				     a->range.until_real_usec - a->range.since_real_usec);

	/* a plot has room for so many */
	if (a->step_usec && (a->form != FORM_PLOT || a->step_usec > step))
		step = MAX(a->step_usec, USEC_PER_SEC);
	return step;
}

static bool wants_disk(const struct ask *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->columns[i] == HISTORY_DISK || a->columns[i] == HISTORY_INODES)
			return true;
	return false;
}

static int add_disk(const struct sources *src, const struct history_range *g,
		    struct history_data *d, struct err *err)
{
	_cleanup_(disk_rows_done) struct disk_rows rows = { 0 };
	int r = db_read_disk(src->db, g->vmid, g->since_real_usec, g->until_real_usec + 1,
			     &rows, err);

	if (r == 0)
		history_add_disk(d, &rows);
	return r;
}

static int collect(const struct app *app, const struct sources *src, const struct ask *a,
		   struct history_data **ret, struct err *rrd)
{
	const struct history_range *g = &a->range;
	struct err err = { 0 };

	if (history_collect(src->ring, src->db, g, ret, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (src->db && wants_disk(a) && add_disk(src, g, *ret, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	add_rrd(app, g, *ret, rrd);
	return EXIT_FINE;
}

/*
 * A plot of a time that begins long before the record does would show all of it in the
 * last columns: it begins with the record.
 */
static int narrow(const struct app *app, const struct sources *src, struct ask *a,
		  struct history_data **d, struct historyview *v, struct val cpus_milli,
		  struct err *rrd)
{
	int r;

	if (a->form != FORM_PLOT || !a->since ||
	    !historyview_narrow(&v->h, false, &a->range))
		return EXIT_FINE;
	a->range.step_usec = step_of(app, a);
	history_done(&v->h);
	history_data_free(*d);
	*d = NULL;
	r = collect(app, src, a, d, rrd);
	if (r)
		return r;
	v->narrowed = true;
	v->since_real_usec = a->range.since_real_usec;
	history_make(*d, a->columns, a->n, cpus_milli, &v->h);
	return EXIT_FINE;
}

static int show(struct app *app, struct ask *a)
{
	const struct history_range *g = &a->range;
	struct historyview v = { .app = app,
				 .vmid = g->vmid,
				 .since_real_usec = g->since_real_usec,
				 .until_real_usec = g->until_real_usec,
				 .ascii = a->ascii };
	_cleanup_(facts_done) struct facts facts = { 0 };
	_cleanup_(sources_done) struct sources src = { 0 };
	struct history_data *d = NULL;
	struct val cpus_milli = { 0 };
	struct err err = { 0 }, unknown = { 0 };
	int r = open_sources(app, &src);

	if (r)
		return r;
	r = collect(app, &src, a, &d, &err);
	if (r)
		return r;
	if (identify(app, g->vmid, &facts, &v, &cpus_milli, &unknown) == 0)
		unknown = (struct err){ 0 };
	history_make(d, a->columns, a->n, cpus_milli, &v.h);
	r = narrow(app, &src, a, &d, &v, cpus_milli, &err);
	if (r)
		return r;
	v.damaged = history_damaged(d);
	if (v.damaged)
		app_warn(app,
			 "%ju blocks of the store are damaged: what they held is missing",
			 (uintmax_t)v.damaged);
	r = v.h.n ? print(&v, a->form) : nothing(app, g, src.no_store, &unknown, &err);
	history_done(&v.h);
	history_data_free(d);
	return r;
}

static int history_run(struct app *app, int argc, char **argv)
{
	struct history_opts o = { .metric = DEFAULT_METRICS };
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct ask a = { 0 };
	struct history_range *g = &a.range;
	struct err err = { 0 };
	int r = opts_parse(app, &cmd_history, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	r = parse_metrics(app, o.metric, a.columns, &a.n);
	if (r)
		return r < 0 ? -r : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "expected one container ID");
	if (app_ctid(pos.v[0], &g->vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	g->until_real_usec = o.until ? o.until : app->now_real_usec;
	g->since_real_usec =
		o.since ? o.since : num_sub(g->until_real_usec, DEFAULT_RANGE);
	if (g->since_real_usec >= g->until_real_usec)
		return app_error(app, EXIT_USAGE, "--since is not before --until");
	if (!o.until)
		ringrates_warn_silent(app);
	a.form = form_of(app, &o);
	a.ascii = o.ascii || !historyview_has_utf8();
	a.since = o.since != 0;
	a.step_usec = o.step_usec;
	g->step_usec = step_of(app, &a);
	return show(app, &a);
}

const struct cmd cmd_history = {
	.name = "history",
	.args = "ID",
	.help = "what a container used, second by second, as it was recorded",
	.more = "In a terminal a plot, in a pipe a table. Rates are means over a step, other\n"
		"values the greatest in it. Recorded by the collector: every second for a day,\n"
		"every 10 s for a week, every minute for 90 days; memory of thinned out times\n"
		"is that of the second with the most. How full the root disk is (disk, inodes)\n"
		"is asked each minute while that changes, else every ten. What is older or\n"
		"missing is taken from PVE's RRD, where that has it. Time that was not recorded\n"
		"is left blank.\n\n"
		"Examples:\n"
		"  ctscope history 101\n"
		"  ctscope history 101 --since -7d -m disk,inodes\n"
		"  ctscope history 101 -m cpu,psi-cpu,cpu-throttled -S 03:00 -U 03:30\n"
		"  ctscope history 101 -m slab,sock,dirty,pgfault\n"
		"  ctscope history 101 --since -7d --metric mem --csv >mem.csv",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = history_run,
};
