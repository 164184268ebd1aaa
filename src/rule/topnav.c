/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/topnav.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

/* ---- the cursor ---- */

static void select_row(struct topnav *nav, const struct topnav_view *view, size_t row)
{
	nav->cursor = view->rows ? MIN(row, view->rows - 1) : 0;
	nav->selected = view->v && view->rows ? view->v[nav->cursor].vmid : 0;
}

static void keep_visible(struct topnav *nav, size_t n, size_t page)
{
	page = MAX(page, (size_t)1);
	if (nav->cursor < nav->scroll)
		nav->scroll = nav->cursor;
	if (nav->cursor >= nav->scroll + page)
		nav->scroll = nav->cursor + 1 - page;
	if (nav->scroll + page > n)
		nav->scroll = n > page ? n - page : 0;
}

void topnav_place(struct topnav *nav, const struct toprow *v, size_t n, size_t page)
{
	if (!nav->selected)
		nav->cursor = 0;
	for (size_t i = 0; nav->selected && i < n; i++)
		if (v[i].vmid == nav->selected) {
			nav->cursor = i;
			keep_visible(nav, n, page);
			return;
		}
	/* it is gone: the cursor stays where it was */
	nav->cursor = n ? MIN(nav->cursor, n - 1) : 0;
	keep_visible(nav, n, page);
}

static size_t moved(int key, size_t at, const struct topnav_view *view)
{
	size_t last = view->rows ? view->rows - 1 : 0, page = MAX(view->page, (size_t)1);

	switch (key) {
	case TOPKEY_UP:
		return at ? at - 1 : 0;
	case TOPKEY_DOWN:
		return MIN(at + 1, last);
	case TOPKEY_PAGE_UP:
		return at > page ? at - page : 0;
	case TOPKEY_PAGE_DOWN:
		return MIN(at + page, last);
	case TOPKEY_END:
		return last;
	default:
		return 0;
	}
}

static enum topact move(struct topnav *nav, const struct topnav_view *view, int key)
{
	size_t page = MAX(view->page, (size_t)1);

	if (nav->unit) {
		size_t most = view->rows > page ? view->rows - page : 0;

		nav->unit_scroll = MIN(moved(key, nav->unit_scroll, view), most);
		return TOPACT_DRAW;
	}
	select_row(nav, view, moved(key, nav->cursor, view));
	if (key == TOPKEY_HOME)
		nav->selected = 0; /* the first row, whoever that is */
	keep_visible(nav, view->rows, page);
	return TOPACT_DRAW;
}

/* ---- time ---- */

void topnav_goto(struct topnav *nav, uint64_t at, uint64_t now)
{
	nav->past = at + USEC_PER_SEC < now;
	nav->at_real_usec = nav->past ? at : 0;
	nav->paused = false;
}

static enum topact step(struct topnav *nav, const struct topnav_view *view, int key)
{
	static const struct {
		int back, on;
		uint64_t usec;
	} steps[] = {
		{ '[', ']', USEC_PER_SEC },
		{ TOPKEY_LEFT, TOPKEY_RIGHT, USEC_PER_SEC },
		{ '{', '}', 10 * USEC_PER_SEC },
		{ '(', ')', 60 * USEC_PER_SEC },
	};
	uint64_t at = nav->past ? nav->at_real_usec : view->shown_real_usec;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		/* where it was recorded more coarsely, a smaller step shows nothing new
		 */
		uint64_t usec = MAX(steps[i].usec, nav->past ? view->step_usec : 0);

		if (key == steps[i].back) {
			nav->past = true;
			nav->paused = false;
			nav->at_real_usec = num_sub(at, usec);
			return TOPACT_READ;
		}
		if (key == steps[i].on) {
			if (!nav->past)
				return TOPACT_NONE;
			topnav_goto(nav, at + usec, view->now_real_usec);
			return TOPACT_READ;
		}
	}
	return TOPACT_NONE;
}

static enum topact to_live(struct topnav *nav)
{
	bool changed = nav->past || nav->paused;

	nav->past = nav->paused = false;
	nav->at_real_usec = 0;
	return changed ? TOPACT_READ : TOPACT_NONE;
}

/* +: slower, -: faster, in even steps. */
static enum topact change_interval(struct topnav *nav, bool more)
{
	static const uint64_t tenths[] = { 2, 5, 10, 20, 30, 50, 100, 200, 300, 600 };
	size_t n = ARRAY_SIZE(tenths), i;

	if (more) {
		for (i = 0; i < n - 1 && tenths[i] * 100000 <= nav->interval_usec; i++)
			;
	} else {
		for (i = n - 1; i > 0 && tenths[i] * 100000 >= nav->interval_usec; i--)
			;
	}
	nav->interval_usec = tenths[i] * 100000;
	return TOPACT_TIMER;
}

/* ---- order ---- */

static enum topact sort_by(struct topnav *nav, enum topsort s)
{
	nav->reverse = false;
	nav->sort = s;
	nav->selected = 0;
	nav->scroll = 0;
	return TOPACT_DRAW;
}

static enum topact sort_next(struct topnav *nav, bool forward)
{
	unsigned s = nav->sort;

	return sort_by(nav, (s + (forward ? 1 : TOPSORTS - 1)) % TOPSORTS);
}

static enum topact sort_key(struct topnav *nav, int key)
{
	static const struct {
		int key;
		enum topsort sort;
	} keys[] = {
		{ 'c', TOPSORT_CPU }, { 'm', TOPSORT_MEM }, { 'i', TOPSORT_IO },
		{ 'n', TOPSORT_NET }, { 'p', TOPSORT_PSI },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key == key)
			return sort_by(nav, keys[i].sort);
	return TOPACT_NONE;
}

/* ---- the line that is typed ---- */

static void open_prompt(struct topnav *nav, enum topprompt p)
{
	nav->prompt = p;
	memcpy(nav->before, nav->filter, sizeof(nav->before));
	nav->text[0] = '\0';
	if (p == PROMPT_FILTER)
		memcpy(nav->text, nav->filter, sizeof(nav->text));
}

static enum topact close_prompt(struct topnav *nav, bool take)
{
	enum topprompt was = nav->prompt;

	nav->prompt = PROMPT_NONE;
	if (was == PROMPT_TIME)
		return take && nav->text[0] ? TOPACT_TIME : TOPACT_DRAW;
	if (!take)
		memcpy(nav->filter, nav->before, sizeof(nav->filter));
	return TOPACT_DRAW;
}

static enum topact type(struct topnav *nav, int key)
{
	size_t n = strlen(nav->text);

	if (key == TOPKEY_ENTER || key == TOPKEY_ESCAPE)
		return close_prompt(nav, key == TOPKEY_ENTER);
	if (key == TOPKEY_BACKSPACE && n)
		nav->text[n - 1] = '\0';
	else if (key >= ' ' && key < 0x7f && n + 1 < sizeof(nav->text)) {
		nav->text[n] = (char)key;
		nav->text[n + 1] = '\0';
	} else if (key == 0x15) /* ^U */
		nav->text[0] = '\0';
	else
		return TOPACT_NONE;
	if (nav->prompt == PROMPT_FILTER) {
		memcpy(nav->filter, nav->text, sizeof(nav->filter));
		nav->scroll = 0;
	}
	return TOPACT_DRAW;
}

/* ---- all of them ---- */

static enum topact escape(struct topnav *nav)
{
	if (nav->unit) {
		nav->unit = 0;
		nav->unit_scroll = 0;
	} else if (nav->filter[0])
		nav->filter[0] = '\0';
	else
		return TOPACT_NONE;
	return TOPACT_DRAW;
}

static enum topact enter(struct topnav *nav, const struct topnav_view *view)
{
	if (nav->unit || !view->v || nav->cursor >= view->rows)
		return TOPACT_NONE;
	nav->unit = nav->selected = view->v[nav->cursor].vmid;
	nav->unit_scroll = 0;
	return TOPACT_READ;
}

static enum topact toggle(bool *b, enum topact act)
{
	*b = !*b;
	return act;
}

static enum topact other_key(struct topnav *nav, const struct topnav_view *view, int key)
{
	enum topact act = step(nav, view, key);

	return act != TOPACT_NONE ? act : sort_key(nav, key);
}

enum topact topnav_key(struct topnav *nav, const struct topnav_view *view, int key)
{
	if (nav->prompt)
		return type(nav, key);
	if (nav->help) {
		nav->help = false;
		return key == 'q' ? TOPACT_QUIT : TOPACT_DRAW;
	}
	switch (key) {
	case 'q':
	case 'Q':
		return TOPACT_QUIT;
	case 'h':
	case '?':
		return toggle(&nav->help, TOPACT_DRAW);
	case 'r':
		nav->selected = 0;
		return toggle(&nav->reverse, TOPACT_DRAW);
	case 'a':
		return toggle(&nav->all, TOPACT_DRAW);
	case ' ':
		return nav->past ? TOPACT_NONE : toggle(&nav->paused, TOPACT_DRAW);
	case 'l':
		return to_live(nav);
	case '/':
	case '@':
		open_prompt(nav, key == '/' ? PROMPT_FILTER : PROMPT_TIME);
		return TOPACT_DRAW;
	case '<':
	case '>':
		return sort_next(nav, key == '>');
	case '+':
	case '-':
		return change_interval(nav, key == '+');
	case TOPKEY_ENTER:
		return enter(nav, view);
	case TOPKEY_ESCAPE:
	case TOPKEY_BACKSPACE:
		return escape(nav);
	case TOPKEY_UP:
	case TOPKEY_DOWN:
	case TOPKEY_HOME:
	case TOPKEY_END:
	case TOPKEY_PAGE_UP:
	case TOPKEY_PAGE_DOWN:
		return move(nav, view, key);
	default:
		return other_key(nav, view, key);
	}
}
