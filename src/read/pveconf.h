/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include <pveconf.h> /* of include/: in quotes it would be this file */

/* pmxcfs holds no larger file. */
#define PVECONF_MAX_BYTES ((size_t)1 << 20)

/*
 * Reads the bytes of a <vmid>.conf exactly as PVE's reader does (facts: pve-node.md
 * 1.1-1.8): same values, types, sections and warnings. Pure, linear in n. 0, or -EBADMSG
 * with the line where PVE's own parser dies (a key `snapshots` before a section, `lxc`
 * before a raw line): *ret is filled all the same, with what a reader that does not die
 * would have, so that it can be shown. -EFBIG: more than PVECONF_MAX_BYTES, *ret is not
 * written.
 */
int pveconf_parse(const char *p, size_t n, uint32_t vmid, struct pveconf *ret,
		  struct err *err);

/*
 * The same without the digest ("") and without `typed` (empty): half the time, for a list
 * of a thousand containers that shows neither.
 */
int pveconf_parse_lean(const char *p, size_t n, uint32_t vmid, struct pveconf *ret,
		       struct err *err);

/*
 * Reads <path> below rootfd and parses it. -ENOENT: no such file. May hang where path is
 * on pmxcfs: call it inside a guard.
 */
int pveconf_read(int rootfd, const char *path, uint32_t vmid, struct pveconf *ret,
		 struct err *err);
