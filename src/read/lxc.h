/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What only liblxc knows of one container (lxccontainer(3)): the state with its FREEZING,
 * STARTING and so on, and configuration items as the running container has them. liblxc
 * talks to the container's monitor, which does not answer while one of its hooks hangs:
 * every call is made in a process of its own with a deadline, in which liblxc is also
 * loaded (this process never maps it). Asks the running system, needs root.
 *
 * -ETIMEDOUT: no answer within the deadline. -ENOENT: no liblxc here, or no such
 * container. -ENOTSUP: built without liblxc.
 */
#define LXC_PATH         "/var/lib/lxc"
#define LXC_TIMEOUT_USEC ((uint64_t)2000000)

struct lxc_state {
	char state[16]; /* "RUNNING" "STOPPED" "FREEZING" "FROZEN" "STARTING" ... */
	pid_t init_pid; /* 0: none */
};

int lxc_read_state(const char *name, uint64_t timeout_usec, struct lxc_state *ret,
		   struct err *err);

/*
 * Values of configuration items ("lxc.apparmor.profile") of the running container, in the
 * order of `keys`; an item it does not have is NULL. Several values of one key are lines.
 */
struct lxc_items {
	char **v;
	size_t n;
};

void lxc_items_done(struct lxc_items *i);
int lxc_read_items(const char *name, const char *const *keys, size_t n,
		   uint64_t timeout_usec, struct lxc_items *ret, struct err *err);
