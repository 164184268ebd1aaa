/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lxcstart.h> /* of include/ */
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define LXCSTART_MAX_BYTES ((size_t)1 << 20)

/* Lines that LXC would refuse are left out. Linear. of_start is not set. */
void lxcstart_parse(struct span text, struct lxcstart *ret);

/* When a container was started. */
struct lxcstart_when {
	uint64_t init_real_usec; /* its init, by the clock of now; 0: not known */
	/*
	 * When PVE made something in the course of it, by the clock of then (of
	 * struct passthrough): better, as the clock may have been set since. 0: not known.
	 */
	uint64_t made_real_usec;
};

/*
 * var/lib/lxc/<vmid>/config below the root. No file is no error: !present. `of_start` is
 * not set where nothing is known of the start.
 */
int lxcstart_read(int rootfd, uint32_t vmid, const struct lxcstart_when *when,
		  struct lxcstart *ret, struct err *err);

/*
 * The seccomp profile beside it, which PVE writes with it for an unprivileged container.
 * Nothing is added where there is none, or it is not of that start.
 */
int lxcstart_read_seccomp(int rootfd, uint32_t vmid, const struct lxcstart_when *when,
			  struct buf *ret, struct err *err);

/*
 * What LXC's own files of the node set for all containers: usr/share/lxc/config with
 * common.conf.d and userns.conf.d. Each once.
 */
struct lxcstart_common {
	struct strv keys;   /* of cgroup v2: "cgroup2.pids.max" */
	struct strv mounts; /* where: "sys/fs/fuse/connections" */
	bool hooks; /* of others than PVE, lxcfs and ctscope, which may mount anything */
};

int lxcstart_read_common(int rootfd, struct lxcstart_common *ret, struct err *err);
void lxcstart_common_done(struct lxcstart_common *c);
