/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>

#include "rule/kernel.h"

/*
 * Capabilities, where they count for the node: in its own user namespace. Those of a
 * process in another one are over what that namespace owns, and all of them are usual
 * there.
 */

#define BIT(cap) ((uint64_t)1 << (cap))

/* What lxc.cap.drop of LXC's common.conf takes from every privileged container. */
#define DROPPED                                                                          \
	(BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE) | BIT(CAP_SYS_TIME) |                \
	 BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_RAWIO))

/* All that a process has or can get. */
static uint64_t reach(const struct sec_caps *c)
{
	return val_or(c->permitted, 0) | val_or(c->effective, 0) |
	       val_or(c->bounding, 0) | val_or(c->ambient, 0);
}

static uint64_t held(const struct sec_caps *c)
{
	return val_or(c->permitted, 0) | val_or(c->effective, 0) | val_or(c->ambient, 0);
}

static void caps(const struct rule *rule, const struct ct *ct, const struct ctsec *sec,
		 struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	const struct pveconf_lxc *l = kernel_lxc(ct, "lxc.cap.drop");
	_cleanup_(buf_done) struct buf b = { 0 };
	uint64_t more;

	if (!kernel_is_privileged(sec))
		return;
	more = reach(&init->caps) & DROPPED;
	if (!more)
		return;
	/* an empty one takes back what LXC drops; another one only drops more */
	if (!l || l->value_n)
		l = kernel_lxc(ct, "lxc.cap.keep");
	buf_adds(&b, "init may use ");
	kernel_add_caps(&b, more);
	buf_adds(&b, " on the node");
	kernel_add(out, rule, ct, l, NULL, buf_str(&b));
}

const struct rule rule_kernel_caps = {
	.id = "kernel-caps",
	.severity = SEV_ERROR,
	.title = "capabilities beyond LXC's own",
	.why = "LXC takes these from every privileged container: with them root inside "
	       "loads modules into the node's kernel, reaches its I/O ports and memory, "
	       "sets its clock or changes AppArmor's rules",
	.check_sec = caps,
};

/* lxc-attach with elevated privileges, or one that was moved into the cgroup. */
static void process_caps(const struct rule *rule, const struct ct *ct,
			 const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	uint64_t more = 0;

	if (!kernel_is_privileged(sec) || init->caps.bounding.kind != VAL_SET)
		return;
	for (size_t i = 1; i < sec->n_procs; i++) {
		const struct sec_proc *p = &sec->procs[i];
		uint64_t m = held(&p->caps) & ~init->caps.bounding.n;

		if (!m || !sec_ns_is_hosts(sec->host, &p->ns, SEC_NS_USER))
			continue;
		more |= m;
		kernel_some_add(&some, p);
	}
	if (!some.n)
		return;
	buf_addf(&b, "process %s: ", kernel_some_end(&some));
	kernel_add_caps(&b, more);
	buf_adds(&b, ", which init cannot have");
	kernel_add(out, rule, ct, NULL, NULL, buf_str(&b));
}

const struct rule rule_kernel_process_caps = {
	.id = "kernel-process-caps",
	.severity = SEV_ERROR,
	.title = "a process with more capabilities than init",
	.why = "it did not come from the container's init but was brought in, by lxc-attach "
	       "with elevated privileges for one; whoever takes it over inside has them",
	.check_sec = process_caps,
};

static void ambient(const struct rule *rule, const struct ct *ct, const struct ctsec *sec,
		    struct findings *out)
{
	_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	uint64_t set = 0;

	for (size_t i = 0; i < sec->n_procs; i++) {
		const struct sec_proc *p = &sec->procs[i];
		uint64_t a = val_or(p->caps.ambient, 0);

		if (!a || !sec_ns_is_hosts(sec->host, &p->ns, SEC_NS_USER))
			continue;
		set |= a;
		kernel_some_add(&some, p);
	}
	if (!some.n)
		return;
	buf_addf(&b, "process %s passes on ", kernel_some_end(&some));
	kernel_add_caps(&b, set);
	kernel_add(out, rule, ct, NULL, NULL, buf_str(&b));
}

const struct rule rule_kernel_ambient_caps = {
	.id = "kernel-ambient-caps",
	.severity = SEV_INFO,
	.title = "ambient capabilities on the node",
	.why = "every program that it runs gets these, without being root or setuid: usual "
	       "for services with AmbientCapabilities=, but here they count on the node",
	.check_sec = ambient,
};
