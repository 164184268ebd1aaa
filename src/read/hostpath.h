/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include <hostpath.h>

#define HOSTPATH_MAX 4096 /* paths of one call */

/*
 * Follows one absolute path below the root fd, component by component, and looks at each
 * owner and mode. *ret is always filled; its error says what it came to.
 */
void hostpath_follow(int rootfd, const char *path, struct hostpath *ret);

/*
 * The same of many, sorted and each once, in a process that can be abandoned: a path may
 * be on a file system that does not answer. One that hangs has -ETIMEDOUT, and the others
 * are followed all the same; behind three that do the rest is -EBUSY: less than a second.
 * -EFBIG: more than HOSTPATH_MAX; else only when no process could be made.
 */
int hostpath_read(int rootfd, const struct strv *paths, struct hostpaths *ret,
		  struct err *err);
