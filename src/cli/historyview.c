/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/historyview.h"

#include <ctype.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "out/json.h"
#include "out/plot.h"
#include "out/text.h"

#define LABEL       9 /* columns before a plot */
#define PLOT_HEIGHT 4
#define MIN_PLOT    20

static struct history_def def_of(const struct history *h, size_t c)
{
	struct history_def d;

	history_def(h->columns[c], &d);
	return d;
}

static struct cell cell_of(enum history_kind kind, struct val v)
{
	if (v.kind == VAL_MAX)
		return cell_val(v, CELL_INT);
	if (v.kind != VAL_SET)
		return (struct cell){ 0 };
	switch (kind) {
	case HISTORY_BYTES:
	case HISTORY_BYTE_RATE:
		return cell_bytes(v.n);
	case HISTORY_COUNT:
		return cell_int(v.n);
	case HISTORY_COUNT_RATE: /* thousandths: hundredths are shown */
		return cell_val(val_set(v.n / 10), CELL_CENTI);
	case HISTORY_SHARE:
	case HISTORY_PART:
		return cell_ppm(v.n);
	}
	return (struct cell){ 0 };
}

static const char *unit_of(enum history_kind kind)
{
	static const char *const units[] = {
		[HISTORY_BYTES] = "bytes",       [HISTORY_COUNT] = "count",
		[HISTORY_BYTE_RATE] = "bytes/s", [HISTORY_COUNT_RATE] = "count/s",
		[HISTORY_SHARE] = "ratio",       [HISTORY_PART] = "ratio",
	};

	return units[kind];
}

static uint64_t per_of(enum history_kind kind)
{
	return kind == HISTORY_SHARE || kind == HISTORY_PART ? 1000000
	       : kind == HISTORY_COUNT_RATE                  ? 1000
							     : 1;
}

/* ---- table ---- */

struct row {
	const struct historyview *v;
	const struct history *h;
	size_t i;
	bool is_gap; /* no point, but what was between that one and the one before */
	uint64_t gap_usec;
};

static uint64_t gap_before(const struct history *h, size_t i)
{
	const struct history_point *p = &h->points[i];

	if (!i || !p->gap)
		return 0;
	return num_sub(num_sub(p->real_usec, h->points[i - 1].real_usec), p->span_usec);
}

static bool is_restart(const struct history *h, size_t i)
{
	return i && h->points[i].life && h->points[i - 1].life &&
	       h->points[i].life != h->points[i - 1].life;
}

/* Of steps of ten seconds and more the end of the step: its last sample may be earlier.
 */
static uint64_t end_of(const struct historyview *v, const struct history_point *p)
{
	uint64_t step = v->h.step_usec, end = p->real_usec;

	if (step >= 10 * USEC_PER_SEC)
		end = (end + step - 1) / step * step;
	return MIN(end, MAX(v->until_real_usec, p->real_usec));
}

static void get_time(const void *row, struct cell *ret)
{
	const struct row *r = row;
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!r->is_gap) {
		*ret = cell_stamp(end_of(r->v, &r->h->points[r->i]));
		return;
	}
	if (is_restart(r->h, r->i)) {
		buf_adds(&b, "(started anew)");
	} else {
		buf_adds(&b, "(nothing for ");
		text_duration(&b, (r->gap_usec + USEC_PER_SEC / 2) / USEC_PER_SEC);
		buf_adds(&b, ")");
	}
	*ret = cell_owned(take_ptr(b.p));
	ret->color = COLOR_DIM;
}

static void get_source(const void *row, struct cell *ret)
{
	const struct row *r = row;

	if (!r->is_gap)
		*ret = cell_str(history_source_name(r->h->points[r->i].source));
}

static void get_value(const void *row, size_t c, struct cell *ret)
{
	const struct row *r = row;

	if (!r->is_gap)
		*ret = cell_of(def_of(r->h, c).kind, r->h->v[r->i * r->h->n_columns + c]);
}

/* the columns are chosen by --metric: the k-th of those */
#define GET(k)                                                                           \
	static void get_##k(const void *row, struct cell *ret)                           \
	{                                                                                \
		get_value(row, k, ret);                                                  \
	}
GET(0)
GET(1)
GET(2)
GET(3)
GET(4)
GET(5)
GET(6)
GET(7)
GET(8)
GET(9)
GET(10)
GET(11)
GET(12)
GET(13)
GET(14)
GET(15)

static void (*const getters[HISTORY_MAX_SHOWN])(const void *, struct cell *) = {
	get_0, get_1, get_2,  get_3,  get_4,  get_5,  get_6,  get_7,
	get_8, get_9, get_10, get_11, get_12, get_13, get_14, get_15,
};

/* "CPU%", "NET-IN/S", "MEM" */
static char *heading_of(struct history_def d)
{
	const char *unit = d.kind == HISTORY_SHARE || d.kind == HISTORY_PART ? "%"
			   : d.kind == HISTORY_BYTE_RATE || d.kind == HISTORY_COUNT_RATE
				   ? "/S"
				   : "";
	char *s = xasprintf("%s%s", d.name, unit);

	for (char *p = s; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return s;
}

static struct row *make_rows(const struct historyview *v, size_t *ret_n)
{
	const struct history *h = &v->h;
	struct row *rows = xcalloc(2 * h->n, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		uint64_t gap = gap_before(h, i);

		/* less than a step is part of a point; that is said in JSON */
		if (gap >= MAX(h->step_usec, 2 * USEC_PER_SEC) || is_restart(h, i))
			rows[n++] = (struct row){ v, h, i, true, gap };
		rows[n++] = (struct row){ v, h, i, false, 0 };
	}
	*ret_n = n;
	return rows;
}

int historyview_table(const struct historyview *v)
{
	struct col cols[HISTORY_MAX_SHOWN + 2] = { { .heading = "TIME",
						     .get = get_time } };
	char *headings[HISTORY_MAX_SHOWN];
	_cleanup_free_ struct row *rows = NULL;
	size_t n, ncols = v->h.n_columns;
	int r;

	for (size_t c = 0; c < ncols; c++) {
		headings[c] = heading_of(def_of(&v->h, c));
		cols[c + 1] = (struct col){ .heading = headings[c],
					    .right = true,
					    .get = getters[c] };
	}
	cols[ncols + 1] = (struct col){ .heading = "FROM", .get = get_source };
	rows = make_rows(v, &n);
	r = app_table(v->app, cols, ncols + 2, rows, n, sizeof(*rows), NULL);
	for (size_t c = 0; c < ncols; c++)
		free(headings[c]);
	return r;
}

/* ---- JSON, CSV ---- */

static void json_value(struct jw *w, const char *key, enum history_kind kind,
		       struct val v)
{
	uint64_t per = per_of(kind);

	if (v.kind == VAL_MAX)
		jw_null(w, key);
	if (v.kind != VAL_SET)
		return;
	if (per == 1)
		jw_int(w, key, v.n);
	else
		jw_ratio(w, key, v.n, per);
}

static void json_metrics(struct jw *w, const struct history *h)
{
	jw_arr(w, "metrics");
	for (size_t c = 0; c < h->n_columns; c++) {
		struct history_def d = def_of(h, c);
		const struct history_summary *s = &h->sums[c];

		jw_obj(w, NULL);
		jw_str(w, "name", d.name);
		jw_str(w, "unit", unit_of(d.kind));
		json_value(w, "min", d.kind, s->min);
		json_value(w, "avg", d.kind, s->avg);
		json_value(w, "max", d.kind, s->max);
		json_value(w, "last", d.kind, s->last);
		jw_end(w);
	}
	jw_end(w);
}

static void json_point(struct jw *w, const struct history *h, size_t i)
{
	const struct history_point *p = &h->points[i];

	jw_obj(w, NULL);
	jw_stamp(w, "time", p->real_usec);
	jw_ratio(w, "seconds", p->span_usec, USEC_PER_SEC);
	jw_str(w, "source", history_source_name(p->source));
	if (p->life)
		jw_int(w, "life", p->life);
	if (p->gap)
		jw_bool(w, "gap", true);
	for (size_t c = 0; c < h->n_columns; c++) {
		struct history_def d = def_of(h, c);

		json_value(w, d.name, d.kind, h->v[i * h->n_columns + c]);
	}
	jw_end(w);
}

int historyview_json(const struct historyview *v)
{
	struct jw *w;
	int r = app_json_one(v->app, "ctscope.history/1", v->node, v->vmid, v->name,
			     v->app->now_real_usec, &w);

	if (r != EXIT_FINE)
		return r;
	jw_stamp(w, "since", v->since_real_usec);
	jw_stamp(w, "until", v->until_real_usec);
	if (v->h.step_usec)
		jw_ratio(w, "step", v->h.step_usec, USEC_PER_SEC);
	if (v->damaged)
		jw_int(w, "damaged", v->damaged);
	json_metrics(w, &v->h);
	jw_arr(w, "points");
	for (size_t i = 0; i < v->h.n; i++)
		json_point(w, &v->h, i);
	jw_end(w);
	jw_end(w);
	return app_json_end(v->app, w);
}

static void csv_value(struct buf *b, enum history_kind kind, struct val v)
{
	uint64_t per = per_of(kind);

	buf_addc(b, ',');
	if (v.kind == VAL_MAX)
		buf_adds(b, "max");
	if (v.kind != VAL_SET)
		return;
	buf_addf(b, "%ju", (uintmax_t)(v.n / per));
	if (per > 1)
		buf_addf(b, ".%0*ju", per == 1000 ? 3 : 6, (uintmax_t)(v.n % per));
}

/*
 * Nothing in it is a guest's: names of ours, numbers, times, so no cell can be taken for
 * a formula.
 */
int historyview_csv(const struct historyview *v)
{
	const struct history *h = &v->h;
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_adds(&b, "time,seconds,source,gap");
	for (size_t c = 0; c < h->n_columns; c++)
		buf_addf(&b, ",%s", def_of(h, c).name);
	buf_addc(&b, '\n');
	for (size_t i = 0; i < h->n; i++) {
		const struct history_point *p = &h->points[i];

		text_rfc3339(&b, p->real_usec);
		buf_addf(&b, ",%ju.%06ju,%s,%d", (uintmax_t)(p->span_usec / USEC_PER_SEC),
			 (uintmax_t)(p->span_usec % USEC_PER_SEC),
			 history_source_name(p->source), p->gap);
		for (size_t c = 0; c < h->n_columns; c++)
			csv_value(&b, def_of(h, c).kind, h->v[i * h->n_columns + c]);
		buf_addc(&b, '\n');
	}
	fwrite(b.p, 1, b.n, v->app->out);
	return EXIT_FINE;
}

/* ---- plot ---- */

size_t historyview_plot_width(unsigned terminal)
{
	size_t w = terminal ? terminal : 80;

	return w > LABEL + MIN_PLOT ? w - LABEL : MIN_PLOT;
}

static void put_cell(struct buf *b, const struct historyview *v, enum history_kind kind,
		     struct val val)
{
	_cleanup_(cell_done) struct cell c = cell_of(kind, val);

	cell_print(b, &c, v->app->table.exact_bytes);
	if (val.kind != VAL_SET)
		return;
	if (kind == HISTORY_SHARE || kind == HISTORY_PART)
		buf_addc(b, '%');
	if (kind == HISTORY_BYTE_RATE || kind == HISTORY_COUNT_RATE)
		buf_adds(b, "/s");
}

/* Which value of a plot shows that moment. */
static size_t slot_of(const struct historyview *v, uint64_t real_usec)
{
	return (size_t)(num_sub(real_usec, v->since_real_usec + 1) / v->h.step_usec);
}

/* A point fills the time that it stands for. */
static void fill_slots(const struct historyview *v, size_t c, struct val *slots, size_t n)
{
	const struct history *h = &v->h;

	for (size_t i = 0; i < h->n; i++) {
		const struct history_point *p = &h->points[i];
		size_t last = slot_of(v, p->real_usec);
		size_t first = slot_of(v, num_sub(p->real_usec, p->span_usec) + 1);

		if (h->v[i * h->n_columns + c].kind != VAL_SET)
			continue;
		for (size_t k = p->gap ? last : first; k <= last && k < n; k++)
			slots[k] = h->v[i * h->n_columns + c];
	}
}

static uint64_t greatest(const struct val *v, size_t n)
{
	uint64_t most = 1;

	for (size_t i = 0; i < n; i++)
		most = MAX(most, val_or(v[i], 0));
	return most;
}

/* What stands before a line, right-aligned. */
static void put_label(struct buf *b, const struct historyview *v, enum history_kind kind,
		      uint64_t n)
{
	_cleanup_(buf_done) struct buf text = { 0 };

	put_cell(&text, v, kind, val_set(n));
	buf_addf(b, "%*s ", LABEL - 1, buf_str(&text));
}

static void put_line(const struct historyview *v, struct buf *b)
{
	while (b->n && b->p[b->n - 1] == ' ')
		b->p[--b->n] = '\0';
	fprintf(v->app->out, "%s\n", buf_str(b));
}

void historyview_share(struct buf *b, struct val n, struct val limit)
{
	uint64_t ppm = num_muldiv(n.n, 1000000, limit.n);

	buf_addf(b, "%llu.%u%% of the limit", (unsigned long long)(ppm / 10000),
		 (unsigned)(ppm / 1000 % 10));
}

static void plot_title(const struct historyview *v, size_t c)
{
	const struct history_summary *s = &v->h.sums[c];
	struct val limit = c < HISTORY_MAX_SHOWN ? v->limits[c] : (struct val){ 0 };
	struct history_def d = def_of(&v->h, c);
	const struct {
		const char *name;
		struct val v;
	} parts[] = { { "min", s->min },
		      { "avg", s->avg },
		      { "max", s->max },
		      { "last", s->last } };
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		buf_addf(&b, "  %s ", parts[i].name);
		put_cell(&b, v, d.kind, parts[i].v);
	}
	if (s->max.kind == VAL_SET && limit.kind == VAL_SET && limit.n) {
		buf_adds(&b, "  (max: ");
		historyview_share(&b, s->max, limit);
		buf_addc(&b, ')');
	}
	fprintf(v->app->out, "%s%s%s%s\n", v->app->table.color ? "\033[1m" : "", d.name,
		v->app->table.color ? "\033[0m" : "", buf_str(&b));
}

static void plot_one(const struct historyview *v, size_t c, size_t width)
{
	size_t n = width * plot_values(v->ascii);
	_cleanup_free_ struct val *slots = xcalloc(n, sizeof(*slots));
	enum history_kind kind = def_of(&v->h, c).kind;
	struct plot p = { .v = slots, .height = PLOT_HEIGHT, .ascii = v->ascii };

	n = MIN(n, slot_of(v, v->until_real_usec) + 1);
	fill_slots(v, c, slots, n);
	p.n = n;
	p.top = greatest(slots, n);
	plot_title(v, c);
	if (v->h.sums[c].max.kind != VAL_SET) {
		fprintf(v->app->out, "%*snot recorded\n", LABEL, "");
		return;
	}
	for (unsigned line = 0; line < p.height; line++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		if (line == 0)
			put_label(&b, v, kind, p.top);
		else if (line == p.height - 1)
			put_label(&b, v, kind, 0);
		else
			buf_addf(&b, "%*s", LABEL, "");
		plot_line(&b, &p, line);
		put_line(v, &b);
	}
}

/* "03:12:30" within a day, "20 Nov 03:12" beyond */
static void put_moment(struct buf *b, uint64_t real_usec, bool days)
{
	time_t t = (time_t)(real_usec / USEC_PER_SEC);
	struct tm tm;
	char text[32];

	localtime_r(&t, &tm);
	strftime(text, sizeof(text), days ? "%m-%d %H:%M" : "%H:%M:%S", &tm);
	buf_adds(b, text);
}

static void plot_axis(const struct historyview *v, size_t width)
{
	uint64_t range = v->until_real_usec - v->since_real_usec;
	bool days = range > 24 * 3600 * USEC_PER_SEC;
	size_t label = days ? 11 : 8, marks = MAX(width / (label + 8), (size_t)2);
	uint64_t shown = width * plot_values(v->ascii) * v->h.step_usec;
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < marks; i++) {
		size_t at = LABEL + i * (width - label) / (marks - 1);
		uint64_t t = v->since_real_usec + num_muldiv(shown, at - LABEL, width);

		if (t > v->until_real_usec)
			break;
		while (b.n < at)
			buf_addc(&b, ' ');
		put_moment(&b, t, days);
	}
	fprintf(v->app->out, "%s\n", buf_str(&b));
}

static void plot_head(const struct historyview *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_addf(&b, "%u", v->vmid);
	if (v->name) {
		buf_addc(&b, ' ');
		text_escape(&b, tbytes_str(v->name), false);
	}
	buf_adds(&b, ": ");
	text_stamp(&b, v->since_real_usec);
	buf_adds(&b, " to ");
	text_stamp(&b, v->until_real_usec);
	buf_adds(&b, ", ");
	text_duration(&b, v->h.step_usec / USEC_PER_SEC);
	buf_adds(&b, " a step");
	if (v->narrowed)
		buf_adds(&b, "; nothing was recorded before");
	fprintf(v->app->out, "%s\n", buf_str(&b));
}

int historyview_plot(const struct historyview *v)
{
	size_t width = historyview_plot_width(v->app->table.width);

	plot_head(v);
	for (size_t c = 0; c < v->h.n_columns; c++)
		plot_one(v, c, width);
	plot_axis(v, width);
	return EXIT_FINE;
}

/* The first and the last of what was recorded; false: nothing was. */
static bool recorded(const struct history *h, size_t *ret_first, size_t *ret_last)
{
	bool any = false;

	for (size_t i = 0; i < h->n; i++)
		for (size_t c = 0; c < h->n_columns; c++)
			if (h->v[i * h->n_columns + c].kind == VAL_SET) {
				if (!any)
					*ret_first = i;
				*ret_last = i;
				any = true;
			}
	return any;
}

bool historyview_narrow(const struct history *h, bool end, struct history_range *g)
{
	uint64_t range = g->until_real_usec - g->since_real_usec, from, to;
	size_t first, last;

	if (!recorded(h, &first, &last))
		return false;
	from = h->points[first].real_usec;
	to = h->points[last].real_usec + 2 * g->step_usec;
	if (from > g->since_real_usec + range / 8)
		g->since_real_usec = from - MIN(from, 2 * g->step_usec);
	if (end && to + range / 8 < g->until_real_usec)
		g->until_real_usec = MAX(to, g->since_real_usec + USEC_PER_SEC);
	return g->until_real_usec - g->since_real_usec < range;
}

bool historyview_has_utf8(void)
{
	const char *names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
	}
	return false;
}
