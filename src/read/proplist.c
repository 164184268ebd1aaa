/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/proplist.h"

#include "base/num.h"

/* Perl-ish numbers as PVE's schema takes them. */
static bool is_integer(struct span v)
{
	if (v.n && (v.p[0] == '+' || v.p[0] == '-'))
		v = span_of(v.p + 1, v.n - 1);
	return span_is_digits(v);
}

static bool is_real(struct span v)
{
	size_t digits;
	struct span rest;

	if (v.n && (v.p[0] == '+' || v.p[0] == '-'))
		v = span_of(v.p + 1, v.n - 1);
	rest = span_after_digits(v);
	digits = v.n - rest.n;
	if (rest.n && rest.p[0] == '.') {
		v = span_of(rest.p + 1, rest.n - 1);
		rest = span_after_digits(v);
		digits += v.n - rest.n;
	}
	if (!digits)
		return false;
	if (rest.n && (rest.p[0] == 'e' || rest.p[0] == 'E'))
		return is_integer(span_of(rest.p + 1, rest.n - 1));
	return !rest.n;
}

/* A key of the string that the schema does not have. */
struct unknown {
	struct span key;
	size_t at; /* which part of the string */
};

struct unknowns {
	struct unknown *v;
	size_t n, cap;
};

static void unknowns_done(struct unknowns *u)
{
	free(u->v);
}

static int cmp_span(struct span a, struct span b)
{
	size_t n = MIN(a.n, b.n);
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

static int cmp_unknown(const void *a, const void *b)
{
	const struct unknown *x = a, *y = b;
	int r = cmp_span(x->key, y->key);

	return r ? r : (x->at > y->at) - (x->at < y->at);
}

/* The first part that repeats an unknown key; NULL: none does. Sorts the list. */
static const struct unknown *first_repeat(struct unknowns *u)
{
	const struct unknown *first = NULL;

	if (u->n)
		qsort(u->v, u->n, sizeof(*u->v), cmp_unknown);
	for (size_t i = 1; i < u->n; i++)
		if (cmp_span(u->v[i - 1].key, u->v[i].key) == 0 &&
		    (!first || u->v[i].at < first->at))
			first = &u->v[i];
	return first;
}

static size_t find_key(const struct prop_schema *s, struct span key)
{
	for (size_t i = 0; i < s->n; i++)
		if (key.p[0] == s->v[i].key[0] && span_eq(key, s->v[i].key))
			return i;
	return SIZE_MAX;
}

static size_t default_key(const struct prop_schema *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].is_default)
			return i;
	return SIZE_MAX;
}

static void keep(const struct prop_schema *s, struct prop_found *f, size_t i,
		 struct span v)
{
	if (!f->v[i].p)
		f->order[f->n++] = i;
	f->v[i] = v;
	f->is_bool[i] = s->v[i].type == PROP_BOOL && pve_is_bool(v, &f->on[i]);
}

/* What is wrong with one part of the string, apart from repeated unknown keys. */
struct refusal {
	const char *sentence;
	struct span key;
};

static bool take_keyed(const struct prop_schema *s, struct span key, struct span v,
		       size_t at, struct prop_found *f, struct unknowns *u,
		       struct refusal *no)
{
	size_t i = find_key(s, key);

	if (i == SIZE_MAX) {
		GROW(u->v, u->n, u->cap);
		u->v[u->n++] = (struct unknown){ key, at };
		return true;
	}
	if (f->v[i].p) {
		*no = (struct refusal){
			"duplicate key in comma-separated list property: ", key
		};
		return false;
	}
	keep(s, f, i, v);
	return true;
}

static bool take_bare(const struct prop_schema *s, struct span v, bool *had,
		      struct prop_found *f, struct refusal *no)
{
	size_t i = default_key(s);

	if (i == SIZE_MAX) {
		*no = (struct refusal){
			"value without key, but schema does not define a default key",
			{ 0 }
		};
		return false;
	}
	/* a value "0" that is already there counts as none: Perl's idea of false */
	if (*had || (f->v[i].p && !span_eq(f->v[i], "0"))) {
		*no = (struct refusal){
			"duplicate key in comma-separated list property: ",
			span_str(s->v[i].key)
		};
		return false;
	}
	*had = true;
	keep(s, f, i, v);
	return true;
}

static bool is_blank_part(struct span v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!pve_is_space(v.p[i]))
			return false;
	return true;
}

static bool take_part(const struct prop_schema *s, struct span part, size_t at, bool *had,
		      struct prop_found *f, struct unknowns *u, struct refusal *no)
{
	const char *eq = part.n ? memchr(part.p, '=', part.n) : NULL;
	size_t n = eq ? (size_t)(eq - part.p) : 0;

	if (is_blank_part(part))
		return true;
	if (!eq)
		return take_bare(s, part, had, f, no);
	if (n && n + 1 < part.n)
		return take_keyed(s, span_of(part.p, n), span_of(eq + 1, part.n - n - 1),
				  at, f, u, no);
	*no = (struct refusal){ "missing key in comma-separated list property", { 0 } };
	return false;
}

static int split(const struct prop_schema *s, struct span value, struct prop_found *f,
		 struct unknowns *u, struct buf *why)
{
	struct refusal no = { 0 };
	const struct unknown *again;
	struct span part;
	bool had = false, ok = true;
	size_t at = 0;

	while (ok && span_cut(&value, ',', &part))
		ok = take_part(s, part, at++, &had, f, u, &no);
	again = first_repeat(u);
	if (again) { /* PVE stops at the first wrong part: it came before `no` did */
		no = (struct refusal){ "duplicate key in comma-separated list property: ",
				       again->key };
		ok = false;
	}
	if (ok)
		return 0;
	if (why) {
		buf_adds(why, no.sentence);
		if (no.key.n)
			buf_add(why, no.key.p, no.key.n);
	}
	return -EINVAL;
}

static int wrong_type(struct buf *why, const char *type, struct span v)
{
	buf_addf(why, "type check ('%s') failed - got '", type);
	buf_add(why, v.p, v.n);
	buf_addc(why, '\'');
	return -EINVAL;
}

static int check_range(const struct prop_desc *d, struct span v, struct buf *why)
{
	bool negative = v.p[0] == '-';
	uint64_t n = UINT64_MAX;

	if (v.p[0] == '-' || v.p[0] == '+')
		v = span_of(v.p + 1, v.n - 1);
	if (num_parse_u64(v, &n) == 0 && n == 0)
		negative = false;
	if (d->has_max && !negative && n > d->max) {
		buf_addf(why, "value must have a maximum value of %ju",
			 (uintmax_t)d->max);
		return -EINVAL;
	}
	if (d->has_min && (negative || n < d->min)) {
		buf_addf(why, "value must have a minimum value of %ju",
			 (uintmax_t)d->min);
		return -EINVAL;
	}
	return 0;
}

static int check_type(const struct prop_desc *d, struct span v, bool is_bool,
		      struct buf *why)
{
	if (d->type == PROP_BOOL && !is_bool)
		return wrong_type(why, "boolean", v);
	if (d->type == PROP_INT && !is_integer(v))
		return wrong_type(why, "integer", v);
	if (d->type == PROP_NUMBER && !is_real(v))
		return wrong_type(why, "number", v);
	return 0;
}

static int check_prop(const struct prop_desc *d, struct span v, bool is_bool,
		      struct buf *why)
{
	if (check_type(d, v, is_bool, why) < 0)
		return -EINVAL;
	if (d->format) {
		size_t before = why->n;

		buf_adds(why, "invalid format - ");
		if (d->format(v, why) < 0) {
			buf_addc(why, '\n'); /* PVE's sentence ends with one */
			return -EINVAL;
		}
		why->n = before;
		why->p[before] = '\0';
	}
	if (d->pattern && !d->pattern(v)) {
		buf_adds(why, "value does not match the regex pattern");
		return -EINVAL;
	}
	if ((d->has_min || d->has_max) && check_range(d, v, why) < 0)
		return -EINVAL;
	if (d->only && !span_eq(v, d->only)) {
		buf_adds(why, "value '");
		buf_add(why, v.p, v.n);
		buf_addf(why, "' does not have a value in the enumeration '%s'", d->only);
		return -EINVAL;
	}
	return 0;
}

struct complaint {
	struct span key;
	char *text; /* may hold NUL */
	size_t n;
};

static int cmp_complaint(const void *a, const void *b)
{
	const struct complaint *x = a, *y = b;

	return cmp_span(x->key, y->key);
}

struct complaints {
	struct complaint *v;
	size_t n, cap;
};

static void complaints_done(struct complaints *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].text);
	free(c->v);
}

static void complain(struct complaints *c, struct span key, const char *p, size_t n)
{
	char *text = xmalloc(n);

	memcpy(text, p, n);
	GROW(c->v, c->n, c->cap);
	c->v[c->n++] = (struct complaint){ key, text, n };
}

static void check_known(const struct prop_schema *s, const struct prop_found *f,
			struct complaints *c)
{
	static const char missing[] = "property is missing and it is not optional";
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		struct span key = span_str(s->v[i].key);

		b.n = 0;
		if (f->v[i].p && check_prop(&s->v[i], f->v[i], f->is_bool[i], &b) < 0)
			complain(c, key, b.p, b.n);
		else if (!f->v[i].p && !s->v[i].optional)
			complain(c, key, missing, strlen(missing));
	}
}

static void check_unknown(const struct unknowns *u, struct complaints *c)
{
	static const char msg[] = "property is not defined in schema and the schema "
				  "does not allow additional properties";

	for (size_t i = 0; i < u->n; i++)
		complain(c, u->v[i].key, msg, strlen(msg));
}

/* PVE prints several complaints in the random order of a hash; here it is by key. */
static void write_complaints(struct complaints *c, struct buf *why)
{
	qsort(c->v, c->n, sizeof(*c->v), cmp_complaint);
	buf_adds(why, "format error");
	for (size_t i = 0; i < c->n; i++) {
		buf_addc(why, '\n');
		buf_add(why, c->v[i].key.p, c->v[i].key.n);
		buf_adds(why, ": ");
		buf_add(why, c->v[i].text, c->v[i].n);
	}
	while (why->n && why->p[why->n - 1] == '\n')
		why->p[--why->n] = '\0';
}

int proplist_take(const struct prop_schema *s, struct span value, struct prop_found *f,
		  struct buf *why)
{
	_cleanup_(unknowns_done) struct unknowns u = { 0 };
	_cleanup_(complaints_done) struct complaints c = { 0 };

	if (split(s, value, f, &u, why) < 0)
		return -EINVAL;
	check_known(s, f, &c);
	check_unknown(&u, &c);
	if (!c.n)
		return 0;
	if (why)
		write_complaints(&c, why);
	return -EINVAL;
}
