/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include <history.h>

/*
 * PVE's own record of a container (facts: pve-node.md 8): /var/lib/rrdcached/db/
 * pve-vm-9.0/<vmid>, else pve2-vm/<vmid> of PVE 7 and 8. Averages of a minute for the
 * last day (or hour), coarser before.
 *
 * librrd and all it drags in is loaded in a process of its own, which reads the file, can
 * be abandoned, and may fall over a damaged file alone.
 */

/*
 * Rows that end in (since, until], the finest that each time has, oldest first. With
 * `flush` rrdcached is asked to write what it holds back (live node only). -ENOENT: there
 * is no such file, or no librrd; the sentence says which. -EBADMSG: not one of the two
 * layouts.
 */
int rrd_read(int rootfd, uint32_t vmid, uint64_t since_real_usec,
	     uint64_t until_real_usec, bool flush, struct rrd_rows *ret, struct err *err);
