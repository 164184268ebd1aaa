/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "cli/cmds.h"
#include "cli/colsort.h"
#include "cli/opts.h"
#include "cli/usage.h"

struct usage_opts {
	bool tree;
	const char *sort;
	uint64_t interval_usec;
};

#define O(field) offsetof(struct usage_opts, field)
static const struct opt opts[] = {
	{ "interval", 'i', OPT_DURATION, "SECONDS",
	  "time over which rates are taken (1, or the collector's last second; 0: none)",
	  O(interval_usec) },
	{ "tree", 't', OPT_FLAG, NULL, "per unit and nested container inside the guest",
	  O(tree) },
	{ "sort", 0, OPT_STR, "COL", "with --tree: sort by a column (MEM), largest first",
	  O(sort) },
};
#undef O

static int run_tree(struct app *app, const struct usage_opts *o, const char *ctid)
{
	struct usage_tree_opts t = { .sort = o->sort ? o->sort : "MEM",
				     .interval_usec = o->interval_usec };

	/* the record has no units */
	if (t.interval_usec == USAGE_RECORDED)
		t.interval_usec = USEC_PER_SEC;
	if (!colsort_find(usage_tree_cols, USAGE_TREE_COLS, t.sort))
		return app_error(app, EXIT_USAGE, "--sort: there is no column \"%s\"",
				 t.sort);
	return usage_tree(app, ctid, &t);
}

static int usage_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(usage_done) struct usage u = { 0 };
	struct usage_opts o = { .interval_usec = USAGE_RECORDED };
	int r = opts_parse(app, &cmd_usage, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "expected one container ID");
	if (!o.tree && (o.sort || app->table.columns))
		return app_error(app, EXIT_USAGE, "%s goes with --tree",
				 o.sort ? "--sort" : "-o");
	if (o.tree)
		return run_tree(app, &o, pos.v[0]);
	r = usage_read(app, pos.v[0], o.interval_usec, &u);
	if (r)
		return r;
	if (app->json)
		return usage_print_json(app, &u);
	usage_print_text(app, &u);
	return EXIT_FINE;
}

const struct cmd cmd_usage = {
	.name = "usage",
	.args = "ID",
	.help = "what a container uses, against its limits",
	.more = "CPU, memory, disk, network, processes and pressure, with a warning where a\n"
		"threshold of /etc/ctscope/ctscope.conf is reached. With --tree the same per "
		"unit\nand nested container; numbers of a row include the rows below it.\n"
		"When the root disk will be full is said where it has grown steadily for at\n"
		"least a quarter of a day or of a week, and will be within 30 of these.\n\n"
		"Examples:\n"
		"  ctscope usage 101\n"
		"  ctscope usage 101 --tree --sort cpu%\n"
		"  ctscope usage 101 --json | jq .container.warnings",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = usage_tree_cols,
	.ncols = USAGE_TREE_COLS,
	.run = usage_run,
};
