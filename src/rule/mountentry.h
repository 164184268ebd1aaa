/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * The value of an lxc.mount.entry: a line of fstab. `path` is NULL where LXC mounts it
 * nowhere in the container.
 */
struct mountentry {
	char *what, *where, *type, *options;
	char *path; /* inside the container */
	bool bind;  /* or rbind */
	bool ro;
	bool optional; /* LXC goes on without it */
	bool device;   /* a bind of something below /dev: it stores nothing */
};

bool mountentry_parse(uint32_t vmid, struct span value, struct mountentry *ret);
void mountentry_done(struct mountentry *e);
