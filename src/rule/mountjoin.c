/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/mountjoin.h"

#include <errno.h>
#include <stdio.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/mountentry.h"

static bool same(struct tbytes a, struct tbytes b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static bool is(struct tbytes t, const char *s)
{
	return same(t, tbytes_str(s));
}

static bool starts(struct tbytes t, const char *s)
{
	size_t n = strlen(s);

	return t.n >= n && memcmp(t.p, s, n) == 0;
}

char *mountjoin_path(const char *mp)
{
	struct buf b = { 0 };

	buf_addc(&b, '/');
	for (const char *p = mp; *p; p++)
		if (*p != '/' || b.p[b.n - 1] != '/')
			buf_addc(&b, *p);
	if (b.n > 1 && b.p[b.n - 1] == '/')
		b.p[--b.n] = '\0';
	return b.p;
}

/* ---- is it what the config names ---------------------------------------------------- */

/* device mapper writes a '-' of a name twice */
static void add_dm(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '-')
			buf_addc(b, '-');
		buf_addc(b, *s);
	}
}

/* /dev/mapper/<vg>-<lv>, as the kernel is told by mount(8) */
static enum answer same_lvm(const struct volume *v, struct tbytes source)
{
	const char *vg = storage_prop(v->storage, "vgname");
	_cleanup_(buf_done) struct buf want = { 0 };

	if (!vg || !v->name)
		return ANSWER_UNKNOWN;
	buf_adds(&want, "/dev/mapper/");
	add_dm(&want, vg);
	buf_addc(&want, '-');
	add_dm(&want, v->name);
	if (is(source, buf_str(&want)) || (v->path && is(source, v->path)))
		return ANSWER_YES;
	return starts(source, "/dev/mapper/") ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer same_dataset(const struct volume *v, struct tbytes source)
{
	const char *pool = storage_prop(v->storage, "pool");
	_cleanup_free_ char *want = NULL;

	if (!pool || !v->name)
		return ANSWER_UNKNOWN;
	want = xasprintf("%s/%s", pool, v->name);
	return is(source, want) ? ANSWER_YES : ANSWER_NO;
}

static const struct mount *mount_at(const struct mounttree *t, size_t i)
{
	return i == MOUNTTREE_NONE ? NULL : &t->m->v[i];
}

/* Is it what a path of the node leads to, by the mounts that the node has there? */
static bool is_at(const struct mount *h, const char *path, const struct mount *m)
{
	_cleanup_free_ char *want = NULL;
	struct tbytes rest = tbytes_str(path);

	rest.p += h->point.n == 1 ? 0 : h->point.n;
	rest.n -= h->point.n == 1 ? 0 : h->point.n;
	if (rest.n == 1)
		rest.n = 0; /* "/" of the whole */
	want = xasprintf("%.*s%.*s", h->root.n == 1 ? 0 : (int)h->root.n,
			 (const char *)h->root.p, (int)rest.n, (const char *)rest.p);
	return h->major == m->major && h->minor == m->minor && !m->deleted &&
	       is(m->root, *want ? want : "/");
}

/* The directory's file system, and where in it it is, by the mounts of the node. */
static enum answer same_dir(const struct mountjoin *in, const struct ctmount *c,
			    const struct mount *m)
{
	const struct hostpath *link = NULL;
	const struct mount *h;

	if (!c->host_mount || !c->host_path)
		return ANSWER_UNKNOWN;
	if (is_at(c->host_mount, c->host_path, m))
		return ANSWER_YES;
	if (in->links)
		link = hostpaths_find(in->links, c->host_path);
	if (!link || (link->error && link->error != -ENOENT))
		return ANSWER_UNKNOWN; /* symlinks on the way: it may be all the same */
	h = link->real
		    ? mount_at(in->host, mounttree_on(in->host, tbytes_str(link->real)))
		    : NULL;
	return h && is_at(h, link->real, m) ? ANSWER_YES : ANSWER_NO;
}

static bool is_raw(const struct volume *v)
{
	return v->path && v->name && str_ends(v->name, ".raw");
}

static bool is_rbd(const struct volume *v)
{
	return v->storage && v->name && str_eq(v->storage->type, "rbd");
}

/* PVE attaches the whole of it to a loop device, whose file the kernel names. */
static enum answer same_file(const struct mountjoin *in, const struct volume *v,
			     const struct blockname *dev)
{
	_cleanup_free_ char *want = mountjoin_path(v->path);
	const struct hostpath *link = NULL;

	if (!dev->file)
		return str_starts(dev->name, "loop") ? ANSWER_UNKNOWN : ANSWER_NO;
	if (str_eq(dev->file, want))
		return ANSWER_YES;
	if (in->links)
		link = hostpaths_find(in->links, v->path);
	if (!link || (link->error && link->error != -ENOENT))
		return ANSWER_UNKNOWN; /* symlinks on the way: it may be all the same */
	return link->real && str_eq(dev->file, link->real) ? ANSWER_YES : ANSWER_NO;
}

static bool is_prop(const struct storage *s, const char *key, const char *other,
		    const char *value)
{
	const char *p = storage_prop(s, key);

	return str_eq(p ? p : other, value ? value : "");
}

/* Another cluster may have a pool and an image of the same names. */
static bool has_other_cluster(const struct storages *all, const struct storage *s)
{
	const char *mon = storage_prop(s, "monhost");

	for (size_t i = 0; all && i < all->n; i++)
		if (str_eq(all->v[i].type, "rbd") &&
		    !is_prop(&all->v[i], "monhost", "", mon))
			return true;
	return false;
}

static enum answer same_image(const struct mountjoin *in, const struct volume *v,
			      const struct blockname *dev)
{
	if (!dev->pool || !dev->image)
		return str_starts(dev->name, "rbd") ? ANSWER_UNKNOWN : ANSWER_NO;
	if (dev->snap || !str_eq(dev->image, v->name) ||
	    !is_prop(v->storage, "pool", "rbd", dev->pool) ||
	    !is_prop(v->storage, "namespace", "", dev->ns))
		return ANSWER_NO;
	return has_other_cluster(in->storages, v->storage) ? ANSWER_UNKNOWN : ANSWER_YES;
}

static enum answer same_device(const struct mountjoin *in, const struct volume *v,
			       const struct mount *m)
{
	const struct blockname *dev = blocknames_find(in->devices, m->major, m->minor);

	if (!dev || !dev->name || !is(m->root, "/"))
		return ANSWER_UNKNOWN;
	return is_raw(v) ? same_file(in, v, dev) : same_image(in, v, dev);
}

/* Of a file system on a device no guest can make another believe: the kernel names it. */
static enum answer same_block(const struct mountjoin *in, const struct ctmount *c,
			      const struct mount *m)
{
	const struct volume *v = &c->vol;

	if (mount_fstype(m->fstype) == MOUNT_OTHER)
		return ANSWER_UNKNOWN;
	if (mount_fstype(m->fstype) != MOUNT_BLOCK &&
	    mount_fstype(m->fstype) != MOUNT_BTRFS &&
	    mount_fstype(m->fstype) != MOUNT_IMAGE)
		return ANSWER_NO;
	if (v->kind == VOLUME_DEVICE)
		return is(m->source, v->path) ? ANSWER_YES : ANSWER_UNKNOWN;
	if (v->storage &&
	    (str_eq(v->storage->type, "lvmthin") || str_eq(v->storage->type, "lvm")))
		return same_lvm(v, m->source);
	return is_raw(v) || is_rbd(v) ? same_device(in, v, m) : ANSWER_UNKNOWN;
}

static enum answer same_volume(const struct mountjoin *in, const struct ctmount *c,
			       const struct mount *m)
{
	switch (c->type) {
	case MOUNT_BLOCK:
		return same_block(in, c, m);
	case MOUNT_ZFS:
		return mount_fstype(m->fstype) == MOUNT_ZFS
			       ? same_dataset(&c->vol, m->source)
			       : ANSWER_NO;
	case MOUNT_BTRFS:
		return mount_fstype(m->fstype) == MOUNT_BTRFS ? same_dir(in, c, m)
							      : ANSWER_NO;
	case MOUNT_DIR:
	case MOUNT_BIND:
		return same_dir(in, c, m);
	default:
		return ANSWER_UNKNOWN;
	}
}

/* ---- rows of the config ------------------------------------------------------------- */

static enum mount_type type_on(const struct volume *v)
{
	bool files =
		v->name && (str_ends(v->name, ".raw") || str_ends(v->name, ".qcow2") ||
			    str_ends(v->name, ".vmdk"));
	bool dir = v->name && str_ends(v->name, ".subvol");

	if (!v->storage || !v->name)
		return MOUNT_OTHER;
	if (str_eq(v->storage->type, "zfspool"))
		return v->path && str_starts(v->path, "/dev/") ? MOUNT_BLOCK : MOUNT_ZFS;
	if (str_eq(v->storage->type, "btrfs"))
		return dir ? MOUNT_BTRFS : files ? MOUNT_BLOCK : MOUNT_OTHER;
	if (str_eq(v->storage->type, "lvm") || str_eq(v->storage->type, "lvmthin") ||
	    str_eq(v->storage->type, "rbd"))
		return MOUNT_BLOCK;
	if (dir)
		return MOUNT_DIR;
	if (files)
		return MOUNT_BLOCK;
	return str_ends(v->name, ".iso") ? MOUNT_IMAGE : MOUNT_OTHER;
}

static enum mount_type type_of(const struct volume *v)
{
	switch (v->kind) {
	case VOLUME_BIND:
		return MOUNT_BIND;
	case VOLUME_DEVICE:
		return MOUNT_BLOCK;
	case VOLUME_STORAGE:
		return type_on(v);
	default:
		return MOUNT_OTHER;
	}
}

/* A directory of the node: it can be looked at there whether the container runs or not. */
static bool is_host_dir(enum mount_type t)
{
	return t == MOUNT_BIND || t == MOUNT_DIR || t == MOUNT_BTRFS || t == MOUNT_ZFS;
}

/* A data set that is not mounted leaves an empty directory: that has another's size. */
static bool host_is_it(const struct ctmount *c, const struct mount *m)
{
	if (!m)
		return false;
	if (c->type == MOUNT_ZFS)
		return mount_fstype(m->fstype) == MOUNT_ZFS &&
		       same_dataset(&c->vol, m->source) == ANSWER_YES;
	return c->type != MOUNT_BTRFS || mount_fstype(m->fstype) == MOUNT_BTRFS;
}

/* `pct mount` has the whole container below /var/lib/lxc/<vmid>/rootfs of the node. */
static bool find_mounted(const struct mountjoin *in, struct ctmount *c)
{
	_cleanup_free_ char *path =
		xasprintf("/var/lib/lxc/%u/rootfs%.*s", in->vmid,
			  c->path.n == 1 ? 0 : (int)c->path.n, (const char *)c->path.p);
	const struct mount *m =
		mount_at(in->host, mounttree_at(in->host, tbytes_str(path)));

	if (!m)
		return false;
	c->host_path = take_ptr(path);
	c->host_mount = m;
	return true;
}

static void find_host(const struct mountjoin *in, struct ctmount *c)
{
	if (!in->host || (!in->inside && find_mounted(in, c)))
		return;
	if (!c->vol.path || !is_host_dir(c->type))
		return;
	c->host_path = mountjoin_path(c->vol.path);
	c->host_mount =
		mount_at(in->host, mounttree_on(in->host, tbytes_str(c->host_path)));
	if (host_is_it(c, c->host_mount))
		return;
	free(take_ptr(c->host_path));
	c->host_mount = NULL;
}

/* PVE makes ready what is of a storage before it looks for it. */
static void find_on_node(const struct mountjoin *in, struct ctmount *c)
{
	const struct hostpath *link = NULL;

	if (in->links && c->host_path && c->type == MOUNT_BIND)
		link = hostpaths_find(in->links, c->host_path);
	if (link && (!link->error || link->error == -ENOENT))
		c->on_node = link->error ? ANSWER_NO : ANSWER_YES;
}

static void find_inside(const struct mountjoin *in, struct ctmount *c)
{
	const struct mounttree *t = in->inside;
	size_t i, on;

	if (!t)
		return;
	i = mounttree_bottom(t, c->path);
	c->mount = mount_at(t, i);
	c->missing = !c->mount && !t->m->truncated;
	if (!c->mount)
		return;
	c->device = blocknames_find(in->devices, c->mount->major, c->mount->minor);
	c->same = same_volume(in, c, c->mount);
	if (mounttree_seen(t, i))
		return;
	on = mounttree_on(t, c->path);
	c->over = mount_at(t, on);
	c->missing = !c->over; /* a path leads nowhere: it is no tree */
}

static void settle(struct ctmount *c, bool ro)
{
	const struct mount *m = c->mount ? c->mount : c->host_mount;

	c->ro = c->mount ? c->mount->ro || c->mount->super_ro : ro;
	c->may_hang = m && mount_may_hang(m->fstype);
	if (c->type == MOUNT_OTHER && c->mount)
		c->type = mount_fstype(c->mount->fstype);
}

static void config_row(const struct mountjoin *in, const struct pve_mp *mp,
		       struct ctmount *ret)
{
	struct ctmount c = { .origin = CTMOUNT_CONFIG, .mp = mp };

	if (mp->rootfs)
		snprintf(c.key, sizeof(c.key), "rootfs");
	else
		snprintf(c.key, sizeof(c.key), "mp%u", mp->n % 1000);
	c.volume = tbytes_str(mp->volume);
	c.path_text = mountjoin_path(mp->mp);
	c.path = tbytes_str(c.path_text);
	volume_resolve(in->storages, mp->volume, &c.vol);
	c.type = type_of(&c.vol);
	c.size_bytes = mp->size_bytes;
	c.in_backup = pve_mp_in_backup(mp);
	c.snapshots = c.vol.snapshots;
	find_host(in, &c);
	find_on_node(in, &c);
	find_inside(in, &c);
	settle(&c, mp->ro);
	*ret = c;
}

/* ---- lxc.mount.entry ---------------------------------------------------------------- */

static bool entry_row(const struct mountjoin *in, struct span value, struct ctmount *ret)
{
	_cleanup_(mountentry_done) struct mountentry e = { 0 };
	struct ctmount c = { .origin = CTMOUNT_ENTRY, .snapshots = ANSWER_NO };

	if (!mountentry_parse(in->vmid, value, &e))
		return false;
	if (!e.path || e.device ||
	    (!e.bind && mount_fstype(tbytes_str(e.type)) == MOUNT_PSEUDO))
		return false;
	if (e.bind && e.what[0] == '/')
		volume_resolve(NULL, e.what, &c.vol);
	c.type = e.bind ? MOUNT_BIND : mount_fstype(tbytes_str(e.type));
	c.path_text = take_ptr(e.path);
	c.volume_text = take_ptr(e.what);
	c.path = tbytes_str(c.path_text);
	c.volume = tbytes_str(c.volume_text);
	find_host(in, &c);
	find_on_node(in, &c);
	find_inside(in, &c);
	c.missing &= !e.optional;
	settle(&c, e.ro);
	*ret = c;
	return true;
}

/* ---- the guest's own ---------------------------------------------------------------- */

static bool is_known(const struct ctmounts *c, const struct mount *m)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].mount == m)
			return true;
	return false;
}

static bool is_repeated(const struct ctmounts *c, const struct mount *m)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct mount *o = c->v[i].mount;

		if (o && !c->v[i].over && o->major == m->major && o->minor == m->minor &&
		    same(o->fstype, m->fstype))
			return true;
	}
	return false;
}

static void guest_row(const struct ctmounts *all, const struct mount *m,
		      struct ctmount *ret)
{
	struct ctmount c = { .origin = CTMOUNT_GUEST,
			     .mount = m,
			     .snapshots = ANSWER_NO };

	c.volume = m->source;
	c.path = m->point;
	c.type = mount_fstype(m->fstype);
	c.repeated = is_repeated(all, m);
	settle(&c, false);
	*ret = c;
}

/* ---- all ---------------------------------------------------------------------------- */

static void add(struct ctmounts *c, size_t *cap, const struct ctmount *row)
{
	GROW(c->v, c->n, *cap);
	c->v[c->n++] = *row;
}

static void add_entries(const struct mountjoin *in, struct ctmounts *c, size_t *cap)
{
	const struct pveconf_section *s = &in->conf->main;
	size_t first = 0;

	/* an empty one takes those before it away */
	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, "lxc.mount.entry") && !s->lxc[i].value_n)
			first = i + 1;
	for (size_t i = first; i < s->n_lxc; i++) {
		struct span value = span_of(s->lxc[i].value, s->lxc[i].value_n);
		struct ctmount row;

		if (str_eq(s->lxc[i].key, "lxc.mount.entry") &&
		    entry_row(in, value, &row))
			add(c, cap, &row);
	}
}

static void add_guests(const struct mountjoin *in, struct ctmounts *c, size_t *cap)
{
	const struct mounttree *t = in->inside;
	size_t kept = 0;

	for (size_t i = 0; t && i < t->m->n; i++) {
		const struct mount *m = &t->m->v[i];
		struct ctmount row;

		if (!mounttree_seen(t, i) || mount_fstype(m->fstype) == MOUNT_PSEUDO ||
		    is_known(c, m))
			continue;
		if (kept == CTMOUNTS_MAX_GUEST) {
			c->n_more++;
			continue;
		}
		guest_row(c, m, &row);
		add(c, cap, &row);
		kept++;
	}
}

void mountjoin(const struct mountjoin *in, struct ctmounts *ret)
{
	struct ctmounts c = { 0 };
	size_t cap = 0;

	for (size_t i = 0; in->conf && i < in->conf->typed.n_mps; i++) {
		struct ctmount row;

		config_row(in, &in->conf->typed.mps[i], &row);
		add(&c, &cap, &row);
	}
	if (in->conf)
		add_entries(in, &c, &cap);
	add_guests(in, &c, &cap);
	c.truncated = in->inside && in->inside->m->truncated;
	*ret = c;
}

const struct mount *mountjoin_device(const struct ctmount *c)
{
	return c->origin == CTMOUNT_CONFIG && c->mount && c->mount->major &&
			       c->same == ANSWER_UNKNOWN && c->type == MOUNT_BLOCK &&
			       (is_raw(&c->vol) || is_rbd(&c->vol))
		       ? c->mount
		       : NULL;
}

const char *mountjoin_link(const struct ctmount *c)
{
	if (mountjoin_device(c) && is_raw(&c->vol))
		return c->vol.path;
	return c->origin != CTMOUNT_GUEST && is_host_dir(c->type) &&
			       (c->missing || (c->mount && c->same == ANSWER_UNKNOWN))
		       ? c->host_path
		       : NULL;
}

void ctmounts_done(struct ctmounts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		volume_done(&c->v[i].vol);
		free(c->v[i].host_path);
		free(c->v[i].path_text);
		free(c->v[i].volume_text);
	}
	free(c->v);
	*c = (struct ctmounts){ 0 };
}

/* ---- sizes -------------------------------------------------------------------------- */

void fsuse_of(const struct fscount *n, struct fsuse *ret)
{
	struct fsuse u = { 0 };

	if (n->total_bytes && n->free_bytes <= n->total_bytes &&
	    n->total_bytes <= INT64_MAX) {
		u.size_bytes = val_set(n->total_bytes);
		u.used_bytes = val_set(n->total_bytes - n->free_bytes);
		if (n->avail_bytes <= n->total_bytes)
			u.avail_bytes = val_set(n->avail_bytes);
	}
	if (n->files && n->files_free <= n->files) {
		u.inodes = val_set(n->files);
		u.inodes_used = val_set(n->files - n->files_free);
	}
	*ret = u;
}

struct val fsuse_ppm(struct val used, struct val size)
{
	if (used.kind != VAL_SET || size.kind != VAL_SET || !size.n)
		return (struct val){ 0 };
	return val_set(num_muldiv(used.n, 1000000, size.n));
}
