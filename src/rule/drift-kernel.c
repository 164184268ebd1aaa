/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctsec.h>
#include <inttypes.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/drift.h"

#define IDS ((uint64_t)1 << 32)

/* Ids: as a list that is sorted, and whose neighbours are one line. */

struct range {
	uint64_t inside, outside, count;
};

struct ranges {
	struct range *v;
	size_t n, cap;
};

static void ranges_done(struct ranges *r)
{
	free(r->v);
}

static void add(struct ranges *r, struct range x)
{
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = x;
}

static int cmp(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->inside > y->inside) - (x->inside < y->inside);
}

static void normalise(struct ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), cmp);
	for (size_t i = 0; i < r->n; i++) {
		struct range *last = n ? &r->v[n - 1] : NULL;

		if (last && last->inside + last->count == r->v[i].inside &&
		    last->outside + last->count == r->v[i].outside)
			last->count += r->v[i].count;
		else
			r->v[n++] = r->v[i];
	}
	r->n = n;
}

static bool is_equal(const struct ranges *a, const struct ranges *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

static char *ranges_text(char type, const struct ranges *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < r->n; i++)
		buf_addf(&b, "%s%c %" PRIu64 " %" PRIu64 " %" PRIu64, i ? ", " : "", type,
			 r->v[i].inside, r->v[i].outside, r->v[i].count);
	return b.n ? take_ptr(b.p) : NULL;
}

/* "u 0 100000 65536" of either type. False: it is none. */
static bool parse_line(const struct pveconf_lxc *l, char *ret_type, struct range *ret)
{
	struct span s = span_of(l->value, l->value_n), f[4] = { 0 };
	struct range r;

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (!span_field(&s, &f[i]))
			return false;
	if (f[0].n != 1 || num_parse_u64(f[1], &r.inside) < 0 ||
	    num_parse_u64(f[2], &r.outside) < 0 || num_parse_u64(f[3], &r.count) < 0 ||
	    r.inside >= IDS || r.outside >= IDS || r.count > IDS)
		return false;
	*ret_type = f[0].p[0];
	*ret = r;
	return *ret_type == 'u' || *ret_type == 'g';
}

/* What the config asks for; false: it cannot be told. */
static bool wanted(const struct drift_facts *f, char type, struct ranges *ret)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	bool own = false;

	if (drift_raw(f, "lxc.include"))
		return false; /* it may have lines of its own */
	for (size_t i = 0; i < s->n_lxc; i++) {
		struct range r;
		char t;

		if (!str_eq(s->lxc[i].key, "lxc.idmap"))
			continue;
		own = true;
		if (!parse_line(&s->lxc[i], &t, &r))
			return false;
		if (t == type)
			add(ret, r);
	}
	if (!own)
		add(ret, ct_is_unprivileged(f->ct) ? (struct range){ 0, 100000, 65536 }
						   : (struct range){ 0, 0, IDS - 1 });
	normalise(ret);
	return ret->n > 0;
}

static void ids(const struct drift_facts *f, char type, enum sec_got got,
		const struct idmap *map, struct drift *out)
{
	_cleanup_(ranges_done) struct ranges want = { 0 }, have = { 0 };
	const char *file = type == 'u' ? "uid_map" : "gid_map";

	if (got != SEC_GOT || !wanted(f, type, &want)) {
		drift_add_gap(out, "lxc.idmap",
			      "%s of init, or what is configured, is "
			      "not known",
			      file);
		return;
	}
	for (size_t i = 0; i < map->n; i++)
		add(&have, (struct range){ map->v[i].inside, map->v[i].outside,
					   map->v[i].count });
	normalise(&have);
	if (is_equal(&want, &have)) {
		drift_same(out);
		return;
	}
	/* the kernel takes a map once, and never another */
	drift_add(out, (struct drift_row){
			       .key = xstrdup("lxc.idmap"),
			       .configured = ranges_text(type, &want),
			       .running = ranges_text(type, &have),
			       .seen = xasprintf("%s of init (%d)", file,
						 (int)f->ct->init_pid),
			       .cause = DRIFT_EDITED,
			       .action = DRIFT_RESTART,
			       /* no fix: its files have the ids of before */
		       });
}

/* The name that LXC gives to the profile it makes for a container. */
static char *generated(uint32_t vmid)
{
	return xasprintf("lxc-%u_</var/lib/lxc>", vmid);
}

/* NULL: which it should be cannot be told. */
static char *profile_wanted(const struct drift_facts *f, uint32_t vmid)
{
	const struct pveconf_lxc *raw = drift_raw(f, "lxc.apparmor.profile");
	const char *own = raw ? raw->value : "generated";

	if (!raw && drift_start_known(f))
		own = lxcstart_last(f->start, "lxc.apparmor.profile", true);
	if (!own || !*own || str_eq(own, "unchanged") || drift_raw(f, "lxc.include"))
		return NULL;
	return str_eq(own, "generated") ? generated(vmid) : xstrdup(own);
}

static void apparmor(const struct drift_facts *f, struct drift *out)
{
	const struct sec_label *l = &f->sec->procs[0].label;
	_cleanup_free_ char *want = profile_wanted(f, out->vmid);

	if (l->got != SEC_GOT || l->mode == SEC_AA_UNKNOWN || !l->profile || !want) {
		drift_add_gap(out, "lxc.apparmor.profile",
			      "the profile of init, or which "
			      "it should be, is not known");
		return;
	}
	if (span_eq(span_of(l->profile, sec_profile_loaded_len(l->profile)), want)) {
		drift_same(out);
		return;
	}
	drift_add(out, (struct drift_row){
			       .key = xstrdup("lxc.apparmor.profile"),
			       .configured = take_ptr(want),
			       .running = xstrdup(l->profile),
			       .seen = xasprintf("AppArmor label of init (%d)",
						 (int)f->ct->init_pid),
			       .cause = DRIFT_UNSURE,
			       .action = DRIFT_RESTART,
			       .fix = xasprintf("pct reboot %u", out->vmid),
		       });
}

bool drift_ids_known(const struct drift_facts *f)
{
	return f->sec && f->sec->n_procs && f->sec->uid_got == SEC_GOT &&
	       f->sec->gid_got == SEC_GOT;
}

void drift_kernel(const struct drift_facts *f, struct drift *out)
{
	if (!f->sec || !f->sec->n_procs) {
		drift_add_gap(out, "init", "%s",
			      f->sec && f->sec->error ? f->sec->error
						      : "init is not looked at");
		return;
	}
	ids(f, 'u', f->sec->uid_got, &f->sec->uids, out);
	ids(f, 'g', f->sec->gid_got, &f->sec->gids, out);
	apparmor(f, out);
}
