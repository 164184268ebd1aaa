/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "idmap.h"

/*
 * A user namespace with these ids, user_namespaces(7), in which nobody runs: of a
 * container that is stopped, so that what it may read can be left to the kernel to decide
 * as when it runs. It lasts as long as the descriptor. Made by a process that ends with
 * the call; needs root. -EINVAL: the kernel takes no such map (none, lines that overlap,
 * ids that this machine has not).
 */
int userns_make(int rootfd, const struct idmap *uids, const struct idmap *gids, int *ret,
		struct err *err);
