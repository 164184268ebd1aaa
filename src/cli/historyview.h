/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include "history.h"

/* What `history` shows, and how: the parts of cmd-history.c that print. */
struct historyview {
	struct app *app;
	uint32_t vmid;
	const char *name; /* tenant bytes; NULL: not known */
	const char *node;
	struct history h;
	uint64_t since_real_usec, until_real_usec;
	uint64_t damaged; /* blocks that could not be read */
	bool ascii;
};

#define HISTORY_MAX_SHOWN 16 /* columns at a time */

int historyview_table(const struct historyview *v);
int historyview_json(const struct historyview *v);
int historyview_csv(const struct historyview *v);
int historyview_plot(const struct historyview *v);

/* Columns of a plot that are for the series, in a terminal of that width. */
size_t historyview_plot_width(unsigned terminal);

/* Does the environment say that the terminal shows UTF-8? */
bool historyview_has_utf8(void);
