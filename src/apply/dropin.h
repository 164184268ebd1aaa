/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Puts a file into LXC's directory of drop-ins, as a whole: a container that starts
 * meanwhile reads the old state or the new one. *ret_changed: it was not there with this
 * very text already. -ENOENT: LXC has no such directory here.
 */
int dropin_install(int rootfd, const char *path, const struct buf *text,
		   bool *ret_changed, struct err *err);

/*
 * Takes it away when no container is about to read it (quiet.h); *ret_changed: it was
 * there.
 */
int dropin_remove(int rootfd, const char *path, bool *ret_changed, struct err *err);

/*
 * That the admin wants none of it, for the package, which would bring the file back with
 * each upgrade. -ENOENT: the package is not there, nor its directory.
 */
#define DROPIN_UNWANTED "etc/ctscope/hooks-removed"
int dropin_set_unwanted(int rootfd, bool unwanted, struct err *err);
