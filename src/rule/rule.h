/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>
#include <facts.h>
#include <finding.h>

#include "base/macros.h"
#include "base/str.h"
#include "pveconf.h"

/*
 * A rule of the static audit: pure, it sees one container whose config could be read.
 * The id is frozen. Adding one is its file (or a function in a file of its subject) and
 * a line in rules.c.
 */
struct rule {
	const char *id;
	enum severity severity;
	const char *title; /* what it is about, in a few words */
	const char *why;   /* why it matters: a sentence or two */
	void (*check)(const struct rule *rule, const struct ct *ct, struct findings *out);
};

extern const struct rule *const rules[];
extern const size_t n_rules;

/* Every rule on every container; worst first. */
void rules_run(const struct facts *facts, struct findings *out);

/* Every rule on one. */
void rules_run_ct(const struct ct *ct, struct findings *out);

/* Adds a finding about `key` (NULL: none) at `line` of the config (0: none). `fix` is
 * taken over, NULL: there is nothing to be done. */
void finding_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		 const char *key, uint32_t line, char *fix, const char *fmt, ...)
	_printf_(7, 8);

/* "edit /etc/pve/lxc/101.conf, line 12: <what>" for what pct cannot change. */
char *rule_fix_edit(const struct ct *ct, uint32_t line, const char *what);

/*
 * "pct set 101 --mp0 '<the properties as they are, but for `key`>,key=value'", value
 * NULL: without it. An option of which nothing is left is deleted.
 */
char *rule_fix_prop(const struct ct *ct, const char *option, const struct pve_props *p,
		    const char *key, const char *value);

/* Being created or destroyed: the file is not yet, or no more, a container. */
bool rule_is_stub(const struct ct *ct);

/* The line of a key, 0: it is not there. */
uint32_t rule_line(const struct ct *ct, const char *key);

/* Calls fn for every raw line of that key, in order. */
typedef void rule_lxc_fn(const struct rule *rule, const struct ct *ct,
			 const struct pveconf_lxc *l, struct findings *out);
void rule_each_lxc(const struct rule *rule, const struct ct *ct, const char *key,
		   rule_lxc_fn *fn, struct findings *out);

/* The last raw line of that key, which is the one that counts; NULL: none. */
const struct pveconf_lxc *rule_last_lxc(const struct ct *ct, const char *key);

/* A host path of a bind mount: mpN, or a lxc.mount.entry with bind. */
struct rule_bind {
	const char *key; /* "mp0", "lxc.mount.entry" */
	uint32_t line;
	const char *source; /* absolute, octal escapes decoded */
	const char *target;
	bool ro;
};

struct rule_binds {
	struct rule_bind *v;
	size_t n, cap;
	struct strv texts;
};

void rule_binds_get(const struct ct *ct, struct rule_binds *ret);
void rule_binds_done(struct rule_binds *b);

extern const struct rule rule_privileged, rule_privileged_nesting, rule_nesting,
	rule_features_mount, rule_features_fuse, rule_features_mknod,
	rule_features_force_rw_sys, rule_keyctl;
extern const struct rule rule_apparmor_unconfined, rule_apparmor_overrides_features,
	rule_apparmor_incomplete, rule_apparmor_raw, rule_seccomp_cleared,
	rule_cap_drop_cleared, rule_mount_auto_rw, rule_devices_allow_all,
	rule_devices_allow_block, rule_hook_cleared, rule_hook_version, rule_host_script,
	rule_lxc_include, rule_lxc_key_refused, rule_cgroup_v1_key, rule_limit_raw;
extern const struct rule rule_idmap_malformed, rule_idmap_overlap, rule_idmap_no_root,
	rule_idmap_host_root, rule_idmap_host_ids, rule_idmap_custom,
	rule_idmap_without_unprivileged;
extern const struct rule rule_bind_sensitive_rw, rule_bind_sensitive_ro,
	rule_bind_host_path, rule_mp_same_path, rule_quota_unprivileged,
	rule_backup_excluded, rule_no_snapshot;
extern const struct rule rule_device_passthrough, rule_device_raw_disk,
	rule_device_no_path;
extern const struct rule rule_parser_dies, rule_start_missing_key, rule_rootfs_invalid,
	rule_cores_hang, rule_value_invalid, rule_value_range, rule_key_unknown,
	rule_lines_dropped, rule_lock_set, rule_net_no_hwaddr, rule_onboot_off,
	rule_debug_on;
extern const struct rule rule_memory_default, rule_swap_absent;
extern const struct rule rule_snapshot_unfinished, rule_snapshot_orphan,
	rule_snapshot_cycle, rule_vzdump_left;
