/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/ctroot.h"

#include "base/num.h"
#include "base/str.h"
#include "pveconf.h"
#include "rule/idranges.h"

static const struct ctmount *root_of(const struct ctmounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].origin == CTMOUNT_CONFIG && m->v[i].mp->rootfs)
			return &m->v[i];
	return NULL;
}

static char *why_nowhere(const struct ct *ct, const struct ctmount *c)
{
	const struct volume *v = &c->vol;
	const char *volume = c->mp->volume;

	if (v->kind == VOLUME_INVALID)
		return xasprintf("its rootfs %s is no volume", volume);
	if (v->kind == VOLUME_STORAGE && !v->storage)
		return xasprintf("its volume %s is of a storage that is not known",
				 volume);
	if (c->type == MOUNT_BLOCK)
		return xasprintf("its volume %s is an image or a device, which the node "
				 "has not mounted; `pct mount %u` does that, until `pct "
				 "unmount %u`",
				 volume, ct->vmid, ct->vmid);
	if (c->type == MOUNT_ZFS)
		return xasprintf("its data set %s is not mounted where it belongs",
				 volume);
	return xasprintf("where its volume %s is on the node is not known", volume);
}

static bool maps_root(const struct idranges *r, char type)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type && !r->v[i].ct)
			return true;
	return false;
}

static void take_ids(const struct idranges *r, char type, struct idmap *ret)
{
	ret->v = xcalloc(r->n, sizeof(*ret->v));
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type)
			ret->v[ret->n++] = (struct idmap_line){
				.inside = (uint32_t)r->v[i].ct,
				.outside = (uint32_t)r->v[i].host,
				.count = (uint32_t)MIN(r->v[i].n, (uint64_t)UINT32_MAX),
			};
}

/* Never more than the container would have: a map that is not understood is no map. */
static char *find_ids(const struct ct *ct, const struct ctmount *root,
		      struct guestread_volume *ret)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	if (root->mp->idmap_passthrough || root->mp->n_idmap)
		return xstrdup("its rootfs has an idmap= of its own: whose its files are "
			       "only shows when it runs");
	ret->privileged = !ct_is_unprivileged(ct);
	if (ret->privileged)
		return NULL;
	idranges_get_effective(ct, &r);
	if (!maps_root(&r, 'u') || !maps_root(&r, 'g'))
		return xstrdup("its lxc.idmap gives its root no id on the node");
	take_ids(&r, 'u', &ret->uids);
	take_ids(&r, 'g', &ret->gids);
	return NULL;
}

static bool is_mounted(const struct ctmount *c, const char *below)
{
	return c->host_path && str_starts(c->host_path, below) &&
	       c->host_path[strlen(below)] == '/';
}

/* All that is not the root, but for what pct mount has mounted with it. */
static void find_away(const struct ctmounts *m, const struct ctmount *root,
		      struct guestread_volume *ret)
{
	ret->away = xcalloc(m->n, sizeof(*ret->away));
	for (size_t i = 0; i < m->n; i++) {
		const struct ctmount *c = &m->v[i];

		if (c == root || c->origin == CTMOUNT_GUEST ||
		    (ret->cross && is_mounted(c, root->host_path)))
			continue;
		ret->away[ret->n_away++] = (struct guestread_away){
			.key = xstrdup(*c->key ? c->key : "an lxc.mount.entry"),
			.path = xstrndup((const char *)c->path.p, c->path.n),
		};
	}
}

char *ctroot_find(const struct ct *ct, const struct ctmounts *m,
		  struct guestread_volume *ret, const struct ctmount **ret_row)
{
	const struct ctmount *root = root_of(m);
	_cleanup_free_ char *mounted = xasprintf("/var/lib/lxc/%u/rootfs", ct->vmid);
	struct guestread_volume v = { 0 };
	char *why;

	if (!root)
		return xstrdup("its config has no rootfs that is valid");
	if (!root->host_path || !root->host_mount)
		return why_nowhere(ct, root);
	if (root->may_hang)
		return xasprintf(
			"its volume %s is on a file system (%.*s) that may never "
			"answer",
			root->mp->volume, (int)root->host_mount->fstype.n,
			(const char *)root->host_mount->fstype.p);
	why = find_ids(ct, root, &v);
	if (why)
		return why;
	v.cross = str_eq(root->host_path, mounted);
	v.path = xstrdup(root->host_path);
	find_away(m, root, &v);
	*ret = v;
	*ret_row = root;
	return NULL;
}
