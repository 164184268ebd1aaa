/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "cluster.h"

/*
 * The dot files of /etc/pve, which pmxcfs makes up when they are read (facts: pve-node.md
 * 2.2, 2.3). All parsers are pure; their texts change under a reader now and then, so an
 * answer of -EBADMSG (with the position in err) is worth one more try.
 */

/*
 * .vmlist. A list without guests has no `ids` at all. Ids that are not a number of 32
 * bits and entries without a node are left out with a warning; types that nobody knows
 * are kept.
 */
int pmxcfs_parse_vmlist(const char *p, size_t n, struct vmlist *ret, struct err *err);

/* .members */
int pmxcfs_parse_members(const char *p, size_t n, struct members *ret, struct err *err);

/* .version; keys nobody knows are counters like the others. */
int pmxcfs_parse_version(const char *p, size_t n, struct cfs_version *ret,
			 struct err *err);

/*
 * One line of .rrd. -ENOENT: it is not a guest's (a node, a storage, a newer kind).
 * -EBADMSG: too few fields or not numbers. The name may hold colons: fields are counted
 * from the end.
 */
int pmxcfs_parse_rrd_line(struct span line, struct rrd_guest *ret, struct err *err);

/*
 * .clusterlog. It is not always JSON, since pmxcfs copies backslashes as they are:
 * entries are taken line by line by the order of their keys. A line that is none gives a
 * warning.
 */
int pmxcfs_parse_clusterlog(const char *p, size_t n, struct clusterlog *ret,
			    struct err *err);

/* PVE's own quorum test, on the lstat() mode of /etc/pve/local. */
bool pmxcfs_is_quorate(mode_t local_mode);

/*
 * This node's name out of the text of the symlink /etc/pve/local ("nodes/<name>").
 * -EINVAL: it says something else.
 */
int pmxcfs_node_name(const char *local_target, char **ret, struct err *err);
