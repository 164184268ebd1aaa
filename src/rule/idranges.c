/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"

#include "base/num.h"

#define IDS ((uint64_t)1 << 32)

bool idrange_parse(const struct pveconf_lxc *l, struct idrange *ret)
{
	struct span s = span_of(l->value, l->value_n), f[4] = { 0 }, more;
	struct idrange r = { .line = l->line };

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

static void add(struct idranges *r, struct idrange range)
{
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = range;
}

/* Whether there is any such line at all. */
static bool get(const struct pveconf_section *s, struct idranges *ret)
{
	bool any = false;

	for (size_t i = 0; i < s->n_lxc; i++) {
		struct idrange r;

		if (!str_eq(s->lxc[i].key, "lxc.idmap"))
			continue;
		any = true;
		if (!*s->lxc[i].value)
			ret->n = 0;
		else if (idrange_parse(&s->lxc[i], &r))
			add(ret, r);
	}
	return any;
}

void idranges_get(const struct ct *ct, struct idranges *ret)
{
	get(&ct->conf->main, ret);
}

void idranges_get_effective(const struct ct *ct, struct idranges *ret)
{
	const struct pveconf_section *s = &ct->conf->main;
	struct idrange r = { .host = IDRANGE_DEFAULT, .n = IDRANGE_DEFAULT_N };

	if (get(s, ret) || !pveconf_bool(s, "unprivileged", false))
		return;
	for (const char *t = "ug"; *t; t++) {
		r.type = *t;
		add(ret, r);
	}
}

bool idranges_have(const struct idranges *r, char type, uint64_t host)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type && host >= r->v[i].host &&
		    host - r->v[i].host < r->v[i].n)
			return true;
	return false;
}

bool idranges_has_root(const struct ct *ct)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	idranges_get_effective(ct, &r);
	return !r.n || idranges_have(&r, 'u', 0);
}

bool idranges_has_root_at(const struct ct *ct, const struct pve_mp *mp)
{
	if (mp && mp->idmap_passthrough)
		return true;
	for (size_t i = 0; mp && i < mp->n_idmap; i++)
		if (mp->idmap[i].type == 'u' && mp->idmap[i].disk == 0 &&
		    mp->idmap[i].count)
			return true;
	return idranges_has_root(ct);
}

void idranges_done(struct idranges *r)
{
	free(r->v);
	*r = (struct idranges){ 0 };
}
