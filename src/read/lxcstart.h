/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lxcstart.h> /* of include/ */
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define LXCSTART_MAX_BYTES ((size_t)1 << 20)

/* Lines that LXC would refuse are left out. Linear. of_start is not set. */
void lxcstart_parse(struct span text, struct lxcstart *ret);

/*
 * var/lib/lxc/<vmid>/config below the root. `started_real_usec`: when init started, 0: not
 * known, then of_start is not set. No file is no error: !present.
 */
int lxcstart_read(int rootfd, uint32_t vmid, uint64_t started_real_usec,
		  struct lxcstart *ret, struct err *err);

/*
 * The cgroup v2 keys ("cgroup2.pids.max") that LXC's own files of the node set for all
 * containers: usr/share/lxc/config with common.conf.d and userns.conf.d. Each once.
 */
int lxcstart_read_common(int rootfd, struct strv *ret, struct err *err);
