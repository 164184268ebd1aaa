/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usageline.h"

#include "base/clock.h"
#include "base/num.h"

void usage_section(const struct app *app, const char *name)
{
	fprintf(app->out, "\n%s%s%s\n", app->table.color ? "\x1b[1m" : "", name,
		app->table.color ? "\x1b[0m" : "");
}

void usage_row(const struct app *app, const char *name, const struct buf *value,
	       const struct buf *note)
{
	fprintf(app->out, "  %-11s %*s%s%s\n", name, app->table.exact_bytes ? 15 : 9,
		buf_str(value), note->n ? "  " : "", buf_str(note));
}

void usage_put_size(const struct app *app, struct buf *b, struct val v)
{
	struct cell c = cell_val(v, CELL_BYTES);

	cell_print(b, &c, app->table.exact_bytes);
}

void usage_put_signed(const struct app *app, struct buf *b, int64_t n)
{
	if (n < 0)
		buf_addc(b, '-');
	usage_put_size(app, b, val_set((uint64_t)(n < 0 ? -n : n)));
}

void usage_put_percent(struct buf *b, uint64_t n, uint64_t of)
{
	struct cell c = cell_ppm(num_muldiv(n, 1000000, of));

	cell_print(b, &c, false);
	buf_addc(b, '%');
}

void usage_put_seconds(struct buf *b, uint64_t usec)
{
	struct cell c = { .kind = CELL_CENTI, .n = usec / 10000 };

	cell_print(b, &c, false);
	buf_adds(b, " s");
}

void usage_put_count(struct buf *b, struct val v)
{
	struct cell c = cell_val(v, CELL_INT);

	cell_print(b, &c, false);
}

void usage_put_cpus(struct buf *b, uint64_t centi)
{
	buf_addf(b, "%ju", (uintmax_t)(centi / 100));
	if (centi % 100)
		buf_addf(b, ".%02ju", (uintmax_t)(centi % 100));
	buf_adds(b, centi == 100 ? " CPU" : " CPUs");
}

uint64_t usage_per_second(const struct usage *u, uint64_t n)
{
	return num_muldiv(n, USEC_PER_SEC, u->interval_usec);
}

void usage_not_available(const struct app *app, enum controller_place place,
			 const char *what)
{
	const char *reason = controller_reason(place);

	fprintf(app->out, "  not available%s%s%s%s\n", reason ? ": the " : "",
		reason ? what : "", reason ? " controller is " : "",
		reason ? reason : "");
}

void usage_size_row(const struct app *app, const char *name, struct val size,
		    const char *note)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	usage_put_size(app, &v, size);
	buf_adds(&n, note);
	usage_row(app, name, &v, &n);
}

void usage_subtable(const struct app *app, const struct col *cols, size_t ncols,
		    const char *shown, const void *rows, size_t n, size_t size)
{
	struct table_opts o = app->table;
	_cleanup_free_ char *text = NULL;
	struct err err = { 0 };
	struct span all, line;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return;
	o.columns = shown;
	o.width = o.width > 2 ? o.width - 2 : 0;
	r = table_print(f, &o, cols, ncols, rows, n, size, NULL, &err);
	fclose(f);
	if (r < 0) {
		app_warn(app, "%s", err.msg);
		return;
	}
	all = span_of(text, len);
	while (span_line(&all, &line))
		fprintf(app->out, "  %.*s\n", (int)line.n, line.p);
}
