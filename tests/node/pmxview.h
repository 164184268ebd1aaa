/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pmxcfs shows of a directory that holds its files: modes, links and dot files (facts:
 * pve-node.md 2.1 to 2.3). Paths are relative to the root of /etc/pve, which is "".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define PMX_GID 33 /* www-data */

struct pmxview {
	int dir;
	char node[65];
	bool quorate;
};

/* Opens the directory and makes what pmxcfs makes of a new node. 0 or -errno. */
int pmxview_init(struct pmxview *v, const char *dir);

/* Of a symlink of pmxcfs' own: where it leads to. NULL: it is none. */
const char *pmxview_link(const struct pmxview *v, const char *path);

/* Number of a dot file, -1: it is none. */
int pmxview_dot(const char *path);

/* Its text as it was when somebody looked at its attributes last. */
const char *pmxview_text(int dot, size_t *ret_n);

/* As lstat() has it; the text of a dot file is made now. 0 or -errno. */
int pmxview_stat(const struct pmxview *v, const char *path, struct stat *ret);

/* Mode and owner as pmxcfs has them, of what fstat() gave. */
void pmxview_mask(const struct pmxview *v, const char *path, struct stat *st);

/* The n-th name of the root that is in no directory. NULL: there are no more. */
const char *pmxview_extra(size_t n);

/* A file was written, made, renamed or removed: its counters move. */
void pmxview_changed(const char *path);

/* Is there another config of that number than `but` (may be NULL), on any node? */
bool pmxview_is_taken(const struct pmxview *v, const char *path, const char *but);
