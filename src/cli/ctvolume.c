/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/ctvolume.h"

#include "pveconf.h"
#include "read/hostpath.h"
#include "read/mountinfo.h"
#include "read/pvefs.h"
#include "read/storage.h"
#include "rule/ctroot.h"

struct node {
	struct storages storages;
	struct mounts mounts;
	struct mounttree tree;
};

static void node_done(struct node *n)
{
	mounttree_done(&n->tree);
	mounts_done(&n->mounts);
	storages_done(&n->storages);
}

void ctvolume_done(struct ctvolume *c)
{
	guestread_volume_done(&c->v);
	free(c->name);
	free(c->why);
	*c = (struct ctvolume){ 0 };
}

static int read_node(const struct app *app, struct node *n, struct err *err)
{
	static const struct pvefs_req req = { PVEFS_FILE, "etc/pve/storage.cfg" };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct span text;
	int r = pvefs_read(app->rootfd, &req, 1, &p, err);

	text = pvefs_data(&p, req.path);
	if (r == 0)
		r = storage_parse(text.p, text.n, &n->storages, err);
	if (r == 0)
		r = mountinfo_read(app->rootfd, 0, &n->mounts, err);
	if (r == 0)
		mounttree_build(&n->mounts, &n->tree);
	return r;
}

/* The directory it is in, with no link on the way: they are the admin's. */
static char *real_path(const struct app *app, const char *path, char **ret_why)
{
	_cleanup_(hostpaths_done) struct hostpaths links = { 0 };
	_cleanup_(strv_done) struct strv dirs = { 0 };
	const char *slash = strrchr(path, '/');
	const struct hostpath *dir;
	struct err err = { 0 };

	strv_addn(&dirs, slash == path ? "/" : path,
		  slash == path ? 1 : (size_t)(slash - path));
	if (hostpath_read(app->rootfd, &dirs, &links, &err) < 0) {
		*ret_why = xstrdup(err.msg);
		return NULL;
	}
	dir = hostpaths_find(&links, dirs.v[0]);
	if (!dir || dir->error || !dir->real) {
		*ret_why = xasprintf("%s: %s", dirs.v[0],
				     strerror(dir && dir->error ? -dir->error : ENOENT));
		return NULL;
	}
	return xasprintf("%s%s", str_eq(dir->real, "/") ? "" : dir->real, slash);
}

/* On which mount it lies: what was behind a link may hang, or be another's. */
static char *find_mount(const struct node *n, const struct ctmount *row,
			struct guestread_volume *v)
{
	size_t i = mounttree_on(&n->tree, tbytes_str(v->path));
	const struct mount *m = i == MOUNTTREE_NONE ? NULL : &n->mounts.v[i];

	if (!m || (m != row->host_mount && (v->cross || row->type == MOUNT_ZFS)))
		return xasprintf("what is mounted at %s is not its volume", v->path);
	if (mount_may_hang(m->fstype))
		return xasprintf("%s is on a file system (%.*s) that may never answer",
				 v->path, (int)m->fstype.n, (const char *)m->fstype.p);
	v->mnt_id = m->id;
	return NULL;
}

static char *find(const struct app *app, const struct ct *ct, struct ctvolume *c)
{
	_cleanup_(node_done) struct node node = { 0 };
	_cleanup_(ctmounts_done) struct ctmounts mounts = { 0 };
	struct mountjoin in = { .vmid = ct->vmid,
				.conf = ct->conf,
				.storages = &node.storages,
				.host = &node.tree };
	const struct ctmount *row;
	struct err err = { 0 };
	char *real, *why;

	if (!ct->conf)
		return xstrdup(ct->error ? ct->error : "its config could not be read");
	if (read_node(app, &node, &err) < 0)
		return xstrdup(err.msg);
	mountjoin(&in, &mounts);
	why = ctroot_find(ct, &mounts, &c->v, &row);
	if (why)
		return why;
	c->name = xstrdup(row->mp->volume);
	real = real_path(app, c->v.path, &why);
	if (!real)
		return why;
	free(c->v.path);
	c->v.path = real;
	return find_mount(&node, row, &c->v);
}

void ctvolume_read(const struct app *app, const struct ct *ct, struct ctvolume *ret)
{
	struct ctvolume c = { 0 };

	c.why = find(app, ct, &c);
	if (c.why)
		guestread_volume_done(&c.v);
	*ret = c;
}
