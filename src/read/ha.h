/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "cluster.h"

/*
 * /etc/pve/ha (facts: pve-node.md 7.7). None of the files has to be there: without them
 * there is no HA.
 */

/* resources.cfg; -EFBIG only. */
int ha_parse_resources(const char *p, size_t n, struct ha_resources *ret,
		       struct err *err);

/* manager_status. An empty file is an empty status. -EBADMSG: not its JSON. */
int ha_parse_status(const char *p, size_t n, struct ha_status *ret, struct err *err);

/* rules.cfg of PVE 9 or groups.cfg of 7 and 8; -EFBIG only. */
int ha_parse_rules(const char *p, size_t n, struct ha_rules *ret, struct err *err);
