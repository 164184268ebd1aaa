/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"
#include "rule/mounttree.h"

/*
 * What of the node is mounted inside, whatever the config says by now: a mount of init that
 * is of a file system which the node has mounted, too, is the node's path to it.
 */

static bool is(struct tbytes t, const char *s)
{
	return t.n == strlen(s) && (!t.n || memcmp(t.p, s, t.n) == 0);
}

static bool same_fs(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* The mount of the node by which most of the way is known; NULL: it has none. */
static const struct mount *hosts_mount(const struct mounts *host, const struct mount *m)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < host->n; i++) {
		const struct mount *h = &host->v[i];

		if (same_fs(h, m) && !h->deleted && mounttree_below(m->root, h->root) &&
		    (!best || h->root.n > best->root.n))
			best = h;
	}
	return best;
}

/* Where it is on the node; NULL: nowhere. */
static char *host_path(const struct mounts *host, const struct mount *m)
{
	const struct mount *h = hosts_mount(host, m);
	_cleanup_free_ char *path = NULL;
	uint32_t cut;

	if (!h)
		return NULL;
	cut = is(h->root, "/") ? 0 : h->root.n;
	path = xasprintf("%.*s/%.*s", (int)h->point.n, (const char *)h->point.p,
			 (int)(m->root.n - cut), (const char *)m->root.p + cut);
	return rule_tidy(path);
}

typedef void mount_fn(const struct rule *rule, const struct ct *ct,
		      const struct ctsec *sec, const struct mount *m, const char *path,
		      struct findings *out);

/* Of one container and rule; a guest may bind what it has as often as it likes. */
#define MAX_FOUND 20

/* Each that a path inside leads to, with its path on the node. */
static void each_mount(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, mount_fn *fn, struct findings *out)
{
	struct mounttree t = { 0 };
	size_t first = out->n;

	if (!kernel_init(sec) || sec->mounts_got != SEC_GOT || !sec->host ||
	    sec->host->mounts_got != SEC_GOT)
		return;
	mounttree_build(&sec->mounts, &t);
	for (size_t i = 0; i < sec->mounts.n && out->n - first < MAX_FOUND; i++) {
		const struct mount *m = &sec->mounts.v[i];
		_cleanup_free_ char *path = NULL;

		if (m->deleted || !mounttree_seen(&t, i))
			continue;
		path = host_path(&sec->host->mounts, m);
		if (path)
			fn(rule, ct, sec, m, path, out);
	}
	mounttree_done(&t);
}

/* Adds it, with the line of the config that binds this very path, if one does. */
static void add(const struct rule *rule, const struct ct *ct, const struct mount *m,
		const char *path, enum severity least, const char *what,
		struct findings *out)
{
	_cleanup_(rule_binds_done) struct rule_binds b = { 0 };
	const struct rule_bind *by = NULL;
	char *fix;

	if (ct->conf)
		rule_binds_get(ct, &b);
	for (size_t i = 0; i < b.n && !by; i++) {
		_cleanup_free_ char *source = rule_tidy(b.v[i].source);

		by = str_eq(source, path) ? &b.v[i] : NULL;
	}
	fix = by ? rule_fix_bind(ct, by, NULL, NULL, "remove it")
		 : xasprintf(
			   "its config has no line for it (any more): pct reboot %u, and "
			   "look who mounts it if it comes back",
			   ct->vmid);
	finding_add(out, rule, ct, by ? by->key : NULL, by ? by->line : 0, fix,
		    "%s of the node is mounted at %.*s%s: %s", path, (int)m->point.n,
		    (const char *)m->point.p, m->ro || m->super_ro ? ", read-only" : "",
		    what);
	out->v[out->n - 1].severity = MIN(least, rule->severity);
}

static enum severity by_root(const struct ctsec *sec)
{
	return kernel_is_privileged(sec) ? SEV_ERROR : SEV_WARN;
}

/* ---- processes ---- */

static void proc_one(const struct rule *rule, const struct ct *ct,
		     const struct ctsec *sec, const struct mount *m, const char *path,
		     struct findings *out)
{
	(void)sec;
	if (is(m->fstype, "proc"))
		add(rule, ct, m, path, SEV_ERROR,
		    "the processes of the node and its "
		    "kernel's settings",
		    out);
}

static void host_proc(const struct rule *rule, const struct ct *ct,
		      const struct ctsec *sec, struct findings *out)
{
	each_mount(rule, ct, sec, proc_one, out);
}

const struct rule rule_kernel_host_proc = {
	.id = "kernel-host-proc",
	.severity = SEV_ERROR,
	.title = "the node's /proc inside",
	.why = "every process of the node and of the other containers is seen, with its "
	       "command line; root of the node inside also gets at their files and memory",
	.check_sec = host_proc,
};

/* ---- sockets ---- */

static void socket_one(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, const struct mount *m, const char *path,
		       struct findings *out)
{
	const char *whose = rule_root_socket(path);
	_cleanup_free_ char *what = NULL;

	if (!whose)
		return;
	what = xasprintf("that of %s, which is root", whose);
	add(rule, ct, m, path, by_root(sec), what, out);
}

static void host_socket(const struct rule *rule, const struct ct *ct,
			const struct ctsec *sec, struct findings *out)
{
	each_mount(rule, ct, sec, socket_one, out);
}

const struct rule rule_kernel_host_socket = {
	.id = "kernel-host-socket",
	.severity = SEV_ERROR,
	.title = "a socket of the node that makes root",
	.why = "whoever may talk to it has things done as root of the node; what stands in "
	       "the way of a user of an unprivileged container is the socket's mode alone, "
	       "and a read-only mount does not",
	.check_sec = host_socket,
};

/* ---- files ---- */

/* What another rule is about, and LXC's own. */
static bool is_usual(const struct ct *ct, const struct mount *m, const char *path)
{
	_cleanup_free_ char *own = xasprintf("/var/lib/lxc/%u", ct->vmid);

	if (is(m->fstype, "proc") || is(m->fstype, "devtmpfs") ||
	    is(m->fstype, "fusectl"))
		return true;
	if (is(m->fstype, "cgroup2") || is(m->fstype, "cgroup"))
		return !is(m->root, "/");
	/* PVE mounts volumes there before it moves them into the container */
	return mounttree_below(tbytes_str(path), tbytes_str(own)) ||
	       mounttree_below(tbytes_str(path),
			       tbytes_str("/var/lib/lxc/.pve-staged-mounts"));
}

static void path_one(const struct rule *rule, const struct ct *ct,
		     const struct ctsec *sec, const struct mount *m, const char *path,
		     struct findings *out)
{
	bool ro = m->ro || m->super_ro;
	const char *what = is_usual(ct, m, path) ? NULL : rule_sensitive(path, ro);

	/* each network namespace has a sysfs of its own: with the node's there is no other */
	if (is(m->fstype, "sysfs") &&
	    sec_ns_is_hosts(sec->host, &kernel_init(sec)->ns, SEC_NS_NET))
		return;
	if (what)
		add(rule, ct, m, path,
		    ro && !rule_holds_sockets(path) ? SEV_WARN : by_root(sec), what, out);
}

static void host_paths(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, struct findings *out)
{
	each_mount(rule, ct, sec, path_one, out);
}

const struct rule rule_kernel_host_path = {
	.id = "kernel-host-path",
	.severity = SEV_ERROR,
	.title = "a sensitive path of the node inside",
	.why = "where root inside is root of the node it is his; where it is not, modes and "
	       "owners of single files are all that keeps the guest from it",
	.check_sec = host_paths,
};

/* ---- devices ---- */

static bool is_disk(const char *name)
{
	static const char *const disks[] = { "sd",     "nvme", "vd",  "xvd",
					     "mmcblk", "md",   "dm-", "loop",
					     "nbd",    "rbd",  "zd",  "drbd",
					     "pmem",   "sr",   "hd",  "bcache" };
	static const char *const others[] = { "mem", "kmem", "port", "mapper/control" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_eq(name, others[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
		if (str_starts(name, disks[i]))
			return true;
	return false;
}

static void device_one(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, const struct mount *m, const char *path,
		       struct findings *out)
{
	if (!is(m->fstype, "devtmpfs"))
		return;
	if (is(m->root, "/"))
		add(rule, ct, m, path, by_root(sec), "every device of the node", out);
	else if (str_starts(path, "/dev/") && is_disk(path + strlen("/dev/")))
		add(rule, ct, m, path, by_root(sec),
		    "a disk or the memory of the node, without a file system in between",
		    out);
}

static void host_device(const struct rule *rule, const struct ct *ct,
			const struct ctsec *sec, struct findings *out)
{
	each_mount(rule, ct, sec, device_one, out);
}

const struct rule rule_kernel_host_device = {
	.id = "kernel-host-device",
	.severity = SEV_ERROR,
	.title = "a disk of the node inside",
	.why = "who may open it reads and writes it past all file permissions; the device "
	       "rules of the container and the mode of the node decide on that",
	.check_sec = host_device,
};
