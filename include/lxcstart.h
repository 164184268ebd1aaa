/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * /var/lib/lxc/<vmid>/config: what PVE makes out of a container's config for LXC (facts:
 * pve-node.md 3.3). It writes the file at each start, and again at each `pct set` of a
 * container that runs; LXC reads it once, at the start.
 */
struct lxcstart_item {
	const char *key;   /* "lxc.cgroup2.memory.max" */
	const char *value; /* may be empty: LXC clears what was set before */
};

struct lxcstart {
	struct lxcstart_item *v; /* in the order of the file */
	size_t n;
	size_t n_own; /* those before lxc.rootfs.path: of PVE alone, raw lines come later */
	bool present;  /* there is such a file */
	bool of_start; /* not written since init started: what it was started with */
	char *text;    /* what the items point into */
};

void lxcstart_done(struct lxcstart *s);

/* The last value of that key; NULL: it has none. `own`: only of what PVE wrote itself. */
const char *lxcstart_last(const struct lxcstart *s, const char *key, bool own);
