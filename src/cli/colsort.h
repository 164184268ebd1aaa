/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "out/cell.h"

/* --sort COL, for every table: by the column of that heading, any case. NULL: no such. */
const struct col *colsort_find(const struct col *cols, size_t n, const char *heading);

/* Numbers largest first, texts in their order, what is absent last. */
int colsort_cmp(const struct col *col, const void *row_a, const void *row_b);
