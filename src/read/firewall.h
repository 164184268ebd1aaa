/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "fwcfg.h"

enum fw_kind { FW_CLUSTER, FW_HOST, FW_GUEST };

/*
 * The lines PVE's own parser takes, by the kind of file (facts: pve-node.md 5.5); every
 * other one is a warning. [ALIASES], [IPSET] are not of host.fw, [group] of cluster.fw
 * only. -EFBIG: larger than any file of pmxcfs.
 */
int fw_parse(const char *p, size_t n, enum fw_kind kind, struct fw_file *ret,
	     struct err *err);
