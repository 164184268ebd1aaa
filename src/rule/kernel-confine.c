/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"

/* seccomp and AppArmor: what stands between the guest's root and the kernel. */

static void seccomp_off(const struct rule *rule, const struct ct *ct,
			const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);

	if (init && init->seccomp.kind == VAL_SET && !init->seccomp.n)
		kernel_add(out, rule, ct, kernel_lxc(ct, "lxc.seccomp.profile"), NULL,
			   "no system call of init is filtered (Seccomp: 0)");
}

const struct rule rule_kernel_seccomp_off = {
	.id = "kernel-seccomp-off",
	.severity = SEV_ERROR,
	.title = "no seccomp filter at work",
	.why = "PVE gives every container one: without it kexec_load, open_by_handle_at, "
	       "module loading and the like reach the kernel",
	.check_sec = seccomp_off,
};

/*
 * A filter is inherited and never taken off: who has none did not come from init. Fewer
 * than init says nothing: init may have added one of its own, and who came in later by
 * lxc-attach has the container's alone.
 */
static bool is_unfiltered(const struct sec_proc *p)
{
	return p->seccomp.kind == VAL_SET && !p->seccomp.n;
}

static void process_unfiltered(const struct rule *rule, const struct ct *ct,
			       const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
	_cleanup_free_ char *seen = NULL;

	if (!init || val_or(init->seccomp, 0) == 0)
		return;
	for (size_t i = 1; i < sec->n_procs; i++)
		if (is_unfiltered(&sec->procs[i]))
			kernel_some_add(&some, &sec->procs[i]);
	if (!some.n)
		return;
	seen = xasprintf("process %s: no system call is filtered, those of init are",
			 kernel_some_end(&some));
	kernel_add(out, rule, ct, NULL, NULL, seen);
}

const struct rule rule_kernel_process_unfiltered = {
	.id = "kernel-process-unfiltered",
	.severity = SEV_WARN,
	.title = "a process without the container's seccomp filter",
	.why = "it was brought in from outside, not started by init: the guest can take it "
	       "over and call what the filter refuses to everybody else",
	.check_sec = process_unfiltered,
};

/* Without AppArmor on the node there is nothing that this container lacks. */
static bool has_apparmor(const struct ctsec *sec)
{
	return sec->host && sec->host->label.got == SEC_GOT;
}

static void unconfined(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	_cleanup_free_ char *seen = NULL;

	if (!init || !has_apparmor(sec) || !sec_label_unconfined(&init->label))
		return;
	seen = xasprintf("init runs as \"%s\"%s", init->label.text,
			 kernel_is_privileged(sec) ? ", as root of the node" : "");
	kernel_add(out, rule, ct, kernel_lxc(ct, "lxc.apparmor.profile"), NULL, seen);
}

const struct rule rule_kernel_apparmor_unconfined = {
	.id = "kernel-apparmor-unconfined",
	.severity = SEV_ERROR,
	.title = "AppArmor does not confine it",
	.why = "AppArmor is what keeps root inside from the node's mounts, /proc and /sys "
	       "where user namespaces do not",
	.check_sec = unconfined,
};

static void complain(const struct rule *rule, const struct ct *ct,
		     const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	_cleanup_free_ char *seen = NULL;
	char *fix = NULL;

	if (!init || init->label.got != SEC_GOT || init->label.mode != SEC_AA_COMPLAIN)
		return;
	seen = xasprintf("init runs as \"%s\"", init->label.text);
	if (init->label.profile)
		fix = xasprintf(
			"put the profile %.*s back into enforce mode (aa-enforce), then "
			"pct reboot %u",
			(int)sec_profile_loaded_len(init->label.profile),
			init->label.profile, ct->vmid);
	finding_add(out, rule, ct, NULL, 0, fix, "%s", seen);
}

const struct rule rule_kernel_apparmor_complain = {
	.id = "kernel-apparmor-complain",
	.severity = SEV_ERROR,
	.title = "AppArmor only logs",
	.why = "in complain mode whatever the profile forbids is logged and done",
	.check_sec = complain,
};

static void process_unconfined(const struct rule *rule, const struct ct *ct,
			       const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
	_cleanup_free_ char *seen = NULL;

	if (!init || init->label.got != SEC_GOT || sec_label_unconfined(&init->label))
		return;
	for (size_t i = 1; i < sec->n_procs; i++)
		if (sec_label_unconfined(&sec->procs[i].label))
			kernel_some_add(&some, &sec->procs[i]);
	if (!some.n)
		return;
	seen = xasprintf("process %s is unconfined, init is not", kernel_some_end(&some));
	kernel_add(out, rule, ct, NULL, NULL, seen);
}

const struct rule rule_kernel_process_unconfined = {
	.id = "kernel-process-unconfined",
	.severity = SEV_WARN,
	.title = "a process outside the container's AppArmor profile",
	.why = "it was brought in from outside, not started by init: what it does is not "
	       "held back by the profile",
	.check_sec = process_unconfined,
};
