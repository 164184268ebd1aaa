/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"
#include "rule/shared.h"

/* What containers have in common, though each for itself is as it should be. */

#define NAMED 4

/* ---- ids ---- */

/* The kernel takes 340 lines for each of the two kinds: user_namespaces(7). */
#define MAX_RANGES 680

/* Ids of the node that are one container's. */
struct owned {
	const struct ct *ct;
	struct idrange r;
	const struct owned *with; /* of another container, and some ids in common */
};

struct owneds {
	struct owned *v;
	size_t n, cap;
	struct owned of_default[2]; /* of two containers; ct NULL: there is none */
};

static bool is_default(const struct idrange *r)
{
	return r->host >= IDRANGE_DEFAULT &&
	       r->host + r->n <= IDRANGE_DEFAULT + IDRANGE_DEFAULT_N;
}

/* A template never runs, and one that is being made or removed has no ids yet. */
static bool counts(const struct ct *ct)
{
	return ct->here && ct->conf && !ct_is_template(ct) && !rule_is_stub(ct);
}

/* The default, which is many containers': of two of them is enough to know. */
static void note_default(struct owneds *l, const struct ct *ct, const struct idrange *r)
{
	struct owned *o = &l->of_default[l->of_default[0].ct ? 1 : 0];

	if (!o->ct && l->of_default[0].ct != ct && r->host == IDRANGE_DEFAULT &&
	    r->n == IDRANGE_DEFAULT_N)
		*o = (struct owned){ ct, *r, NULL };
}

static void collect_ids(const struct facts *f, char type, struct owneds *ret)
{
	for (size_t i = 0; i < f->n_cts; i++) {
		_cleanup_(idranges_done) struct idranges r = { 0 };

		if (!counts(&f->cts[i]))
			continue;
		idranges_get_effective(&f->cts[i], &r);
		for (size_t k = 0; k < MIN(r.n, (size_t)MAX_RANGES); k++) {
			if (r.v[k].type != type)
				continue;
			if (is_default(&r.v[k])) {
				note_default(ret, &f->cts[i], &r.v[k]);
				continue;
			}
			GROW(ret->v, ret->n, ret->cap);
			ret->v[ret->n++] = (struct owned){ &f->cts[i], r.v[k], NULL };
		}
	}
}

static int cmp_owned(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	if (x->r.host != y->r.host)
		return x->r.host > y->r.host ? 1 : -1;
	return (x->ct->vmid > y->ct->vmid) - (x->ct->vmid < y->ct->vmid);
}

static uint64_t end_of(const struct owned *o)
{
	return o ? o->r.host + o->r.n : 0;
}

/*
 * Finds for each range one of another container that it meets, in one pass over them by
 * their first id: of what came before, the two of different containers that reach
 * farthest are enough to know.
 */
static void find_met(struct owneds *l)
{
	struct owned *far = NULL, *other = NULL; /* of another container than far */

	for (size_t i = 0; i < l->n; i++) {
		struct owned *o = &l->v[i], *met = far;

		if (met && met->ct == o->ct)
			met = other;
		if (met && end_of(met) > o->r.host) {
			o->with = met;
			met->with = met->with ? met->with : o;
		}
		if (end_of(o) > end_of(far)) {
			other = far && far->ct != o->ct ? far : other;
			far = o;
		} else if (far->ct != o->ct && end_of(o) > end_of(other)) {
			other = o;
		}
	}
}

/* A range of its own that reaches into the default, which another has. */
static void find_default(struct owneds *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct owned *o = &l->v[i];
		const struct owned *d = &l->of_default[0];

		d += d->ct == o->ct;
		if (!o->with && d->ct && o->r.host < end_of(d) && end_of(o) > d->r.host)
			o->with = d;
	}
}

static void tell_ids(const struct rule *rule, const struct owned *o, struct findings *out)
{
	const struct owned *w = o->with;
	uint64_t first = MAX(o->r.host, w->r.host), end = MIN(end_of(o), end_of(w));
	_cleanup_free_ char *to =
		end - first > 1 ? xasprintf("s %ju to %ju of the node are",
					    (uintmax_t)first, (uintmax_t)(end - 1))
				: xasprintf(" %ju of the node is", (uintmax_t)first);

	finding_add(out, rule, o->ct, o->r.line ? "lxc.idmap" : NULL, o->r.line,
		    o->r.line ? rule_fix_edit(o->ct, o->r.line,
					      "map it to ids that no other container has")
			      : NULL,
		    "%cid%s container %u's, too", o->r.type, to, w->ct->vmid);
}

static void ids_of(const struct rule *rule, const struct facts *f, char type,
		   struct findings *out)
{
	struct owneds l = { 0 };

	collect_ids(f, type, &l);
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), cmp_owned);
	find_met(&l);
	find_default(&l);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].with)
			tell_ids(rule, &l.v[i], out);
	free(l.v);
}

static void idmap_shared(const struct rule *rule, const struct rule_in *in,
			 struct findings *out)
{
	ids_of(rule, in->facts, 'u', out);
	ids_of(rule, in->facts, 'g', out);
}

const struct rule rule_idmap_shared = {
	.id = "idmap-shared",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "ids that are another container's, too",
	.why = "to the kernel they are the same users: who gets out of one container, or into a "
	       "directory that both have, is at home in the other",
	.check_all = idmap_shared,
};

static bool uses_default(const struct ct *ct)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	if (!counts(ct))
		return false;
	idranges_get_effective(ct, &r);
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].host < IDRANGE_DEFAULT + IDRANGE_DEFAULT_N &&
		    r.v[i].host + r.v[i].n > IDRANGE_DEFAULT)
			return true;
	return false;
}

static void idmap_default(const struct rule *rule, const struct rule_in *in,
			  struct findings *out)
{
	const struct facts *f = in->facts;
	struct shared_some some = { 0 };

	for (size_t i = 0; i < f->n_cts; i++)
		if (uses_default(&f->cts[i]))
			shared_some_add(&some, f->cts[i].vmid);
	if (some.n > 1)
		finding_add(
			out, rule, NULL, NULL, 0, NULL,
			"%zu containers have ids of PVE's default, 100000 to 165535: %s",
			some.n, shared_some_end(&some));
	shared_some_done(&some);
}

const struct rule rule_idmap_shared_default = {
	.id = "idmap-shared-default",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "containers that are the same users to the kernel",
	.why = "PVE gives every unprivileged container the same ids of the node: for tenants "
	       "that do not trust each other lxc.idmap with ranges of their own keeps them "
	       "apart also where one gets out of its container",
	.check_all = idmap_default,
};

void shared_some_add(struct shared_some *s, uint32_t vmid)
{
	if (s->n++ < NAMED)
		buf_addf(&s->text, "%s%u", s->n > 1 ? ", " : "", vmid);
}

const char *shared_some_end(struct shared_some *s)
{
	if (s->n > NAMED)
		buf_addf(&s->text, " and %zu more", s->n - NAMED);
	return buf_str(&s->text);
}

void shared_some_done(struct shared_some *s)
{
	buf_done(&s->text);
	*s = (struct shared_some){ 0 };
}

/* ---- bind mounts ---- */

/* mp0 to mp255, and as many raw lines; more is no container. */
#define MAX_MOUNTS 512

static int cmp_mount(const void *a, const void *b)
{
	const struct shared_mount *x = a, *y = b;
	int r = strcmp(x->source, y->source);

	if (r)
		return r;
	if (x->ct->vmid != y->ct->vmid)
		return x->ct->vmid > y->ct->vmid ? 1 : -1;
	return (x->line > y->line) - (x->line < y->line);
}

static void add_mounts(const struct ct *ct, bool root_only, struct shared_mounts *ret)
{
	_cleanup_(rule_binds_done) struct rule_binds b = { 0 };

	rule_binds_get(ct, &b);
	for (size_t i = 0; i < MIN(b.n, (size_t)MAX_MOUNTS); i++) {
		char *source;

		if (b.v[i].ro || str_starts(b.v[i].source, "/dev/") ||
		    (root_only && !idranges_has_root_at(ct, b.v[i].mp)))
			continue;
		source = rule_tidy(b.v[i].source);
		if (rule_is_socket(source)) {
			free(source);
			continue;
		}
		GROW(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = (struct shared_mount){ ct, xstrdup(b.v[i].key),
							  b.v[i].line, source };
	}
}

void shared_mounts_get(const struct facts *f, bool root_only, struct shared_mounts *ret)
{
	for (size_t i = 0; i < f->n_cts; i++)
		if (counts(&f->cts[i]))
			add_mounts(&f->cts[i], root_only, ret);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_mount);
}

void shared_mounts_done(struct shared_mounts *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].key);
		free(l->v[i].source);
	}
	free(l->v);
	*l = (struct shared_mounts){ 0 };
}

/* The first whose source is not before that text. */
static size_t lower_bound(const struct shared_mounts *l, struct span source)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strncmp(l->v[mid].source, source.p, source.n);

		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct shared_mount *of_other(const struct shared_mounts *l,
					   struct span source, const struct ct *but)
{
	for (size_t i = lower_bound(l, source);
	     i < l->n && strncmp(l->v[i].source, source.p, source.n) == 0; i++) {
		if (l->v[i].source[source.n])
			break; /* longer ones are behind those of that very text */
		if (l->v[i].ct != but)
			return &l->v[i];
	}
	return NULL;
}

const struct shared_mount *shared_mounts_above(const struct shared_mounts *l,
					       const char *path, const struct ct *but)
{
	struct span s = span_str(path);

	/* the path itself, then each directory on the way up to the root */
	while (s.n) {
		const struct shared_mount *m = of_other(l, s, but);

		if (m || s.n == 1)
			return m;
		while (s.n > 1 && s.p[s.n - 1] != '/')
			s.n--;
		s.n = s.n > 1 ? s.n - 1 : 1;
	}
	return NULL;
}

/* How many containers have that very source: the mounts from `i` on, up to *ret_end. */
static size_t same_source(const struct shared_mounts *l, size_t i, size_t *ret_end)
{
	const struct ct *last = NULL;
	size_t n = 0, k = i;

	for (; k < l->n && str_eq(l->v[k].source, l->v[i].source); k++) {
		n += l->v[k].ct != last;
		last = l->v[k].ct;
	}
	*ret_end = k;
	return n;
}

static void tell_same(const struct rule *rule, const struct shared_mounts *l,
		      size_t first, size_t end, struct findings *out)
{
	for (size_t i = first; i < end; i++) {
		struct shared_some some = { 0 };
		const struct ct *last = l->v[i].ct;

		for (size_t k = first; k < end; k++) {
			if (l->v[k].ct == l->v[i].ct || l->v[k].ct == last)
				continue;
			last = l->v[k].ct;
			shared_some_add(&some, last->vmid);
		}
		finding_add(out, rule, l->v[i].ct, l->v[i].key, l->v[i].line, NULL,
			    "%s of the node is mounted read-write in %s, too",
			    l->v[i].source, shared_some_end(&some));
		shared_some_done(&some);
	}
}

static void tell_inside(const struct rule *rule, const struct shared_mount *m,
			const struct shared_mount *above, struct findings *out)
{
	finding_add(out, rule, m->ct, m->key, m->line, NULL,
		    "%s of the node is in %s, which is mounted read-write in %u",
		    m->source, above->source, above->ct->vmid);
	finding_add(out, rule, above->ct, above->key, above->line, NULL,
		    "%s of the node, which is in it, is mounted read-write in %u, too",
		    m->source, m->ct->vmid);
}

/* One that is mounted from a directory of another's mount, whatever that is called. */
static void check_inside(const struct rule *rule, const struct shared_mounts *l,
			 const struct shared_mount *m, struct findings *out)
{
	_cleanup_free_ char *parent = xstrdup(m->source);
	char *slash = strrchr(parent, '/');
	const struct shared_mount *above;

	if (!slash || !slash[1])
		return; /* the root is in nothing */
	slash[slash == parent ? 1 : 0] = '\0';
	above = shared_mounts_above(l, parent, m->ct);
	if (above)
		tell_inside(rule, m, above, out);
}

static void bind_shared(const struct rule *rule, const struct rule_in *in,
			struct findings *out)
{
	_cleanup_(shared_mounts_done) struct shared_mounts l = { 0 };

	shared_mounts_get(in->facts, false, &l);
	for (size_t i = 0, end; i < l.n; i = end) {
		if (same_source(&l, i, &end) > 1)
			tell_same(rule, &l, i, end, out);
		for (size_t k = i; k < end; k++)
			check_inside(rule, &l, &l.v[k], out);
	}
}

const struct rule rule_bind_shared_rw = {
	.id = "bind-shared-rw",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "a directory that another container writes, too",
	.why = "what one of them puts there the other opens, links and device nodes among it: "
	       "who has one of the containers has a way to the other",
	.check_all = bind_shared,
};
