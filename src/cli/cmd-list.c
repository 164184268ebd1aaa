/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "cli/cmds.h"
#include "cli/colsort.h"
#include "cli/ctview.h"
#include "cli/opts.h"
#include "cli/ringrates.h"
#include "pveconf.h"

#define DEFAULT_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define LEAST_INTERVAL_USEC   (30 * USEC_PER_MSEC)
#define NOT_GIVEN             UINT64_MAX

struct list_opts {
	const char *status, *tag, *pool, *sort;
	bool unprivileged, privileged, cluster, reverse;
	uint64_t interval_usec;
};

#define O(field) offsetof(struct list_opts, field)
static const struct opt opts[] = {
	{ "status", 's', OPT_STR, "STATUS",
	  "only those: running, stopped, frozen, starting, ...", O(status) },
	{ "tag", 't', OPT_STR, "TAG", "only those with the tag", O(tag) },
	{ "pool", 'p', OPT_STR, "POOL", "only those of the pool", O(pool) },
	{ "unprivileged", 0, OPT_FLAG, NULL, "only unprivileged ones", O(unprivileged) },
	{ "privileged", 0, OPT_FLAG, NULL, "only privileged ones", O(privileged) },
	{ "cluster", 0, OPT_FLAG, NULL, "those of the other nodes too, by their config",
	  O(cluster) },
	{ "sort", 0, OPT_STR, "COL", "sort by a column; numbers largest first", O(sort) },
	{ "reverse", 'r', OPT_FLAG, NULL, "turn the order round", O(reverse) },
	{ "interval", 'i', OPT_DURATION, "SECONDS",
	  "time over which CPU% is taken (0.1, or the collector's last second; 0: no "
	  "CPU%)",
	  O(interval_usec) },
};
#undef O

struct ctrows {
	struct ctrow *v;
	size_t n;
};

static void ctrows_done(struct ctrows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		ctrow_done(&rows->v[i]);
	free(rows->v);
	*rows = (struct ctrows){ 0 };
}

/* tags are parted by ',', ';' or blanks */
static bool has_tag(const struct ct *ct, const char *tag)
{
	const char *s = ct->conf ? pveconf_str(&ct->conf->main, "tags") : NULL;

	while (s && *s) {
		size_t n = strcspn(s, ",; \t");

		if (span_eq(span_of(s, n), tag))
			return true;
		s += n;
		s += strspn(s, ",; \t");
	}
	return false;
}

static bool has_status(const struct ct *ct, const char *status)
{
	return str_eq(ct_state_name(ct->state), status);
}

/* A nested pool belongs to the ones above it. */
static bool in_pool(const struct ct *ct, const char *pool)
{
	struct span s = span_str(ct->pool ? ct->pool : "");

	return ct->pool && span_skip(&s, pool) && (!s.n || s.p[0] == '/');
}

static bool wanted(const struct ct *ct, const struct list_opts *o)
{
	if (o->status && !has_status(ct, o->status))
		return false;
	if (o->tag && !has_tag(ct, o->tag))
		return false;
	if (o->pool && !in_pool(ct, o->pool))
		return false;
	if ((o->unprivileged || o->privileged) && !ct->conf)
		return false;
	return !(o->unprivileged && !ct_is_unprivileged(ct)) &&
	       !(o->privileged && ct_is_unprivileged(ct));
}

static const struct col *find_col(const char *name)
{
	return colsort_find(ctrow_cols, CTROW_COLS, name);
}

static int cmp_rows(const void *a, const void *b, void *arg)
{
	const struct ctrow *p = a, *q = b;
	int r = colsort_cmp(arg, p, q);

	return r ? r : (p->ct->vmid > q->ct->vmid) - (p->ct->vmid < q->ct->vmid);
}

static void sort_rows(struct ctrows *rows, const struct list_opts *o)
{
	const struct col *col = o->sort ? find_col(o->sort) : NULL;

	/* by number they come already */
	if (col && !str_eq(col->heading, "VMID") && rows->n)
		qsort_r(rows->v, rows->n, sizeof(*rows->v), cmp_rows,
			(void *)(uintptr_t)col);
	for (size_t i = 0; o->reverse && i < rows->n / 2; i++) {
		struct ctrow t = rows->v[i];

		rows->v[i] = rows->v[rows->n - 1 - i];
		rows->v[rows->n - 1 - i] = t;
	}
}

static int print_json(struct app *app, const struct facts *f, const struct ctrows *rows)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.list/1", f->node, f->time_real_usec, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (f->interval_usec)
		jw_ratio(w, "interval", f->interval_usec, USEC_PER_SEC);
	jw_str(w, "error", f->pve_error);
	jw_arr(w, "containers");
	for (size_t i = 0; i < rows->n; i++) {
		_cleanup_(ctrow_done) struct ctrow r = { 0 };

		ctrow_init_json(&r, f, rows->v[i].ct);
		jw_obj(w, NULL);
		ctrow_json(w, &r);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

/* What no column shows is not read. */
static bool needs(const struct app *app, const struct list_opts *o, const char *a,
		  const char *b)
{
	const struct col *sort = o->sort ? find_col(o->sort) : NULL;
	const char *cols = app->table.columns;

	if (sort && (str_eq(sort->heading, a) || str_eq(sort->heading, b)))
		return true;
	return app->json || table_has(cols, ctrow_cols, CTROW_COLS, a) ||
	       table_has(cols, ctrow_cols, CTROW_COLS, b);
}

/* The last second as the collector recorded it, where one runs and -i is not given. */
static struct ringrates *open_rates(const struct app *app, const struct list_opts *o)
{
	if (o->interval_usec != NOT_GIVEN || !needs(app, o, "CPU%", "CPU%"))
		return NULL;
	return ringrates_open(app);
}

static struct facts_want make_want(const struct app *app, const struct list_opts *o,
				   bool recorded)
{
	bool given = o->interval_usec != NOT_GIVEN;
	bool rates = !recorded && needs(app, o, "CPU%", "CPU%");
	uint64_t interval_usec = given ? o->interval_usec : DEFAULT_INTERVAL_USEC;
	bool notes = needs(app, o, "Notes", "HA");

	return (struct facts_want){
		.cluster = o->cluster,
		.lean = true,
		.memory = needs(app, o, "Mem", "Swap"),
		.io = needs(app, o, "DiskRead", "DiskWrite"),
		.net = needs(app, o, "NetIn", "NetOut"),
		.disk = needs(app, o, "Disk", "MaxDisk"),
		.addrs = needs(app, o, "Addresses", "Addresses"),
		.pool = o->pool || needs(app, o, "Pool", "Pool"),
		.ha = notes,
		.interval_usec = rates ? interval_usec : 0,
		.interval_least_usec = rates && !given ? LEAST_INTERVAL_USEC : 0,
	};
}

static int check_opts(const struct app *app, const struct list_opts *o,
		      const struct strv *pos)
{
	static const char *const states[] = { "running",  "stopped",  "frozen",
					      "starting", "stopping", "unknown" };
	bool known = !o->status;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		known |= str_eq(o->status, states[i]);
	if (!known)
		return app_error(
			app, -EINVAL,
			"--status: expected running, stopped, frozen, starting or stopping");
	if (o->sort && !find_col(o->sort))
		return app_error(app, -EINVAL,
				 "--sort: unknown column \"%s\": see list --help",
				 o->sort);
	if (pos->n)
		return app_error(app, -EINVAL,
				 "it takes no container: ctscope status %s shows one",
				 pos->v[0]);
	return 0;
}

static int list_run(struct app *app, int argc, char **argv)
{
	struct list_opts o = { .interval_usec = NOT_GIVEN };
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(ctrows_done) struct ctrows rows = { 0 };
	struct ringrates *recorded;
	int r = opts_parse(app, &cmd_list, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (check_opts(app, &o, &pos) < 0)
		return EXIT_USAGE;
	if (o.cluster && !app->table.columns) {
		app->table.own_columns = true;
		app->table.columns =
			"VMID,Status,Lock,Name,Node,CPU%,Mem,MaxMem,Disk,MaxDisk,"
			"Uptime,Addresses,Notes";
	}
	recorded = open_rates(app, &o);
	r = app_facts(app, make_want(app, &o, recorded), &f);
	if (r == EXIT_FINE && recorded)
		ringrates_apply(recorded, &f);
	ringrates_close(recorded);
	if (r)
		return r;
	rows.v = xcalloc(f.n_cts, sizeof(*rows.v));
	for (size_t i = 0; i < f.n_cts; i++) {
		struct ctrow *row = &rows.v[rows.n];

		if (!wanted(&f.cts[i], &o))
			continue;
		if (app->json && !o.sort) /* each when it is printed */
			row->ct = &f.cts[i];
		else
			ctrow_init(row, &f, &f.cts[i]);
		rows.n++;
	}
	sort_rows(&rows, &o);
	if (app->json)
		r = print_json(app, &f, &rows);
	else
		r = app_table(app, ctrow_cols, CTROW_COLS, rows.v, rows.n,
			      sizeof(*rows.v), NULL);
	app_leave(app, r);
}

const struct cmd cmd_list = {
	.name = "list",
	.args = "",
	.help = "the containers of this node, as the kernel has them",
	.more = "Status tells what hides behind PVE's \"running\". CPU% is taken over a tenth of\n"
		"a second or, without -i and where hundreds run, over as long as reading them\n"
		"takes (0.03 s at least; \"interval\" of the JSON says how long it was). Memory is\n"
		"PVE's figure (without the page cache). A config that PVE cannot read is a row\n"
		"with its error.\n\n"
		"  ctscope list --status running --sort mem\n"
		"  ctscope list -o vmid,name,pool,tags --tag web\n"
		"  ctscope list --json | jq '.containers[] | select(.lock)'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = ctrow_cols,
	.ncols = CTROW_COLS,
	.run = list_run,
};
