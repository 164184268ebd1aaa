/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "pveconf.h"

/* A line of lxc.cgroup2.devices.allow: "c 10:200 rwm"; "a" is every device. */
struct devallow {
	char type; /* 'a', 'b' or 'c' */
	struct span major, minor;
	bool any;  /* of every number of that type */
	bool open; /* mknod alone makes a node that nobody can open */
};

/* False: it is none that LXC would take. */
bool devallow_parse(const struct pveconf_lxc *l, struct devallow *ret);

/* Is the number any, or one of those of the node's memory (mem, kmem, port)? */
bool devallow_is_memory(const struct devallow *d);
