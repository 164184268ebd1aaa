/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/colsort.h"

const struct col *colsort_find(const struct col *cols, size_t n, const char *heading)
{
	for (size_t i = 0; i < n; i++)
		if (!cols[i].json_only &&
		    span_eq_nocase(span_str(heading), cols[i].heading))
			return &cols[i];
	return NULL;
}

static int cmp_cell(const struct cell *a, const struct cell *b)
{
	_cleanup_(buf_done) struct buf x = { 0 }, y = { 0 };

	if (a->kind == CELL_ABSENT || b->kind == CELL_ABSENT)
		return (a->kind == CELL_ABSENT) - (b->kind == CELL_ABSENT);
	if (a->kind >= CELL_INT && a->kind <= CELL_CENTI)
		return (b->n > a->n) - (b->n < a->n);
	cell_print(&x, a, true);
	cell_print(&y, b, true);
	return strcmp(buf_str(&x), buf_str(&y));
}

int colsort_cmp(const struct col *col, const void *row_a, const void *row_b)
{
	_cleanup_(cell_done) struct cell a = { 0 }, b = { 0 };

	col->get(row_a, &a);
	col->get(row_b, &b);
	return cmp_cell(&a, &b);
}
