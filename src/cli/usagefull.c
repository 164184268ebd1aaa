/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usageline.h"
#include "cli/usagepanel.h"
#include "out/text.h"

static void print_trend(const struct app *app, const struct disk_trend *t)
{
	const char *window =
		t->window_sec > 86400 ? "the last 7 days" : "the last 24 hours";
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	text_duration(&v, t->full_in_sec);
	buf_addf(&n, "at the rate of %s, ", window);
	usage_put_size(app, &n, val_set(t->bytes_per_day));
	buf_adds(&n, " a day");
	usage_row(app, "full in", &v, &n);
}

static void print_full(const struct app *app, const struct disk_trend *t)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	buf_adds(&v, "now");
	buf_adds(&n, "no space is left; it grew by ");
	usage_put_size(app, &n, val_set(t->bytes_per_day));
	buf_adds(&n, " a day");
	usage_row(app, "full", &v, &n);
}

void usage_panel_disk(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct ct *ct = u->ct;

	usage_section(app, "Root file system");
	if (ct->disk_bytes.kind != VAL_SET || ct->disk_max_bytes.kind != VAL_SET) {
		fputs(app->live ? "  not known: it did not answer\n"
				: "  not known: only the running node can tell\n",
		      app->out);
		return;
	}
	usage_put_size(app, &v, ct->disk_bytes);
	buf_adds(&n, "of ");
	usage_put_size(app, &n, ct->disk_max_bytes);
	buf_adds(&n, ", ");
	usage_put_percent(&n, ct->disk_bytes.n, ct->disk_max_bytes.n);
	usage_row(app, "used", &v, &n);
	if (u->n_trends && !u->trends[0].full_in_sec) {
		print_full(app, &u->trends[0]);
		return;
	}
	for (size_t i = 0; i < u->n_trends; i++)
		print_trend(app, &u->trends[i]);
}
