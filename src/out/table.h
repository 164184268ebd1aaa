/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "out/cell.h"

struct table_opts {
	const char
		*columns; /* -o: "A,B" these, "+A,B" these too, NULL: the default ones */
	bool own_columns; /* they are the command's choice: what does not fit may be left
			     out */
	bool noheadings;
	bool exact_bytes;
	bool color;
	unsigned width; /* of the terminal; 0: a pipe, nothing is cut */
};

/*
 * Prints rows as a table (libsmartcols). `rows` is an array of n elements of `size`
 * bytes; with `parent` (may be NULL) it is a tree, the result of parent() being the index
 * of a row's parent, or SIZE_MAX for a root: the first shown column carries the branches.
 * -EINVAL: the column list names an unknown column; the sentence lists the known ones.
 */
int table_print(FILE *f, const struct table_opts *o, const struct col *cols, size_t ncols,
		const void *rows, size_t n, size_t size,
		size_t (*parent)(const void *row, size_t i), struct err *err);

/* Checks a -o list before anything is read: 0 or -EINVAL with the sentence. */
int table_check_columns(const char *list, const struct col *cols, size_t ncols,
			struct err *err);

/* Is the column of that heading shown with this -o list? What is not shown is not read.
 */
bool table_has(const char *list, const struct col *cols, size_t ncols,
	       const char *heading);
