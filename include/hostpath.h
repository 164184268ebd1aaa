/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A path of the node that root runs, reads or writes: where it leads, and whether somebody
 * else than root can change that. Access lists beyond the mode are not looked at.
 */
struct hostpath {
	char *path; /* as asked: absolute */
	char *real; /* with every link followed; NULL: it is not there, or not known */
	/*
	 * 0; -ENOENT: it is not there; -ELOOP, -ENAMETOOLONG, -ENOTDIR, -EACCES: it cannot be
	 * followed; -ETIMEDOUT: its file system did not answer.
	 */
	int error;
	/*
	 * The first on the way (a directory, a link, the file) that somebody else can replace
	 * or write; NULL: none. A directory in which only what is not there yet can be made
	 * (/tmp) counts when the path is not there.
	 */
	char *weak;
	uint32_t weak_uid, weak_gid, weak_mode; /* of it: mode without the file type */
};

struct hostpaths {
	struct hostpath *v; /* by path */
	size_t n;
};

void hostpath_clear(struct hostpath *p);
void hostpaths_done(struct hostpaths *l);

/* NULL: it was not asked for. */
const struct hostpath *hostpaths_find(const struct hostpaths *l, const char *path);
