/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/str.h"
#include "rule/drift.h"
#include "rule/mountjoin.h"

static char *text_of(struct tbytes t)
{
	return xstrndup((const char *)t.p, t.n);
}

static bool is_same(struct tbytes a, struct tbytes b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static char *seen_at(struct tbytes path)
{
	return xasprintf("mountinfo of init at %.*s", (int)path.n, (const char *)path.p);
}

/* "lxc.mount.entry /srv": there may be many of that key. */
static char *key_of(const struct ctmount *m, const char *prop)
{
	if (m->origin == CTMOUNT_CONFIG)
		return xasprintf("%s%s", m->key, prop);
	return xasprintf("lxc.mount.entry %.*s%s", (int)m->path.n,
			 (const char *)m->path.p, prop);
}

/* A raw file or an image, by the device that it is on. */
static char *on_device(const struct mount *m, const struct blockname *b)
{
	int n = (int)m->source.n;
	const char *source = (const char *)m->source.p;

	if (b->file)
		return xasprintf("%s (%.*s)", b->file, n, source);
	return xasprintf("%s/%s%s%s%s%s (%.*s)", b->pool, b->ns ? b->ns : "",
			 b->ns ? "/" : "", b->image, b->snap ? "@" : "",
			 b->snap ? b->snap : "", n, source);
}

/* Of a directory of the node its path there, which is what its config names. */
static char *what_of(const struct mount *m)
{
	/* of an NFS it has it in it */
	if (m->root.n <= 1 || mount_fstype(m->fstype) == MOUNT_NFS)
		return xasprintf("%.*s", (int)m->source.n, (const char *)m->source.p);
	return xasprintf("%.*s of %.*s%s", (int)m->root.n, (const char *)m->root.p,
			 (int)m->source.n, (const char *)m->source.p,
			 m->deleted ? ", which was removed" : "");
}

static char *mounted(const struct ctmount *m)
{
	const struct blockname *b = m->device;

	return b && (b->file || (b->pool && b->image)) ? on_device(m->mount, b)
						       : what_of(m->mount);
}

/* pct does nothing about a mount point that the config has already. */
static void differs(struct drift *out, const struct ctmount *m, const char *prop,
		    char *configured, char *running, enum drift_cause cause, char *fix)
{
	drift_add(out, (struct drift_row){
			       .key = key_of(m, prop),
			       .configured = configured,
			       .running = running,
			       .seen = seen_at(m->path),
			       .cause = cause,
			       .action = DRIFT_RESTART,
			       .fix = fix,
		       });
}

/* Of what is not there no container starts. */
static char *reboot(const struct drift *out, const struct ctmount *m)
{
	if (m->on_node == ANSWER_NO)
		return xasprintf("%.*s is not on this node: a start would fail",
				 (int)m->volume.n, (const char *)m->volume.p);
	return xasprintf("pct reboot %u", out->vmid);
}

/* A file system that is read-only as a whole is so by itself; its mount is by somebody. */
static void read_only(struct drift *out, const struct ctmount *m)
{
	bool broken = !m->mp->ro && !m->mount->ro && m->mount->super_ro &&
		      m->type == MOUNT_BLOCK;

	if (m->mp->ro == m->mount->ro && !broken)
		drift_same(out);
	else
		differs(out, m, ".ro", xstrdup(m->mp->ro ? "1" : "0"),
			xstrdup(broken         ? "1 (the file system itself)"
				: m->mount->ro ? "1"
					       : "0"),
			broken ? DRIFT_CHANGED : DRIFT_UNSURE,
			broken ? xstrdup("dmesg: a file system turns read-only after an "
					 "error")
			       : reboot(out, m));
}

static bool has_word(struct tbytes list, const char *word)
{
	struct span s = span_of((const char *)list.p, list.n), o;

	while (span_cut(&s, ',', &o))
		if (span_eq(o, word))
			return true;
	return false;
}

/* ANSWER_UNKNOWN: how this kind of file system says so is not known. */
static enum answer has_option(const struct mount *m, struct span option)
{
	const struct {
		const char *name;
		bool set;
	} flags[] = {
		{ "nosuid", m->nosuid },
		{ "nodev", m->nodev },
		{ "noexec", m->noexec },
		{ "noatime", m->noatime },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (span_eq(option, flags[i].name))
			return flags[i].set ? ANSWER_YES : ANSWER_NO;
	if (span_eq(option, "discard") && mount_fstype(m->fstype) == MOUNT_BLOCK)
		return has_word(m->super, "discard") ? ANSWER_YES : ANSWER_UNKNOWN;
	return ANSWER_UNKNOWN;
}

/* Where nothing is written PVE takes those that are about that for none. */
static bool is_used(const struct ctmount *m, struct span option)
{
	return !m->mp->ro || !span_eq(option, "noatime");
}

/* What is asked for and not there. More than is asked for is not the config's matter. */
static void options(struct drift *out, const struct ctmount *m)
{
	struct span list = span_str(m->mp->mountoptions ? m->mp->mountoptions : ""), o;
	_cleanup_(buf_done) struct buf lost = { 0 };

	while (span_cut(&list, ';', &o)) {
		if (!is_used(m, o) || has_option(m->mount, o) != ANSWER_NO)
			continue;
		buf_adds(&lost, lost.n ? ", not " : "not ");
		buf_add(&lost, o.p, o.n);
	}
	if (!m->mp->mountoptions)
		return;
	if (!lost.n)
		drift_same(out);
	else
		differs(out, m, ".mountoptions", xstrdup(m->mp->mountoptions),
			take_ptr(lost.p), DRIFT_UNSURE, reboot(out, m));
}

/* What its path leads to is another mount, of whoever made it later. */
static void hidden(struct drift *out, const struct ctmount *m)
{
	_cleanup_free_ char *what = what_of(m->over);

	differs(out, m, "", text_of(m->volume),
		xasprintf("%s (%.*s) lies over it", what, (int)m->over->fstype.n,
			  (const char *)m->over->fstype.p),
		DRIFT_CHANGED, NULL);
}

static void one(struct drift *out, const struct ctmount *m)
{
	if (m->missing)
		differs(out, m, "", text_of(m->volume), NULL, DRIFT_UNSURE,
			reboot(out, m));
	else if (!m->mount)
		drift_add_gap(out, m->key[0] ? m->key : "lxc.mount.entry",
			      "not all mounts of init are known");
	else if (m->same == ANSWER_NO)
		differs(out, m, "", text_of(m->volume), mounted(m), DRIFT_UNSURE,
			reboot(out, m));
	else if (m->over)
		hidden(out, m);
	else if (m->same == ANSWER_UNKNOWN)
		drift_add_gap(out, m->key[0] ? m->key : "lxc.mount.entry",
			      "of what %.*s is mounted cannot be told", (int)m->path.n,
			      (const char *)m->path.p);
	else
		drift_same(out);
	if (m->mp && m->mount && !m->over && m->same == ANSWER_YES) {
		read_only(out, m);
		options(out, m);
	}
}

/* ---- mounts that no config has ------------------------------------------------------ */

/*
 * File systems that only the node's own root mounts (kernel: no FS_USERNS_MOUNT), and any
 * that the node has mounted: in a container with ids of its own nobody inside did it.
 */
static bool is_of_node(const struct drift_facts *f, const struct mount *m)
{
	switch (mount_fstype(m->fstype)) {
	case MOUNT_BLOCK:
	case MOUNT_BTRFS:
	case MOUNT_NFS:
	case MOUNT_CIFS:
	case MOUNT_CEPH:
		return true;
	case MOUNT_PSEUDO:
		return false;
	default:
		break;
	}
	for (size_t i = 0; f->host && i < f->host->m->n; i++)
		if (f->host->m->v[i].major == m->major &&
		    f->host->m->v[i].minor == m->minor)
			return true;
	return false;
}

/* Within what the container was given, so that it can have bound it itself. */
static bool is_within(const struct ctmounts *all, const struct mount *m)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct ctmount *c = &all->v[i];
		const struct mount *o = c->mount;

		if (c->origin == CTMOUNT_GUEST)
			continue;
		if (o && o->major == m->major && o->minor == m->minor &&
		    mounttree_below(m->root, o->root))
			return true;
		/* what the node mounts below a directory that is bound comes along */
		if (c->type == MOUNT_BIND && mounttree_below(m->point, c->path))
			return true;
	}
	return false;
}

/* LXC's own files of the node mount it in every container. */
static bool is_common(const struct drift_facts *f, struct tbytes point)
{
	for (size_t i = 0; i < f->n_common_mounts; i++) {
		_cleanup_free_ char *path = mountjoin_path(f->common_mounts[i]);

		if (is_same(point, tbytes_str(path)))
			return true;
	}
	return false;
}

/* Hooks may mount what they like. */
static bool has_hooks(const struct drift_facts *f)
{
	const struct pveconf_section *s = &f->ct->conf->main;

	if (f->common_hooks || pveconf_item(s, "hookscript") ||
	    drift_raw(f, "lxc.include") || drift_raw(f, "lxc.mount.fstab") ||
	    drift_raw(f, "lxc.mount"))
		return true;
	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_starts(s->lxc[i].key, "lxc.hook."))
			return true;
	return false;
}

static void extra(const struct drift_facts *f, struct drift *out)
{
	const struct ctmounts *all = f->mounts;

	if (!ct_is_unprivileged(f->ct) || has_hooks(f))
		return; /* who mounted it cannot be told */
	for (size_t i = 0; i < all->n; i++) {
		const struct mount *m = all->v[i].mount;

		if (all->v[i].origin != CTMOUNT_GUEST || !m || !is_of_node(f, m) ||
		    is_within(all, m) || is_common(f, m->point))
			continue;
		drift_add(out, (struct drift_row){
				       .key = xasprintf("mount %.*s", (int)m->point.n,
							(const char *)m->point.p),
				       .running = what_of(m),
				       .seen = seen_at(m->point),
				       .cause = DRIFT_UNSURE,
				       .action = DRIFT_RESTART,
			       });
	}
}

/* An entry that was edited since the start is told of as the raw line that it is. */
static bool is_left_out(const struct drift_facts *f, const struct ctmount *m)
{
	if (m->origin == CTMOUNT_CONFIG)
		return !m->mp;
	return m->origin != CTMOUNT_ENTRY ||
	       drift_raw_edited(f, "lxc.mount.entry") != ANSWER_NO;
}

void drift_mounts(const struct drift_facts *f, struct drift *out)
{
	if (!f->mounts || f->mounts->truncated) {
		drift_add_gap(out, "mounts", "%s",
			      f->mounts       ? "there are too many of them"
			      : f->mounts_why ? f->mounts_why
					      : "they are not looked at");
		return;
	}
	for (size_t i = 0; i < f->mounts->n; i++)
		if (!is_left_out(f, &f->mounts->v[i]))
			one(out, &f->mounts->v[i]);
	extra(f, out);
}
