/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The seccomp profile that LXC takes for a container: the last lxc.seccomp.profile of its
 * configuration as PVE generated it (var/lib/lxc/<vmid>/config), with the files that it
 * includes (lxc.container.conf(5)). Where the profile lies is for the config to say, and
 * may be anywhere: it is read by a process that can be abandoned.
 */
struct secprofile {
	char *path;               /* NULL: none is set, or the last line clears it */
	struct buf text;          /* of that file */
	uint64_t mtime_real_usec; /* of that file */
};

void secprofile_done(struct secprofile *p);

/* -ENOENT: there is no such configuration, or no such profile. */
int secprofile_read(int rootfd, uint32_t vmid, struct secprofile *ret, struct err *err);
