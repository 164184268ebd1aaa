/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <incident.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/historyview.h"
#include "cli/incidentview.h"
#include "cli/opts.h"
#include "cli/ringrates.h"
#include "out/cloudevent.h"
#include "out/json.h"
#include "out/text.h"
#include "store/db.h"
#include "store/history.h"

#define RING          "run/ctscope/ring"
#define DEFAULT_LINES 100

struct incidents_opts {
	const char *lines;
	uint64_t since, until;
	bool open;
};

/* ---- the list ---- */

static void get_n(const void *row, struct cell *ret)
{
	*ret = cell_int(((const struct incident *)row)->n);
}

static void get_opened(const void *row, struct cell *ret)
{
	*ret = cell_stamp(((const struct incident *)row)->opened_real_usec);
}

static void get_closed(const void *row, struct cell *ret)
{
	*ret = cell_val(((const struct incident *)row)->closed_real_usec, CELL_STAMP);
}

static void get_open(const void *row, struct cell *ret)
{
	*ret = cell_bool(((const struct incident *)row)->closed_real_usec.kind !=
			 VAL_SET);
}

static void get_lasted(const void *row, struct cell *ret)
{
	const struct incident *i = row;

	if (i->closed_real_usec.kind == VAL_SET) {
		*ret = cell_seconds(num_sub(i->closed_real_usec.n, i->opened_real_usec) /
				    USEC_PER_SEC);
		return;
	}
	*ret = cell_str("open");
	ret->color = COLOR_BAD;
}

static void get_vmid(const void *row, struct cell *ret)
{
	*ret = cell_int(((const struct incident *)row)->vmid);
}

static void get_life(const void *row, struct cell *ret)
{
	const struct incident *i = row;

	if (i->life)
		*ret = cell_int(i->life);
}

static void get_name(const void *row, struct cell *ret)
{
	const struct incident *i = row;

	if (i->name)
		*ret = cell_text(tbytes_str(i->name));
}

static void get_kind(const void *row, struct cell *ret)
{
	*ret = cell_str(incident_kind_name(((const struct incident *)row)->kind));
}

static void get_summary(const void *row, struct cell *ret)
{
	const struct incident *i = row;

	if (i->summary)
		*ret = cell_text(tbytes_str(i->summary));
}

static const struct col incident_cols[] = {
	{ .heading = "N",
	  .key = "n",
	  .help = "number, for show",
	  .right = true,
	  .get = get_n },
	{ .heading = "OPENED",
	  .key = "opened",
	  .help = "when it began",
	  .get = get_opened },
	{ .heading = "CLOSED",
	  .key = "closed",
	  .help = "when it was over",
	  .hidden = true,
	  .get = get_closed },
	{ .heading = "LASTED", .help = "how long, or open", .get = get_lasted },
	{ .key = "open", .json_only = true, .heading = "", .get = get_open },
	{ .heading = "VMID",
	  .key = "vmid",
	  .help = "the container",
	  .right = true,
	  .get = get_vmid },
	{ .heading = "LIFE",
	  .key = "life",
	  .help = "which run of it",
	  .right = true,
	  .hidden = true,
	  .get = get_life },
	{ .heading = "NAME",
	  .key = "name",
	  .help = "its name then",
	  .shrink = true,
	  .get = get_name },
	{ .heading = "KIND", .key = "kind", .help = "what happened", .get = get_kind },
	{ .heading = "SUMMARY",
	  .key = "summary",
	  .help = "in one sentence",
	  .shrink = true,
	  .get = get_summary },
};

static int list_json(struct app *app, const struct db *db, const struct incidents *l)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.incidents/1", db_node(db), app->now_real_usec, &w,
		   &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_arr(w, "incidents");
	for (size_t i = 0; i < l->n; i++) {
		jw_obj(w, NULL);
		jw_cols(w, incident_cols, ARRAY_SIZE(incident_cols), &l->v[i]);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

static int list(struct app *app, struct db *db, const struct incident_query *q)
{
	_cleanup_(incidents_done) struct incidents l = { 0 };
	struct err err = { 0 };

	if (db_incidents(db, q, &l, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (app->json)
		return list_json(app, db, &l);
	if (!l.n) {
		app_warn(app, "no incidents%s",
			 q->vmid || q->open_only || q->since_real_usec ||
					 q->until_real_usec
				 ? " match what was asked for"
				 : " are recorded");
		return EXIT_FINE;
	}
	return app_table(app, incident_cols, ARRAY_SIZE(incident_cols), l.v, l.n,
			 sizeof(*l.v), NULL);
}

/* ---- one of them ---- */

/* The container's events from the first minute that was kept to the last. */
static int read_around(struct db *db, const struct incident *i, struct events *ret,
		       struct err *err)
{
	struct event_query q = {
		.vmid = i->vmid,
		.since_real_usec = i->keep_from_real_usec ? i->keep_from_real_usec
							  : i->opened_real_usec,
		.until_real_usec = i->keep_until_real_usec,
		.limit = 500,
	};

	return db_events(db, &q, ret, err);
}

static int show_json(struct app *app, const struct db *db, const struct incident *i,
		     const struct events *around)
{
	static const char *const taken[] = { "n",    "opened", "closed", "open",   "vmid",
					     "life", "name",   "kind",   "summary" };
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.incident/1", db_node(db), app->now_real_usec, &w,
		   &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_obj(w, "incident");
	jw_cols(w, incident_cols, ARRAY_SIZE(incident_cols), i);
	if (i->keep_from_real_usec)
		jw_stamp(w, "recorded_from", i->keep_from_real_usec);
	if (i->keep_until_real_usec)
		jw_stamp(w, "recorded_until", i->keep_until_real_usec);
	if (i->data)
		(void)jw_merge(w, span_str(i->data), taken, ARRAY_SIZE(taken));
	jw_end(w);
	jw_arr(w, "timeline");
	for (size_t k = 0; k < around->n; k++) {
		jw_obj(w, NULL);
		cloudevent_members(w, &around->v[k], db_node(db));
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

/* Two values go into a character of the plot. */
static uint64_t step_of(const struct app *app, uint64_t range_usec)
{
	uint64_t points = 2 * historyview_plot_width(app->table.width);
	uint64_t sec = (range_usec / USEC_PER_SEC + points - 1) / points;

	return MAX(sec, (uint64_t)1) * USEC_PER_SEC;
}

/*
 * Only what was recorded: a kernel without a controller has no figures of it. And what was
 * nothing all the time is not worth four lines, but for the first.
 */
static size_t keep_recorded(const struct history *h, unsigned *columns)
{
	size_t n = 0;

	for (size_t c = 0; c < h->n_columns; c++)
		if (h->sums[c].max.kind == VAL_SET && (h->sums[c].max.n || !c))
			columns[n++] = h->columns[c];
	return n;
}

/* What to look at first, by the kind. */
static size_t columns_of(enum incident_kind kind, unsigned ret[8])
{
	static const char *const names[INCIDENT_KINDS][8] = {
		[INCIDENT_OOM_KILL] = { "mem", "anon", "slab", "swap", "psi-mem",
					"cpu-used", "io-read" },
		[INCIDENT_MEMORY_LIMIT] = { "mem-all", "anon", "file", "slab", "psi-mem",
					    "psi-io", "cpu-used", "io-read" },
		[INCIDENT_PRESSURE] = { "psi-cpu", "psi-mem", "psi-io", "cpu-used", "mem",
					"io-read" },
		[INCIDENT_PIDS_LIMIT] = { "pids", "cpu-used", "mem" },
		[INCIDENT_FROZEN] = { "cpu-used", "mem" },
	};
	static const char *const others[8] = { "cpu-used", "mem",     "anon",
					       "psi-mem",  "io-read", "pids" };
	const char *const *v = names[kind][0] ? names[kind] : others;
	size_t n = 0;

	for (size_t k = 0; k < 8 && v[k]; k++)
		if (history_column_parse(v[k], strlen(v[k]), &ret[n]) == 0)
			n++;
	return n;
}

static void plot(struct app *app, struct ring *ring, struct db *db,
		 const struct incident *i, struct history_range *g, bool again)
{
	struct historyview v = { .app = app, .vmid = g->vmid };
	struct history_data *d = NULL;
	unsigned columns[8];
	size_t n = columns_of(i->kind, columns);

	g->step_usec = step_of(app, g->until_real_usec - g->since_real_usec);
	v.since_real_usec = g->since_real_usec;
	v.until_real_usec = g->until_real_usec;
	v.ascii = !historyview_has_utf8();
	if (history_collect(ring, db, g, &d, NULL) < 0)
		return;
	history_make(d, columns, n, (struct val){ 0 }, &v.h);
	if (again && historyview_narrow(&v.h, true, g)) {
		history_done(&v.h);
		history_data_free(d);
		plot(app, ring, db, i, g, false);
		return;
	}
	n = keep_recorded(&v.h, columns);
	history_done(&v.h);
	history_make(d, columns, n, (struct val){ 0 }, &v.h);
	incidentview_limits(i, columns, n, v.limits);
	if (v.h.n && n)
		(void)historyview_plot(&v);
	history_done(&v.h);
	history_data_free(d);
}

/* ---- what memory was made of ---- */

/* As the kernel adds them up; the first of details tells where there was a reading. */
static const struct part {
	unsigned column;
	bool within; /* a part of the one above that is none */
} parts[] = {
	{ METRIC_MEMORY_ANON_BYTES, false },
	{ METRIC_MEMORY_ANON_THP_BYTES, true },
	{ METRIC_MEMORY_FILE_BYTES, false },
	{ METRIC_MEMORY_SHMEM_BYTES, true },
	{ METRIC_MEMORY_MAPPED_BYTES, true },
	{ METRIC_MEMORY_DIRTY_BYTES, true },
	{ METRIC_MEMORY_WRITEBACK_BYTES, true },
	{ METRIC_MEMORY_KERNEL_BYTES, false },
	{ METRIC_MEMORY_SLAB_BYTES, true },
	{ METRIC_MEMORY_PAGETABLES_BYTES, true },
	{ METRIC_MEMORY_KERNEL_STACK_BYTES, true },
	{ METRIC_MEMORY_PERCPU_BYTES, true },
	{ METRIC_MEMORY_VMALLOC_BYTES, true },
	{ METRIC_MEMORY_SOCK_BYTES, false },
};

/* "  kernel 5.0M (slab 4.9M, pagetables 0.1M)"; what is nothing is left out. */
static void print_parts(struct buf *b, const struct val *v)
{
	bool whole = false, inside = false;

	for (size_t c = 0; c < ARRAY_SIZE(parts); c++) {
		const struct part *p = &parts[c];

		if (!p->within) {
			buf_adds(b, inside ? ")\n" : whole ? "\n" : "");
			whole = v[c].kind == VAL_SET;
			buf_adds(b, whole ? "  " : "");
			inside = false;
		}
		if (!whole || (p->within && !val_or(v[c], 0)))
			continue;
		if (p->within)
			buf_adds(b, inside ? ", " : " (");
		inside = p->within;
		buf_addf(b, "%s ", metric_defs[p->column].name);
		text_size(b, v[c].n);
	}
	buf_adds(b, inside ? ")\n\n" : "\n\n");
}

/* Of the point, is there a reading of details? */
static bool has_details(const struct history *h, size_t i)
{
	for (size_t c = 0; c < h->n_columns; c++)
		if (h->columns[c] > METRIC_DETAILS &&
		    h->v[i * h->n_columns + c].kind == VAL_SET)
			return true;
	return false;
}

/* By the last reading before it. */
static void show_parts(struct app *app, struct ring *ring, struct db *db,
		       const struct incident *i)
{
	struct history_range g = { .vmid = i->vmid,
				   .since_real_usec = num_sub(i->opened_real_usec,
							      15 * USEC_PER_SEC),
				   .until_real_usec = i->opened_real_usec };
	unsigned columns[ARRAY_SIZE(parts)];
	_cleanup_(buf_done) struct buf b = { 0 };
	struct history_data *d = NULL;
	struct history h = { 0 };
	size_t at;

	if (i->kind != INCIDENT_OOM_KILL && i->kind != INCIDENT_MEMORY_LIMIT &&
	    i->kind != INCIDENT_PRESSURE)
		return;
	for (size_t c = 0; c < ARRAY_SIZE(parts); c++)
		columns[c] = parts[c].column;
	if (history_collect(ring, db, &g, &d, NULL) < 0)
		return;
	history_make(d, columns, ARRAY_SIZE(parts), (struct val){ 0 }, &h);
	for (at = h.n; at; at--)
		if (has_details(&h, at - 1) &&
		    (!i->life || h.points[at - 1].life == i->life))
			break;
	if (at) {
		buf_adds(&b, "What memory was made of at ");
		text_stamp(&b, h.points[at - 1].real_usec);
		buf_adds(&b, ":\n");
		print_parts(&b, &h.v[(at - 1) * h.n_columns]);
		fwrite(b.p, 1, b.n, app->out);
	}
	history_done(&h);
	history_data_free(d);
}

/* The recorded seconds, as `history` shows them; none is no error. */
static void show_recorded(struct app *app, struct db *db, const struct incident *i)
{
	struct history_range g = { .vmid = i->vmid,
				   .since_real_usec = i->keep_from_real_usec,
				   .until_real_usec = i->keep_until_real_usec };
	struct ring *ring = NULL;

	if (!g.until_real_usec || g.until_real_usec > app->now_real_usec)
		g.until_real_usec = app->now_real_usec;
	if (!g.since_real_usec || g.since_real_usec >= g.until_real_usec)
		return;
	if (ring_open(app->rootfd, RING, &ring, NULL) < 0)
		ring = NULL;
	show_parts(app, ring, db, i);
	plot(app, ring, db, i, &g, true);
	ring_close(ring);
}

static int show(struct app *app, struct db *db, uint64_t n)
{
	_cleanup_(incidents_done) struct incidents l = { 0 };
	_cleanup_(events_done) struct events around = { 0 };
	struct incident_query q = { .n = n };
	struct err err = { 0 };

	if (db_incidents(db, &q, &l, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (!l.n)
		return app_error(
			app, EXIT_BROKEN,
			"there is no incident %llu: ctscope incidents lists them",
			(unsigned long long)n);
	if (read_around(db, &l.v[0], &around, &err) < 0)
		app_warn(app, "%s", err.msg);
	if (app->json)
		return show_json(app, db, &l.v[0], &around);
	incidentview_print(app, &l.v[0], &around);
	show_recorded(app, db, &l.v[0]);
	return EXIT_FINE;
}

/* ---- the command ---- */

#define O(field) offsetof(struct incidents_opts, field)
static const struct opt incidents_opts[] = {
	{ "lines", 0, OPT_STR, "N", "how many, the newest, or all (100)", O(lines) },
	{ "since", 'S', OPT_TIME, "TIME", "opened not before TIME", O(since) },
	{ "until", 'U', OPT_TIME, "TIME", "opened before TIME", O(until) },
	{ "open", 0, OPT_FLAG, NULL, "only those that are not over", O(open) },
};
#undef O

static int open_store(struct app *app, struct db **ret)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	struct err err = { 0 };
	int r;

	buf_addf(&path, "%s/" DB_PATH, app->root ? app->root : "");
	r = db_open_readonly(buf_str(&path), app->live, ret, &err);
	if (r == -ENOENT)
		return app_error(app, EXIT_BROKEN,
				 "%s: nothing is recorded here: the collector (ctscoped) "
				 "has not run",
				 buf_str(&path));
	return r < 0 ? app_error(app, EXIT_BROKEN, "%s", err.msg) : EXIT_FINE;
}

static int parse(struct app *app, const struct strv *pos, const struct incidents_opts *o,
		 struct incident_query *q, uint64_t *ret_show)
{
	struct err err = { 0 };
	uint32_t n = DEFAULT_LINES;

	*ret_show = 0;
	if (pos->n && str_eq(pos->v[0], "show")) {
		if (pos->n != 2 || num_parse_u64(span_str(pos->v[1]), ret_show) < 0 ||
		    !*ret_show)
			return app_error(app, EXIT_USAGE,
					 "show: expected the number of one incident");
		return EXIT_FINE;
	}
	if (pos->n > 1)
		return app_error(app, EXIT_USAGE, "expected one container ID at most");
	if (pos->n && app_ctid(pos->v[0], &q->vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	if (o->lines && str_eq(o->lines, "all"))
		n = 0;
	else if (o->lines && (num_parse_u32(span_str(o->lines), &n) < 0 || !n))
		return app_error(app, EXIT_USAGE,
				 "--lines \"%s\": expected a number from 1 on, or all",
				 o->lines);
	q->since_real_usec = o->since;
	q->until_real_usec = o->until;
	q->open_only = o->open;
	q->limit = n;
	return EXIT_FINE;
}

static int incidents_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct incidents_opts o = { 0 };
	struct incident_query q = { 0 };
	struct db *db = NULL;
	uint64_t n;
	int r = opts_parse(app, &cmd_incidents, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if ((r = parse(app, &pos, &o, &q, &n)) || (r = open_store(app, &db)))
		return r;
	if (!n)
		ringrates_warn_silent(app);
	r = n ? show(app, db, n) : list(app, db, &q);
	db_close(db);
	return r;
}

const struct cmd cmd_incidents = {
	.name = "incidents",
	.args = "[ID] | show N",
	.help = "what went wrong, and all that was kept about it",
	.more = "An incident is opened by an OOM kill, an unexpected stop, a failed start,\n"
		"sustained pressure, memory at its limit, processes at theirs, or a freeze of\n"
		"more than 30 s. With it are kept the seconds before and after, the largest\n"
		"processes and units, the limits, and the events around it: show N tells all.\n"
		"\n"
		"What happened tonight?\n"
		"  ctscope incidents --since yesterday\n"
		"  ctscope incidents show 7",
	.opts = incidents_opts,
	.nopts = ARRAY_SIZE(incidents_opts),
	.cols = incident_cols,
	.ncols = ARRAY_SIZE(incident_cols),
	.run = incidents_run,
};
