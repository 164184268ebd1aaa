/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>
#include <devnode.h>

#include "base/err.h"

/*
 * The nodes that PVE makes for the devN of a container that runs, where its monitor sees
 * them. Never fails: what cannot be had is not present (a copy of a node, a container that
 * PVE did not start, one that stops meanwhile).
 */
void passthrough_open(int rootfd, const struct ct *ct, struct passthrough *ret);
void passthrough_close(struct passthrough *p);

/* The one for a path of the node ("/dev/net/tun"); of a symlink nothing is known. */
void passthrough_node(const struct passthrough *p, const char *path, struct devnode *ret);

/* A device of the node itself, links followed as PVE does. It is not opened. */
void devnode_read(int rootfd, const char *path, struct devnode *ret);
