/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"

/*
 * Libraries are loaded by the file that uses them, when it first does: a command maps
 * only what it needs (`ctscope status` must not pay for liblxc and what that drags in).
 */
struct dl_sym {
	const char *name;
	void **ptr;
};

/* The pointer is declared in the using file as `static __typeof__(f) *dl_f;`. */
#define DL_SYM(f)                                                                        \
	{                                                                                \
#f, (void **)&dl_##f                                                     \
	}

/*
 * Opens `soname` once (*handle is NULL before) and fills every pointer. -ENOENT with the
 * reason in err: not installed, or it lacks one of the symbols.
 */
int dl_load(const char *soname, const struct dl_sym *syms, size_t n, void **handle,
	    struct err *err);
