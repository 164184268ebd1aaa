/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mount.h"

#define MOUNTTREE_NONE SIZE_MAX

/*
 * Which of the mounts of a process a path leads to (kernel: Documentation/filesystems/
 * sharedsubtree.rst, path_resolution(7)): one that another was mounted on, at the same
 * place or above it, is there and cannot be reached. Pure; a graph that is no tree (it is
 * text) hides what is in a circle. Building is n log n, each question linear.
 */
struct mounttree {
	const struct mounts *m; /* borrowed */
	bool *seen;
};

void mounttree_build(const struct mounts *m, struct mounttree *ret);
void mounttree_done(struct mounttree *t);

/* Does its mount point lead to it? */
bool mounttree_seen(const struct mounttree *t, size_t i);

/* The mount whose point is exactly this path, as a path leads to it; or NONE. */
size_t mounttree_at(const struct mounttree *t, struct tbytes path);

/* The one that the path lies on (symlinks apart); or NONE. */
size_t mounttree_on(const struct mounttree *t, struct tbytes path);

/*
 * The one that was mounted first at this path, seen or not, or NONE: mountinfo has what
 * was there when the container started before what it mounted itself.
 */
size_t mounttree_bottom(const struct mounttree *t, struct tbytes path);

/* Is the path `dir` or below it? */
bool mounttree_below(struct tbytes path, struct tbytes dir);
