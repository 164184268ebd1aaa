/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "out/surface.h"

/*
 * The terminal of a full-screen command, by ncurses, which is loaded when it is opened.
 * One at a time. However the program ends, a signal or a failed assertion included, the
 * terminal is as it was.
 */
struct screen;

/* What screen_open() would refuse because of the terminal, before anything is read. */
int screen_check(struct err *err);

/*
 * -ENOTTY: standard input or output is no terminal, or it is one that cannot be
 * addressed (TERM=dumb, unknown); -ENOENT: no libncursesw. Nothing of the environment is
 * used but TERM, the locale, and nothing at all that names a file.
 */
int screen_open(bool color, struct screen **ret, struct err *err);
void screen_close(struct screen *s); /* NULL is fine */

void screen_size(const struct screen *s, size_t *ret_w, size_t *ret_h);
bool screen_utf8(const struct screen *s);

/* A terminal that takes nothing now (^S, a hanging connection) misses this picture. */
void screen_show(struct screen *s, const struct surface *pic);

enum screen_event {
	SCREEN_TIMEOUT,
	SCREEN_KEY,
	SCREEN_RESIZE,
	SCREEN_END, /* SIGINT, SIGTERM, SIGHUP, or the terminal is gone */
};

/* Waits until something happens, at most so long. *ret_key: a character or TOPKEY_*. */
enum screen_event screen_wait(struct screen *s, uint64_t timeout_usec, int *ret_key);
