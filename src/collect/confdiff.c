/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/confdiff.h"

#include <stdlib.h>

#include "base/str.h"

static void add(struct conf_diff *d, const char *section, const char *key,
		struct tbytes old, struct tbytes new)
{
	if (d->n >= CONF_MAX_CHANGES)
		return;
	GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct conf_change){ section, key, old, new };
}

static struct tbytes bytes_of(const char *p, uint32_t n)
{
	return (struct tbytes){ (const uint8_t *)p, n };
}

static bool same(struct tbytes a, struct tbytes b)
{
	return (!a.p) == (!b.p) && a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

/* Locks that an operation holds which has an event of its own. */
static bool is_operation(const char *lock)
{
	static const char *const locks[] = { "backup", "snapshot", "snapshot-delete",
					     "rollback" };

	for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
		if (str_eq(locks[i], lock))
			return true;
	return false;
}

static bool is_bookkeeping(const struct conf_diff *d, const char *key)
{
	if (str_eq(key, "lock"))
		return (!d->lock_old || is_operation(d->lock_old)) &&
		       (!d->lock_new || is_operation(d->lock_new));
	return str_eq(key, "parent") || str_eq(key, "snaptime") ||
	       str_eq(key, "snapstate");
}

static void item_diff(struct conf_diff *d, const char *section,
		      const struct pveconf_item *a, const struct pveconf_item *b)
{
	struct tbytes none = { 0 };
	const char *key = a ? a->key : b->key;
	struct tbytes old = a ? bytes_of(a->value, a->value_n) : none;
	struct tbytes new = b ? bytes_of(b->value, b->value_n) : none;

	if (!same(old, new) && !is_bookkeeping(d, key))
		add(d, section, key, old, new);
}

/* Both lists are sorted by key. */
static void items_diff(struct conf_diff *d, const char *section,
		       const struct pveconf_section *a, const struct pveconf_section *b)
{
	size_t i = 0, k = 0;

	while (i < a->n_items || k < b->n_items) {
		int c = i >= a->n_items   ? 1
			: k >= b->n_items ? -1
					  : strcmp(a->items[i].key, b->items[k].key);

		item_diff(d, section, c <= 0 ? &a->items[i] : NULL,
			  c >= 0 ? &b->items[k] : NULL);
		i += c <= 0;
		k += c >= 0;
	}
}

/*
 * Raw lines: what is the same at the front and at the end stays, what is between is told
 * line by line.
 */
static void lxc_diff(struct conf_diff *d, const struct pveconf_section *a,
		     const struct pveconf_section *b)
{
	size_t head = 0, tail = 0, n = MIN(a->n_lxc, b->n_lxc);
	struct tbytes none = { 0 };

#define LINE_EQ(x, y)                                                                    \
	(str_eq((x).key, (y).key) &&                                                     \
	 same(bytes_of((x).value, (x).value_n), bytes_of((y).value, (y).value_n)))
	while (head < n && LINE_EQ(a->lxc[head], b->lxc[head]))
		head++;
	while (tail < n - head &&
	       LINE_EQ(a->lxc[a->n_lxc - 1 - tail], b->lxc[b->n_lxc - 1 - tail]))
		tail++;
	for (size_t i = head; i < a->n_lxc - tail; i++)
		add(d, "", a->lxc[i].key, bytes_of(a->lxc[i].value, a->lxc[i].value_n),
		    none);
	for (size_t i = head; i < b->n_lxc - tail; i++)
		add(d, "", b->lxc[i].key, none,
		    bytes_of(b->lxc[i].value, b->lxc[i].value_n));
}

/* A section is a snapshot once `snapstate` is gone; a backup's own is none. */
static bool finished(const struct pveconf_section *s)
{
	return s && !str_eq(s->name, "vzdump") &&
	       !str_eq(pveconf_str(s, "snapstate"), "prepare");
}

static void snap_add(struct conf_diff *d, const char *name, enum snap_action action)
{
	if (d->n_snaps >= CONF_MAX_CHANGES)
		return;
	GROW(d->snaps, d->n_snaps, d->cap_snaps);
	d->snaps[d->n_snaps++] = (struct snap_change){ name, action };
}

static void snaps_diff(struct conf_diff *d, const struct pveconf *a,
		       const struct pveconf *b)
{
	for (size_t i = 0; i < b->n_snapshots; i++)
		if (finished(&b->snapshots[i]) &&
		    !finished(pveconf_snapshot(a, b->snapshots[i].name)))
			snap_add(d, b->snapshots[i].name, SNAP_CREATE);
	for (size_t i = 0; i < a->n_snapshots; i++)
		if (finished(&a->snapshots[i]) &&
		    !pveconf_snapshot(b, a->snapshots[i].name))
			snap_add(d, a->snapshots[i].name, SNAP_DELETE);
}

static struct tbytes description(const struct pveconf_section *s)
{
	return bytes_of(s->description, s->description_n);
}

void conf_diff(const struct pveconf *old, const struct pveconf *new,
	       struct conf_diff *ret)
{
	struct conf_diff d = { .lock_old = pveconf_str(&old->main, "lock"),
			       .lock_new = pveconf_str(&new->main, "lock") };

	items_diff(&d, "", &old->main, &new->main);
	if (!same(description(&old->main), description(&new->main)))
		add(&d, "", "description", description(&old->main),
		    description(&new->main));
	lxc_diff(&d, &old->main, &new->main);
	items_diff(&d, "pending", &old->pending, &new->pending);
	snaps_diff(&d, old, new);
	if (str_eq(d.lock_old, "rollback") && !d.lock_new)
		d.rolled_back = pveconf_str(&new->main, "parent");
	*ret = d;
}

void conf_diff_done(struct conf_diff *d)
{
	free(d->v);
	free(d->snaps);
	*d = (struct conf_diff){ 0 };
}

/* A pending value of that key, or its deletion, is gone: it was applied. */
static bool was_pending(const struct conf_diff *d, const struct conf_change *c)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->v[i].section, "pending") && !d->v[i].new.p &&
		    (str_eq(d->v[i].key, c->key) ||
		     (!c->new.p &&str_eq(d->v[i].key, "delete"))))
			return true;
	return false;
}

static bool is_applied(const struct conf_diff *d, const struct conf_change *c)
{
	return str_eq(c->section, "pending") ? !c->new.p : was_pending(d, c);
}

static bool is_one_of(const char *keys, const char *key)
{
	struct span list = span_str(keys), k;
	uint32_t n;

	while (span_cut(&list, ' ', &k)) {
		_cleanup_free_ char *name = xstrndup(k.p, k.n);

		if (str_eq(name, "*") || str_eq(name, key) ||
		    pveconf_numbered(key, name, &n))
			return true;
	}
	return false;
}

bool conf_diff_by_task(const struct conf_diff *d, const char *type)
{
	static const struct {
		const char *type, *keys;
		bool applies; /* pending values */
	} tasks[] = {
		{ "resize", "rootfs mp lock", false },
		{ "move_volume", "rootfs mp unused lock", false },
		{ "vztemplate", "template rootfs mp unused lock", false },
		{ "vzclone", "lock", false },
		{ "vzmigrate", "rootfs mp unused lock", false },
		{ "vzdump", "lock", false },
		{ "vzdestroy", "lock", false },
		{ "vzstart", "lock", true },
		{ "vzreboot", "lock", true },
		{ "startall", "lock", true },
		{ "vzrollback", "*", false },
		{ "vzrestore", "*", false },
		{ "vzcreate", "*", false },
	};

	for (size_t t = 0; t < ARRAY_SIZE(tasks); t++) {
		if (!str_eq(tasks[t].type, type))
			continue;
		for (size_t i = 0; i < d->n; i++)
			if (!(tasks[t].applies && is_applied(d, &d->v[i])) &&
			    (*d->v[i].section || !is_one_of(tasks[t].keys, d->v[i].key)))
				return false;
		return d->n > 0;
	}
	return false;
}
