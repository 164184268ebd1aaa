/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/devallow.h"
#include "rule/rule.h"

/* Devices of the node inside: devN, mpN of a device, lxc.mount.entry of /dev/... */

static const struct {
	const char *prefix;
	const char *what;
} raw_disks[] = {
	{ "/dev/disk/", "a disk" },
	{ "/dev/dm-", "a disk" },
	{ "/dev/kmem", "the node's memory" },
	{ "/dev/loop", "a disk" },
	{ "/dev/mapper/", "a disk" },
	{ "/dev/md", "a disk" },
	{ "/dev/mem", "the node's memory" },
	{ "/dev/nvme", "a disk" },
	{ "/dev/port", "the node's I/O ports" },
	{ "/dev/sd", "a disk" },
	{ "/dev/vd", "a disk" },
	{ "/dev/zd", "a disk" },
	{ "/dev/zvol/", "a disk" },
	{ "/dev/drbd", "a disk" },
	{ "/dev/rbd", "a disk" },
	{ "/dev/pve/", "a disk" },
};

/* Directories of /dev in which no disk is. */
static const char *const no_disks[] = { "accel",  "binderfs", "bus", "char",
					"cpu",    "dma_heap", "dri", "infiniband",
					"input",  "net",      "pts", "nvidia-caps",
					"serial", "shm",      "snd", "usb",
					"v4l",    "vfio" };

/* "/dev/VG/LV" is what LVM calls a volume. */
static bool is_volume(const char *path)
{
	struct span s = span_str(path), dir;

	if (!span_skip(&s, "/dev/") || !span_cut(&s, '/', &dir) || !dir.n || !s.n ||
	    memchr(s.p, '/', s.n))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(no_disks); i++)
		if (span_eq(dir, no_disks[i]))
			return false;
	return true;
}

static const char *raw(const char *path)
{
	if (str_eq(path, "/dev/mapper/control"))
		return "all disks of the device mapper";
	for (size_t i = 0; i < ARRAY_SIZE(raw_disks); i++)
		if (str_starts(path, raw_disks[i].prefix))
			return raw_disks[i].what;
	return is_volume(path) ? "a disk, by its name" : NULL;
}

struct device {
	const char *key;
	uint32_t line;
	const char *path;
	const char *at; /* the node mounts what is on it there; NULL: it is inside */
	bool ro;
};

typedef void device_fn(const struct rule *rule, const struct ct *ct,
		       const struct device *d, struct findings *out);

static void each_mount(const struct rule *rule, const struct ct *ct, device_fn *fn,
		       struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_mps; i++) {
		const struct pve_mp *m = &t->mps[i];
		_cleanup_free_ char *key = NULL;
		struct device d = { .line = m->line, .path = m->volume, .ro = m->ro };

		if (m->type != PVE_MP_DEVICE)
			continue;
		key = m->rootfs ? xstrdup("rootfs") : xasprintf("mp%u", m->n);
		d.key = key;
		/* for its quotas the guest gets the device, too */
		d.at = m->quota ? NULL : m->mp;
		fn(rule, ct, &d, out);
	}
}

static void each_device(const struct rule *rule, const struct ct *ct, device_fn *fn,
			struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;
	_cleanup_(rule_binds_done) struct rule_binds b = { 0 };

	for (size_t i = 0; i < t->n_devs; i++) {
		const struct pve_dev *v = &t->devs[i];
		_cleanup_free_ char *key = xasprintf("dev%u", v->n);

		if (v->path)
			fn(rule, ct,
			   &(struct device){ .key = key,
					     .line = v->line,
					     .path = v->path,
					     .ro = v->deny_write },
			   out);
	}
	each_mount(rule, ct, fn, out);
	rule_binds_get(ct, &b);
	for (size_t i = 0; i < b.n; i++)
		if (str_starts(b.v[i].source, "/dev/"))
			fn(rule, ct,
			   &(struct device){ .key = b.v[i].key,
					     .line = b.v[i].line,
					     .path = b.v[i].source,
					     .ro = b.v[i].ro },
			   out);
}

static void passthrough_one(const struct rule *rule, const struct ct *ct,
			    const struct device *d, struct findings *out)
{
	if (d->at) {
		finding_add(out, rule, ct, d->key, d->line, NULL,
			    "the node mounts %s at %s%s", d->path, d->at,
			    d->ro ? ", read-only" : "");
		finding_amend(
			out, SEV_INFO,
			"it is a device of this node: the container runs only where "
			"that is");
	} else if (!raw(d->path)) {
		finding_add(out, rule, ct, d->key, d->line, NULL, "%s%s", d->path,
			    d->ro ? ", read-only" : "");
	}
}

static void passthrough(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	each_device(rule, ct, passthrough_one, out);
}

const struct rule rule_device_passthrough = {
	.id = "device-passthrough",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "a device of the node",
	.why = "the guest talks to the driver in the node's kernel; the container runs only "
	       "where the device is",
	.check = passthrough,
};

static void raw_disk_one(const struct rule *rule, const struct ct *ct,
			 const struct device *d, struct findings *out)
{
	const char *what = d->at ? NULL : raw(d->path);

	if (what)
		finding_add(out, rule, ct, d->key, d->line, NULL, "%s, %s%s", d->path,
			    what, d->ro ? ", read-only" : "");
}

static void raw_disk(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each_device(rule, ct, raw_disk_one, out);
}

const struct rule rule_device_raw_disk = {
	.id = "device-raw",
	.severity = SEV_WARN,
	.title = "a disk or memory of the node",
	.why = "raw access goes around the permissions of the files on it, and a file system "
	       "that the guest can write to is parsed by the node's kernel",
	.check = raw_disk,
};

static void no_path(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_devs; i++) {
		_cleanup_free_ char *key = xasprintf("dev%u", t->devs[i].n);

		if (!t->devs[i].path)
			finding_add(out, rule, ct, key, t->devs[i].line,
				    xasprintf("pct set %u --delete %s", ct->vmid, key),
				    "%s names no device", key);
	}
}

const struct rule rule_device_no_path = {
	.id = "device-no-path",
	.severity = SEV_ERROR,
	.title = "a device without a path",
	.why = "PVE takes the line, but the start fails with \"Path has to be defined\"",
	.check = no_path,
};

/* ---- lxc.cgroup2.devices.allow ---- */

typedef bool match_fn(const struct devallow *d);

static bool is_all(const struct devallow *d)
{
	return d->any && d->type != 'c';
}

static bool is_some_disk(const struct devallow *d)
{
	return d->type == 'b' && !d->any;
}

static const char allowed_anyway[] =
	"PVE allows an unprivileged container every device, as it can make no device nodes: "
	"what it may open is decided by the nodes that are in its /dev, and their modes";

static void each_allowed(const struct rule *rule, const struct ct *ct, match_fn *match,
			 struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;
	bool own = ct_is_unprivileged(ct);

	for (size_t i = 0; i < s->n_lxc; i++) {
		const struct pveconf_lxc *l = &s->lxc[i];
		struct devallow d;

		if (!str_eq(l->key, "lxc.cgroup2.devices.allow") ||
		    !devallow_parse(l, &d) || !d.open || !match(&d))
			continue;
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line,
					  own ? "remove it: it changes nothing"
					      : "name the devices that are needed, or "
						"use devN"),
			    "%s: %s%s", l->key, l->value, own ? ": without effect" : "");
		if (own)
			finding_amend(out, SEV_INFO, allowed_anyway);
	}
}

static void allow_all(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each_allowed(rule, ct, is_all, out);
}

const struct rule rule_devices_allow_all = {
	.id = "devices-allow-all",
	.severity = SEV_ERROR,
	.title = "every device, or every disk, allowed",
	.why = "root inside makes a device node of a disk of the node and writes to it",
	.check = allow_all,
};

static void allow_block(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	each_allowed(rule, ct, is_some_disk, out);
}

const struct rule rule_devices_allow_block = {
	.id = "devices-allow-block",
	.severity = SEV_WARN,
	.title = "block devices allowed",
	.why = "raw access to a disk goes around every permission on the files on it",
	.check = allow_block,
};

static void allow_char(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each_allowed(rule, ct, devallow_is_memory, out);
}

const struct rule rule_devices_allow_char = {
	.id = "devices-allow-char",
	.severity = SEV_ERROR,
	.title = "the node's memory allowed as a device",
	.why = "/dev/mem, /dev/kmem or /dev/port can be opened where a node of them can be "
	       "made: the node's kernel is in there",
	.check = allow_char,
};
