/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What is wrong with a file, line by line: nothing else in it is lost because of it. The
 * texts may hold bytes of the file: whoever prints them escapes them. At most WARNS_MAX
 * are kept, the others are counted, so that a broken file cannot grow without end.
 */
#define WARNS_MAX 200

struct warn {
	uint32_t line; /* from 1; 0: the file as a whole */
	char *text;    /* one sentence without the line */
};

struct warns {
	struct warn *v;
	size_t n, cap;
	size_t more; /* that were not kept */
};

void warns_add(struct warns *w, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void warns_done(struct warns *w);
