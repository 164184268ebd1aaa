/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "jobcfg.h"

/*
 * /etc/vzdump.conf of a node: what its vzdump takes where a job does not say it (facts:
 * pve-node.md 7.3; PVE reads it as "key: value" lines of its schema, the last one of a
 * key counts, and one whose value does not fit is as if it were not there).
 */
#define VZDUMPCONF_PATH      "etc/vzdump.conf"
#define VZDUMPCONF_MAX_BYTES ((size_t)64 << 10)

/* Pure. What the file leaves open has vzdump's own default: storage "local", "snapshot".
 */
void vzdumpconf_parse(struct span text, struct backup_defaults *ret);

/* No file: vzdump's own defaults. -errno: not known what it says. */
int vzdumpconf_read(int rootfd, struct backup_defaults *ret, struct err *err);
