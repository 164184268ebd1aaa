/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "storagecfg.h"

/* A device node, of the node or of the ones that PVE makes for a container. */
struct devnode {
	enum answer
		there; /* UNKNOWN: not looked at, or it could not be; no field counts */
	bool device, block; /* neither: it is no device */
	uint32_t major, minor;
	uint32_t mode;               /* of permissions */
	uint32_t uid, gid;           /* of the host */
	uint32_t fs_major, fs_minor; /* of the file system it lies on, as in mountinfo */
};

/*
 * The directory of device nodes that PVE makes before each start of a container (facts:
 * pve-node.md 3.4): a tmpfs of the monitor's mount namespace. What init has of devN are
 * binds of what is in it.
 */
struct passthrough {
	bool present; /* else no field counts */
	uint32_t fs_major, fs_minor;
	uint64_t made_real_usec; /* 0: this kernel does not say */
	int fd;                  /* private */
};
