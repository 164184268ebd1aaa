/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"
#include "rule/rule.h"

/* Own id maps; what several containers share is in config-shared.c. */

/* Below are the node's own users; PVE's default range begins here. */
#define FIRST_GUEST_ID IDRANGE_DEFAULT

static const char pve_reads[] =
	"LXC takes the quotes off, but PVE reads the maps, too, and does not: \"failed to "
	"parse idmap\" ends every backup, and a start that has files to prepare inside";

static void malformed_line(const struct rule *rule, const struct ct *ct,
			   const struct pveconf_lxc *l, struct findings *out)
{
	struct idrange r;

	if (l->quote) {
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, "write it without the quotes"),
			    "lxc.idmap: %c%s%c", l->quote, l->value, l->quote);
		finding_amend(out, SEV_ERROR, pve_reads);
		return;
	}
	if (*l->value && !idrange_parse(l, &r))
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, "write it as u 0 100000 65536"),
			    "lxc.idmap: %s", l->value);
}

static void malformed(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.idmap", malformed_line, out);
}

const struct rule rule_idmap_malformed = {
	.id = "idmap-malformed",
	.severity = SEV_ERROR,
	.title = "an id map that LXC cannot read",
	.why = "expected: u or g, first id inside, first id of the node, how many; LXC "
	       "refuses the whole configuration, the container does not start",
	.check = malformed,
};

static int cmp_ct(const void *a, const void *b)
{
	const struct idrange *x = a, *y = b;

	if (x->type != y->type)
		return x->type > y->type ? 1 : -1;
	return (x->ct > y->ct) - (x->ct < y->ct);
}

static int cmp_host(const void *a, const void *b)
{
	const struct idrange *x = a, *y = b;

	if (x->type != y->type)
		return x->type > y->type ? 1 : -1;
	return (x->host > y->host) - (x->host < y->host);
}

static void overlap(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };
	const struct idrange *v;

	idranges_get(ct, &r);
	if (r.n < 2)
		return;
	v = r.v;
	qsort(r.v, r.n, sizeof(*r.v), cmp_ct);
	for (size_t i = 1; i < r.n; i++)
		if (v[i - 1].type == v[i].type && v[i - 1].ct + v[i - 1].n > v[i].ct)
			finding_add(
				out, rule, ct, "lxc.idmap", v[i].line,
				rule_fix_edit(ct, v[i].line, "make the ranges disjoint"),
				"%cids inside from %ju are mapped by lines %u and %u",
				v[i].type, (uintmax_t)v[i].ct, v[i - 1].line, v[i].line);
	qsort(r.v, r.n, sizeof(*r.v), cmp_host);
	for (size_t i = 1; i < r.n; i++)
		if (v[i - 1].type == v[i].type && v[i - 1].host + v[i - 1].n > v[i].host)
			finding_add(
				out, rule, ct, "lxc.idmap", v[i].line,
				rule_fix_edit(ct, v[i].line, "make the ranges disjoint"),
				"%cids of the node from %ju are given by lines %u and %u",
				v[i].type, (uintmax_t)v[i].host, v[i - 1].line,
				v[i].line);
}

const struct rule rule_idmap_overlap = {
	.id = "idmap-overlap",
	.severity = SEV_ERROR,
	.title = "ranges that overlap",
	.why = "the kernel refuses such a map: the container does not start",
	.check = overlap,
};

static bool maps_root(const struct idranges *r, char type)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type && r->v[i].ct == 0)
			return true;
	return false;
}

static void no_root(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get(ct, &r);
	if (!r.n)
		return;
	for (const char *t = "ug"; *t; t++)
		if (!maps_root(&r, *t))
			finding_add(out, rule, ct, "lxc.idmap", r.v[0].line,
				    rule_fix_edit(ct, r.v[0].line,
						  "map id 0, too, and no id twice"),
				    "%cid 0 of the container is mapped to nothing", *t);
}

const struct rule rule_idmap_no_root = {
	.id = "idmap-no-root",
	.severity = SEV_ERROR,
	.title = "root of the container is nobody",
	.why = "own lxc.idmap lines replace PVE's default wholly; without an id 0 inside the "
	       "container does not start",
	.check = no_root,
};

static void host_root(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get(ct, &r);
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].host == 0)
			finding_add(out, rule, ct, "lxc.idmap", r.v[i].line,
				    rule_fix_edit(ct, r.v[i].line,
						  "map it to an id from 100000 up"),
				    "%cid %ju of the container is %cid 0 of the node",
				    r.v[i].type, (uintmax_t)r.v[i].ct, r.v[i].type);
}

const struct rule rule_idmap_host_root = {
	.id = "idmap-host-root",
	.severity = SEV_ERROR,
	.title = "root of the node is a user inside",
	.why = "that user owns root's files in everything that is mounted into the "
	       "container, and what escapes is root",
	.check = host_root,
};

/* "uid 5", "gids 5 to 9" */
static char *ids(char type, uint64_t first, uint64_t n)
{
	if (n == 1)
		return xasprintf("%cid %ju", type, (uintmax_t)first);
	return xasprintf("%cids %ju to %ju", type, (uintmax_t)first,
			 (uintmax_t)(first + n - 1));
}

static void host_ids(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get(ct, &r);
	for (size_t i = 0; i < r.n; i++) {
		const struct idrange *m = &r.v[i];
		_cleanup_free_ char *node = NULL, *inside = NULL;

		if (m->host == 0 || m->host >= FIRST_GUEST_ID)
			continue;
		node = ids(m->type, m->host, m->n);
		inside = ids(m->type, m->ct, m->n);
		finding_add(out, rule, ct, "lxc.idmap", m->line, NULL,
			    "%s of the node %s %s inside", node, m->n > 1 ? "are" : "is",
			    inside);
	}
}

const struct rule rule_idmap_host_ids = {
	.id = "idmap-host-ids",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "users of the node are users inside",
	.why = "usual for a shared bind mount; but whoever is root inside can act as these "
	       "users of the node, and /etc/subuid and /etc/subgid must allow it",
	.check = host_ids,
};

/* The two lines that PVE writes itself where there is none. */
static bool is_default(const struct idranges *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].ct || r->v[i].host != IDRANGE_DEFAULT ||
		    r->v[i].n != IDRANGE_DEFAULT_N)
			return false;
	return r->n == 2 && r->v[0].type != r->v[1].type;
}

static void custom(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get(ct, &r);
	if (r.n && !is_default(&r))
		finding_add(out, rule, ct, "lxc.idmap", r.v[0].line, NULL,
			    "%zu lxc.idmap lines in place of PVE's default", r.n);
}

const struct rule rule_idmap_custom = {
	.id = "idmap-custom",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "an id map of its own",
	.why = "the files of the container belong to other ids of the node than 100000 and up: "
	       "a restore or clone without the same lines has wrong owners",
	.check = custom,
};

static void without_unprivileged(const struct rule *rule, const struct ct *ct,
				 struct findings *out)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get(ct, &r);
	if (r.n && !pveconf_bool(&ct->conf->main, "unprivileged", false))
		finding_add(out, rule, ct, "lxc.idmap", r.v[0].line, NULL,
			    "lxc.idmap without unprivileged: 1");
}

const struct rule rule_idmap_without_unprivileged = {
	.id = "idmap-without-unprivileged",
	.severity = SEV_WARN,
	.title = "unprivileged, but PVE does not say so",
	.why = "it starts as an unprivileged container, but without the seccomp rules and the "
	       "/sys that PVE gives those, and the GUI shows it as privileged",
	.check = without_unprivileged,
};

static void cleared(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, "lxc.idmap");

	if (l && !*l->value)
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, "remove it"),
			    "lxc.idmap is empty: there is no map, root inside is root of "
			    "the node%s",
			    pveconf_bool(&ct->conf->main, "unprivileged", false)
				    ? ", whatever unprivileged: 1 says"
				    : "");
}

const struct rule rule_idmap_cleared = {
	.id = "idmap-cleared",
	.severity = SEV_ERROR,
	.title = "the id map cleared",
	.why = "an empty value takes away every map before it, and PVE adds its own only where "
	       "there is no lxc.idmap line at all: where it starts, it is privileged, without "
	       "what LXC takes from those, and is shown as unprivileged",
	.check = cleared,
};
