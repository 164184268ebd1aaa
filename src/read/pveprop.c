/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pveprop.h"

#include <stddef.h>

#include "base/num.h"
#include "read/pveformat.h"

enum prop_type { PROP_TEXT, PROP_BOOL, PROP_INT, PROP_NUMBER };

struct desc {
	const char *key;
	enum prop_type type;
	bool optional, is_default; /* a part without "key=" is this one */
	pve_format *format;
	bool (*pattern)(struct span v);
	bool has_min, has_max;
	uint64_t min, max;
	const char *only; /* the one value there is */
};

struct schema {
	const struct desc *v;
	size_t n;
};

/* A property string taken apart: by index of the schema; p NULL is "not there". */
struct found {
	struct span v[PVE_PROPS_MAX];
	bool is_bool[PVE_PROPS_MAX], on[PVE_PROPS_MAX];
	size_t order[PVE_PROPS_MAX]; /* as they came */
	size_t n;
};

static bool of_set(struct span v, const char *set)
{
	for (size_t i = 0; i < v.n; i++)
		if (!v.p[i] || !strchr(set, v.p[i]))
			return false;
	return v.n > 0;
}

#define DIGITS "0123456789"
#define WORD   DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static bool is_ifname(struct span v)
{
	return of_set(v, WORD "-.");
}

static bool is_fstypes(struct span v)
{
	return of_set(v, WORD "; ");
}

/* Every part between semicolons passes; at least one, none empty. */
static bool parts(struct span v, bool (*check)(struct span part))
{
	struct span part;

	if (!v.n || v.p[v.n - 1] == ';')
		return false;
	while (span_cut(&v, ';', &part))
		if (!check(part))
			return false;
	return true;
}

static bool is_number(struct span v)
{
	return of_set(v, DIGITS);
}

static bool is_trunks(struct span v)
{
	return parts(v, is_number);
}

static bool is_mountoption(struct span v)
{
	static const char *const known[] = { "discard", "lazytime", "noatime",
					     "nodev",   "noexec",   "nosuid" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (span_eq(v, known[i]))
			return true;
	return false;
}

static bool is_mountoptions(struct span v)
{
	return parts(v, is_mountoption);
}

/* "u:1000:1000:1"; the count is no zero and has no leading one. */
static bool is_idmap_entry(struct span v)
{
	const char *end = v.p + v.n;
	struct span f[4] = { 0 };

	for (size_t i = 0; i < 4; i++)
		if (!span_cut(&v, ':', &f[i]))
			return false;
	return f[3].p + f[3].n == end && (span_eq(f[0], "u") || span_eq(f[0], "g")) &&
	       is_number(f[1]) && is_number(f[2]) && is_number(f[3]) && f[3].p[0] != '0';
}

static bool is_idmap(struct span v)
{
	return span_eq(v, "passthrough") || parts(v, is_idmap_entry);
}

static bool is_mode(struct span v)
{
	return v.n == 4 && v.p[0] == '0' && of_set(v, "01234567");
}

/* Perl-ish numbers as PVE's schema takes them. */
static bool is_integer(struct span v)
{
	if (v.n && (v.p[0] == '+' || v.p[0] == '-'))
		v = span_of(v.p + 1, v.n - 1);
	return is_number(v);
}

static struct span skip_digits(struct span v)
{
	while (v.n && v.p[0] >= '0' && v.p[0] <= '9')
		v = span_of(v.p + 1, v.n - 1);
	return v;
}

static bool is_real(struct span v)
{
	size_t digits;
	struct span rest;

	if (v.n && (v.p[0] == '+' || v.p[0] == '-'))
		v = span_of(v.p + 1, v.n - 1);
	rest = skip_digits(v);
	digits = v.n - rest.n;
	if (rest.n && rest.p[0] == '.') {
		v = span_of(rest.p + 1, rest.n - 1);
		rest = skip_digits(v);
		digits += v.n - rest.n;
	}
	if (!digits)
		return false;
	if (rest.n && (rest.p[0] == 'e' || rest.p[0] == 'E'))
		return is_integer(span_of(rest.p + 1, rest.n - 1));
	return !rest.n;
}

static const struct desc net_desc[] = {
	{ "name", .pattern = is_ifname },
	{ "bridge", .optional = true, .pattern = is_ifname },
	{ "hwaddr", .optional = true, .format = pve_format_mac },
	{ "ip", .optional = true, .format = pve_format_ipv4_config },
	{ "gw", .optional = true, .format = pve_format_ipv4 },
	{ "ip6", .optional = true, .format = pve_format_ipv6_config },
	{ "gw6", .optional = true, .format = pve_format_ipv6 },
	{ "mtu", PROP_INT, .optional = true, .has_min = true, .min = 64, .has_max = true,
	  .max = 65535 },
	{ "tag", PROP_INT, .optional = true, .has_min = true, .min = 1, .has_max = true,
	  .max = 4094 },
	{ "trunks", .optional = true, .pattern = is_trunks },
	{ "rate", PROP_NUMBER, .optional = true },
	{ "firewall", PROP_BOOL, .optional = true },
	{ "link_down", PROP_BOOL, .optional = true },
	{ "host-managed", PROP_BOOL, .optional = true },
	{ "type", .optional = true, .only = "veth" },
};

/* rootfs has the first ones, mpN all of them */
#define N_ROOTFS 9
static const struct desc mp_desc[] = {
	{ "volume", .is_default = true, .format = pve_format_mp_path },
	{ "size", .optional = true, .format = pve_format_disk_size },
	{ "acl", PROP_BOOL, .optional = true },
	{ "mountoptions", .optional = true, .pattern = is_mountoptions },
	{ "idmap", .optional = true, .pattern = is_idmap },
	{ "ro", PROP_BOOL, .optional = true },
	{ "quota", PROP_BOOL, .optional = true },
	{ "replicate", PROP_BOOL, .optional = true },
	{ "shared", PROP_BOOL, .optional = true },
	{ "backup", PROP_BOOL, .optional = true },
	{ "mp", .format = pve_format_mp_path },
	{ "keepattrs", PROP_BOOL, .optional = true },
};

static const struct desc dev_desc[] = {
	{ "path", .optional = true, .is_default = true, .format = pve_format_dev_path },
	{ "mode", .optional = true, .pattern = is_mode },
	{ "uid", PROP_INT, .optional = true, .has_min = true },
	{ "gid", PROP_INT, .optional = true, .has_min = true },
	{ "deny-write", PROP_BOOL, .optional = true },
};

static const struct desc features_desc[] = {
	{ "mount", .optional = true, .pattern = is_fstypes },
	{ "nesting", PROP_BOOL, .optional = true },
	{ "keyctl", PROP_BOOL, .optional = true },
	{ "fuse", PROP_BOOL, .optional = true },
	{ "mknod", PROP_BOOL, .optional = true },
	{ "force_rw_sys", PROP_BOOL, .optional = true },
};

static const struct desc unused_desc[] = {
	{ "volume", .is_default = true, .format = pve_format_volume_id },
};

static const struct schema net_schema = { net_desc, ARRAY_SIZE(net_desc) };
static const struct schema rootfs_schema = { mp_desc, N_ROOTFS };
static const struct schema mp_schema = { mp_desc, ARRAY_SIZE(mp_desc) };
static const struct schema dev_schema = { dev_desc, ARRAY_SIZE(dev_desc) };
static const struct schema features_schema = { features_desc, ARRAY_SIZE(features_desc) };
static const struct schema unused_schema = { unused_desc, ARRAY_SIZE(unused_desc) };

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

static size_t find_key(const struct schema *s, struct span key)
{
	for (size_t i = 0; i < s->n; i++)
		if (key.p[0] == s->v[i].key[0] && span_eq(key, s->v[i].key))
			return i;
	return SIZE_MAX;
}

static size_t default_key(const struct schema *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].is_default)
			return i;
	return SIZE_MAX;
}

static void keep(const struct schema *s, struct found *f, size_t i, struct span v)
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

static bool take_keyed(const struct schema *s, struct span key, struct span v, size_t at,
		       struct found *f, struct unknowns *u, struct refusal *no)
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

static bool take_bare(const struct schema *s, struct span v, bool *had, struct found *f,
		      struct refusal *no)
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

static bool take_part(const struct schema *s, struct span part, size_t at, bool *had,
		      struct found *f, struct unknowns *u, struct refusal *no)
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

static int split(const struct schema *s, struct span value, struct found *f,
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

static int check_range(const struct desc *d, struct span v, struct buf *why)
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

static int check_type(const struct desc *d, struct span v, bool is_bool, struct buf *why)
{
	if (d->type == PROP_BOOL && !is_bool)
		return wrong_type(why, "boolean", v);
	if (d->type == PROP_INT && !is_integer(v))
		return wrong_type(why, "integer", v);
	if (d->type == PROP_NUMBER && !is_real(v))
		return wrong_type(why, "number", v);
	return 0;
}

static int check_prop(const struct desc *d, struct span v, bool is_bool, struct buf *why)
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

static void check_known(const struct schema *s, const struct found *f,
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

static int take(const struct schema *s, struct span value, struct found *f,
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

int pve_net_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&net_schema, value, &f, why);
}

int pve_rootfs_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&rootfs_schema, value, &f, why);
}

int pve_mp_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&mp_schema, value, &f, why);
}

int pve_dev_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&dev_schema, value, &f, why);
}

int pve_features_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&features_schema, value, &f, why);
}

int pve_unused_check(struct span value, struct buf *why)
{
	struct found f = { 0 };

	return take(&unused_schema, value, &f, why);
}

/* Copies what was found, each value terminated, in the order of the string. */
static int take_props(const struct schema *s, struct span value, struct pve_props *ret,
		      struct buf *why)
{
	struct found f = { 0 };
	char *at;

	if (take(s, value, &f, why) < 0)
		return -EINVAL;
	*ret = (struct pve_props){ .text = xmalloc(value.n + PVE_PROPS_MAX) };
	at = ret->text;
	for (size_t i = 0; i < f.n; i++) {
		size_t k = f.order[i];

		memcpy(at, f.v[k].p, f.v[k].n);
		at[f.v[k].n] = '\0';
		ret->v[ret->n++] =
			(struct pve_prop){ s->v[k].key, at, f.is_bool[k], f.on[k] };
		at += f.v[k].n + 1;
	}
	return 0;
}

static const struct pve_prop *prop(const struct pve_props *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (*p->v[i].key == *key && strcmp(p->v[i].key, key) == 0)
			return &p->v[i];
	return NULL;
}

static const char *text(const struct pve_props *p, const char *key)
{
	const struct pve_prop *v = prop(p, key);

	return v ? v->value : NULL;
}

static bool on(const struct pve_props *p, const char *key, bool otherwise)
{
	const struct pve_prop *v = prop(p, key);

	return v ? v->on : otherwise;
}

static struct val number(const struct pve_props *p, const char *key)
{
	const char *t = text(p, key);
	uint64_t n = UINT64_MAX;

	if (!t)
		return (struct val){ 0 };
	if (*t == '+' || *t == '-') /* "-0" passes PVE's check */
		t++;
	num_parse_u64(span_str(t), &n);
	return val_set(n);
}

int pve_net_parse(struct span value, struct pve_net *ret, struct buf *why)
{
	struct pve_net n = { 0 };
	const struct {
		const char *key;
		const char **dst;
	} texts[] = {
		{ "name", &n.name }, { "bridge", &n.bridge }, { "hwaddr", &n.hwaddr },
		{ "ip", &n.ip },     { "gw", &n.gw },         { "ip6", &n.ip6 },
		{ "gw6", &n.gw6 },   { "rate", &n.rate },     { "trunks", &n.trunks },
	};

	if (take_props(&net_schema, value, &n.props, why) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i].dst = text(&n.props, texts[i].key);
	n.mtu = number(&n.props, "mtu");
	n.tag = number(&n.props, "tag");
	n.firewall = on(&n.props, "firewall", false);
	n.link_down = on(&n.props, "link_down", false);
	n.host_managed = on(&n.props, "host-managed", false);
	*ret = n;
	return 0;
}

static enum pve_mp_type classify(const char *volume)
{
	if (str_starts(volume, "/dev/"))
		return PVE_MP_DEVICE;
	return *volume == '/' ? PVE_MP_BIND : PVE_MP_VOLUME;
}

static void take_idmap(struct pve_mp *m)
{
	const char *t = text(&m->props, "idmap");
	struct span s, part, f[4];
	size_t cap = 0;

	m->idmap_passthrough = str_eq(t, "passthrough");
	if (!t || m->idmap_passthrough)
		return;
	s = span_str(t);
	while (span_cut(&s, ';', &part)) {
		struct pve_idmap e = { .ct = UINT64_MAX,
				       .disk = UINT64_MAX,
				       .count = UINT64_MAX };

		for (size_t i = 0; i < 4; i++)
			span_cut(&part, ':', &f[i]);
		e.type = f[0].p[0];
		num_parse_u64(f[1], &e.ct);
		num_parse_u64(f[2], &e.disk);
		num_parse_u64(f[3], &e.count);
		GROW(m->idmap, m->n_idmap, cap);
		m->idmap[m->n_idmap++] = e;
	}
}

static int mount(const struct schema *s, struct span value, struct pve_mp *ret,
		 struct buf *why)
{
	struct pve_mp m = { 0 };
	const char *size;
	uint64_t n;

	if (take_props(s, value, &m.props, why) < 0)
		return -EINVAL;
	m.rootfs = s == &rootfs_schema;
	m.volume = text(&m.props, "volume");
	m.mp = m.rootfs ? "/" : text(&m.props, "mp");
	m.type = classify(m.volume);
	size = text(&m.props, "size");
	if (size && pve_size_parse(span_str(size), &n) == 0)
		m.size_bytes = val_set(n);
	m.mountoptions = text(&m.props, "mountoptions");
	take_idmap(&m);
	m.ro = on(&m.props, "ro", false);
	m.quota = on(&m.props, "quota", false);
	m.shared = on(&m.props, "shared", false);
	m.replicate = on(&m.props, "replicate", true);
	m.keepattrs = on(&m.props, "keepattrs", false);
	m.backup = on(&m.props, "backup", false);
	m.backup_set = prop(&m.props, "backup") != NULL;
	m.acl = on(&m.props, "acl", false);
	m.acl_set = prop(&m.props, "acl") != NULL;
	*ret = m;
	return 0;
}

int pve_rootfs_parse(struct span value, struct pve_mp *ret, struct buf *why)
{
	return mount(&rootfs_schema, value, ret, why);
}

int pve_mp_parse(struct span value, struct pve_mp *ret, struct buf *why)
{
	return mount(&mp_schema, value, ret, why);
}

int pve_dev_parse(struct span value, struct pve_dev *ret, struct buf *why)
{
	struct pve_dev d = { 0 };

	if (take_props(&dev_schema, value, &d.props, why) < 0)
		return -EINVAL;
	d.path = text(&d.props, "path");
	d.mode = text(&d.props, "mode");
	d.uid = number(&d.props, "uid");
	d.gid = number(&d.props, "gid");
	d.deny_write = on(&d.props, "deny-write", false);
	*ret = d;
	return 0;
}

int pve_features_parse(struct span value, struct pve_features *ret, struct buf *why)
{
	struct pve_features f = { 0 };

	if (take_props(&features_schema, value, &f.props, why) < 0)
		return -EINVAL;
	f.mount = text(&f.props, "mount");
	f.nesting = on(&f.props, "nesting", false);
	f.keyctl = on(&f.props, "keyctl", false);
	f.fuse = on(&f.props, "fuse", false);
	f.mknod = on(&f.props, "mknod", false);
	f.force_rw_sys = on(&f.props, "force_rw_sys", false);
	*ret = f;
	return 0;
}

int pve_unused_parse(struct span value, char **ret, struct buf *why)
{
	struct found f = { 0 };

	if (take(&unused_schema, value, &f, why) < 0)
		return -EINVAL;
	*ret = span_dup(f.v[0]);
	return 0;
}

/* The digits behind the point that can matter: 2^-40 of a TiB is a byte. */
#define MAX_FRACTION 18

/* n * 2^shift + 0.frac * 2^shift, cut; saturates. */
static uint64_t scale(uint64_t n, struct span frac, unsigned shift)
{
	unsigned __int128 whole = (unsigned __int128)n << shift;
	uint64_t f = 0, per = 1;

	for (size_t i = 0; i < frac.n && i < MAX_FRACTION; i++) {
		f = f * 10 + (uint64_t)(frac.p[i] - '0');
		per *= 10;
	}
	whole += ((unsigned __int128)f << shift) / per;
	return whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole;
}

static bool size_unit(struct span unit, unsigned *ret_shift)
{
	static const char letters[] = "KMGT";
	const char *at;

	if (!unit.n) {
		*ret_shift = 0;
		return true;
	}
	at = unit.p[0] ? strchr(letters, unit.p[0]) : NULL;
	if (!at || (unit.n > 1 && !span_eq(span_of(unit.p + 1, unit.n - 1), "iB")))
		return false;
	*ret_shift = 10 * (unsigned)(at - letters + 1);
	return true;
}

int pve_size_parse(struct span v, uint64_t *ret)
{
	struct span whole, frac = { 0 }, rest = skip_digits(v);
	uint64_t n = UINT64_MAX;
	unsigned shift;
	int r;

	whole = span_of(v.p, v.n - rest.n);
	if (rest.n && rest.p[0] == '.') {
		v = span_of(rest.p + 1, rest.n - 1);
		rest = skip_digits(v);
		frac = span_of(v.p, v.n - rest.n);
		if (!frac.n)
			return -EINVAL;
	}
	r = num_parse_u64(whole, &n);
	if (r == -EINVAL || !size_unit(rest, &shift))
		return -EINVAL;
	*ret = r < 0 ? UINT64_MAX : scale(n, frac, shift);
	return 0;
}

void pve_delete_parse(struct span value, struct pve_delete **ret, size_t *ret_n)
{
	struct pve_delete *v = NULL;
	size_t n = 0, cap = 0, i = 0;

	while (i < value.n) {
		struct span name = { 0 };
		size_t start = i;
		bool force;

		while (i < value.n && !pve_is_space(value.p[i]) && value.p[i] != ',' &&
		       value.p[i] != ';')
			i++;
		name = span_of(value.p + start, i - start);
		i++;
		if (!name.n)
			continue;
		force = span_skip(&name, "!");
		GROW(v, n, cap);
		v[n++] = (struct pve_delete){ span_dup(name), force };
	}
	*ret = v;
	*ret_n = n;
}

void pve_delete_free(struct pve_delete *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].key);
	free(v);
}
