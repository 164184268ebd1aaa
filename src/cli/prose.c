/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/prose.h"

#include "out/text.h"

#define PIPE_WIDTH 100

void prose_color(const struct app *app, const char *code)
{
	if (app->table.color)
		fputs(code, app->out);
}

static size_t width_of(const struct app *app)
{
	return app->table.width ? MAX(app->table.width, 40u) : PIPE_WIDTH;
}

static size_t columns(const char *p, size_t n)
{
	return text_width((struct tbytes){ (const uint8_t *)p, (uint32_t)n });
}

void prose_wrapped(const struct app *app, size_t indent, const char *p)
{
	size_t left = width_of(app), at = indent;
	bool first = true;

	while (*p) {
		size_t n = strcspn(p, " "), w = columns(p, n);

		if (!first && at + 1 + w > left) {
			fprintf(app->out, "\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		if (!first) {
			fputc(' ', app->out);
			at++;
		}
		fwrite(p, 1, n, app->out);
		at += w;
		first = false;
		p += n;
		p += strspn(p, " ");
	}
	fputc('\n', app->out);
}

void prose_escaped(const struct app *app, size_t indent, const char *s)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, tbytes_str(s), false);
	prose_wrapped(app, indent, buf_str(&b));
}

void prose_raw(const struct app *app, const char *p, size_t n)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, (struct tbytes){ (const uint8_t *)p, (uint32_t)n }, false);
	fputs(buf_str(&b), app->out);
}
