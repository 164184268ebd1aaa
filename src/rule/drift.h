/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <drift.h> /* of include/ */

#include "base/macros.h"
#include "pveconf.h"

/*
 * The comparison (facts: pve-node.md 1.6, 3.3, 4.5, 5). Pure. A container that does not
 * run, or whose config could not be read, has no differences.
 */
void drift_check(const struct drift_facts *f, struct drift *ret);

/* For the files of the comparison: one function a subject. */
void drift_pending(const struct drift_facts *f, struct drift *out);
void drift_limits(const struct drift_facts *f, struct drift *out);
void drift_started(const struct drift_facts *f, struct drift *out);
void drift_kernel(const struct drift_facts *f, struct drift *out);
void drift_net(const struct drift_facts *f, struct drift *out);
void drift_mounts(const struct drift_facts *f, struct drift *out);
void drift_devices(const struct drift_facts *f, struct drift *out);
void drift_inside(const struct drift_facts *f, struct drift *out);

/* Takes over the texts of `row`; counts it as compared. */
void drift_add(struct drift *out, struct drift_row row);
void drift_same(struct drift *out); /* compared, and the same */
void drift_add_gap(struct drift *out, const char *key, const char *fmt, ...)
	_printf_(3, 4);

/* How it was started is known, and the file is as PVE makes it. */
bool drift_start_known(const struct drift_facts *f);

/* The last raw line of that key in the live config; NULL: there is none. */
const struct pveconf_lxc *drift_raw(const struct drift_facts *f, const char *key);

/* Do the raw lines of that key differ from those it was started with? */
enum answer drift_raw_edited(const struct drift_facts *f, const char *key);

/* Do LXC's own files, or files that the config includes, set that cgroup2 key? */
bool drift_is_common(const struct drift_facts *f, const char *key);

/* The id maps of init were read: drift_kernel() compares them. */
bool drift_ids_known(const struct drift_facts *f);

/* The cgroup files that drift_limits() compares: their raw lines are its business. */
bool drift_is_limit(const char *lxc_key);
