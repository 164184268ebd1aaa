/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usageline.h"
#include "cli/usagepanel.h"
#include "out/text.h"

static void print_trend(const struct app *app, const struct disk_trend *t)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (t->full_in_sec)
		text_duration(&v, t->full_in_sec);
	else
		buf_adds(&v, "now");
	buf_addf(&n, "if it grows as in the last %s, by ",
		 t->window_sec > 86400 ? "7 days" : "24 hours");
	usage_put_size(app, &n, val_set(t->bytes_per_day));
	buf_adds(&n, " a day");
	usage_row(app, "full in", &v, &n);
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
	for (size_t i = 0; i < u->n_trends; i++)
		print_trend(app, &u->trends[i]);
}
