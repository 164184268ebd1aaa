/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>
#include <facts.h>
#include <finding.h>
#include <hostpath.h>
#include <storagecfg.h>
#include <waiver.h>

#include "base/macros.h"
#include "base/str.h"
#include "pveconf.h"

/* What is sampled of one container while it runs; its reader says what it holds. */
struct ctsec;

/* What rules may look at. */
struct rule_in {
	const struct facts *facts; /* never NULL */
	/*
	 * secs[i] is what the kernel enforces on facts->cts[i]; NULL: it does not run, or
	 * that could not be read. secs NULL: nothing was read.
	 */
	struct ctsec *const *secs;
	const struct storages *storages; /* NULL: not read */
	const struct hostpaths *paths;   /* of hostfiles_wanted(); NULL: not read */
	const struct waivers *waivers;   /* NULL: none */
	uint32_t today;                  /* 20261121, in local time; 0: not known */
};

/* What a profile makes of a rule. */
enum rule_level {
	LEVEL_OWN, /* the rule's own severity */
	LEVEL_OFF,
	LEVEL_INFO,
	LEVEL_WARN,
	LEVEL_ERROR,
};

enum rule_profile {
	PROFILE_OWN, /* every rule, with its own severity */
	PROFILE_HOMELAB,
	PROFILE_PRODUCTION,
	PROFILE_N,
};

/*
 * A rule of the audit: pure. The id is frozen. Adding one is its file (or a function in a
 * file of its subject) and a line in rules.c. One of the three functions is set.
 */
struct rule {
	const char *id;
	enum severity severity;
	enum rule_level homelab, production;
	const char *title; /* what it is about, in a few words */
	const char *why;   /* why it matters: a sentence or two */
	bool deep;         /* it is about what is read only where that was asked for */

	/* of one container whose config could be read */
	void (*check)(const struct rule *rule, const struct ct *ct, struct findings *out);
	/* of one that runs: what the kernel enforces; its config may be unreadable */
	void (*check_sec)(const struct rule *rule, const struct ct *ct,
			  const struct ctsec *sec, struct findings *out);
	/* of all of them together, and of the node: whoever has no config is in it too */
	void (*check_all)(const struct rule *rule, const struct rule_in *in,
			  struct findings *out);
};

extern const struct rule *const rules[];
extern const size_t n_rules;

const char *rule_profile_name(enum rule_profile p); /* "homelab"; PROFILE_OWN: "own" */

/* False: no profile of that name. */
bool rule_profile_find(struct span name, enum rule_profile *ret);

/* NULL: there is none of that id. */
const struct rule *rule_find(struct span id);

/* How bad the rule's findings are in that profile; false: it does not apply there. */
bool rule_severity(const struct rule *rule, enum rule_profile p, enum severity *ret);

/* Which rules run, and how bad they are. */
struct rule_pick {
	enum rule_profile profile;
	/* these alone, also where the profile leaves them out; n_only 0: all of the profile */
	const struct rule *const *only;
	size_t n_only;
	bool deep; /* those that need it, too */
};

/* False: it does not run. */
bool rule_picked(const struct rule *rule, const struct rule_pick *p, enum severity *ret);

/* Every rule picked on every container, and on all of them; worst first. */
void rules_run(const struct rule_in *in, const struct rule_pick *p, struct findings *out);

/* Every rule about the config of one container alone, in no profile. */
void rules_run_ct(const struct ct *ct, struct findings *out);

/*
 * The line of its config as PVE would write it ("features: nesting=1"), the end of a very
 * long one left out; NULL: none.
 */
char *rule_config_line(const struct ct *ct, uint32_t line);

/*
 * Adds a finding about `key` (NULL: none) at `line` of the config (0: none). `fix` is
 * taken over, NULL: there is nothing to be done; where a change of `key` is pending, that
 * is told in its place. ct NULL: it is about the node.
 */
void finding_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		 const char *key, uint32_t line, char *fix, const char *fmt, ...)
	_printf_(7, 8);

/* Makes the finding that was added last that bad, for that reason (NULL: the rule's). */
void finding_amend(struct findings *out, enum severity s, const char *why);

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
	const struct pve_mp *mp; /* NULL: a raw line */
};

struct rule_binds {
	struct rule_bind *v;
	size_t n, cap;
	struct strv texts;
};

void rule_binds_get(const struct ct *ct, struct rule_binds *ret);
void rule_binds_done(struct rule_binds *b);

/* By its path alone: a socket of a service that is root, or by its name any socket. */
bool rule_is_socket(const char *tidy_path);

/* Whose socket it is, if its service is root or as good as; NULL: none that is known. */
const char *rule_root_socket(const char *tidy_path);

/*
 * What is so delicate about a path of the node that is no socket, to be read (`ro`) or
 * also to be written; NULL: nothing known.
 */
const char *rule_sensitive(const char *tidy_path, bool ro);

/* Services of root listen in it: there read-only helps nobody who is root. */
bool rule_holds_sockets(const char *tidy_path);

/* Why what is the node's may be written inside, although root there is another user. */
extern const char rule_only_modes[];

/* Without slashes at the end or doubled ones, and /var/run, a link, as /run. */
char *rule_tidy(const char *path);

/*
 * The `pct set` that gives a bind mount the property, or deletes it (key NULL; NULL of a
 * rootfs, which PVE does not delete); where it is a raw line, that it is to be edited:
 * `what`.
 */
char *rule_fix_bind(const struct ct *ct, const struct rule_bind *b, const char *key,
		    const char *value, const char *what);

extern const struct rule rule_privileged, rule_privileged_nesting, rule_nesting,
	rule_features_mount, rule_features_fuse, rule_features_mknod,
	rule_features_force_rw_sys, rule_keyctl;
extern const struct rule rule_apparmor_unconfined, rule_apparmor_overrides_features,
	rule_apparmor_incomplete, rule_apparmor_raw, rule_seccomp_cleared,
	rule_cap_drop_cleared, rule_mount_auto_rw, rule_devices_allow_all,
	rule_devices_allow_block, rule_hook_cleared, rule_hook_version, rule_host_script,
	rule_lxc_include, rule_lxc_key_refused, rule_cgroup_v1_key, rule_limit_raw;
extern const struct rule rule_apparmor_own, rule_apparmor_allow_nesting, rule_seccomp_own,
	rule_cap_keep, rule_devices_allow_char, rule_mount_kernel_fs, rule_mount_fstab,
	rule_net_host, rule_net_raw;
extern const struct rule rule_idmap_malformed, rule_idmap_overlap, rule_idmap_no_root,
	rule_idmap_host_root, rule_idmap_host_ids, rule_idmap_custom,
	rule_idmap_without_unprivileged, rule_idmap_cleared;
extern const struct rule rule_idmap_shared, rule_idmap_shared_default,
	rule_bind_shared_rw;
extern const struct rule rule_host_file_guest, rule_host_file_writable,
	rule_host_file_missing;
extern const struct rule rule_waiver_expired;
extern const struct rule rule_bind_sensitive_rw, rule_bind_sensitive_ro,
	rule_overlay_sensitive, rule_host_socket_root, rule_host_socket, rule_bind_suid,
	rule_bind_host_path, rule_mp_idmap, rule_mp_same_path, rule_quota_unprivileged,
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
