/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "cluster.h"

/*
 * The pools of /etc/pve/user.cfg (facts: pve-node.md 7.8); its other lines are none of
 * ours. A guest that two pools claim is in the first. Pools above a nested one exist even
 * if no line says so. -EFBIG: larger than any file of pmxcfs.
 */
int pools_parse(const char *p, size_t n, struct pools *ret, struct err *err);
