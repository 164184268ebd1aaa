/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mount.h"

/*
 * statfs(2) of directories of the node, in a process that can be abandoned: one may lie on
 * an NFS that answers no more. Never of what is below a running container's root.
 */
struct hostfs {
	const char *path; /* in: absolute, resolved inside the root */
	bool may_hang;    /* in: asked last */
	uint32_t
		mnt_id; /* in: of the mount it has to lie on; one that hangs speaks for all */
	bool ok;
	bool stale; /* it did not answer in time, or says that it is no more (ESTALE) */
	int error;  /* negative errno; 0: none */
	struct fscount count;
};

/*
 * What hangs costs less than a second, however much of it does, beside the time that the
 * others take to answer. What was not asked any more is -EBUSY.
 */
void hostfs_read(int rootfd, struct hostfs *v, size_t n);
