/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/topimpl.h"

#include "base/clock.h"
#include "base/num.h"
#include "out/fit.h"
#include "out/text.h"

static const char *const help[] = {
	"sort    c CPU  m memory  i I/O  n network  p pressure",
	"        < > the column before, the next    r turn round",
	"rows    arrows, page keys, home, end       a stopped ones too",
	"        / only those with this text in name or number",
	"inside  Enter: the units of the container  Esc: back",
	"time    [ ] or left right 1 s   { } 10 s   ( ) 1 min",
	"        @ go to a time (03:12, -2h)        l live again",
	"        space holds the picture            + - interval",
	"        q quit                             h this text",
	"",
	"CPU% is of the CPUs it may use, Cores of one CPU. Mem is without the",
	"page cache, as Proxmox VE counts it. I/O counts every device of a stack.",
	"Press, CPUp, IOp, MEMp: percent of time in which something in it waited",
	"for a CPU, a disk, memory; Press is the largest of them.",
	"Marks, in short: F frozen, T throttled (its CPU share was used up),",
	"M memory limit, P pids limit, K processes killed for lack of memory.",
	"A dash is not known. A blank in the graph was not recorded.",
};

/* ---- the screen ---- */

/* One scale for all rows where there is no limit. */
static uint64_t graph_full(const struct topframe *f, const struct toprow *r)
{
	uint64_t most = 0;

	if (r->graph_full.kind == VAL_SET && r->graph_full.n)
		return r->graph_full.n;
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < TOP_GRAPH; k++)
			most = MAX(most, val_or(f->v[i].graph[k], 0));
	return most;
}
static void put_line(struct surface *s, size_t y, struct buf *b, struct style style)
{
	if (style.reverse)
		surface_paint(s, 0, y, s->w, style);
	fit_cut(b, s->w);
	surface_put(s, 0, y, s->w, buf_str(b), style);
}

/* Not where there is hardly room for the table. */
static bool has_trouble(const struct topframe *f, size_t h)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	return h >= 10 && topview_trouble(f, 80, &b);
}

static size_t draw_head(struct surface *s, const struct topframe *f,
			const struct topnav *nav)
{
	const struct style styles[TOPVIEW_HEAD] = {
		{ .bold = true },
		{ 0 },
		{ .reverse = f->past || nav->paused, .bold = f->past },
	};
	size_t y = 0;

	for (unsigned i = 0; i < TOPVIEW_HEAD; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		topview_head(f, nav, i, &b);
		put_line(s, y++, &b, styles[i]);
	}
	if (has_trouble(f, s->h)) {
		_cleanup_(buf_done) struct buf b = { 0 };

		topview_trouble(f, s->w, &b);
		put_line(s, y++, &b, (struct style){ .color = COLOR_BAD, .bold = true });
	}
	if (f->note) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, tbytes_str(f->note), false);
		put_line(s, y++, &b, (struct style){ .color = COLOR_WARN });
	}
	return y;
}

size_t topview_page(const struct topframe *f, size_t h)
{
	size_t other = TOPVIEW_HEAD + 2;

	other += f->note ? 1 : 0;
	other += has_trouble(f, h) ? 1 : 0;
	return h > other ? h - other : 1;
}

/* Text in a column of that width, to its right or left. */
static void put_cell(struct surface *s, size_t x, size_t y, size_t width, bool right,
		     struct buf *b, struct style style)
{
	size_t w;

	fit_cut(b, width);
	w = text_width(tbytes_str(buf_str(b)));
	surface_put(s, right && w < width ? x + width - w : x, y, width, buf_str(b),
		    style);
}

static void draw_headings(struct surface *s, size_t y, const struct toplayout *l,
			  const struct topframe *f, const struct topnav *nav)
{
	size_t x = 0;

	surface_paint(s, 0, y, s->w, (struct style){ .reverse = true });
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		bool sorted = topview_is_sorted(l->col[i], nav->sort);

		if (l->col[i] == TC_GRAPH) {
			topview_put_span(&b, f->step_usec * TOP_GRAPH);
		} else
			buf_adds(&b, topview_cols[l->col[i]].heading);
		put_cell(s, x, y, l->width[i], topview_cols[l->col[i]].right, &b,
			 (struct style){
				 .reverse = true, .bold = sorted, .underline = sorted });
		x += l->width[i] + 1;
	}
}

static void draw_cell(struct surface *s, size_t x, size_t y, size_t width, size_t col,
		      const struct topframe *f, const struct toprow *r,
		      const struct topview_opts *o, bool selected)
{
	_cleanup_(cell_done) struct cell c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct style style = { .reverse = selected };

	if (col == TC_GRAPH) {
		topview_graph(r, graph_full(f, r), width, s->utf8, &b);
		surface_put(s, x, y, width, buf_str(&b), style);
		return;
	}
	topview_cols[col].get(r, &c);
	/* no dash where there is nothing to know */
	if (c.kind == CELL_ABSENT && (topview_cols[col].shrink || col == TC_FLAGS))
		return;
	cell_print(&b, &c, o->exact_bytes);
	style.color = r->state == CT_STOPPED && !r->was ? COLOR_DIM : c.color;
	put_cell(s, x, y, width, topview_cols[col].right, &b, style);
}

static void draw_row(struct surface *s, size_t y, const struct toplayout *l,
		     const struct topframe *f, const struct toprow *r,
		     const struct topview_opts *o, bool selected)
{
	size_t x = 0;

	if (selected)
		surface_paint(s, 0, y, s->w, (struct style){ .reverse = true });
	for (size_t i = 0; i < l->n; i++) {
		draw_cell(s, x, y, l->width[i], l->col[i], f, r, o, selected);
		x += l->width[i] + 1;
	}
}

static void draw_table(struct surface *s, size_t y, const struct topframe *f,
		       const struct topnav *nav, const struct topview_opts *o)
{
	size_t page = topview_page(f, s->h);
	struct toplayout l;

	topview_lay_out(f, nav, o, s->w, &l);
	draw_headings(s, y++, &l, f, nav);
	if (!f->n)
		surface_put(s, 0, y, s->w,
			    nav->filter[0] ? "no container fits the filter"
			    : f->past      ? "no container is known of that time"
				      : "no container runs (a shows the stopped ones)",
			    (struct style){ .color = COLOR_DIM });
	for (size_t i = 0; i < page && nav->scroll + i < f->n; i++)
		draw_row(s, y + i, &l, f, &f->v[nav->scroll + i], o,
			 nav->scroll + i == nav->cursor);
}

/* ---- inside one container ---- */

static const struct {
	const char *heading;
	size_t width;
	enum cell_kind kind;
	size_t off;
} unit_cols[] = {
	{ "CPU%", 6, CELL_PPM, offsetof(struct topunit, cores_ppm) },
	{ "Mem", 7, CELL_BYTES, offsetof(struct topunit, mem_bytes) },
	{ "Read/s", 7, CELL_BYTES, offsetof(struct topunit, read_bps) },
	{ "Write/s", 7, CELL_BYTES, offsetof(struct topunit, write_bps) },
	{ "Pids", 6, CELL_INT, offsetof(struct topunit, pids) },
};

/* The figures from the right on, as many as there is room for. */
static size_t unit_room(size_t w, size_t *ret_n)
{
	size_t used = 0, n = 0;

	while (n < ARRAY_SIZE(unit_cols) && used + unit_cols[n].width + 1 + 16 <= w)
		used += unit_cols[n++].width + 1;
	*ret_n = n;
	return w - used;
}

static void draw_unit(struct surface *s, size_t y, const struct topunit *u,
		      const struct topview_opts *o)
{
	_cleanup_(buf_done) struct buf name = { 0 };
	size_t n, room = unit_room(s->w, &n), x = room;
	size_t indent = MIN((size_t)u->depth * 2, room / 4);
	bool with_kind = room > 30;

	if (u->name)
		text_escape(&name, tbytes_str(u->name), false);
	else
		buf_adds(&name, "all of it");
	put_cell(s, indent, y, room - indent - 1 - (with_kind ? 10 : 0), false, &name,
		 (struct style){ .bold = !u->depth });
	if (with_kind && u->kind)
		surface_put(s, room - 10, y, 9, u->kind,
			    (struct style){ .color = COLOR_DIM });
	for (size_t i = 0; i < n; i++) {
		struct cell c = cell_val(
			*(const struct val *)((const char *)u + unit_cols[i].off),
			unit_cols[i].kind);
		_cleanup_(buf_done) struct buf b = { 0 };

		cell_print(&b, &c, o->exact_bytes);
		put_cell(s, x, y, unit_cols[i].width, true, &b, (struct style){ 0 });
		x += unit_cols[i].width + 1;
	}
}

/* "inside of 103 web (CPU% of one CPU)" */
static void put_inside(struct buf *b, const struct topframe *f, const struct topnav *nav)
{
	buf_addf(b, "inside of %u", nav->unit);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].vmid == nav->unit && f->v[i].name) {
			buf_addc(b, ' ');
			text_escape(b, tbytes_str(f->v[i].name), false);
		}
	buf_adds(b, " (CPU% of one CPU)");
}

static void draw_units(struct surface *s, size_t y, const struct topframe *f,
		       const struct topnav *nav, const struct topview_opts *o)
{
	size_t page = topview_page(f, s->h), n, x = unit_room(s->w, &n);
	_cleanup_(buf_done) struct buf title = { 0 };
	struct style head = { .reverse = true };

	surface_paint(s, 0, y, s->w, head);
	put_inside(&title, f, nav);
	fit_cut(&title, x - 1);
	surface_put(s, 0, y, x - 1, buf_str(&title), head);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, unit_cols[i].heading);
		put_cell(s, x, y, unit_cols[i].width, true, &b, head);
		x += unit_cols[i].width + 1;
	}
	y++;
	if (o->unit_note) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, tbytes_str(o->unit_note), false);
		fit_cut(&b, s->w);
		surface_put(s, 0, y, s->w, buf_str(&b),
			    (struct style){ .color = COLOR_WARN });
		if (!o->n_units)
			return;
		y++;
		page--;
	}
	for (size_t i = 0; i < page && nav->unit_scroll + i < o->n_units; i++)
		draw_unit(s, y + i, &o->units[nav->unit_scroll + i], o);
}

/* ---- the rest ---- */

static void draw_help(struct surface *s, size_t y)
{
	for (size_t i = 0; i < ARRAY_SIZE(help) && y + i + 1 < s->h; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, help[i]);
		fit_cut(&b, s->w);
		surface_put(s, 0, y + i, s->w, buf_str(&b), (struct style){ 0 });
	}
}

static void draw_foot(struct surface *s, const struct topnav *nav,
		      const struct topview_opts *o)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct style style = { .color = COLOR_DIM };

	if (nav->prompt) {
		buf_adds(&b,
			 nav->prompt == PROMPT_FILTER ? "only with: " : "go to time: ");
		buf_adds(&b, nav->text);
		buf_addc(&b, '_');
		style = (struct style){ .bold = true };
	} else if (o->message) {
		text_escape(&b, tbytes_str(o->message), false);
		style = (struct style){ .color = COLOR_WARN };
	} else if (nav->help)
		buf_adds(&b, "any key: back");
	else if (nav->unit)
		buf_adds(&b, "Esc back  h help  q quit  space hold  + - interval");
	else if (nav->past)
		buf_adds(&b, "q quit  h help  l live  [ ] 1 s  { } 10 s  ( ) 1 min  "
			     "@ time  / filter");
	else
		buf_adds(&b, "q quit  h help  c m i n p sort  / filter  Enter inside  "
			     "[ the past  spc hold");
	put_line(s, s->h - 1, &b, style);
}

void topview_draw(struct surface *s, const struct topframe *f, const struct topnav *nav,
		  const struct topview_opts *o)
{
	size_t y = draw_head(s, f, nav);

	if (nav->help)
		draw_help(s, y);
	else if (nav->unit)
		draw_units(s, y, f, nav, o);
	else
		draw_table(s, y, f, nav, o);
	draw_foot(s, nav, o);
}
