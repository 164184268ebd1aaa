/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rule.h"

/* Whether root of the container is root of the node, and what `features` gives away. */

static const struct pve_features *features(const struct ct *ct)
{
	return &ct->conf->typed.features;
}

static char *without(const struct ct *ct, const char *key)
{
	return rule_fix_prop(ct, "features", &features(ct)->props, key, NULL);
}

/* The archive has rootfs and what says backup=1; NULL: that is all of it. */
static char *not_in_archive(const struct ct *ct)
{
	const struct pve_typed *t = &ct->conf->typed;
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < t->n_mps; i++)
		if (!pve_mp_in_backup(&t->mps[i]))
			buf_addf(&b, "%smp%u", b.n ? ", " : "", t->mps[i].n);
	return b.n ? take_ptr(b.p) : NULL;
}

static void privileged(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_lxc *map = rule_last_lxc(ct, "lxc.idmap");
	_cleanup_free_ char *left = NULL;

	if (ct_is_unprivileged(ct) || rule_is_stub(ct))
		return;
	if (map) { /* idmap-cleared has its fix */
		finding_add(out, rule, ct, map->key, map->line, NULL,
			    "an empty lxc.idmap takes its id map away");
		return;
	}
	left = not_in_archive(ct);
	finding_add(
		out, rule, ct, "unprivileged", rule_line(ct, "unprivileged"),
		xasprintf(
			"vzdump %u, then pct restore NEWID ARCHIVE --unprivileged 1%s%s",
			ct->vmid, left ? "; not in the archive: " : "", left ? left : ""),
		"neither `unprivileged: 1` nor an lxc.idmap");
}

const struct rule rule_privileged = {
	.id = "privileged",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "privileged container",
	.why = "root inside is root of the node: only AppArmor, seccomp and dropped "
	       "capabilities keep it in, and each of them has had holes",
	.check = privileged,
};

static void privileged_nesting(const struct rule *rule, const struct ct *ct,
			       struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->nesting && !ct_is_unprivileged(ct))
		finding_add(out, rule, ct, "features", f->line, without(ct, "nesting"),
			    "features: nesting=1 without unprivileged: 1");
}

const struct rule rule_privileged_nesting = {
	.id = "privileged-nesting",
	.severity = SEV_ERROR,
	.title = "nesting in a privileged container",
	.why = "with nesting it may mount proc and sysfs afresh: root of the container, who "
	       "is root of the node, can write the node's /proc/sys and /sys",
	.check = privileged_nesting,
};

static void nesting(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->nesting && ct_is_unprivileged(ct))
		finding_add(out, rule, ct, "features", f->line, NULL,
			    "features: nesting=1");
}

const struct rule rule_nesting = {
	.id = "nesting",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "it may mount proc and sysfs of its own",
	.why = "the guest may mount its own proc and sysfs and sees more of the node's; "
	       "current systemd and containers inside need it",
	.check = nesting,
};

static void keyctl(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->keyctl)
		finding_add(out, rule, ct, "features", f->line, NULL,
			    ct_is_unprivileged(ct)
				    ? "features: keyctl=1"
				    : "features: keyctl=1 means nothing in a privileged "
				      "container: it has keyctl() anyway");
}

const struct rule rule_keyctl = {
	.id = "keyctl",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "keyctl allowed",
	.why = "the kernel's key rings are one more surface for the guest; Docker inside "
	       "needs it",
	.check = keyctl,
};

static void mount(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->mount)
		finding_add(out, rule, ct, "features", f->line, without(ct, "mount"),
			    "features: mount=%s", f->mount);
}

const struct rule rule_features_mount = {
	.id = "features-mount",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "the guest may mount file systems",
	.why = "a file system that the guest made reaches the kernel's parser, and a hanging "
	       "NFS server blocks the node's I/O and its reboot",
	.check = mount,
};

static void fuse(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->fuse)
		finding_add(out, rule, ct, "features", f->line, NULL, "features: fuse=1");
}

const struct rule rule_features_fuse = {
	.id = "features-fuse",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "FUSE inside",
	.why = "a suspend or snapshot-mode backup freezes the FUSE server with the rest: "
	       "whoever uses its file system at that moment waits for ever",
	.check = fuse,
};

static void mknod(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->mknod)
		finding_add(out, rule, ct, "features", f->line, NULL,
			    "features: mknod=1");
}

const struct rule rule_features_mknod = {
	.id = "features-mknod",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "mknod through the node",
	.why = "device nodes are made by a root process of the node on the guest's request; "
	       "PVE calls it experimental",
	.check = mknod,
};

static void force_rw_sys(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	const struct pve_features *f = features(ct);

	if (f->force_rw_sys)
		finding_add(out, rule, ct, "features", f->line,
			    without(ct, "force_rw_sys"), "features: force_rw_sys=1");
}

const struct rule rule_features_force_rw_sys = {
	.id = "features-force-rw-sys",
	.severity = SEV_WARN,
	.title = "/sys writable inside",
	.why = "the guest gets the node's /sys read-write, limited only by file modes; it "
	       "also confuses systemd-networkd and udev inside",
	.check = force_rw_sys,
};
