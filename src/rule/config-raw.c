/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "rule/rule.h"

/* Raw lxc.* lines that stand in for what PVE would have done. */

#define REMOVE "remove it"

typedef bool match_fn(const struct pveconf_lxc *l);

/* The last line of that key, where its value is not empty. */
static const struct pveconf_lxc *last_of(const struct ct *ct, const char *key)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, key);

	return l && *l->value ? l : NULL;
}

static void told(const struct rule *rule, const struct ct *ct,
		 const struct pveconf_lxc *l, const char *fix, struct findings *out)
{
	finding_add(out, rule, ct, l->key, l->line,
		    fix ? rule_fix_edit(ct, l->line, fix) : NULL, "%s: %s", l->key,
		    l->value);
}

static void apparmor_own(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	static const char *const others[] = { "generated", "unconfined", "unchanged" };
	const struct pveconf_lxc *l = last_of(ct, "lxc.apparmor.profile");

	for (size_t i = 0; l && i < ARRAY_SIZE(others); i++)
		if (str_eq(l->value, others[i]))
			return;
	if (l)
		told(rule, ct, l, NULL, out);
}

const struct rule rule_apparmor_own = {
	.id = "apparmor-own",
	.severity = SEV_INFO,
	.title = "an AppArmor profile of its own",
	.why = "it takes the place of the one that LXC makes for each container: it must be "
	       "loaded on every node the container moves to, and all containers that name it "
	       "are one to AppArmor",
	.check = apparmor_own,
};

static void allow_nesting(const struct rule *rule, const struct ct *ct,
			  struct findings *out)
{
	const struct pveconf_lxc *l = last_of(ct, "lxc.apparmor.allow_nesting");

	if (!l || !str_eq(l->value, "1"))
		return;
	told(rule, ct, l, REMOVE, out);
	if (ct_is_unprivileged(ct)) /* as features: nesting=1 is */
		finding_amend(out, SEV_INFO, NULL);
}

const struct rule rule_apparmor_allow_nesting = {
	.id = "apparmor-allow-nesting",
	.severity = SEV_ERROR,
	.title = "nesting that PVE does not show",
	.why = "the line does what features: nesting=1 does; in a privileged container root "
	       "can then mount proc and sysfs afresh and write what is the node's in them",
	.check = allow_nesting,
};

static void seccomp_own(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pveconf_lxc *l = last_of(ct, "lxc.seccomp.profile");

	if (l)
		told(rule, ct, l, NULL, out);
}

const struct rule rule_seccomp_own = {
	.id = "seccomp-own",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "a seccomp filter of its own",
	.why = "it takes the place of the one that LXC or PVE gives: what that refuses today, "
	       "and what updates add to it, holds for this container only if it is in there",
	.check = seccomp_own,
};

static void cap_keep(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_lxc *l = last_of(ct, "lxc.cap.keep");

	if (l && !str_eq(l->value, "none"))
		told(rule, ct, l, REMOVE, out);
}

const struct rule rule_cap_keep = {
	.id = "cap-keep",
	.severity = SEV_WARN,
	.title = "a list of capabilities of its own",
	.why = "it takes the place of what LXC drops, and goes with an empty lxc.cap.drop "
	       "only; a capability that it names is kept whatever LXC thinks of it",
	.check = cap_keep,
};

static bool is_ro(struct span options)
{
	struct span o;

	while (span_cut(&options, ',', &o))
		if (span_eq(o, "ro"))
			return true;
	return false;
}

static void kernel_fs_line(const struct rule *rule, const struct ct *ct,
			   const struct pveconf_lxc *l, struct findings *out)
{
	static const char *const types[] = { "proc",     "sysfs",    "cgroup",
					     "cgroup2",  "debugfs",  "tracefs",
					     "bpf",      "configfs", "securityfs",
					     "efivarfs", "devtmpfs" };
	struct span s = span_of(l->value, l->value_n), f[4] = { 0 };

	for (size_t i = 0; i < 4; i++)
		if (!span_field(&s, &f[i]))
			break;
	if (is_ro(f[3]))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (span_eq(f[2], types[i]))
			told(rule, ct, l, "remove it, or add ro to its options", out);
}

static void mount_kernel_fs(const struct rule *rule, const struct ct *ct,
			    struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.mount.entry", kernel_fs_line, out);
}

const struct rule rule_mount_kernel_fs = {
	.id = "mount-kernel-fs",
	.severity = SEV_WARN,
	.title = "a file system of the kernel, writable inside",
	.why = "what is in it is the node's in part, and no mask of LXC or PVE lies over a "
	       "mount that the config asks for",
	.check = mount_kernel_fs,
};

static void fstab_line(const struct rule *rule, const struct ct *ct,
		       const struct pveconf_lxc *l, struct findings *out)
{
	if (*l->value)
		told(rule, ct, l, NULL, out);
}

static void mount_fstab(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.mount.fstab", fstab_line, out);
}

const struct rule rule_mount_fstab = {
	.id = "mount-fstab",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "more mounts elsewhere",
	.why = "what that file mounts is not looked at here, and PVE does not show it",
	.check = mount_fstab,
};

/* ---- lxc.net.N.* ---- */

/* What is behind "lxc.net.<number>."; p NULL: it is no such key. */
static struct span net_part(const struct pveconf_lxc *l)
{
	struct span key = span_str(l->key), number;

	if (!span_skip(&key, "lxc.net.") || !span_cut(&key, '.', &number) ||
	    !span_is_digits(number))
		return (struct span){ 0 };
	return key;
}

static bool is_host_net(const struct pveconf_lxc *l)
{
	return span_eq(net_part(l), "type") && str_eq(l->value, "none");
}

static bool is_phys_net(const struct pveconf_lxc *l)
{
	return span_eq(net_part(l), "type") && str_eq(l->value, "phys");
}

static void each_net(const struct rule *rule, const struct ct *ct, match_fn *match,
		     const char *fix, struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++)
		if (match(&s->lxc[i]))
			told(rule, ct, &s->lxc[i], fix, out);
}

static void net_host(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each_net(rule, ct, is_host_net, REMOVE ", and add a netN", out);
}

const struct rule rule_net_host = {
	.id = "net-host",
	.severity = SEV_ERROR,
	.title = "the node's own network inside",
	.why = "type none is no network namespace: the guest has the node's interfaces and "
	       "addresses, its abstract sockets (those of lxc-start among them), and can "
	       "listen on its ports",
	.check = net_host,
};

static bool is_raw_net(const struct pveconf_lxc *l)
{
	return net_part(l).p && !is_host_net(l) && !span_starts(net_part(l), "script.");
}

static void net_raw(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++) {
		if (!is_raw_net(&s->lxc[i]))
			continue;
		told(rule, ct, &s->lxc[i], NULL, out);
		if (!is_phys_net(&s->lxc[i])) /* a NIC of the node goes inside */
			finding_amend(out, SEV_INFO, NULL);
	}
}

const struct rule rule_net_raw = {
	.id = "net-raw",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "a network that PVE does not show",
	.why = "the GUI, the firewall and the bridges' VLANs know netN only: what such a line "
	       "makes is filtered by nobody",
	.check = net_raw,
};
