/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/table.h"

#include <libsmartcols.h>

#include "base/dl.h"
#include "out/fit.h"
#include "out/text.h"

#define MAX_COLS 64

static __typeof__(scols_new_table) *dl_scols_new_table;
static __typeof__(scols_unref_table) *dl_scols_unref_table;
static __typeof__(scols_table_new_column) *dl_scols_table_new_column;
static __typeof__(scols_table_new_line) *dl_scols_table_new_line;
static __typeof__(scols_line_set_data) *dl_scols_line_set_data;
static __typeof__(scols_line_get_cell) *dl_scols_line_get_cell;
static __typeof__(scols_cell_set_color) *dl_scols_cell_set_color;
static __typeof__(scols_table_enable_noheadings) *dl_scols_table_enable_noheadings;
static __typeof__(scols_table_enable_colors) *dl_scols_table_enable_colors;
static __typeof__(scols_table_enable_noencoding) *dl_scols_table_enable_noencoding;
static __typeof__(scols_table_set_termwidth) *dl_scols_table_set_termwidth;
static __typeof__(scols_table_set_termforce) *dl_scols_table_set_termforce;
static __typeof__(scols_table_set_stream) *dl_scols_table_set_stream;
static __typeof__(scols_print_table) *dl_scols_print_table;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(scols_new_table),           DL_SYM(scols_unref_table),
		DL_SYM(scols_table_new_column),    DL_SYM(scols_table_new_line),
		DL_SYM(scols_line_set_data),       DL_SYM(scols_line_get_cell),
		DL_SYM(scols_cell_set_color),      DL_SYM(scols_table_enable_noheadings),
		DL_SYM(scols_table_enable_colors), DL_SYM(scols_table_enable_noencoding),
		DL_SYM(scols_table_set_termwidth), DL_SYM(scols_table_set_termforce),
		DL_SYM(scols_table_set_stream),    DL_SYM(scols_print_table),
	};
	static void *handle;

	return dl_load("libsmartcols.so.1", syms, ARRAY_SIZE(syms), &handle, err);
}

static const struct col *find_col(const struct col *cols, size_t ncols, struct span name)
{
	for (size_t i = 0; i < ncols; i++)
		if (!cols[i].json_only && span_eq_nocase(name, cols[i].heading))
			return &cols[i];
	return NULL;
}

static int unknown_column(struct span name, const struct col *cols, size_t ncols,
			  struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < ncols; i++)
		if (!cols[i].json_only)
			buf_addf(&b, "%s%s", b.n ? "," : "", cols[i].heading);
	return err_set(err, -EINVAL, "unknown column \"%.*s\", expected one of %s",
		       (int)MIN(name.n, (size_t)40), name.p, buf_str(&b));
}

/* Which columns, in which order. `pick` has room for MAX_COLS. */
static int pick_columns(const char *list, const struct col *cols, size_t ncols,
			const struct col **pick, size_t *ret_n, struct err *err)
{
	struct span rest = span_str(list ? list : "+"), name;
	bool add = span_skip(&rest, "+");
	size_t n = 0;

	for (size_t i = 0; add && i < ncols && n < MAX_COLS; i++)
		if (!cols[i].hidden && !cols[i].json_only)
			pick[n++] = &cols[i];
	while (span_cut(&rest, ',', &name)) {
		const struct col *c = find_col(cols, ncols, name);

		if (!c)
			return unknown_column(name, cols, ncols, err);
		if (n < MAX_COLS)
			pick[n++] = c;
	}
	if (!n)
		return unknown_column(span_str(""), cols, ncols, err);
	*ret_n = n;
	return 0;
}

int table_check_columns(const char *list, const struct col *cols, size_t ncols,
			struct err *err)
{
	const struct col *pick[MAX_COLS];
	size_t n;

	return pick_columns(list, cols, ncols, pick, &n, err);
}

bool table_has(const char *list, const struct col *cols, size_t ncols,
	       const char *heading)
{
	const struct col *pick[MAX_COLS];
	size_t n = 0;

	if (pick_columns(list, cols, ncols, pick, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (str_eq(pick[i]->heading, heading))
			return true;
	return false;
}

static const char *color_name(enum cell_color c)
{
	switch (c) {
	case COLOR_GOOD:
		return "green";
	case COLOR_WARN:
		return "yellow";
	case COLOR_BAD:
		return "red";
	case COLOR_DIM:
		return "darkgray";
	case COLOR_NONE:
		break;
	}
	return NULL;
}

/* The columns that are shown, and how wide; width 0: nothing is cut (a pipe). */
struct layout {
	const struct table_opts *o;
	const struct col *pick[MAX_COLS];
	size_t width[MAX_COLS];
	size_t n;
	size_t total;
};

struct rows {
	const char *p;
	size_t n, size;
	size_t (*parent)(const void *row, size_t i);
};

static const char *row_at(const struct rows *rows, size_t i)
{
	return rows->p + i * rows->size;
}

/* How deep below its root a row of a tree is; a tree that goes round has an end. */
static size_t depth_of(const struct rows *rows, size_t i)
{
	size_t depth = 0, p;

	while (rows->parent && depth < 32 &&
	       (p = rows->parent(row_at(rows, i), i)) < rows->n && p != i) {
		i = p;
		depth++;
	}
	return depth;
}

static void measure(const struct layout *l, const struct rows *rows, size_t i,
		    struct fit_col *ret)
{
	const struct col *col = l->pick[i];

	ret->heading = l->o->noheadings ? 0 : strlen(col->heading);
	ret->natural = ret->heading;
	/* a tree's own column carries the branches, which the library draws */
	ret->shrink = col->shrink && !(rows->parent && i == 0);
	ret->minor = col->minor;
	ret->empty = true;
	for (size_t k = 0; k < rows->n; k++) {
		_cleanup_(cell_done) struct cell c = { 0 };
		_cleanup_(buf_done) struct buf b = { 0 };
		size_t branches = i == 0 ? 2 * depth_of(rows, k) : 0;

		col->get(row_at(rows, k), &c);
		cell_print(&b, &c, l->o->exact_bytes);
		ret->empty = ret->empty && c.kind == CELL_ABSENT;
		ret->natural =
			MAX(ret->natural, branches + text_width(tbytes_str(buf_str(&b))));
	}
}

static bool is_named(const struct table_opts *o, const struct col *col)
{
	struct span rest = span_str(o->columns && !o->own_columns ? o->columns : ""),
		    name;

	span_skip(&rest, "+");
	while (span_cut(&rest, ',', &name))
		if (span_eq_nocase(name, col->heading))
			return true;
	return false;
}

/* Narrow terminals: which columns are left out, how wide the others are. */
static void fit(struct layout *l, const struct rows *rows)
{
	struct fit_col v[MAX_COLS] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		measure(l, rows, i, &v[i]);
		/* who names a column wants it, empty or not */
		if (is_named(l->o, l->pick[i])) {
			v[i].empty = false;
			v[i].minor = 0;
		}
	}
	fit_columns(v, l->n, l->o->width);
	for (size_t i = 0; i < l->n; i++) {
		if (v[i].drop)
			continue;
		l->pick[n] = l->pick[i];
		l->width[n++] = v[i].width;
		l->total += v[i].width + 1;
	}
	l->n = n;
}

static void fill(struct libscols_line *ln, const struct layout *l, const void *row)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(cell_done) struct cell c = { 0 };
		_cleanup_(buf_done) struct buf b = { 0 };

		l->pick[i]->get(row, &c);
		cell_print(&b, &c, l->o->exact_bytes);
		if (l->width[i] && l->pick[i]->shrink)
			fit_cut(&b, l->width[i]);
		if (dl_scols_line_set_data(ln, i, buf_str(&b)) < 0)
			oom();
		if (l->o->color && c.color)
			dl_scols_cell_set_color(dl_scols_line_get_cell(ln, i),
						color_name(c.color));
	}
}

static struct libscols_table *new_table(FILE *f, const struct layout *l, bool tree)
{
	struct libscols_table *tb = dl_scols_new_table();

	if (!tb)
		oom();
	dl_scols_table_set_stream(tb, f);
	dl_scols_table_enable_noheadings(tb, l->o->noheadings);
	dl_scols_table_enable_colors(tb, l->o->color);
	dl_scols_table_enable_noencoding(tb, 1); /* escaped already, by out/text.h */
	/* it fits, or is wider on purpose: the library must not tear it */
	dl_scols_table_set_termforce(tb, l->o->width ? SCOLS_TERMFORCE_ALWAYS
						     : SCOLS_TERMFORCE_NEVER);
	if (l->o->width)
		dl_scols_table_set_termwidth(tb, MAX((size_t)l->o->width, l->total + 8));
	for (size_t i = 0; i < l->n; i++) {
		int flags = (l->pick[i]->right ? SCOLS_FL_RIGHT : 0) |
			    (tree && i == 0 ? SCOLS_FL_TREE : 0);

		/* an older libsmartcols makes room for a heading that is not shown */
		const char *heading = l->o->noheadings ? "" : l->pick[i]->heading;

		if (!dl_scols_table_new_column(tb, heading, 0.1, flags))
			oom();
	}
	return tb;
}

/* A parent must have its line before its children: lines are made in that order. */
static struct libscols_line *line_of(struct libscols_table *tb,
				     struct libscols_line **lines,
				     const struct rows *rows, size_t i, size_t depth)
{
	struct libscols_line *up = NULL;

	if (lines[i])
		return lines[i];
	if (rows->parent && depth < rows->n) {
		size_t p = rows->parent(row_at(rows, i), i);

		if (p < rows->n && p != i)
			up = line_of(tb, lines, rows, p, depth + 1);
	}
	if (!lines[i])
		lines[i] = dl_scols_table_new_line(tb, up);
	return lines[i];
}

int table_print(FILE *f, const struct table_opts *o, const struct col *cols, size_t ncols,
		const void *rows, size_t n, size_t size,
		size_t (*parent)(const void *row, size_t i), struct err *err)
{
	_cleanup_free_ struct libscols_line **lines = NULL;
	struct rows all = { .p = rows, .n = n, .size = size, .parent = parent };
	struct layout l = { .o = o };
	struct libscols_table *tb;
	int r;

	r = load(err);
	if (r < 0)
		return r;
	r = pick_columns(o->columns, cols, ncols, l.pick, &l.n, err);
	if (r < 0)
		return r;
	if (o->width)
		fit(&l, &all);
	tb = new_table(f, &l, parent != NULL);
	lines = xcalloc(n, sizeof(*lines));
	for (size_t i = 0; i < n; i++) {
		struct libscols_line *ln = line_of(tb, lines, &all, i, 0);

		if (!ln)
			oom();
		fill(ln, &l, row_at(&all, i));
	}
	r = n ? dl_scols_print_table(tb) : 0;
	dl_scols_unref_table(tb);
	if (r < 0)
		return err_set(err, r, "print a table: %s", strerror(-r));
	return 0;
}
