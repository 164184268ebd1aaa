/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>

#include "guestread.h"
#include "rule/mountjoin.h"

/*
 * Where the root of a stopped container is on the node (facts: pve-node.md 3.6, 7.4), out
 * of mountjoin() without `inside`: a data set, a subvolume, a directory of a storage, or
 * what `pct mount` has mounted. Pure. `ret` has what the config tells then: the path as it
 * says, not looked at; mnt_id 0. NULL, or a sentence of why there is none, owned: *ret is
 * not written then.
 */
char *ctroot_find(const struct ct *ct, const struct ctmounts *m,
		  struct guestread_volume *ret, const struct ctmount **ret_row);
