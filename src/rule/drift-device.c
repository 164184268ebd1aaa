/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/str.h"
#include "rule/drift.h"
#include "rule/mountentry.h"
#include "rule/mountjoin.h"

#define DEFAULT_MODE 0660 /* of a node that PVE makes */
#define NO_ID        UINT64_MAX

/*
 * devN: PVE makes a node of the same numbers in a tmpfs of the container's own and binds
 * that over a file in its /dev (facts: pve-node.md 3.1, 3.4, 3.8), so which node init has
 * at a path is told by its mounts, and nothing below its root is opened. What the device
 * cgroup allows is a program of the kernel that nobody can read back.
 */
struct dev {
	const struct drift_facts *f;
	const struct drift_dev *d;
	const struct mount *mount; /* at its path; NULL: none */
	struct drift *out;
};

static void differs(const struct dev *d, const char *prop, char *configured,
		    char *running, enum drift_cause cause, char *fix)
{
	drift_add(d->out,
		  (struct drift_row){
			  .key = xasprintf("dev%u%s", d->d->dev->n, prop),
			  .configured = configured,
			  .running = running,
			  .seen = xasprintf("mountinfo of init at %s", d->d->dev->path),
			  .cause = cause,
			  .action = DRIFT_RESTART,
			  .fix = fix,
		  });
}

static char *reboot(const struct dev *d)
{
	const struct devnode *h = &d->d->host;

	if (h->there == ANSWER_NO || (h->there == ANSWER_YES && !h->device))
		return xasprintf("the node has no device %s: a start would fail",
				 d->d->dev->path);
	return xasprintf("pct reboot %u", d->out->vmid);
}

static char *numbers(const char *path, const struct devnode *n)
{
	return xasprintf("%s (%c %" PRIu32 ":%" PRIu32 ")", path, n->block ? 'b' : 'c',
			 n->major, n->minor);
}

/* Was it there at the start: PVE allows it to the cgroup by its numbers. */
static enum drift_cause cause_of(const struct dev *d)
{
	const struct devnode *h = &d->d->host;
	_cleanup_free_ char *line = NULL;

	if (!drift_start_known(d->f) || h->there != ANSWER_YES || !h->device)
		return DRIFT_UNSURE;
	line = xasprintf("%c %" PRIu32 ":%" PRIu32 " ", h->block ? 'b' : 'c', h->major,
			 h->minor);
	for (size_t i = 0; i < d->f->start->n_own; i++)
		if (str_eq(d->f->start->v[i].key, "lxc.cgroup2.devices.allow") &&
		    str_starts(d->f->start->v[i].value, line))
			return DRIFT_CHANGED;
	return DRIFT_EDITED;
}

/* ---- of the node that was made ------------------------------------------------------ */

/* An id of the container as the node has it; NO_ID: there is none, or it is not known. */
static uint64_t host_id(const struct idmap *map, uint64_t inside)
{
	for (size_t i = 0; i < map->n; i++)
		if (inside >= map->v[i].inside &&
		    inside - map->v[i].inside < map->v[i].count)
			return map->v[i].outside + (inside - map->v[i].inside);
	return NO_ID;
}

static void owner(const struct dev *d, const char *prop, struct val want,
		  const struct idmap *map, uint32_t have)
{
	uint64_t id = host_id(map, val_or(want, 0));

	if (id == NO_ID)
		return;
	if (id == have)
		drift_same(d->out);
	else
		differs(d, prop, xasprintf("%" PRIu64, val_or(want, 0)),
			xasprintf("%" PRIu32 " of the node", have), DRIFT_UNSURE,
			reboot(d));
}

/* "0660" */
static unsigned mode_of(const struct pve_dev *dev)
{
	unsigned mode = 0;

	if (!dev->mode)
		return DEFAULT_MODE;
	for (const char *p = dev->mode; *p >= '0' && *p <= '7' && mode < 01000; p++)
		mode = mode * 8 + (unsigned)(*p - '0');
	return mode;
}

static void access_of(const struct dev *d)
{
	const struct devnode *made = &d->d->made;
	unsigned want = mode_of(d->d->dev);

	if (want == made->mode)
		drift_same(d->out);
	else
		differs(d, ".mode", xasprintf("%04o", want),
			xasprintf("%04" PRIo32, made->mode), DRIFT_UNSURE, reboot(d));
	if (!drift_ids_known(d->f))
		return;
	owner(d, ".uid", d->d->dev->uid, &d->f->sec->uids, made->uid);
	owner(d, ".gid", d->d->dev->gid, &d->f->sec->gids, made->gid);
}

static bool is_same_node(const struct devnode *a, const struct devnode *b)
{
	return a->device && b->device && a->block == b->block && a->major == b->major &&
	       a->minor == b->minor;
}

static void made(const struct dev *d)
{
	const struct devnode *made = &d->d->made, *host = &d->d->host;

	if (host->there == ANSWER_NO)
		differs(d, "", xasprintf("%s: not on the node", d->d->dev->path),
			numbers(d->d->dev->path, made), DRIFT_CHANGED, reboot(d));
	else if (host->there != ANSWER_YES)
		drift_add_gap(d->out, "dev", "dev%u: the node's %s is not known",
			      d->d->dev->n, d->d->dev->path);
	else if (!is_same_node(host, made))
		differs(d, "", numbers(d->d->dev->path, host),
			numbers(d->d->dev->path, made), DRIFT_CHANGED, reboot(d));
	else
		drift_same(d->out);
	access_of(d);
}

static bool is_on(const struct mount *m, uint32_t major, uint32_t minor)
{
	return m->major == major && m->minor == minor;
}

/* By hand somebody may have bound the node's own: that is the node's, or was. */
static void other(const struct dev *d)
{
	const struct devnode *h = &d->d->host;

	if (h->there == ANSWER_YES && is_on(d->mount, h->fs_major, h->fs_minor)) {
		if (!d->mount->deleted)
			drift_same(d->out);
		else
			differs(d, "", xstrdup(d->d->dev->path),
				xstrdup("a device that was removed since"), DRIFT_CHANGED,
				reboot(d));
		return;
	}
	drift_add_gap(d->out, "dev",
		      "dev%u: of which device the node at %s is cannot be told",
		      d->d->dev->n, d->d->dev->path);
}

static void one(const struct dev *d)
{
	const struct passthrough *p = d->f->passthrough;

	if (!d->d->dev->path)
		drift_add_gap(d->out, "dev", "dev%u names no path", d->d->dev->n);
	else if (!d->mount)
		differs(d, "", xstrdup(d->d->dev->path), NULL, cause_of(d), reboot(d));
	else if (p && p->present && is_on(d->mount, p->fs_major, p->fs_minor) &&
		 d->d->made.there == ANSWER_YES)
		made(d);
	else
		other(d);
}

/* ---- nodes that no config has ------------------------------------------------------- */

/* With quota PVE passes the device of a volume as well. */
static bool is_configured(const struct drift_facts *f, const char *path)
{
	const struct pve_typed *t = &f->ct->conf->typed;

	for (size_t i = 0; i < t->n_devs; i++)
		if (t->devs[i].path && str_eq(t->devs[i].path, path))
			return true;
	for (size_t i = 0; i < t->n_mps; i++)
		if (t->mps[i].quota)
			return true;
	return false;
}

/* One that is no valid value is not known by its path. */
static bool are_all_valid(const struct pveconf *c)
{
	uint32_t at = 0, n;
	size_t count = 0;

	while (pveconf_next(&c->main, "dev", &at, &n))
		count++;
	return count == c->typed.n_devs;
}

static void extra(const struct drift_facts *f, struct drift *out)
{
	const struct mounts *all = f->inside->m;
	const struct passthrough *p = f->passthrough;

	if (!are_all_valid(f->ct->conf))
		return;
	for (size_t i = 0; p && p->present && i < all->n; i++) {
		const struct mount *m = &all->v[i];
		_cleanup_free_ char *path =
			xstrndup((const char *)m->point.p, m->point.n);

		if (!is_on(m, p->fs_major, p->fs_minor) || is_configured(f, path))
			continue;
		drift_add(out, (struct drift_row){
				       .key = xasprintf("device %s", path),
				       .running = xstrdup(path),
				       .seen = xasprintf("mountinfo of init at %s", path),
				       .cause = DRIFT_EDITED,
				       .action = DRIFT_RESTART,
				       .fix = xasprintf("pct reboot %u", out->vmid),
			       });
	}
}

/* ---- lxc.mount.entry of a device ---------------------------------------------------- */

static void entry(const struct drift_facts *f, const struct mountentry *e,
		  struct drift *out)
{
	size_t at = mounttree_bottom(f->inside, tbytes_str(e->path));
	const struct mount *m = at == MOUNTTREE_NONE ? NULL : &f->inside->m->v[at];

	if (!m && e->optional)
		return; /* the node may not have had it */
	if (m && !m->deleted) {
		drift_same(out);
		return;
	}
	drift_add(out, (struct drift_row){
			       .key = xasprintf("lxc.mount.entry %s", e->path),
			       .configured = xstrdup(e->what),
			       .running = m ? xstrdup("a device that was removed since")
					    : NULL,
			       .seen = xasprintf("mountinfo of init at %s", e->path),
			       .cause = DRIFT_CHANGED,
			       .action = DRIFT_RESTART,
			       .fix = xasprintf("pct reboot %u", out->vmid),
		       });
}

static void entries(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	size_t first = 0;

	/* without it what is missing may have been written since the start */
	if (drift_raw_edited(f, "lxc.mount.entry") != ANSWER_NO)
		return;
	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, "lxc.mount.entry") && !s->lxc[i].value_n)
			first = i + 1;
	for (size_t i = first; i < s->n_lxc; i++) {
		_cleanup_(mountentry_done) struct mountentry e = { 0 };

		if (str_eq(s->lxc[i].key, "lxc.mount.entry") &&
		    mountentry_parse(out->vmid,
				     span_of(s->lxc[i].value, s->lxc[i].value_n), &e) &&
		    e.device && e.path)
			entry(f, &e, out);
	}
}

void drift_devices(const struct drift_facts *f, struct drift *out)
{
	if (!f->inside || f->inside->m->truncated)
		return; /* drift_mounts() has told why */
	for (size_t i = 0; i < f->n_devs; i++) {
		struct dev d = { .f = f, .d = &f->devs[i], .out = out };
		size_t at = MOUNTTREE_NONE;

		if (d.d->dev->path)
			at = mounttree_bottom(f->inside, tbytes_str(d.d->dev->path));
		if (at != MOUNTTREE_NONE)
			d.mount = &f->inside->m->v[at];
		one(&d);
	}
	extra(f, out);
	entries(f, out);
}
