/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/screen.h"
#include "cli/topdata.h"
#include "out/json.h"
#include "out/text.h"
#include "out/topview.h"
#include "rule/topnav.h"
#include "rule/toprow.h"

#define FIRST_USEC (500 * USEC_PER_MSEC) /* to the first rates where nobody records */

struct top_opts {
	bool batch, reverse, all;
	uint64_t count, interval_usec;
	const char *at, *sort, *filter;
};

#define O(field) offsetof(struct top_opts, field)
static const struct opt opts[] = {
	{ "batch", 'b', OPT_FLAG, NULL, "plain text, one picture after the other",
	  O(batch) },
	{ "count", 'n', OPT_U64, "COUNT",
	  "with -b, --json: so many pictures, then the end", O(count) },
	{ "delay", 'd', OPT_DURATION, "SECONDS",
	  "between two pictures, and for rates (2)", O(interval_usec) },
	{ "at", 0, OPT_STR, "TIME",
	  "the recorded past: 03:12, \"2026-11-20 03:12:30\", -2h", O(at) },
	{ "sort", 's', OPT_STR, "BY",
	  "cpu (default), mem, swap, io, net, psi, pids, name, vmid", O(sort) },
	{ "reverse", 'r', OPT_FLAG, NULL, "turn the order round", O(reverse) },
	{ "all", 'a', OPT_FLAG, NULL, "stopped containers too", O(all) },
	{ "filter", 0, OPT_STR, "TEXT", "only those with it in name or number",
	  O(filter) },
};
#undef O

/* ---- options ---- */

static const struct {
	const char *name;
	enum topsort sort;
} sorts[] = {
	{ "cpu", TOPSORT_CPU },   { "mem", TOPSORT_MEM },      { "memory", TOPSORT_MEM },
	{ "swap", TOPSORT_SWAP }, { "io", TOPSORT_IO },        { "net", TOPSORT_NET },
	{ "psi", TOPSORT_PSI },   { "pressure", TOPSORT_PSI }, { "pids", TOPSORT_PIDS },
	{ "name", TOPSORT_NAME }, { "vmid", TOPSORT_VMID },
};

static int find_sort(const struct app *app, const char *name, enum topsort *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(sorts); i++)
		if (span_eq_nocase(span_str(name), sorts[i].name)) {
			*ret = sorts[i].sort;
			return 0;
		}
	return app_error(
		app, -EINVAL,
		"--sort: expected cpu, mem, swap, io, net, psi, pids, name or vmid");
}

/* "03:12" at one o'clock at night is that of yesterday: what is to come is not recorded.
 */
static int parse_at(const char *text, uint64_t now, uint64_t *ret, struct err *err)
{
	uint64_t day = 86400 * USEC_PER_SEC, at;
	bool of_day = strlen(text) <= 8 && strchr(text, ':');
	int r = opts_parse_time(text, now, &at, err);

	if (r < 0)
		return r;
	if (of_day && at > now && at >= day)
		at -= day;
	if (at > now)
		return err_set(err, -EINVAL, "\"%s\" is still to come", text);
	*ret = at;
	return 0;
}

static int check_opts(const struct app *app, const struct top_opts *o,
		      const struct strv *pos, struct topnav *nav)
{
	struct err err = { 0 };
	uint64_t at;

	if (pos->n)
		return app_error(app, -EINVAL,
				 "it takes no container: ctscope usage %s shows one",
				 pos->v[0]);
	if (o->interval_usec < TOPNAV_MIN_USEC || o->interval_usec > 3600 * USEC_PER_SEC)
		return app_error(app, -EINVAL, "--delay: expected 0.2 to 3600 seconds");
	*nav = (struct topnav){ .sort = TOPSORT_CPU,
				.interval_usec = o->interval_usec,
				.reverse = o->reverse,
				.all = o->all };
	if (o->sort && find_sort(app, o->sort, &nav->sort) < 0)
		return -EINVAL;
	if (o->filter && strlen(o->filter) >= sizeof(nav->filter))
		return app_error(app, -EINVAL, "--filter: more than %zu bytes",
				 sizeof(nav->filter) - 1);
	if (o->filter)
		memcpy(nav->filter, o->filter, strlen(o->filter) + 1);
	if (!o->at)
		return 0;
	if (parse_at(o->at, app->now_real_usec, &at, &err) < 0)
		return app_error(app, -EINVAL, "--at: %s", err.msg);
	nav->past = true;
	nav->at_real_usec = at;
	return 0;
}

/* ---- batch mode ---- */

static const char *source_name(const struct topframe *f)
{
	switch (f->source) {
	case TOP_RING:
		return "collector";
	case TOP_SAMPLED:
		return "sampled";
	case TOP_STORE:
		return "store";
	case TOP_NONE:
		break;
	}
	return NULL;
}

static void json_host(struct jw *w, const struct tophost *h)
{
	struct cell cpu = cell_val(h->cpu_ppm, CELL_PPM);
	const struct {
		const char *key;
		struct val v;
	} psi[] = {
		{ "cpu", h->psi_cpu_centi },
		{ "io", h->psi_io_centi },
		{ "memory", h->psi_mem_centi },
	};

	jw_obj(w, "host");
	jw_int(w, "cpus", h->cpus);
	jw_cell(w, "cpu", &cpu);
	jw_val(w, "mem", h->mem_bytes);
	jw_val(w, "maxmem", h->maxmem_bytes);
	jw_val(w, "swap", h->swap_bytes);
	jw_val(w, "maxswap", h->maxswap_bytes);
	jw_obj(w, "pressure_avg10");
	for (size_t i = 0; i < ARRAY_SIZE(psi); i++) {
		struct cell c = cell_val(psi[i].v, CELL_CENTI);

		jw_cell(w, psi[i].key, &c);
	}
	jw_end(w);
	jw_end(w);
}

static void json_row(struct jw *w, const struct toprow *r)
{
	const struct {
		const char *name;
		bool on;
	} marks[] = {
		{ "frozen", r->state == CT_FROZEN },
		{ "throttled", r->throttled },
		{ "memory-limit", r->mem_limit },
		{ "pids-limit", r->pids_limit },
		{ "oom-kill", val_or(r->oom_kills, 0) > 0 },
	};

	jw_obj(w, NULL);
	jw_cols(w, topview_cols, TOPVIEW_COLS, r);
	jw_arr(w, "marks");
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (marks[i].on)
			jw_str(w, NULL, marks[i].name);
	jw_end(w);
	jw_end(w);
}

static int batch_json(const struct app *app, const struct topframe *f)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new_line(app->out, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_str(w, "schema", "ctscope.top/1");
	jw_str(w, "node", f->node);
	jw_stamp(w, "time", f->real_usec);
	jw_str(w, "source", source_name(f));
	jw_bool(w, "past", f->past);
	if (f->source != TOP_NONE)
		jw_ratio(w, "interval", f->interval_usec, USEC_PER_SEC);
	jw_str(w, "note", f->note);
	jw_int(w, "running", f->n_running);
	if (!f->past) {
		jw_int(w, "frozen", f->n_frozen);
		jw_int(w, "stopped", f->n_stopped);
		json_host(w, &f->host);
	}
	jw_arr(w, "containers");
	for (size_t i = 0; i < f->n; i++)
		json_row(w, &f->v[i]);
	jw_end(w);
	return app_json_end(app, w);
}

static void batch_trouble(const struct app *app, const struct topframe *f)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (topview_trouble(f, 160, &b))
		fprintf(app->out, "%s\n", buf_str(&b));
}

static int batch_text(struct app *app, const struct topframe *f, const struct topnav *nav)
{
	for (unsigned i = 0; i < TOPVIEW_HEAD; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		topview_head(f, nav, i, &b);
		fprintf(app->out, "%s\n", buf_str(&b));
	}
	batch_trouble(app, f);
	if (f->note) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, tbytes_str(f->note), false);
		fprintf(app->out, "%s\n", buf_str(&b));
	}
	fputc('\n', app->out);
	return app_table(app, topview_cols, TOPVIEW_COLS, f->v, f->n, sizeof(*f->v),
			 NULL);
}

static int batch_frame(struct app *app, struct topdata *d, const struct topnav *nav)
{
	struct topframe f;
	int r;

	topdata_frame(d, nav, app->live ? clock_real_usec() : app->now_real_usec, &f);
	r = app->json ? batch_json(app, &f) : batch_text(app, &f, nav);
	/* a reader that went away is the end, not an error */
	if (r == EXIT_FINE && (fflush(app->out) != 0 || ferror(app->out)))
		return errno == EPIPE ? -EPIPE
				      : app_error(app, EXIT_BROKEN, "write: %s",
						  strerror(errno));
	if (r == EXIT_FINE && f.past && f.source == TOP_NONE)
		return app_error(app, EXIT_BROKEN, "the record cannot be read");
	if (r == EXIT_FINE && f.no_store)
		return app_error(app, EXIT_BROKEN, "%s", f.note);
	return r;
}

/* Waits for the next picture and takes its figures; in the past it only moves on. */
static int batch_next(const struct app *app, struct topdata *d, struct topnav *nav,
		      uint64_t *due_mono_usec)
{
	uint64_t now = clock_mono_usec();
	struct err err = { 0 };

	if (nav->past) {
		nav->at_real_usec += nav->interval_usec;
		return nav->at_real_usec <= app->now_real_usec ? EXIT_FINE : -EPIPE;
	}
	/* what reading takes is part of the interval */
	*due_mono_usec = MAX(*due_mono_usec + nav->interval_usec, now);
	clock_sleep_usec(*due_mono_usec - now);
	if (topdata_tick(d, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	return EXIT_FINE;
}

static int run_batch(struct app *app, const struct top_opts *o, struct topdata *d,
		     struct topnav *nav)
{
	uint64_t count = o->count, due = clock_mono_usec();
	int r = EXIT_FINE;

	if (count == UINT64_MAX && (nav->past || !app->live))
		count = 1; /* it does not change */
	if (app->live && !nav->past && !topdata_has_collector(d))
		r = batch_next(app, d, nav, &due);
	for (uint64_t i = 0; r == EXIT_FINE; i++) {
		if (i && !app->json)
			fputc('\n', app->out);
		r = batch_frame(app, d, nav);
		if (r || i + 1 == count)
			break;
		r = batch_next(app, d, nav, &due);
	}
	return r == -EPIPE ? EXIT_FINE : r;
}

/* ---- the screen ---- */

struct ui {
	struct app *app;
	struct screen *screen;
	struct topdata *data;
	struct topnav nav;
	struct topframe frame;
	struct topview_opts view;
	uint64_t due_mono_usec; /* of the next figures */
	uint64_t seen_unit;     /* whose units are in view */
	uint64_t seen_at;       /* and of when; 0: of now */
	char message[256];
};

static uint64_t now_of(const struct ui *ui)
{
	return ui->app->live ? clock_real_usec() : ui->app->now_real_usec;
}

static size_t page_of(const struct ui *ui)
{
	size_t w, h;

	screen_size(ui->screen, &w, &h);
	return topview_page(&ui->frame, MAX(h, (size_t)SURFACE_MIN_H));
}

static void draw(struct ui *ui)
{
	_cleanup_(surface_done) struct surface s = { 0 };
	size_t w, h;

	topdata_frame(ui->data, &ui->nav, now_of(ui), &ui->frame);
	topnav_place(&ui->nav, ui->frame.v, ui->frame.n, page_of(ui));
	screen_size(ui->screen, &w, &h);
	surface_init(&s, w, h, screen_utf8(ui->screen));
	ui->view.message = ui->message[0] ? ui->message : NULL;
	topview_draw(&s, &ui->frame, &ui->nav, &ui->view);
	screen_show(ui->screen, &s);
}

static void read_units(struct ui *ui)
{
	ui->seen_unit = ui->nav.unit;
	ui->seen_at = ui->nav.past ? ui->nav.at_real_usec : 0;
	if (ui->nav.unit)
		topdata_units(ui->data, &ui->nav, &ui->view.units, &ui->view.n_units,
			      &ui->view.unit_note);
}

/* While the picture is held or of the past, nothing is read. */
static void tick(struct ui *ui)
{
	struct err err = { 0 };

	if (!ui->nav.past && !ui->nav.paused) {
		if (topdata_tick(ui->data, &err) < 0)
			snprintf(ui->message, sizeof(ui->message), "%s", err.msg);
		/* a copy stands still: looked at twice it would have rates of nothing */
		if (ui->app->live || ui->seen_unit != ui->nav.unit)
			read_units(ui);
	}
	ui->due_mono_usec = clock_mono_usec() + ui->nav.interval_usec;
}

static void goto_typed(struct ui *ui)
{
	uint64_t now = now_of(ui), at;
	struct err err = { 0 };

	if (parse_at(ui->nav.text, now, &at, &err) < 0)
		snprintf(ui->message, sizeof(ui->message), "%s", err.msg);
	else
		topnav_goto(&ui->nav, at, now);
}

/* false: it is the end. */
static bool on_key(struct ui *ui, int key)
{
	struct topnav_view view = {
		.now_real_usec = now_of(ui),
		.shown_real_usec = ui->frame.real_usec,
		.step_usec = ui->frame.step_usec,
		.rows = ui->nav.unit ? ui->view.n_units : ui->frame.n,
		.page = page_of(ui),
		.v = ui->nav.unit ? NULL : ui->frame.v,
	};

	ui->message[0] = '\0';
	switch (topnav_key(&ui->nav, &view, key)) {
	case TOPACT_QUIT:
		return false;
	case TOPACT_TIME:
		goto_typed(ui);
		break;
	case TOPACT_READ:
		if (!ui->nav.past)
			tick(ui);
		else
			read_units(ui);
		break;
	case TOPACT_TIMER:
		snprintf(ui->message, sizeof(ui->message), "every %ju.%ju s",
			 (uintmax_t)(ui->nav.interval_usec / USEC_PER_SEC),
			 (uintmax_t)(ui->nav.interval_usec / 100000 % 10));
		ui->due_mono_usec = clock_mono_usec() + ui->nav.interval_usec;
		break;
	case TOPACT_DRAW:
	case TOPACT_NONE:
		break;
	}
	if (ui->nav.unit != ui->seen_unit ||
	    (ui->nav.unit && ui->seen_at != (ui->nav.past ? ui->nav.at_real_usec : 0)))
		read_units(ui);
	return true;
}

static void loop(struct ui *ui)
{
	bool more = true;
	int key;

	while (more) {
		uint64_t now = clock_mono_usec();

		if (now >= ui->due_mono_usec)
			tick(ui);
		draw(ui);
		now = clock_mono_usec();
		switch (screen_wait(ui->screen, num_sub(ui->due_mono_usec, now) + 1000,
				    &key)) {
		case SCREEN_KEY:
			more = on_key(ui, key);
			break;
		case SCREEN_END:
			more = false;
			break;
		case SCREEN_RESIZE:
		case SCREEN_TIMEOUT:
			break;
		}
	}
}

static int run_screen(struct app *app, struct topdata *d, const struct topnav *nav)
{
	struct ui ui = { .app = app, .data = d, .nav = *nav };
	struct err err = { 0 };

	ui.view.columns = app->table.columns;
	ui.view.exact_bytes = app->table.exact_bytes;
	if (screen_open(app->table.color, &ui.screen, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	/* without a collector the second look follows soon, as rates need two */
	ui.due_mono_usec = clock_mono_usec() +
			   (topdata_has_collector(d) ? nav->interval_usec : FIRST_USEC);
	loop(&ui);
	screen_close(ui.screen);
	return EXIT_FINE;
}

static int top_run(struct app *app, int argc, char **argv)
{
	struct top_opts o = { .count = UINT64_MAX, .interval_usec = 2 * USEC_PER_SEC };
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct topdata *d = NULL;
	struct err err = { 0 };
	struct topnav nav;
	int r = opts_parse(app, &cmd_top, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (check_opts(app, &o, &pos, &nav) < 0)
		return EXIT_USAGE;
	if (!o.count)
		return app_error(app, EXIT_USAGE, "-n 0: expected a number from 1 on");
	if (!o.batch && !app->json && screen_check(&err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	r = topdata_open(app, &d);
	if (r)
		return r;
	if (o.batch || app->json)
		r = run_batch(app, &o, d, &nav);
	else
		r = run_screen(app, d, &nav);
	topdata_close(d);
	return r;
}

const struct cmd cmd_top = {
	.name = "top",
	.args = "",
	.help = "what the containers use, live and in the recorded past",
	.more = "A table that is drawn anew every two seconds; h shows the keys. With the\n"
		"collector running rates are there at once, and [ goes back through time; else\n"
		"they are sampled here. --at shows a moment that was recorded. With --json each\n"
		"picture is one object on a line.\n\n"
		"Examples:\n"
		"  ctscope top --sort io\n"
		"  ctscope top --at 03:12\n"
		"  ctscope top -b -n 3 -d 1 --sort mem\n"
		"  ctscope top --json -n 1 | jq '.containers[] | select(.cpu > 0.9) | .vmid'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = topview_cols,
	.ncols = TOPVIEW_COLS,
	.run = top_run,
};
