/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"
#include "rule/mounttree.h"

/*
 * What of /proc and /sys is writable inside, where root is root of the node: LXC masks
 * them by read-only mounts on top. In a user namespace of its own the kernel checks each
 * file against the node's root, and nothing is to be said.
 */

static bool is(struct tbytes t, const char *s)
{
	return t.n == strlen(s) && (!t.n || memcmp(t.p, s, t.n) == 0);
}

/* Names the mount points of that kind, whole and reachable, below which `dir` is writable. */
static size_t add_writable(const struct ctsec *sec, const char *fstype, const char *dir,
			   struct buf *b)
{
	struct mounttree t = { 0 };
	size_t n = 0;

	mounttree_build(&sec->mounts, &t);
	for (size_t i = 0; i < sec->mounts.n; i++) {
		const struct mount *m = &sec->mounts.v[i], *on;
		_cleanup_free_ char *path = NULL;
		size_t at;

		if (!is(m->fstype, fstype) || !is(m->root, "/") || !mounttree_seen(&t, i))
			continue;
		path = xasprintf("%.*s%s", is(m->point, "/") ? 0 : (int)m->point.n,
				 (const char *)m->point.p, dir);
		at = mounttree_on(&t, tbytes_str(path));
		on = at == MOUNTTREE_NONE ? NULL : &sec->mounts.v[at];
		if (!on || !is(on->fstype, fstype) || on->ro || on->super_ro)
			continue;
		if (n++ < 5)
			buf_addf(b, "%s%s", b->n ? ", " : "", path);
	}
	mounttree_done(&t);
	if (n > 5)
		buf_addf(b, " and %zu more", n - 5);
	return n;
}

static void writable(const struct rule *rule, const struct ct *ct,
		     const struct ctsec *sec, const char *fstype, const char *dir,
		     struct findings *out)
{
	const struct pveconf_lxc *l = kernel_lxc(ct, "lxc.mount.auto");
	_cleanup_(buf_done) struct buf b = { 0 };

	if (sec->mounts_got != SEC_GOT || !kernel_is_privileged(sec))
		return;
	if (!add_writable(sec, fstype, dir, &b))
		return;
	buf_adds(&b, " is writable inside");
	if (l && !strstr(l->value, str_eq(fstype, "proc") ? "proc:rw" : "sys:rw"))
		l = NULL;
	kernel_add(out, rule, ct, l, NULL, buf_str(&b));
}

static void proc_writable(const struct rule *rule, const struct ct *ct,
			  const struct ctsec *sec, struct findings *out)
{
	writable(rule, ct, sec, "proc", "/sys/kernel", out);
}

const struct rule rule_kernel_proc_writable = {
	.id = "kernel-proc-writable",
	.severity = SEV_ERROR,
	.title = "the node's /proc/sys writable inside",
	.why = "root inside writes kernel.core_pattern and has a program of its own run on "
	       "the node; only AppArmor is in the way, if it is at work",
	.check_sec = proc_writable,
};

static void sys_writable(const struct rule *rule, const struct ct *ct,
			 const struct ctsec *sec, struct findings *out)
{
	writable(rule, ct, sec, "sysfs", "/kernel", out);
}

const struct rule rule_kernel_sys_writable = {
	.id = "kernel-sys-writable",
	.severity = SEV_ERROR,
	.title = "the node's /sys writable inside",
	.why = "root inside sets uevent_helper, and a program of its own is run on the node, "
	       "or takes the node's devices away",
	.check_sec = sys_writable,
};
