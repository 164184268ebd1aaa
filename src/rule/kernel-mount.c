/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"
#include "rule/mountentry.h"
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

/* Where LXC mounts them once more, whole, for containers inside (lxc/lxc conf.c). */
static const char *const nesting[] = { "/dev/.lxc/proc", "/dev/.lxc/sys" };

static bool is_nesting(struct tbytes point)
{
	return is(point, nesting[0]) || is(point, nesting[1]);
}

/*
 * The profile that LXC makes for a container that nests denies everything below these
 * two (lxc/lxc src/lxc/lsm/apparmor.c): in its hands they are nothing to tell.
 */
static bool is_denied(const struct ct *ct, const struct ctsec *sec)
{
	const struct sec_label *l = &kernel_init(sec)->label;
	_cleanup_free_ char *generated = xasprintf("lxc-%u_", ct->vmid);

	return l->got == SEC_GOT &&
	       (l->mode == SEC_AA_ENFORCE || l->mode == SEC_AA_KILL) && l->profile &&
	       str_starts(l->profile, generated);
}

#define LOOKED_AT 256 /* a guest may mount as many as it likes */

struct writable {
	struct buf names;
	struct tbytes first; /* where the first of them is mounted */
	size_t n, n_nesting, looked_at;
};

/* The mount points of that kind, whole and reachable, below which `dir` is writable. */
static void find_writable(const struct ctsec *sec, const char *fstype, const char *dir,
			  bool denied, struct writable *w)
{
	struct mounttree t = { 0 };

	mounttree_build(&sec->mounts, &t);
	for (size_t i = 0; i < sec->mounts.n; i++) {
		const struct mount *m = &sec->mounts.v[i], *on;
		_cleanup_free_ char *path = NULL;
		size_t at;

		if (!is(m->fstype, fstype) || !is(m->root, "/") ||
		    !mounttree_seen(&t, i) || (denied && is_nesting(m->point)))
			continue;
		if (w->looked_at++ == LOOKED_AT)
			break;
		path = xasprintf("%.*s%s", is(m->point, "/") ? 0 : (int)m->point.n,
				 (const char *)m->point.p, dir);
		at = mounttree_on(&t, tbytes_str(path));
		on = at == MOUNTTREE_NONE ? NULL : &sec->mounts.v[at];
		if (!on || !is(on->fstype, fstype) || on->ro || on->super_ro)
			continue;
		w->n_nesting += is_nesting(m->point);
		if (!w->n)
			w->first = m->point;
		if (w->n++ < 5)
			buf_addf(&w->names, "%s%s", w->names.n ? ", " : "", path);
	}
	mounttree_done(&t);
	if (w->n > 5)
		buf_addf(&w->names, " and %zu more", w->n - 5);
}

/* The last line that asks for it: "lxc.mount.auto: proc:rw sys:rw". */
static const struct pveconf_lxc *auto_line(const struct ct *ct, const char *word)
{
	const struct pveconf_section *s = ct->conf ? &ct->conf->main : NULL;

	for (size_t i = s ? s->n_lxc : 0; i-- > 0;)
		if (str_eq(s->lxc[i].key, "lxc.mount.auto") &&
		    strstr(s->lxc[i].value, word))
			return &s->lxc[i];
	return NULL;
}

/* The last line that mounts something there. */
static const struct pveconf_lxc *entry_line(const struct ct *ct, struct tbytes point)
{
	const struct pveconf_section *s = ct->conf ? &ct->conf->main : NULL;

	for (size_t i = s ? s->n_lxc : 0; i-- > 0;) {
		const struct pveconf_lxc *l = &s->lxc[i];
		struct mountentry e;
		bool hit;

		if (!str_eq(l->key, "lxc.mount.entry") ||
		    !mountentry_parse(ct->vmid, span_of(l->value, l->value_n), &e))
			continue;
		hit = e.path && is(point, e.path);
		mountentry_done(&e);
		if (hit)
			return l;
	}
	return NULL;
}

static char *fix_nesting(const struct ct *ct)
{
	const struct pve_features *f = ct->conf ? &ct->conf->typed.features : NULL;

	return f && f->nesting ? rule_fix_prop(ct, "features", &f->props, "nesting", NULL)
			       : NULL;
}

static void writable(const struct rule *rule, const struct ct *ct,
		     const struct ctsec *sec, const char *fstype, const char *dir,
		     struct findings *out)
{
	const struct pveconf_lxc *line = NULL;
	struct writable w = { 0 };

	if (sec->mounts_got != SEC_GOT || !kernel_is_privileged(sec))
		return;
	find_writable(sec, fstype, dir, is_denied(ct, sec), &w);
	if (w.n) {
		buf_adds(&w.names, " is writable inside");
		line = entry_line(ct, w.first);
	}
	if (w.n && w.n == w.n_nesting)
		finding_add(out, rule, ct, "features",
			    ct->conf ? rule_line(ct, "features") : 0, fix_nesting(ct),
			    "%s", buf_str(&w.names));
	else if (w.n)
		kernel_add(out, rule, ct,
			   line ? line
				: auto_line(ct, str_eq(fstype, "proc") ? "proc:rw"
								       : "sys:rw"),
			   NULL, buf_str(&w.names));
	buf_done(&w.names);
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
