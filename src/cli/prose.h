/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"

/* What is printed as paragraphs rather than as a table. */
#define PROSE_BOLD   "\x1b[1m"
#define PROSE_DIM    "\x1b[2m"
#define PROSE_RED    "\x1b[31m"
#define PROSE_YELLOW "\x1b[33m"
#define PROSE_RESET  "\x1b[0m"

/* Only where colours are asked for. */
void prose_color(const struct app *app, const char *code);

/*
 * Prints text that is escaped already, its first line where the cursor is, at column
 * `indent`, the others below it, and a line feed. A word that is longer than a line stays
 * whole: it is a path or a value that somebody wants to copy.
 */
void prose_wrapped(const struct app *app, size_t indent, const char *p);

/* The same of text that is not escaped yet. */
void prose_escaped(const struct app *app, size_t indent, const char *s);

/* On one line, escaped, without a line feed. */
void prose_raw(const struct app *app, const char *p, size_t n);
