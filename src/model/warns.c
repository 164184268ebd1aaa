/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "warns.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

/* A sentence about one line needs no more; the line itself may be a megabyte long. */
#define MAX_TEXT 240

void warns_add(struct warns *w, uint32_t line, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list ap;

	if (w->n >= WARNS_MAX) {
		w->more++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct warn){ .line = line, .text = xstrdup(text) };
}

void warns_done(struct warns *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].text);
	free(w->v);
	*w = (struct warns){ 0 };
}
