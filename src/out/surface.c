/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/surface.h"

#include "out/text.h"

void surface_init(struct surface *s, size_t w, size_t h, bool utf8)
{
	*s = (struct surface){ .utf8 = utf8 };
	s->w = MAX(MIN(w, (size_t)SURFACE_MAX_W), (size_t)SURFACE_MIN_W);
	s->h = MAX(MIN(h, (size_t)SURFACE_MAX_H), (size_t)SURFACE_MIN_H);
	s->v = xcalloc(s->w * s->h, sizeof(*s->v));
	for (size_t i = 0; i < s->w * s->h; i++)
		s->v[i] = (struct surface_cell){ .text = " ", .width = 1 };
}

void surface_done(struct surface *s)
{
	free(s->v);
	*s = (struct surface){ 0 };
}

static struct surface_cell *at(struct surface *s, size_t x, size_t y)
{
	return &s->v[y * s->w + x];
}

/* A mark that has no column of its own goes to the character before it, if it fits. */
static void add_mark(struct surface_cell *c, const char *p, size_t n)
{
	size_t have = strlen(c->text);

	if (have + n >= sizeof(c->text))
		return;
	memcpy(c->text + have, p, n);
	c->text[have + n] = '\0';
}

static void set(struct surface *s, size_t x, size_t y, const char *p, size_t n, size_t w,
		struct style style)
{
	struct surface_cell *c = at(s, x, y);

	*c = (struct surface_cell){ .width = (unsigned char)w, .style = style };
	memcpy(c->text, p, MIN(n, sizeof(c->text) - 1));
	if (w == 2)
		*at(s, x + 1, y) = (struct surface_cell){ .style = style };
}

size_t surface_put(struct surface *s, size_t x, size_t y, size_t width, const char *text,
		   struct style style)
{
	struct tbytes t = tbytes_str(text);
	size_t used = 0;

	if (x >= s->w || y >= s->h)
		return 0;
	width = MIN(width, s->w - x);
	while (t.n) {
		const char *p = (const char *)t.p;
		uint32_t cp = 0;
		size_t n = text_utf8_next(t, &cp), w;

		if (!n || cp < ' ' || cp == 0x7f || (!s->utf8 && cp > 0x7f)) {
			p = "?";
			w = 1;
		} else {
			w = text_width((struct tbytes){ t.p, (uint32_t)n });
		}
		if (used + w > width)
			break;
		if (w)
			set(s, x + used, y, p, *p == '?' ? 1 : n, w, style);
		else if (used)
			add_mark(at(s, x + used - 1, y), p, n);
		used += w;
		n = n ? n : 1;
		t.p += n;
		t.n -= (uint32_t)n;
	}
	return used;
}

void surface_paint(struct surface *s, size_t x, size_t y, size_t width,
		   struct style style)
{
	for (size_t i = 0; y < s->h && x + i < s->w && i < width; i++)
		at(s, x + i, y)->style = style;
}

void surface_dump(const struct surface *s, struct buf *ret)
{
	for (size_t y = 0; y < s->h; y++) {
		size_t end = ret->n;

		for (size_t x = 0; x < s->w; x++) {
			const char *text = s->v[y * s->w + x].text;

			buf_adds(ret, text);
			if (!str_eq(text, " ") && *text)
				end = ret->n;
		}
		ret->n = end;
		buf_addc(ret, '\n');
	}
}
