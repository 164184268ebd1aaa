/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvekey.h"

#include "base/num.h"
#include "read/pveformat.h"
#include "read/pveprop.h"

struct key {
	const char *name; /* or the prefix of a numbered one */
	enum { KEY_TEXT, KEY_BOOL, KEY_INT, KEY_NUMBER } type;
	pve_format *format;
	bool numbered;
};

/* By name, but for the numbered ones at the end. */
static const struct key keys[] = {
	{ "arch", KEY_TEXT },
	{ "cmode", KEY_TEXT },
	{ "console", KEY_BOOL },
	{ "cores", KEY_INT },
	{ "cpulimit", KEY_NUMBER },
	{ "cpuunits", KEY_INT },
	{ "debug", KEY_BOOL },
	{ "description", KEY_TEXT },
	{ "entrypoint", KEY_TEXT },
	{ "env", KEY_TEXT },
	{ "features", KEY_TEXT, pve_features_check },
	{ "hookscript", KEY_TEXT, pve_format_volume_id },
	{ "hostname", KEY_TEXT, pve_format_dns_name },
	{ "lock", KEY_TEXT },
	{ "memory", KEY_INT },
	{ "nameserver", KEY_TEXT, pve_format_nameserver_list },
	{ "onboot", KEY_BOOL },
	{ "ostype", KEY_TEXT },
	{ "parent", KEY_TEXT, pve_format_configid },
	{ "protection", KEY_BOOL },
	{ "rootfs", KEY_TEXT, pve_rootfs_check },
	{ "searchdomain", KEY_TEXT, pve_format_dns_name_list },
	{ "snaptime", KEY_INT },
	{ "startup", KEY_TEXT, pve_format_startup },
	{ "swap", KEY_INT },
	{ "tags", KEY_TEXT, pve_format_tag_list },
	{ "template", KEY_BOOL },
	{ "timezone", KEY_TEXT, pve_format_timezone },
	{ "tty", KEY_INT },
	{ "unprivileged", KEY_BOOL },
};

static const struct key numbered[] = {
	{ "net", KEY_TEXT, pve_net_check },
	{ "mp", KEY_TEXT, pve_mp_check },
	{ "dev", KEY_TEXT, pve_dev_check },
	{ "unused", KEY_TEXT, pve_unused_check },
};

static int cmp_key_name(const void *name, const void *key)
{
	return str_cmp(name, ((const struct key *)key)->name);
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++) {
		uint32_t n;

		if (*name == *numbered[i].name &&
		    pveconf_numbered(name, numbered[i].name, &n))
			return n < pveconf_slots(numbered[i].name) ? &numbered[i] : NULL;
	}
	return bsearch(name, keys, ARRAY_SIZE(keys), sizeof(keys[0]), cmp_key_name);
}

static int wrong_type(struct buf *why, const char *type, struct span v)
{
	buf_addf(why, "type check ('%s') failed - got '", type);
	buf_add(why, v.p, v.n);
	buf_adds(why, "'");
	return -EINVAL;
}

/* digits, and behind a point digits again */
static bool is_decimal(struct span v)
{
	struct span whole;
	bool ok = span_cut(&v, '.', &whole) && span_is_digits(whole);

	return ok && (whole.p[whole.n] != '.' || span_is_digits(v));
}

static int check_bool(struct span v, struct pveconf_item *i, struct buf *why)
{
	bool on = false;

	if (!pve_is_bool(v, &on))
		return wrong_type(why, "boolean", v);
	i->kind = PVECONF_BOOL;
	i->number = on;
	return 0;
}

static int check_int(struct span v, struct pveconf_item *i, struct buf *why)
{
	uint64_t n = UINT64_MAX;

	if (!span_is_digits(v))
		return wrong_type(why, "integer", v);
	i->big = num_parse_u64(v, &n) < 0;
	i->kind = PVECONF_INT;
	i->number = i->big ? UINT64_MAX : n;
	return 0;
}

int pvekey_check(const char *name, struct span v, struct pveconf_item *i, struct buf *why)
{
	const struct key *k = find_key(name);

	i->known = k != NULL;
	if (!k) {
		buf_addf(why, "unknown setting '%s'", name);
		return -EINVAL;
	}
	if (memchr(v.p, '\r', v.n)) {
		buf_adds(why, "property contains a line feed");
		return -EINVAL;
	}
	switch (k->type) {
	case KEY_BOOL:
		return check_bool(v, i, why);
	case KEY_INT:
		return check_int(v, i, why);
	case KEY_NUMBER:
		return is_decimal(v) ? 0 : wrong_type(why, "number", v);
	case KEY_TEXT:
		break;
	}
	return k->format ? k->format(v, why) : 0;
}
