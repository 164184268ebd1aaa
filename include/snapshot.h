/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"
#include "val.h"

struct pveconf;
struct pveconf_section;

#define SNAPSHOT_NONE SIZE_MAX

/*
 * A snapshot of a container, or its present state. Everything is borrowed from the
 * struct pveconf it was made of.
 */
struct snapshot {
	const char *name; /* "current" for the present state */
	bool is_current;
	const struct pveconf_section *section; /* the live one for the present state */
	size_t parent;           /* index in the tree; SNAPSHOT_NONE: a root */
	const char *parent_name; /* what `parent:` says, NULL: nothing */
	bool orphan;             /* it names no section: a root, as PVE shows it */
	bool cycle;          /* its ancestors lead back to it: PVE shows none of them */
	bool vzdump;         /* the one that a backup makes and should remove */
	const char *state;   /* snapstate: "prepare", "delete": unfinished; or NULL */
	struct val time_sec; /* of its making, since 1970 */
	struct tbytes description; /* p NULL: none */
	size_t depth;
	size_t n_below; /* snapshots anywhere below it */
};

/*
 * In the order of printing: a parent before what hangs on it, siblings by time, then by
 * name, the present state last. A cycle is cut at its oldest member, which becomes a
 * root.
 */
struct snapshot_tree {
	struct snapshot *v;
	size_t n; /* the present state included: at least 1 */
};

/* Linear but for sorting; no recursion. The tree is valid as long as `c` is. */
void snapshot_tree_build(const struct pveconf *c, struct snapshot_tree *ret);
void snapshot_tree_done(struct snapshot_tree *t);
