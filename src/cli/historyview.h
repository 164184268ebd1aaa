/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include "history.h"
#include "store/history.h"

#define HISTORY_MAX_SHOWN 16 /* columns at a time */

/* What `history` shows, and how: the parts of cmd-history.c that print. */
struct historyview {
	struct app *app;
	uint32_t vmid;
	const char *name; /* tenant bytes; NULL: not known */
	const char *node;
	struct history h;
	uint64_t since_real_usec, until_real_usec;
	bool narrowed;    /* there is nothing before since, though it was asked for */
	uint64_t damaged; /* blocks that could not be read */
	bool ascii;
	/* of each column, in its unit: the greatest is shown as a share of it, too */
	struct val limits[HISTORY_MAX_SHOWN];
};

int historyview_table(const struct historyview *v);
int historyview_json(const struct historyview *v);
int historyview_csv(const struct historyview *v);
int historyview_plot(const struct historyview *v);

/*
 * What was recorded is not shown as the edge of a long time without: of h, which is of
 * the range g, the range without most of the time before it, and with `end` after it. g
 * has the step that h was made with. False: it stays as it is.
 */
bool historyview_narrow(const struct history *h, bool end, struct history_range *g);

/* Columns of a plot that are for the series, in a terminal of that width. */
size_t historyview_plot_width(unsigned terminal);

/* Does the environment say that the terminal shows UTF-8? */
bool historyview_has_utf8(void);

/* "93.1% of the limit", rounded down; `limit` is set and not 0. */
void historyview_share(struct buf *b, struct val n, struct val limit);
