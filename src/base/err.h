/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/*
 * One sentence about what went wrong, for the caller's caller. Lives on the stack, owns
 * nothing, may be NULL wherever it is a parameter. `msg` is plain text that may hold
 * bytes of a path or a file: whoever prints it escapes it (out/text.h).
 */
struct err {
	int code; /* negative errno, 0: nothing happened */
	char msg[256];
};

/* Writes the sentence, returns `code` (a negative errno) so that it can be returned on.
 */
int err_set(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/* Puts "<what>: " before the sentence that is there, returns `code`. */
int err_wrap(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);
