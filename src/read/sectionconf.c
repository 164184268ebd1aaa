/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/sectionconf.h"

#include "read/pveformat.h"

struct parser {
	const struct sc_kind *kind;
	struct sectionconf conf;
	size_t cap, n_pool, cap_pool;
	bool open; /* inside a section */
	bool skip; /* which is left out as a whole */
	uint32_t line;
};

/* A line of the text, which is ours to write in: terminated at its end. */
struct piece {
	char *p;
	size_t n;
};

static struct piece trim_end(struct piece s)
{
	while (s.n && pve_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* "<type>: <id>": the colon is the last one that has something behind it. */
static bool match_header(struct piece s, char **ret_type, char **ret_id)
{
	size_t blank = 0, id, colon;

	s = trim_end(s);
	while (blank < s.n && !pve_is_space(s.p[blank]))
		blank++;
	if (blank < s.n) {
		for (id = blank; pve_is_space(s.p[id]);)
			id++;
		colon = blank - 1; /* of an empty type: wraps, and is refused */
		for (size_t i = id; i < s.n; i++)
			if (pve_is_space(s.p[i]))
				return false;
	} else {
		for (colon = s.n > 1 ? s.n - 2 : 0; colon > 0 && s.p[colon] != ':';)
			colon--;
		id = colon + 1;
	}
	if (colon == 0 || colon >= s.n || s.p[colon] != ':')
		return false;
	s.p[colon] = '\0';
	s.p[s.n] = '\0';
	*ret_type = s.p;
	*ret_id = s.p + id;
	return true;
}

/* "<blanks>key[ value]" */
static bool match_prop(struct piece s, const char **ret_key, const char **ret_value)
{
	size_t key = 0, end, value;

	s = trim_end(s);
	while (key < s.n && pve_is_space(s.p[key]))
		key++;
	if (key == 0 || key == s.n)
		return false;
	for (end = key; end < s.n && !pve_is_space(s.p[end]);)
		end++;
	for (value = end; value < s.n && pve_is_space(s.p[value]);)
		value++;
	s.p[end] = '\0';
	s.p[s.n] = '\0';
	*ret_key = s.p + key;
	*ret_value = value < s.n ? s.p + value : NULL;
	return true;
}

static void open_section(struct parser *ps, char *type, char *id)
{
	const char *why = NULL;

	if (ps->kind->lower_type)
		for (char *c = type; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
	if (ps->kind->check_header)
		why = ps->kind->check_header(type, id);
	ps->open = true;
	ps->skip = why != NULL;
	if (why) {
		warns_add(&ps->conf.warns, ps->line, "section %.40s: %.40s left out: %s",
			  type, id, why);
		return;
	}
	GROW(ps->conf.v, ps->conf.n, ps->cap);
	ps->conf.v[ps->conf.n++] =
		(struct sc_section){ .type = type, .id = id, .line = ps->line };
}

static void add_prop(struct parser *ps, const char *key, const char *value)
{
	struct sc_section *s = &ps->conf.v[ps->conf.n - 1];
	const char *why = NULL;

	if (ps->kind->check_prop)
		why = ps->kind->check_prop(s->type, key, value);
	if (why) {
		warns_add(&ps->conf.warns, ps->line, "section %.40s: %.40s ignored: %s",
			  s->id, key, why);
		return;
	}
	GROW(ps->conf.pool, ps->n_pool, ps->cap_pool);
	ps->conf.pool[ps->n_pool++] =
		(struct sc_prop){ .key = key, .value = value, .line = ps->line };
	s->n_props++;
}

static bool is_comment(struct piece s)
{
	size_t i = 0;

	while (i < s.n && pve_is_space(s.p[i]))
		i++;
	return i < s.n && s.p[i] == '#';
}

static void one_line(struct parser *ps, struct piece s)
{
	const char *key, *value;
	char *type, *id;

	if (is_comment(s))
		return;
	if (!s.n || (s.n == 1 && s.p[0] == '0')) { /* what Perl takes for false */
		ps->open = false;
		return;
	}
	if (memchr(s.p, '\0', s.n)) {
		warns_add(&ps->conf.warns, ps->line, "ignored: it holds a NUL byte");
	} else if (!ps->open) {
		if (match_header(s, &type, &id) &&
		    (!ps->kind->is_header || ps->kind->is_header(type, id)))
			open_section(ps, type, id);
		else
			warns_add(&ps->conf.warns, ps->line,
				  "ignored: not a section header");
	} else if (!ps->skip) {
		if (match_prop(s, &key, &value))
			add_prop(ps, key, value);
		else
			warns_add(&ps->conf.warns, ps->line,
				  "ignored: not a property of the section %.40s above",
				  ps->conf.v[ps->conf.n - 1].id);
	}
}

static int cmp_prop(const void *a, const void *b)
{
	const struct sc_prop *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

/* Sorts the properties of a section; of a repeated one the first counts. */
static void settle_props(struct sectionconf *c, struct sc_section *s,
			 const struct sc_kind *kind)
{
	size_t n = 0;

	if (s->n_props)
		qsort(s->props, s->n_props, sizeof(*s->props), cmp_prop);
	for (size_t i = 0; i < s->n_props; i++) {
		if (!n || !str_eq(s->props[n - 1].key, s->props[i].key))
			s->props[n++] = s->props[i];
		else if (!kind->is_list || !kind->is_list(s->props[i].key))
			warns_add(
				&c->warns, s->props[i].line,
				"section %.40s: %.40s ignored: it is in line %u already",
				s->id, s->props[i].key, s->props[n - 1].line);
		else
			s->props[n++] = s->props[i];
	}
	s->n_props = n;
}

static int cmp_section_id(const void *a, const void *b)
{
	const struct sc_section *x = a, *y = b;
	int r = strcmp(x->id, y->id);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

static int cmp_section_type_id(const void *a, const void *b)
{
	const struct sc_section *x = a, *y = b;
	int r = strcmp(x->type, y->type);

	return r ? r : cmp_section_id(a, b);
}

static int cmp_section_line(const void *a, const void *b)
{
	const struct sc_section *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

static bool same_id(const struct sc_section *a, const struct sc_section *b,
		    const struct sc_kind *kind)
{
	return str_eq(a->id, b->id) && (!kind->id_has_type || str_eq(a->type, b->type));
}

/* Of `n` sections with one id: the last, but for weak ones. */
static const struct sc_section *winner(const struct sc_section *v, size_t n,
				       const struct sc_kind *kind)
{
	for (size_t i = n; kind->is_weak && i > 0; i--)
		if (!kind->is_weak(v[i - 1].type))
			return &v[i - 1];
	return &v[n - 1];
}

static void settle_sections(struct sectionconf *c, const struct sc_kind *kind)
{
	size_t n = 0, run;

	if (!c->n)
		return;
	qsort(c->v, c->n, sizeof(*c->v),
	      kind->id_has_type ? cmp_section_type_id : cmp_section_id);
	for (size_t i = 0; i < c->n; i += run) {
		struct sc_section won;

		for (run = 1; i + run < c->n && same_id(&c->v[i], &c->v[i + run], kind);)
			run++;
		won = *winner(&c->v[i], run, kind);
		for (size_t k = i; k < i + run; k++)
			if (c->v[k].line != won.line)
				warns_add(&c->warns, c->v[k].line,
					  "section %.40s left out: the one in line %u "
					  "counts",
					  won.id, won.line);
		c->v[n++] = won;
	}
	c->n = n;
	qsort(c->v, c->n, sizeof(*c->v), cmp_section_line);
}

static int cmp_warn(const void *a, const void *b)
{
	const struct warn *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

int sectionconf_parse(const char *p, size_t n, const struct sc_kind *kind,
		      struct sectionconf *ret, struct err *err)
{
	struct parser ps = { .kind = kind };
	struct sc_prop *next;

	if (n > SECTIONCONF_MAX_BYTES)
		return err_set(err, -EFBIG, "more than %zu bytes", SECTIONCONF_MAX_BYTES);
	ps.conf.text = xstrndup(p, n);
	for (size_t at = 0; at < n;) {
		char *start = ps.conf.text + at, *nl = memchr(start, '\n', n - at);
		size_t len = nl ? (size_t)(nl - start) : n - at;

		ps.line++;
		start[len] = '\0';
		one_line(&ps, (struct piece){ start, len });
		at += len + 1;
	}

	next = ps.conf.pool;
	for (size_t i = 0; i < ps.conf.n; i++) {
		ps.conf.v[i].props = next;
		next = next ? next + ps.conf.v[i].n_props : NULL;
		settle_props(&ps.conf, &ps.conf.v[i], kind);
	}
	settle_sections(&ps.conf, kind);
	if (ps.conf.warns.n)
		qsort(ps.conf.warns.v, ps.conf.warns.n, sizeof(*ps.conf.warns.v),
		      cmp_warn);
	*ret = ps.conf;
	return 0;
}

void sectionconf_done(struct sectionconf *c)
{
	free(c->v);
	free(c->pool);
	free(c->text);
	warns_done(&c->warns);
	*c = (struct sectionconf){ 0 };
}

const struct sc_section *sectionconf_find(const struct sectionconf *c, const char *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->v[i].id, id))
			return &c->v[i];
	return NULL;
}

const struct sc_prop *sc_prop(const struct sc_section *s, const char *key)
{
	size_t lo = 0, hi = s->n_props;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strcmp(s->props[mid].key, key);

		if (!r)
			return &s->props[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *sc_str(const struct sc_section *s, const char *key)
{
	const struct sc_prop *p = sc_prop(s, key);

	return p ? p->value : NULL;
}

char *sc_decoded(const struct sc_section *s, const char *key)
{
	const char *text = sc_str(s, key);
	struct buf b = { 0 };

	if (!text)
		return NULL;
	buf_add_urldecoded(&b, text, strlen(text));
	return b.p;
}

bool sc_bool(const struct sc_section *s, const char *key, bool otherwise)
{
	const struct sc_prop *p = sc_prop(s, key);

	if (!p || sc_check_bool(p->value))
		return otherwise;
	return !p->value || p->value[0] == '1';
}

const char *sc_check_bool(const char *value)
{
	if (!value || str_eq(value, "0") || str_eq(value, "1"))
		return NULL;
	return "neither 0 nor 1";
}

bool sc_is_node_name(struct span s)
{
	if (!s.n || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}
