/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "mount.h"

/*
 * /proc/<pid>/mountinfo (kernel: Documentation/filesystems/proc.rst, 3.5, and
 * fs/proc_namespace.c, which writes it). A guest may have as many mounts as
 * fs.mount-max allows with paths as long as it likes: of more than MOUNTINFO_MAX of them,
 * or of a text longer than MOUNTINFO_MAX_BYTES, the first are kept and `truncated` says so.
 */
#define MOUNTINFO_MAX       ((size_t)65536)
#define MOUNTINFO_MAX_BYTES ((size_t)16 << 20)

/* One line with its texts as they are written; *ret on success only. */
struct mountinfo_line {
	uint32_t id, parent_id, major, minor;
	struct span root, point, options, optional, fstype, source, super;
};

bool mountinfo_line(struct span line, struct mountinfo_line *ret);

/* Appends the text with \ooo as the byte it stands for. A lone '\' stays. */
void mountinfo_decode(struct span s, struct buf *ret);

/* Never fails: a line that is none is counted in n_bad. Linear. */
void mountinfo_parse(const char *p, size_t n, struct mounts *ret);

/*
 * Of a process; 0: of this one. -ENOENT: it is gone (or is no more than a zombie).
 */
int mountinfo_read(int rootfd, pid_t pid, struct mounts *ret, struct err *err);
