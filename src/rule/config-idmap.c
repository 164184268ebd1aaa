/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "rule/rule.h"

/* lxc.idmap: "u 0 100000 65536", type, first id inside, first id of the node, how many.
 */

/* Below are the node's own users; PVE's default range begins here. */
#define FIRST_GUEST_ID 100000
#define IDS            ((uint64_t)1 << 32)

struct range {
	char type;
	uint64_t ct, host, n;
	uint32_t line;
};

struct ranges {
	struct range *v;
	size_t n, cap;
};

static void ranges_done(struct ranges *r)
{
	free(r->v);
}

/* As LXC reads it: u or g and three numbers, nothing behind. Empty clears the list. */
static bool parse(const struct pveconf_lxc *l, struct range *ret)
{
	struct span s = span_of(l->value, l->value_n), f[4] = { 0 }, more;
	struct range r = { .line = l->line };

	for (size_t i = 0; i < 4; i++)
		if (!span_field(&s, &f[i]))
			return false;
	if (span_field(&s, &more) || f[0].n != 1 ||
	    (f[0].p[0] != 'u' && f[0].p[0] != 'g'))
		return false;
	r.type = f[0].p[0];
	if (num_parse_u64(f[1], &r.ct) < 0 || num_parse_u64(f[2], &r.host) < 0 ||
	    num_parse_u64(f[3], &r.n) < 0)
		return false;
	if (!r.n || r.n > IDS || r.ct >= IDS || r.host >= IDS || r.ct + r.n > IDS ||
	    r.host + r.n > IDS)
		return false;
	*ret = r;
	return true;
}

/* The ranges that count, malformed ones left out. */
static void get(const struct ct *ct, struct ranges *ret)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++) {
		struct range r;

		if (!str_eq(s->lxc[i].key, "lxc.idmap"))
			continue;
		if (!*s->lxc[i].value) {
			ret->n = 0;
			continue;
		}
		if (!parse(&s->lxc[i], &r))
			continue;
		GROW(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = r;
	}
}

static void malformed_line(const struct rule *rule, const struct ct *ct,
			   const struct pveconf_lxc *l, struct findings *out)
{
	struct range r;

	if (*l->value && !parse(l, &r))
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
	const struct range *x = a, *y = b;

	if (x->type != y->type)
		return x->type > y->type ? 1 : -1;
	return (x->ct > y->ct) - (x->ct < y->ct);
}

static int cmp_host(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->type != y->type)
		return x->type > y->type ? 1 : -1;
	return (x->host > y->host) - (x->host < y->host);
}

static void overlap(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(ranges_done) struct ranges r = { 0 };
	const struct range *v;

	get(ct, &r);
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

static bool maps_root(const struct ranges *r, char type)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type && r->v[i].ct == 0)
			return true;
	return false;
}

static void no_root(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(ranges_done) struct ranges r = { 0 };

	get(ct, &r);
	if (!r.n)
		return;
	for (const char *t = "ug"; *t; t++)
		if (!maps_root(&r, *t))
			finding_add(out, rule, ct, "lxc.idmap", r.v[0].line,
				    rule_fix_edit(ct, r.v[0].line,
						  *t == 'u' ? "add u 0 100000 65536"
							    : "add g 0 100000 65536"),
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
	_cleanup_(ranges_done) struct ranges r = { 0 };

	get(ct, &r);
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
	_cleanup_(ranges_done) struct ranges r = { 0 };

	get(ct, &r);
	for (size_t i = 0; i < r.n; i++) {
		const struct range *m = &r.v[i];
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
	.title = "users of the node are users inside",
	.why = "usual for a shared bind mount; but whoever is root inside can act as these "
	       "users of the node, and /etc/subuid and /etc/subgid must allow it",
	.check = host_ids,
};

static void custom(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	_cleanup_(ranges_done) struct ranges r = { 0 };

	get(ct, &r);
	if (r.n)
		finding_add(out, rule, ct, "lxc.idmap", r.v[0].line, NULL,
			    "%zu lxc.idmap lines in place of PVE's default", r.n);
}

const struct rule rule_idmap_custom = {
	.id = "idmap-custom",
	.severity = SEV_INFO,
	.title = "an id map of its own",
	.why = "the files of the container belong to other ids of the node than 100000 and up: "
	       "a restore or clone without the same lines has wrong owners",
	.check = custom,
};

static void without_unprivileged(const struct rule *rule, const struct ct *ct,
				 struct findings *out)
{
	_cleanup_(ranges_done) struct ranges r = { 0 };

	get(ct, &r);
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
