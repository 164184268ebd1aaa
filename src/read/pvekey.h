/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include <pveconf.h> /* of include/ */

/*
 * The keys of a container's config and the type of each one's value (facts: pve-node.md
 * 1.4, 1.5). Sets i->known, and kind, number and big where the value is one. 0, or
 * -EINVAL: PVE drops the value, and what it says is appended to *why.
 */
int pvekey_check(const char *name, struct span v, struct pveconf_item *i,
		 struct buf *why);
