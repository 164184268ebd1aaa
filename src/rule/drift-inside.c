/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/str.h"
#include "rule/drift.h"

/*
 * What PVE and LXC set inside at a start and the guest may have changed since: its host
 * name (the UTS namespace of init) and its resolver.
 */
static struct span span_bytes(struct tbytes t)
{
	return span_of((const char *)t.p, t.n);
}

/* PVE writes no files of a guest that it does not know. */
static bool is_on_its_own(const struct drift_facts *f)
{
	const char *type = pveconf_str(&f->ct->conf->main, "ostype");

	return !type || str_eq(type, "unmanaged") || str_eq(type, "nixos");
}

/* ---- host name ---------------------------------------------------------------------- */

/* LXC sets all of it; the guest's own /etc/hostname has the first part. */
static bool is_called(struct span have, const char *want)
{
	struct span all = span_str(want), first;

	return span_eq(have, want) || (span_cut(&all, '.', &first) && first.n == have.n &&
				       !memcmp(first.p, have.p, have.n));
}

static void hostname_differs(const struct drift_facts *f, const char *want,
			     const char *start, struct drift *out)
{
	struct span have = span_bytes(f->uts);
	enum drift_cause cause = DRIFT_UNSURE;

	if (start)
		cause = is_called(have, start) ? DRIFT_EDITED : DRIFT_CHANGED;
	if (cause != DRIFT_EDITED && is_on_its_own(f)) {
		drift_add_gap(out, "hostname",
			      "it calls itself \"%.*s\", and PVE leaves that to a guest "
			      "of its ostype",
			      (int)have.n, have.p);
		return;
	}
	drift_add(out, (struct drift_row){
			       .key = xstrdup("hostname"),
			       .configured = xstrdup(want),
			       .running = span_dup(have),
			       .seen = xasprintf("UTS namespace of init (%d)",
						 (int)f->ct->init_pid),
			       .cause = cause,
			       .action = DRIFT_RESTART,
			       .fix = cause == DRIFT_EDITED
					      ? xasprintf("pct reboot %u", out->vmid)
					      : NULL,
		       });
}

static void hostname(const struct drift_facts *f, struct drift *out)
{
	const char *want = pveconf_str(&f->ct->conf->main, "hostname"), *start = NULL;
	const struct pveconf_lxc *raw = drift_raw(f, "lxc.uts.name");
	_cleanup_free_ char *number = xasprintf("CT%u", out->vmid);

	if (raw)
		return; /* it is compared as the raw line that it is */
	if (!want || !*want)
		want = number;
	if (drift_start_known(f))
		start = lxcstart_last(f->start, "lxc.uts.name", true);
	if (f->uts.p && is_called(span_bytes(f->uts), want))
		drift_same(out);
	else if (f->uts.p)
		hostname_differs(f, want, start, out);
	else if (start && str_eq(start, want))
		drift_same(out);
	else
		drift_add_gap(out, "hostname", "what it is called inside is not known");
}

/* ---- resolver ----------------------------------------------------------------------- */

/* "192.0.2.53, 192.0.2.54" of a value of the config, whichever way it is parted. */
static char *want_text(const char *value)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span list = span_str(value), part;

	while (span_list(&list, &part)) {
		if (b.n)
			buf_adds(&b, " ");
		buf_add(&b, part.p, part.n);
	}
	return b.n ? take_ptr(b.p) : NULL;
}

static char *have_text(const struct guestnet_list *l)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		if (b.n)
			buf_adds(&b, " ");
		buf_add(&b, (const char *)l->v[i].p, l->v[i].n);
	}
	return b.n ? take_ptr(b.p) : NULL;
}

static void dns_list(const struct drift_facts *f, const char *key,
		     const struct guestnet_list *l, struct drift *out)
{
	const char *value = pveconf_str(&f->ct->conf->main, key);
	_cleanup_free_ char *want = value ? want_text(value) : NULL;
	_cleanup_free_ char *have = have_text(l);

	if (!want)
		return; /* then PVE gives it the node's own, as they were at the start */
	if (str_eq(want, have) && !l->more) {
		drift_same(out);
		return;
	}
	if (!f->dns->marked || l->more) {
		drift_add_gap(out, key, "its /etc/resolv.conf is not PVE's");
		return;
	}
	drift_add(out, (struct drift_row){
			       .key = xstrdup(key),
			       .configured = take_ptr(want),
			       .running = take_ptr(have),
			       .seen = xstrdup("PVE's part of /etc/resolv.conf inside"),
			       .cause = DRIFT_UNSURE,
			       .action = DRIFT_RESTART,
			       .fix = xasprintf("pct reboot %u", out->vmid),
		       });
}

static void dns(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;

	if (is_on_its_own(f) ||
	    (!pveconf_item(s, "nameserver") && !pveconf_item(s, "searchdomain")))
		return;
	if (!f->dns || f->dns->why) {
		drift_add_gap(out, "nameserver", "%s",
			      f->dns ? f->dns->why : "/etc/resolv.conf is not looked at");
		return;
	}
	dns_list(f, "nameserver", &f->dns->resolver.nameservers, out);
	dns_list(f, "searchdomain", &f->dns->resolver.search, out);
}

void drift_inside(const struct drift_facts *f, struct drift *out)
{
	hostname(f, out);
	dns(f, out);
}
