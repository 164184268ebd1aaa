/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ctsec.h>

#include "base/str.h"
#include "rule/rule.h"

/*
 * What the rules about a running container share. They conclude from what the kernel said
 * only: what is absent or unreadable in struct ctsec makes none of them speak. The config
 * tells which line it comes from, and may be unreadable.
 */

/* NULL: it was not read. */
const struct sec_proc *kernel_init(const struct ctsec *sec);

/* Is root inside root of the node, by the user namespace of init? Not known: false. */
bool kernel_is_privileged(const struct ctsec *sec);

/* The last raw line of that key; NULL: none, or no config. */
const struct pveconf_lxc *kernel_lxc(const struct ct *ct, const char *key);

/*
 * Adds a finding that comes from that line (NULL: from none), with the fix of removing
 * it; without a line `fix` is taken.
 */
void kernel_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		const struct pveconf_lxc *l, char *fix, const char *seen);

/* "cap_sys_time, cap_sys_module" */
void kernel_add_caps(struct buf *b, uint64_t set);

/* Names the first few of many processes: "1234 (nginx), 77 (sh) and 3 more". */
struct kernel_some {
	struct buf text;
	size_t n;
};

void kernel_some_add(struct kernel_some *s, const struct sec_proc *p);
const char *kernel_some_end(struct kernel_some *s);
void kernel_some_done(struct kernel_some *s);

extern const struct rule rule_kernel_caps, rule_kernel_process_caps,
	rule_kernel_ambient_caps;
extern const struct rule rule_kernel_seccomp_off, rule_kernel_process_unfiltered,
	rule_kernel_apparmor_unconfined, rule_kernel_apparmor_complain,
	rule_kernel_process_unconfined;
extern const struct rule rule_kernel_not_unprivileged, rule_kernel_host_namespace,
	rule_kernel_process_host_namespace, rule_kernel_shared_namespace,
	rule_kernel_idmap_host_root, rule_kernel_idmap_shared;
extern const struct rule rule_kernel_devices_open;
extern const struct rule rule_kernel_proc_writable, rule_kernel_sys_writable;
extern const struct rule rule_kernel_filter_danger, rule_kernel_filter_allows,
	rule_kernel_filter_arch, rule_kernel_filter_differs, rule_kernel_filter_line;
extern const struct rule rule_kernel_host_proc, rule_kernel_host_socket,
	rule_kernel_host_path, rule_kernel_host_device;
