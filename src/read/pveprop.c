/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pveprop.h"

#include <stddef.h>

#include "base/num.h"
#include "read/pveformat.h"
#include "read/proplist.h"

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

static bool is_trunks(struct span v)
{
	return parts(v, span_is_digits);
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
	       span_is_digits(f[1]) && span_is_digits(f[2]) && span_is_digits(f[3]) &&
	       f[3].p[0] != '0';
}

static bool is_idmap(struct span v)
{
	return span_eq(v, "passthrough") || parts(v, is_idmap_entry);
}

static bool is_mode(struct span v)
{
	return v.n == 4 && v.p[0] == '0' && of_set(v, "01234567");
}

static const struct prop_desc net_desc[] = {
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
static const struct prop_desc mp_desc[] = {
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

static const struct prop_desc dev_desc[] = {
	{ "path", .optional = true, .is_default = true, .format = pve_format_dev_path },
	{ "mode", .optional = true, .pattern = is_mode },
	{ "uid", PROP_INT, .optional = true, .has_min = true },
	{ "gid", PROP_INT, .optional = true, .has_min = true },
	{ "deny-write", PROP_BOOL, .optional = true },
};

static const struct prop_desc features_desc[] = {
	{ "mount", .optional = true, .pattern = is_fstypes },
	{ "nesting", PROP_BOOL, .optional = true },
	{ "keyctl", PROP_BOOL, .optional = true },
	{ "fuse", PROP_BOOL, .optional = true },
	{ "mknod", PROP_BOOL, .optional = true },
	{ "force_rw_sys", PROP_BOOL, .optional = true },
};

static const struct prop_desc unused_desc[] = {
	{ "volume", .is_default = true, .format = pve_format_volume_id },
};

static const struct prop_schema net_schema = { net_desc, ARRAY_SIZE(net_desc) };
static const struct prop_schema rootfs_schema = { mp_desc, N_ROOTFS };
static const struct prop_schema mp_schema = { mp_desc, ARRAY_SIZE(mp_desc) };
static const struct prop_schema dev_schema = { dev_desc, ARRAY_SIZE(dev_desc) };
static const struct prop_schema features_schema = { features_desc,
						    ARRAY_SIZE(features_desc) };
static const struct prop_schema unused_schema = { unused_desc, ARRAY_SIZE(unused_desc) };

int pve_net_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&net_schema, value, &f, why);
}

int pve_rootfs_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&rootfs_schema, value, &f, why);
}

int pve_mp_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&mp_schema, value, &f, why);
}

int pve_dev_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&dev_schema, value, &f, why);
}

int pve_features_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&features_schema, value, &f, why);
}

int pve_unused_check(struct span value, struct buf *why)
{
	struct prop_found f = { 0 };

	return proplist_take(&unused_schema, value, &f, why);
}

/* Copies what was found, each value terminated, in the order of the string. */
static int take_props(const struct prop_schema *s, struct span value,
		      struct pve_props *ret, struct buf *why)
{
	struct prop_found f = { 0 };
	char *at;

	if (proplist_take(s, value, &f, why) < 0)
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

static int mount(const struct prop_schema *s, struct span value, struct pve_mp *ret,
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
	struct prop_found f = { 0 };

	if (proplist_take(&unused_schema, value, &f, why) < 0)
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
	struct span whole, frac = { 0 }, rest = span_after_digits(v);
	uint64_t n = UINT64_MAX;
	unsigned shift;
	int r;

	whole = span_of(v.p, v.n - rest.n);
	if (rest.n && rest.p[0] == '.') {
		v = span_of(rest.p + 1, rest.n - 1);
		rest = span_after_digits(v);
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
