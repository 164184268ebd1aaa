/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/fit.h"

#include "out/text.h"

#define LEAST 12 /* a column that is cut to less says nothing */

static size_t least(const struct fit_col *c)
{
	return c->shrink ? MIN(c->natural, MAX(c->heading, (size_t)LEAST)) : c->natural;
}

static size_t total(const struct fit_col *v, size_t n,
		    size_t (*of)(const struct fit_col *))
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (!v[i].drop)
			sum += of(&v[i]) + 1;
	return sum ? sum - 1 : 0;
}

static size_t natural(const struct fit_col *c)
{
	return c->natural;
}

/* The next one to leave out: n when none may go. */
static size_t next_drop(const struct fit_col *v, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (!v[i].drop && v[i].minor && (best == n || v[i].minor > v[best].minor))
			best = i;
	return best;
}

static void leave_out(struct fit_col *v, size_t n, size_t width)
{
	size_t i;

	for (i = n; i-- > 1 && total(v, n, natural) > width;)
		v[i].drop = v[i].empty;
	while (total(v, n, least) > width && (i = next_drop(v, n)) < n)
		v[i].drop = true;
}

/* What is left over goes to those that are cut, to each the same until it has enough. */
static void share(struct fit_col *v, size_t n, size_t left)
{
	bool more = true;

	while (left && more) {
		more = false;
		for (size_t i = 0; i < n && left; i++) {
			if (v[i].drop || v[i].width >= v[i].natural)
				continue;
			v[i].width++;
			left--;
			more = true;
		}
	}
}

void fit_columns(struct fit_col *v, size_t n, size_t width)
{
	size_t taken;

	leave_out(v, n, width);
	for (size_t i = 0; i < n; i++)
		v[i].width = least(&v[i]);
	taken = total(v, n, least);
	if (taken < width)
		share(v, n, width - taken);
}

void fit_cut(struct buf *text, size_t width)
{
	struct tbytes t = { (const uint8_t *)buf_str(text), (uint32_t)text->n };
	size_t at = 0, used = 0;

	if (text_width(t) <= width)
		return;
	while (at < text->n) {
		uint32_t cp;
		size_t n = text_utf8_next((struct tbytes){ t.p + at, t.n - (uint32_t)at },
					  &cp);
		size_t w;

		n = n ? n : 1;
		w = text_width((struct tbytes){ t.p + at, (uint32_t)n });
		if (used + w + 2 > width)
			break;
		used += w;
		at += n;
	}
	text->n = at;
	buf_adds(text, width >= 2 ? ".." : "");
}
