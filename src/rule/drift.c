/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/drift.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

void drift_same(struct drift *out)
{
	out->n_compared++;
}

void drift_add(struct drift *out, struct drift_row row)
{
	GROW(out->v, out->n, out->cap);
	out->v[out->n++] = row;
	out->n_compared++;
}

void drift_add_gap(struct drift *out, const char *key, const char *fmt, ...)
{
	va_list ap;

	GROW(out->gaps, out->n_gaps, out->cap_gaps);
	va_start(ap, fmt);
	out->gaps[out->n_gaps++] =
		(struct drift_gap){ .key = xstrdup(key), .why = xvasprintf(fmt, ap) };
	va_end(ap);
}

bool drift_start_known(const struct drift_facts *f)
{
	return f->start && f->start->of_start && f->start->n_own;
}

const struct pveconf_lxc *drift_raw(const struct drift_facts *f, const char *key)
{
	const struct pveconf_section *s = &f->ct->conf->main;

	for (size_t i = s->n_lxc; i-- > 0;)
		if (str_eq(s->lxc[i].key, key))
			return &s->lxc[i];
	return NULL;
}

bool drift_is_common(const struct drift_facts *f, const char *key)
{
	if (drift_raw(f, "lxc.include"))
		return true;
	for (size_t i = 0; i < f->n_common; i++)
		if (str_eq(f->common[i], key))
			return true;
	return false;
}

/* What a `pct set` may leave pending and no running container is different by. */
static bool is_idle_key(const char *key)
{
	static const char *const keys[] = { "description", "hookscript", "lock",
					    "onboot",      "parent",     "protection",
					    "startup",     "tags" };
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_eq(key, keys[i]))
			return true;
	return pveconf_numbered(key, "unused", &n);
}

static char *value_of(const struct pveconf_item *i)
{
	return i ? xstrndup(i->value, i->value_n) : NULL;
}

static void add_pending(struct drift *out, uint32_t vmid, const char *key,
			char *configured, const struct pveconf_item *now)
{
	drift_add(out, (struct drift_row){
			       .key = xstrdup(key),
			       .configured = configured,
			       .running = value_of(now),
			       .seen = xasprintf("[pve:pending] of %u.conf", vmid),
			       .cause = DRIFT_PENDING,
			       .action = DRIFT_RESTART,
			       .fix = xasprintf("pct reboot %u", vmid),
		       });
}

/* A value that is pending and the same as the live one changes nothing. */
void drift_pending(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf *c = f->ct->conf;

	if (!c->has_pending)
		return;
	for (size_t i = 0; i < c->pending.n_items; i++) {
		const struct pveconf_item *to = &c->pending.items[i];
		const struct pveconf_item *now = pveconf_item(&c->main, to->key);

		if (str_eq(to->key, "delete") || is_idle_key(to->key) ||
		    (now && now->value_n == to->value_n &&
		     memcmp(now->value, to->value, to->value_n) == 0))
			continue;
		add_pending(out, out->vmid, to->key, value_of(to), now);
	}
	for (size_t i = 0; i < f->n_deletes; i++) {
		const char *key = f->deletes[i].key;
		const struct pveconf_item *now = pveconf_item(&c->main, key);

		if (now && !is_idle_key(key))
			add_pending(out, out->vmid, key, NULL, now);
	}
}

#define SETTLE_SEC 3 /* LXC and PVE are still at work on one that has just started */

static bool is_comparable(const struct ct *ct, struct drift *d)
{
	if (ct->conf->dies_line) {
		drift_add_gap(d, "config", "PVE cannot read it");
		return false;
	}
	if (ct->uptime_sec.kind == VAL_SET && ct->uptime_sec.n < SETTLE_SEC) {
		drift_add_gap(d, "start", "it has only now started");
		return false;
	}
	return true;
}

void drift_check(const struct drift_facts *f, struct drift *ret)
{
	const struct ct *ct = f->ct;
	struct drift d = {
		.vmid = ct->vmid,
		.name = ct->name,
		.status = ct_state_name(ct->state),
	};

	d.running = ct->init_pid && ct->conf;
	if (d.running && is_comparable(ct, &d)) {
		drift_pending(f, &d);
		drift_limits(f, &d);
		drift_kernel(f, &d);
		drift_net(f, &d);
		drift_mounts(f, &d);
		drift_devices(f, &d);
		drift_inside(f, &d);
		drift_started(f, &d);
	}
	*ret = d;
}
