/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pools.h"

#include "base/num.h"
#include "base/str.h"
#include "read/sectionconf.h"

/* A line `pool:...`, or a pool that a nested one implies (line 0). */
struct rec {
	struct span name, comment;
	struct strv storages;
	uint32_t order;
	uint32_t pool; /* its index in the result */
};

struct claim {
	uint32_t vmid, rec, order, line;
};

struct builder {
	struct pools pools;
	struct rec *recs;
	size_t n_recs, cap_recs;
	struct claim *claims;
	size_t n_claims, cap_claims;
};

static void builder_done(struct builder *b)
{
	for (size_t i = 0; i < b->n_recs; i++)
		strv_done(&b->recs[i].storages);
	free(b->recs);
	free(b->claims);
	pools_done(&b->pools);
}

/* Up to three names of [A-Za-z0-9._-] between slashes. */
static bool name_ok(struct span s)
{
	size_t levels = 1, len = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '/') {
			if (!len || ++levels > 3)
				return false;
			len = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
			return false;
		len++;
	}
	return len > 0 && !span_eq(s, "0"); /* which Perl takes for none */
}

static struct rec *add_rec(struct builder *b, struct span name)
{
	struct rec *r;

	GROW(b->recs, b->n_recs, b->cap_recs);
	r = &b->recs[b->n_recs];
	*r = (struct rec){ .name = name, .order = (uint32_t)b->n_recs };
	b->n_recs++;
	return r;
}

static void add_parents(struct builder *b, struct span name)
{
	const char *slash;

	while ((slash = memrchr(name.p, '/', name.n))) {
		name.n = (size_t)(slash - name.p);
		add_rec(b, name);
	}
}

static void add_claims(struct builder *b, uint32_t rec, struct span list, uint32_t line)
{
	struct span item;

	while (span_list(&list, &item)) {
		struct claim c = { .rec = rec, .line = line };

		if (num_parse_u32(item, &c.vmid) < 0) {
			warns_add(&b->pools.warns, line, "\"%.*s\" is no id of a guest",
				  (int)MIN(item.n, 40), item.p);
			continue;
		}
		c.order = (uint32_t)b->n_claims;
		GROW(b->claims, b->n_claims, b->cap_claims);
		b->claims[b->n_claims++] = c;
	}
}

static void pool_line(struct builder *b, struct span line, uint32_t no)
{
	struct span f[4] = { { 0 } }, item; /* name, comment, guests, storages */
	struct rec *r;

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (span_cut(&line, ':', &f[i]))
			f[i] = span_trim(f[i]);
	if (!name_ok(f[0])) {
		warns_add(&b->pools.warns, no, "\"%.*s\" is no name of a pool",
			  (int)MIN(f[0].n, 80), f[0].n ? f[0].p : "");
		return;
	}
	add_parents(b, f[0]);
	r = add_rec(b, f[0]);
	r->comment = f[1];
	while (span_list(&f[3], &item))
		strv_addn(&r->storages, item.p, item.n);
	add_claims(b, r->order, f[2], no);
}

static int cmp_rec(const void *a, const void *b)
{
	const struct rec *x = a, *y = b;
	size_t n = MIN(x->name.n, y->name.n);
	int r = memcmp(x->name.p, y->name.p, n);

	if (r)
		return r;
	if (x->name.n != y->name.n)
		return x->name.n < y->name.n ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int cmp_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->vmid != y->vmid)
		return x->vmid < y->vmid ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void merge_rec(struct pool *p, struct rec *r)
{
	if (r->comment.n && !span_eq(r->comment, "0")) { /* Perl's idea of nothing */
		struct buf b = { 0 };

		buf_add_urldecoded(&b, r->comment.p, r->comment.n);
		free(p->comment);
		p->comment = b.p;
	}
	if (!r->storages.n)
		return;
	p->storages = xreallocarray(p->storages, p->n_storages + r->storages.n,
				    sizeof(*p->storages));
	memcpy(p->storages + p->n_storages, r->storages.v,
	       r->storages.n * sizeof(*p->storages));
	p->n_storages += r->storages.n;
	free(r->storages.v);
	r->storages = (struct strv){ 0 };
}

/* Lines of the same name are one pool. *pool_of: by the order of the lines. */
static void merge_recs(struct builder *b, uint32_t *pool_of)
{
	struct pools *ps = &b->pools;

	if (b->n_recs)
		qsort(b->recs, b->n_recs, sizeof(*b->recs), cmp_rec);
	ps->v = xcalloc(b->n_recs, sizeof(*ps->v));
	for (size_t i = 0; i < b->n_recs; i++) {
		struct rec *r = &b->recs[i];
		struct pool *last = ps->n ? &ps->v[ps->n - 1] : NULL;

		if (!last || !span_eq(r->name, last->name)) {
			last = &ps->v[ps->n++];
			last->name = span_dup(r->name);
		}
		merge_rec(last, r);
		pool_of[r->order] = (uint32_t)(ps->n - 1);
	}
}

static void settle_claims(struct builder *b, const uint32_t *pool_of)
{
	struct pools *ps = &b->pools;

	if (b->n_claims)
		qsort(b->claims, b->n_claims, sizeof(*b->claims), cmp_claim);
	ps->members = xcalloc(b->n_claims, sizeof(*ps->members));
	for (size_t i = 0; i < b->n_claims; i++) {
		const struct claim *c = &b->claims[i];
		uint32_t pool = pool_of[c->rec];

		if (ps->n_members && ps->members[ps->n_members - 1].vmid == c->vmid) {
			warns_add(&ps->warns, c->line,
				  "guest %u is in pool %s already: ignored", c->vmid,
				  ps->v[ps->members[ps->n_members - 1].pool].name);
			continue;
		}
		ps->members[ps->n_members++] =
			(struct pool_member){ .vmid = c->vmid, .pool = pool };
		ps->v[pool].n_vmids++;
	}
}

static void fill_vmids(struct pools *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		ps->v[i].vmids = xcalloc(ps->v[i].n_vmids, sizeof(*ps->v[i].vmids));
		ps->v[i].n_vmids = 0;
	}
	for (size_t i = 0; i < ps->n_members; i++) {
		struct pool *p = &ps->v[ps->members[i].pool];

		p->vmids[p->n_vmids++] = ps->members[i].vmid;
	}
}

int pools_parse(const char *p, size_t n, struct pools *ret, struct err *err)
{
	_cleanup_(builder_done) struct builder b = { 0 };
	struct span text = span_of(p, n), line, kind;
	_cleanup_free_ uint32_t *pool_of = NULL;
	uint32_t no = 0;

	if (n > SECTIONCONF_MAX_BYTES)
		return err_set(err, -EFBIG, "user.cfg: more than %zu bytes",
			       SECTIONCONF_MAX_BYTES);
	while (span_line(&text, &line)) {
		no++;
		line = span_trim(line);
		if (span_cut(&line, ':', &kind) && span_eq(span_trim(kind), "pool"))
			pool_line(&b, line, no);
	}
	pool_of = xcalloc(b.n_recs, sizeof(*pool_of));
	merge_recs(&b, pool_of);
	settle_claims(&b, pool_of);
	fill_vmids(&b.pools);
	*ret = b.pools;
	b.pools = (struct pools){ 0 };
	return 0;
}
