/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/dfdata.h"

#include <stdio.h>

#include "base/num.h"
#include "cli/dfsizes.h"
#include "out/text.h"
#include "read/blockname.h"
#include "read/mountinfo.h"
#include "read/pvefs.h"
#include "read/storage.h"

#define FULL_PPM 900000

/* ---- the parts ---------------------------------------------------------------------- */

void dfdata_done(struct dfdata *d)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		free(d->rows[i].error);
		free(d->rows[i].note);
	}
	for (size_t i = 0; i < d->n_cts; i++) {
		ctmounts_done(&d->cts[i].mounts);
		mounttree_done(&d->cts[i].tree);
		mounts_done(&d->cts[i].inside);
	}
	free(d->rows);
	free(d->cts);
	mounttree_done(&d->host_tree);
	mounts_done(&d->host);
	storages_done(&d->storages);
	blocknames_done(&d->devices);
	facts_done(&d->facts);
	*d = (struct dfdata){ 0 };
}

bool dfrow_can_fill(const struct dfrow *r)
{
	return r->m->type != MOUNT_IMAGE && !(r->m->mount && r->m->mount->super_ro);
}

struct val dfrow_size(const struct dfrow *r)
{
	/* size=0 is a directory without a quota */
	if (r->use.size_bytes.kind || r->state == DF_STALE || r->of->up ||
	    !r->m->size_bytes.n)
		return r->use.size_bytes;
	return r->m->size_bytes;
}

bool dfrow_is_minor(const struct dfrow *r)
{
	const struct ctmount *m = r->m;

	return m->origin == CTMOUNT_GUEST &&
	       (m->repeated || m->type == MOUNT_TMPFS || m->type == MOUNT_OVERLAY ||
		m->type == MOUNT_IMAGE);
}

const struct pveconf_item *dfct_invalid(const struct dfct *c, size_t *at)
{
	const struct pveconf_section *s = c->ct->conf ? &c->ct->conf->main : NULL;
	uint32_t n;

	for (; s && *at < s->n_items; (*at)++) {
		const struct pveconf_item *i = &s->items[*at];

		if (!i->valid &&
		    (str_eq(i->key, "rootfs") || pveconf_numbered(i->key, "mp", &n)))
			return &s->items[(*at)++];
	}
	return NULL;
}

static void read_storages(const struct app *app, struct dfdata *d)
{
	static const struct pvefs_req req = { PVEFS_FILE, "etc/pve/storage.cfg" };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct err err = { 0 };
	struct span text;
	int r = 0;

	/* one that hangs is waited for once */
	if (!d->facts.pve_error)
		r = pvefs_read(app->rootfd, &req, 1, &p, &err);
	text = pvefs_data(&p, req.path);
	if (r == 0)
		r = storage_parse(text.p, text.n, &d->storages, &err);
	d->storages_known = r == 0 && pvefs_get(&p, req.path);
	if (r < 0)
		app_warn(app, "storage.cfg: %s", err.msg);
	else if (!d->storages_known && !d->facts.pve_error)
		app_warn(app,
			 "storage.cfg could not be read: what a volume is, is not known");
}

static void read_host(const struct app *app, struct dfdata *d)
{
	struct err err = { 0 };
	int r = mountinfo_read(app->rootfd, 0, &d->host, &err);

	if (r < 0 && app->live)
		app_warn(app, "%s", err.msg);
	if (r < 0)
		return;
	d->host_known = true;
	mounttree_build(&d->host, &d->host_tree);
}

static void read_inside(const struct app *app, struct dfct *c)
{
	struct err err = { 0 };
	int r;

	if (!c->ct->init_pid)
		return;
	r = mountinfo_read(app->rootfd, c->ct->init_pid, &c->inside, &err);
	if (r < 0 && r != -ENOENT)
		app_warn(app, "container %u: %s", c->ct->vmid, err.msg);
	if (r < 0)
		return;
	c->up = true;
	mounttree_build(&c->inside, &c->tree);
}

static void join(const struct dfdata *d, struct dfct *c)
{
	struct mountjoin in = {
		.vmid = c->ct->vmid,
		.conf = c->ct->conf,
		.storages = &d->storages,
		.inside = c->up ? &c->tree : NULL,
		.host = d->host_known ? &d->host_tree : NULL,
		.devices = &d->devices,
	};

	ctmounts_done(&c->mounts);
	mountjoin(&in, &c->mounts);
}

/* Of raw files and images only: what a device is of. */
static void read_devices(const struct app *app, struct dfdata *d)
{
	_cleanup_free_ bool *again = xcalloc(d->n_cts, sizeof(*again));

	for (size_t i = 0; i < d->n_cts; i++)
		for (size_t k = 0; k < d->cts[i].mounts.n; k++) {
			const struct mount *m = mountjoin_device(&d->cts[i].mounts.v[k]);

			if (m)
				blocknames_add(app->rootfd, m->major, m->minor,
					       &d->devices);
			again[i] |= m != NULL;
		}
	for (size_t i = 0; i < d->n_cts; i++)
		if (again[i])
			join(d, &d->cts[i]);
}

static void make_rows(struct dfdata *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_cts; i++)
		n += d->cts[i].mounts.n;
	d->rows = xcalloc(n, sizeof(*d->rows));
	for (size_t i = 0; i < d->n_cts; i++) {
		struct dfct *c = &d->cts[i];

		c->first_row = d->n_rows;
		c->n_rows = c->mounts.n;
		for (size_t k = 0; k < c->mounts.n; k++)
			d->rows[d->n_rows++] =
				(struct dfrow){ .of = c, .m = &c->mounts.v[k] };
	}
}

/* ---- what stands out ---------------------------------------------------------------- */

static void note(struct dfrow *r, bool alarm, const char *fmt, ...) _printf_(3, 4);
static void note(struct dfrow *r, bool alarm, const char *fmt, ...)
{
	_cleanup_free_ char *old = r->note, *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	r->note = xasprintf("%s%s%s", old ? old : "", old ? "; " : "", text);
	r->alarm |= alarm;
}

static void note_text(struct dfrow *r, bool alarm, const char *what, struct tbytes t)
{
	note(r, alarm, "%s%.*s", what, (int)MIN(t.n, 200u), (const char *)t.p);
}

static void note_state(struct dfrow *r)
{
	if (r->state == DF_STALE)
		note(r, true, "does not answer");
	else if (r->state == DF_SKIPPED)
		note(r, true, "not asked: another one does not answer");
	else if (r->state == DF_FAILED)
		note(r, true, "size not known: %s", r->error);
	if (r->m->missing)
		note(r, true, "not mounted");
	if (r->m->over)
		note_text(r, true, "hidden under a mount of ", r->m->over->fstype);
	if (r->m->mount && r->m->mount->deleted)
		note(r, true, "its directory was removed on the node");
	if (r->m->same == ANSWER_NO)
		note_text(r, true,
			  "another file system is mounted there: ", r->m->mount->source);
}

/*
 * A data set has as its size what it has and could still get: less than its quota where
 * the pool is too full for it. Nor need the quota be that of the config.
 */
static void note_quota(struct dfrow *r)
{
	uint64_t size = val_or(r->use.size_bytes, 0), quota = val_or(r->m->size_bytes, 0);

	if (r->m->type != MOUNT_ZFS || r->m->same == ANSWER_NO || !size ||
	    size >= quota - quota / 100)
		return;
	note(r, true, "less than its size=: the pool is too full, or its quota smaller");
}

/* btrfs does not show a qgroup's limit to statfs(2). */
static void note_qgroup(struct dfrow *r)
{
	uint64_t own = val_or(r->m->size_bytes, 0);

	if (r->m->type == MOUNT_BTRFS && r->m->same != ANSWER_NO && own &&
	    val_or(r->use.size_bytes, 0) > own)
		note(r, false,
		     "of the whole file system: its size= is the limit of a qgroup");
}

static void note_use(struct dfrow *r)
{
	uint64_t space = val_or(fsuse_ppm(r->use.used_bytes, r->use.size_bytes), 0);
	uint64_t inodes = val_or(fsuse_ppm(r->use.inodes_used, r->use.inodes), 0);

	if (!dfrow_can_fill(r))
		return;
	if (r->use.avail_bytes.kind == VAL_SET && !r->use.avail_bytes.n)
		note(r, true, "full");
	else if (space >= FULL_PPM)
		note(r, true, "nearly full");
	if (inodes >= FULL_PPM)
		note(r, true, "%s inodes left", inodes >= 1000000 ? "no" : "few");
}

/* A directory whose type does not say that it is on another machine. */
static void note_server(struct dfrow *r)
{
	const struct mount *m = r->m->mount ? r->m->mount : r->m->host_mount;

	if (m && r->m->may_hang && r->state == DF_OK &&
	    (r->m->type == MOUNT_BIND || r->m->type == MOUNT_DIR))
		note_text(r, false, "of ", m->fstype);
}

static void make_notes(const struct app *app, struct dfdata *d)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		struct dfrow *r = &d->rows[i];

		note_state(r);
		note_use(r);
		note_quota(r);
		note_qgroup(r);
		note_server(r);
		if (r->of->up && r->state == DF_UNKNOWN && !app->live)
			note(r, false, "a copy: not known");
		if (!r->of->up && r->state == DF_UNKNOWN)
			note(r, false, "%s",
			     r->of->ct->state == CT_STARTING ? "starting" : "stopped");
	}
}

/* ---- all ---------------------------------------------------------------------------- */

static void read_cts(const struct app *app, struct dfdata *d, struct dfsizes *sizes)
{
	d->cts = xcalloc(d->facts.n_cts, sizeof(*d->cts));
	for (size_t i = 0; i < d->facts.n_cts; i++) {
		const struct ct *ct = &d->facts.cts[i];
		struct dfct *c = &d->cts[d->n_cts];

		if (!ct->conf)
			app_warn_ct(app, &d->facts, ct);
		if (!ct->conf && !ct->init_pid)
			continue;
		c->ct = ct;
		dfsizes_step(sizes);
		read_inside(app, c);
		join(d, c);
		d->n_cts++;
	}
}

int dfdata_read(const struct app *app, const char *arg, bool all, struct dfdata *ret)
{
	struct facts_want want = { 0 };
	struct dfsizes sizes;
	int r;

	*ret = (struct dfdata){ 0 };
	r = arg ? app_facts_one(app, arg, want, &ret->facts)
		: app_facts(app, want, &ret->facts);
	if (r)
		return r;
	dfsizes_begin(app, ret, &sizes);
	read_storages(app, ret);
	read_host(app, ret);
	read_cts(app, ret, &sizes);
	read_devices(app, ret);
	make_rows(ret);
	for (size_t i = 0; i < ret->n_rows; i++)
		ret->rows[i].asked = all || arg || !dfrow_is_minor(&ret->rows[i]);
	dfsizes_finish(&sizes);
	make_notes(app, ret);
	return EXIT_FINE;
}
