/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/driftdata.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/driftguest.h"
#include "cli/driftnet.h"
#include "pveconf.h"
#include "read/blockname.h"
#include "read/cgroup.h"
#include "read/ctsec.h"
#include "read/hostpath.h"
#include "read/lxcstart.h"
#include "read/mountinfo.h"
#include "read/passthrough.h"
#include "read/procfs.h"
#include "read/pvefs.h"
#include "read/pveprop.h"
#include "read/storage.h"
#include "rule/drift.h"
#include "rule/mountjoin.h"

/* ---- the node ----------------------------------------------------------------------- */

/* What all containers share. */
struct node {
	const struct facts *facts;
	struct lxcstart_common common;
	struct val cpus;
	struct driftnet net;
	struct driftguest guest;
	struct storages storages;
	bool storages_known;
	struct mounts mounts; /* of the node */
	struct mounttree tree;
	bool mounts_known;
	struct hostpaths links;    /* where paths of configs lead, where that matters */
	struct blocknames devices; /* of raw files and images */
};

static void node_done(struct node *n)
{
	lxcstart_common_done(&n->common);
	driftnet_done(&n->net);
	driftguest_done(&n->guest);
	hostpaths_done(&n->links);
	blocknames_done(&n->devices);
	mounttree_done(&n->tree);
	mounts_done(&n->mounts);
	storages_done(&n->storages);
}

/* Those of the cgroup that all containers are below; else all that the node has. */
static struct val read_cpus(const struct app *app, const struct facts *f)
{
	_uninit_ char buf[4096];
	char path[80];
	unsigned cpus;
	size_t n;

	snprintf(path, sizeof(path), "%s/lxc/cpuset.cpus.effective",
		 cg_base(app->rootfd));
	if (fs_read_once(app->rootfd, path, buf, sizeof(buf), &n, NULL) == 0 && n > 1 &&
	    procfs_parse_cpulist(span_of(buf, n), &cpus) == 0)
		return val_set(cpus);
	return f->host.cpus ? val_set(f->host.cpus) : (struct val){ 0 };
}

static void read_storages(const struct app *app, struct node *n)
{
	static const struct pvefs_req req = { PVEFS_FILE, "etc/pve/storage.cfg" };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct span text;

	/* a pmxcfs that hangs has been waited for once */
	if (n->facts->pve_error || pvefs_read(app->rootfd, &req, 1, &p, NULL) < 0)
		return;
	text = pvefs_data(&p, req.path);
	n->storages_known = pvefs_get(&p, req.path) &&
			    storage_parse(text.p, text.n, &n->storages, NULL) == 0;
}

static void read_node(const struct app *app, const struct facts *f, struct node *ret)
{
	struct err err = { 0 };

	ret->facts = f;
	ret->cpus = read_cpus(app, f);
	if (lxcstart_read_common(app->rootfd, &ret->common, &err) < 0)
		app_warn(app, "%s", err.msg);
	driftnet_open(app, &ret->net);
	driftguest_read(app, f, &ret->guest);
	read_storages(app, ret);
	if (mountinfo_read(app->rootfd, 0, &ret->mounts, NULL) < 0)
		return;
	ret->mounts_known = true;
	mounttree_build(&ret->mounts, &ret->tree);
}

/* ---- one container ------------------------------------------------------------------ */

struct look {
	const struct app *app;
	const struct node *node;
	const struct ct *ct;
	struct lxcstart start;
	struct buf seccomp;
	struct netview net;
	struct ctsec sec;
	struct passthrough passthrough;
	struct pve_delete *deletes;
	size_t n_deletes;
	struct mounts inside;
	struct mounttree tree;
	struct ctmounts mounts;
	struct drift_dev *devs;
	struct drift_dns dns;
	bool mounts_known;
	struct err mounts_err;
};

static void look_done(struct look *l)
{
	lxcstart_done(&l->start);
	buf_done(&l->seccomp);
	driftnet_view_done(&l->net);
	ctsec_done(&l->sec);
	passthrough_close(&l->passthrough);
	pve_delete_free(l->deletes, l->n_deletes);
	ctmounts_done(&l->mounts);
	mounttree_done(&l->tree);
	mounts_done(&l->inside);
	free(l->devs);
}

static void look_at_pending(struct look *l, struct drift_facts *f)
{
	struct tbytes list = pveconf_bytes(&l->ct->conf->pending, "delete");

	if (list.p)
		pve_delete_parse(span_of((const char *)list.p, list.n), &l->deletes,
				 &l->n_deletes);
	f->deletes = l->deletes;
	f->n_deletes = l->n_deletes;
}

/* 0: not known. Of a copy the moment is known only by --now. */
static uint64_t started_real_usec(const struct look *l)
{
	const struct facts *f = l->node->facts;
	uint64_t ticks = f->host.ticks_per_sec, up;

	if (!l->app->now_known || f->host.uptime_centisec.kind != VAL_SET || !ticks)
		return 0;
	up = num_sub(num_muldiv(f->host.uptime_centisec.n, USEC_PER_SEC, 100),
		     num_muldiv(l->ct->init_start_ticks, USEC_PER_SEC, ticks));
	return num_sub(f->time_real_usec, up);
}

static void look_at_start(struct look *l, struct drift_facts *f)
{
	struct lxcstart_when when = {
		.init_real_usec = started_real_usec(l),
		.made_real_usec = l->passthrough.made_real_usec,
	};
	struct err err = { 0 };
	int r = lxcstart_read(l->app->rootfd, l->ct->vmid, &when, &l->start, &err);

	if (r == 0 && l->start.of_start)
		r = lxcstart_read_seccomp(l->app->rootfd, l->ct->vmid, &when, &l->seccomp,
					  &err);
	if (r < 0)
		app_warn(l->app, "%s", err.msg);
	f->start = &l->start;
	if (l->seccomp.n)
		f->seccomp = span_tbytes(span_of(l->seccomp.p, l->seccomp.n));
}

static void join_mounts(struct look *l)
{
	const struct node *n = l->node;
	struct mountjoin in = {
		.vmid = l->ct->vmid,
		.conf = l->ct->conf,
		.storages = n->storages_known ? &n->storages : NULL,
		.inside = &l->tree,
		.host = n->mounts_known ? &n->tree : NULL,
		.links = n->links.n ? &n->links : NULL,
		.devices = &n->devices,
	};

	ctmounts_done(&l->mounts);
	mountjoin(&in, &l->mounts);
}

static void read_mounts(struct look *l)
{
	l->mounts_known = mountinfo_read(l->app->rootfd, l->ct->init_pid, &l->inside,
					 &l->mounts_err) == 0;
	if (!l->mounts_known)
		return;
	mounttree_build(&l->inside, &l->tree);
	join_mounts(l);
}

static bool add_devices(const struct look *l, struct blocknames *names)
{
	bool any = false;

	for (size_t i = 0; i < l->mounts.n; i++) {
		const struct mount *m = mountjoin_device(&l->mounts.v[i]);

		if (m)
			blocknames_add(l->app->rootfd, m->major, m->minor, names);
		any |= m != NULL;
	}
	return any;
}

/* All before any is joined again: what was found moves as more is found. */
static void read_devices(struct node *n, struct look *looks, size_t n_looks)
{
	_cleanup_free_ bool *again = xcalloc(n_looks, sizeof(*again));

	for (size_t i = 0; i < n_looks; i++)
		again[i] = add_devices(&looks[i], &n->devices);
	for (size_t i = 0; i < n_looks; i++)
		if (again[i])
			join_mounts(&looks[i]);
}

/* The paths of the node whose links matter, sorted and each once. */
static void link_paths(const struct look *looks, size_t n, struct strv *ret)
{
	_cleanup_(strv_done) struct strv all = { 0 };

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < looks[i].mounts.n; k++) {
			const char *path = mountjoin_link(&looks[i].mounts.v[k]);

			if (path)
				strv_addn(&all, path, strlen(path));
		}
	strv_sort(&all);
	for (size_t i = 0; i < all.n && ret->n < HOSTPATH_MAX; i++)
		if (!i || !str_eq(all.v[i], all.v[i - 1]))
			strv_addn(ret, all.v[i], strlen(all.v[i]));
}

/* Of all containers at once: a process, and a deadline, for all of the paths. */
static void read_links(const struct app *app, struct node *n, struct look *looks,
		       size_t n_looks)
{
	_cleanup_(strv_done) struct strv paths = { 0 };

	link_paths(looks, n_looks, &paths);
	if (!paths.n || hostpath_read(app->rootfd, &paths, &n->links, NULL) < 0)
		return;
	for (size_t i = 0; i < n_looks; i++)
		for (size_t k = 0; k < looks[i].mounts.n; k++)
			if (mountjoin_link(&looks[i].mounts.v[k])) {
				join_mounts(&looks[i]);
				break;
			}
}

static void look_at_mounts(struct look *l, struct drift_facts *f)
{
	if (!l->mounts_known) {
		f->mounts_why = l->mounts_err.msg;
		return;
	}
	f->inside = &l->tree;
	f->host = l->node->mounts_known ? &l->node->tree : NULL;
	f->mounts = &l->mounts;
}

static void look_at_devices(struct look *l, struct drift_facts *f)
{
	const struct pve_typed *t = &l->ct->conf->typed;

	l->devs = xcalloc(t->n_devs, sizeof(*l->devs));
	for (size_t i = 0; i < t->n_devs; i++) {
		struct drift_dev *d = &l->devs[i];

		d->dev = &t->devs[i];
		if (!d->dev->path)
			continue;
		devnode_read(l->app->rootfd, d->dev->path, &d->host);
		passthrough_node(&l->passthrough, d->dev->path, &d->made);
	}
	f->devs = l->devs;
	f->n_devs = t->n_devs;
	f->passthrough = &l->passthrough;
}

static void look(struct look *l, struct drift_facts *f)
{
	const struct node *n = l->node;

	passthrough_open(l->app->rootfd, l->ct, &l->passthrough);
	look_at_pending(l, f);
	look_at_start(l, f);
	ctsec_read_init(l->app->rootfd, l->ct, &l->sec);
	f->sec = &l->sec;
	driftnet_view(l->app, &n->net, l->ct, &l->net);
	f->net = &l->net;
	look_at_mounts(l, f);
	look_at_devices(l, f);
	f->uts = driftguest_uts(&n->guest, l->ct);
	if (driftguest_dns(&n->guest, l->ct, &l->dns))
		f->dns = &l->dns;
}

static void compare(struct look *l, struct drift *ret)
{
	const struct node *n = l->node;
	struct drift_facts f = {
		.ct = l->ct,
		.common = (const char *const *)n->common.keys.v,
		.n_common = n->common.keys.n,
		.common_mounts = (const char *const *)n->common.mounts.v,
		.n_common_mounts = n->common.mounts.n,
		.common_hooks = n->common.hooks,
		.cpus = n->cpus,
	};

	if (l->ct->init_pid && l->ct->conf)
		look(l, &f);
	drift_check(&f, ret);
}

static const char *error_of(const struct ct *ct)
{
	return ct->error ? ct->error : !ct->conf ? "its config could not be read" : NULL;
}

void driftdata_read(const struct app *app, const struct facts *f, struct driftdata *ret)
{
	_cleanup_(node_done) struct node node = { 0 };
	_cleanup_free_ struct look *looks = xcalloc(f->n_cts, sizeof(*looks));
	struct driftdata d = { 0 };

	read_node(app, f, &node);
	d.v = xcalloc(f->n_cts, sizeof(*d.v));
	d.errors = xcalloc(f->n_cts, sizeof(*d.errors));
	for (size_t i = 0; i < f->n_cts; i++) {
		const struct ct *ct = &f->cts[i];

		if (!ct->here)
			continue;
		d.errors[d.n] = error_of(ct);
		app_warn_ct(app, f, ct);
		looks[d.n] = (struct look){ .app = app, .node = &node, .ct = ct };
		looks[d.n].passthrough.fd = -1;
		if (ct->init_pid && ct->conf)
			read_mounts(&looks[d.n]);
		d.n++;
	}
	read_devices(&node, looks, d.n);
	read_links(app, &node, looks, d.n);
	for (size_t i = 0; i < d.n; i++) {
		compare(&looks[i], &d.v[i]);
		look_done(&looks[i]);
	}
	*ret = d;
}

void driftdata_done(struct driftdata *d)
{
	for (size_t i = 0; i < d->n; i++)
		drift_done(&d->v[i]);
	free(d->v);
	free(d->errors);
	*d = (struct driftdata){ 0 };
}
