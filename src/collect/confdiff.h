/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pveconf.h>
#include <stdbool.h>
#include <stddef.h>

/* What differs between two readings of a container's config. Pure. */
struct conf_change {
	const char *section; /* "" the live one, "pending" */
	const char *key;
	struct tbytes old, new; /* p NULL: was, or is, not there */
};

enum snap_action { SNAP_CREATE, SNAP_DELETE };

struct snap_change {
	const char *name;
	enum snap_action action;
};

/* Everything is borrowed from the two configs. */
struct conf_diff {
	struct conf_change *v;
	size_t n, cap;
	struct snap_change *snaps; /* finished ones; that of a backup is left out */
	size_t n_snaps, cap_snaps;
	const char *lock_old, *lock_new; /* NULL: none; not among the changes when it is
					    that of a snapshot, rollback or backup */
	const char *rolled_back;         /* a rollback ended: to this snapshot; or NULL */
};

#define CONF_MAX_CHANGES 256

void conf_diff(const struct pveconf *old, const struct pveconf *new,
	       struct conf_diff *ret);
void conf_diff_done(struct conf_diff *d);

/*
 * Can a task of that type have made all of these changes? (facts: pve-node.md 6.2; what
 * `pct set` and the API's config do makes no task.)
 */
bool conf_diff_by_task(const struct conf_diff *d, const char *type);
