/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pveformat.h"

#include <strings.h>

#include "base/num.h"
#include "read/pveprop.h"
#include "read/zones.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_alpha(c);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool pve_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool pve_is_bool(struct span v, bool *ret)
{
	static const char *const words[] = { "1", "on",  "yes", "true",
					     "0", "off", "no",  "false" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!span_eq_nocase(v, words[i]))
			continue;
		*ret = i < 4;
		return true;
	}
	return false;
}

static int bad(struct buf *why, const char *sentence)
{
	if (why)
		buf_adds(why, sentence);
	return -EINVAL;
}

/* "<before><value><after>": the value may hold any byte. */
static int bad_value(struct buf *why, const char *before, struct span v,
		     const char *after)
{
	if (why) {
		buf_adds(why, before);
		buf_add(why, v.p, v.n);
		buf_adds(why, after);
	}
	return -EINVAL;
}

static bool all_of(struct span v, const char *more)
{
	for (size_t i = 0; i < v.n; i++)
		if (!is_alnum(v.p[i]) && (!v.p[i] || !strchr(more, v.p[i])))
			return false;
	return true;
}

static bool is_dns_label(struct span v)
{
	return v.n && is_alnum(v.p[0]) && is_alnum(v.p[v.n - 1]) && all_of(v, "-");
}

static bool is_dns_name(struct span v)
{
	struct span label;

	if (!v.n || v.p[v.n - 1] == '.')
		return false;
	while (span_cut(&v, '.', &label))
		if (!is_dns_label(label))
			return false;
	return true;
}

int pve_format_dns_name(struct span v, struct buf *why)
{
	if (is_dns_name(v))
		return 0;
	return bad(why, "value does not look like a valid DNS name");
}

static bool is_octet(struct span v)
{
	uint32_t n;

	return v.n <= 3 && !(v.n > 1 && v.p[0] == '0') && num_parse_u32(v, &n) == 0 &&
	       n <= 255;
}

static bool is_ipv4(struct span v)
{
	struct span part;
	unsigned n = 0;

	if (!v.n || v.n > 15 || v.p[v.n - 1] == '.')
		return false;
	while (span_cut(&v, '.', &part)) {
		if (!is_octet(part))
			return false;
		n++;
	}
	return n == 4;
}

/* One group, or at the end an IPv4 address: how many groups that is; 0: neither. */
static unsigned ipv6_groups(struct span part, bool last)
{
	if (last && memchr(part.p, '.', part.n))
		return is_ipv4(part) ? 2 : 0;
	if (!part.n || part.n > 4)
		return 0;
	for (size_t i = 0; i < part.n; i++)
		if (!is_hex(part.p[i]))
			return 0;
	return 1;
}

/* Groups of "a:b:c", -1: not groups. Empty text is no groups. */
static int ipv6_half(struct span v, bool end)
{
	struct span part;
	int n = 0;

	if (v.n && v.p[v.n - 1] == ':')
		return -1;
	while (span_cut(&v, ':', &part)) {
		unsigned groups = ipv6_groups(part, end && !v.n);

		if (!groups || n > 8)
			return -1;
		n += (int)groups;
	}
	return n;
}

static bool is_ipv6(struct span v)
{
	const char *gap;
	int before, after;

	if (!v.n || v.n > 45)
		return false;
	gap = span_find(v, "::");
	if (!gap)
		return ipv6_half(v, true) == 8;
	before = ipv6_half(span_of(v.p, (size_t)(gap - v.p)), false);
	after = ipv6_half(span_of(gap + 2, v.n - (size_t)(gap + 2 - v.p)), true);
	return before >= 0 && after >= 0 && before + after <= 7;
}

int pve_format_ipv4(struct span v, struct buf *why)
{
	return is_ipv4(v) ? 0 : bad(why, "value does not look like a valid IPv4 address");
}

int pve_format_ipv6(struct span v, struct buf *why)
{
	return is_ipv6(v) ? 0 : bad(why, "value does not look like a valid IPv6 address");
}

static bool is_cidr(struct span v, bool (*is_ip)(struct span), uint64_t max)
{
	struct span ip;
	uint64_t bits = 0;

	if (!span_cut(&v, '/', &ip) || !is_ip(ip))
		return false;
	return num_parse_u64(v, &bits) == 0 && bits >= 8 && bits <= max;
}

int pve_format_ipv4_config(struct span v, struct buf *why)
{
	if (span_eq(v, "dhcp") || span_eq(v, "manual") || is_cidr(v, is_ipv4, 32))
		return 0;
	return bad(why, "value does not look like a valid ipv4 network configuration");
}

int pve_format_ipv6_config(struct span v, struct buf *why)
{
	if (span_eq(v, "auto") || span_eq(v, "dhcp") || span_eq(v, "manual") ||
	    is_cidr(v, is_ipv6, 128))
		return 0;
	return bad(why, "value does not look like a valid ipv6 network configuration");
}

int pve_format_mac(struct span v, struct buf *why)
{
	bool ok = v.n == 17;

	for (size_t i = 0; ok && i < v.n; i++)
		ok = i % 3 == 2 ? v.p[i] == ':' : is_hex(v.p[i]);
	/* a group address breaks bridges: the lowest bit of the first byte must be 0 */
	if (ok && v.p[1] && strchr("02468aceACE", v.p[1]))
		return 0;
	return bad(why, "value does not look like a valid unicast MAC address");
}

static bool is_iface(struct span v)
{
	size_t n = 0;
	uint64_t unit;

	while (n < v.n && (is_alnum(v.p[n]) || v.p[n] == '_'))
		n++;
	if (n < 2 || n > 21 || !is_alpha(v.p[0]))
		return false;
	if (n == v.n)
		return true;
	if (v.p[n] != ':' && v.p[n] != '.')
		return false;
	return num_parse_u64(span_of(v.p + n + 1, v.n - n - 1), &unit) != -EINVAL;
}

/* A link-local address may name the interface it goes through. */
static int nameserver(struct span v, struct buf *why)
{
	struct span ip, rest = v;

	if (span_starts(v, "fe80:") && memchr(v.p, '%', v.n) &&
	    span_cut(&rest, '%', &ip) && is_ipv6(ip) && is_iface(rest))
		return 0;
	if (is_ipv4(v) || is_ipv6(v))
		return 0;
	return bad(why, "value does not look like a valid IP address");
}

/*
 * A list is parted by commas, semicolons and blanks, which may repeat; but by NUL bytes
 * alone where there is one, and then an empty part between two is a part.
 */
static int each(struct span v, pve_format *check, struct buf *why)
{
	size_t i = 0;

	if (v.n && memchr(v.p, '\0', v.n)) {
		struct span part;
		int r = 0;

		while (v.n && v.p[v.n - 1] == '\0')
			v.n--;
		while (r == 0 && span_cut(&v, '\0', &part))
			r = check(part, why);
		return r;
	}
	while (i < v.n) {
		size_t start = i;
		int r;

		while (i < v.n && !pve_is_space(v.p[i]) && v.p[i] != ',' && v.p[i] != ';')
			i++;
		r = i > start ? check(span_of(v.p + start, i - start), why) : 0;
		if (r < 0)
			return r;
		i++;
	}
	return 0;
}

int pve_format_nameserver_list(struct span v, struct buf *why)
{
	return each(v, nameserver, why);
}

int pve_format_dns_name_list(struct span v, struct buf *why)
{
	return each(v, pve_format_dns_name, why);
}

static int tag(struct span v, struct buf *why)
{
	if (v.n && (is_alnum(v.p[0]) || v.p[0] == '_') && all_of(v, "_-+."))
		return 0;
	return bad(why, "invalid characters in tag");
}

int pve_format_tag_list(struct span v, struct buf *why)
{
	return each(v, tag, why);
}

int pve_format_timezone(struct span v, struct buf *why)
{
	char name[64];

	if (span_eq(v, "host") || span_eq(v, "UTC"))
		return 0;
	if (v.n < sizeof(name) && (!v.n || !memchr(v.p, '\0', v.n))) {
		memcpy(name, v.p, v.n);
		name[v.n] = '\0';
		if (zone_is_known(name))
			return 0;
	}
	return bad_value(why, "invalid time zone '", v, "'");
}

int pve_format_configid(struct span v, struct buf *why)
{
	if (v.n >= 2 && is_alpha(v.p[0]) && all_of(v, "_-"))
		return 0;
	return bad_value(why, "invalid configuration ID '", v, "'");
}

int pve_format_volume_id(struct span v, struct buf *why)
{
	const char *colon = v.n ? memchr(v.p, ':', v.n) : NULL;
	size_t n = colon ? (size_t)(colon - v.p) : 0;

	if (n >= 2 && n + 1 < v.n && is_alpha(v.p[0]) && is_alnum(v.p[n - 1]) &&
	    all_of(span_of(v.p, n), "-_."))
		return 0;
	return bad_value(why, "unable to parse volume ID '", v, "'");
}

static bool is_blank_span(struct span v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!pve_is_space(v.p[i]))
			return false;
	return true;
}

static bool is_startup_part(struct span v)
{
	static const char *const keys[] = { "order=", "up=", "down=" };
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_skip(&v, keys[i]))
			break;
	return num_parse_u64(v, &n) != -EINVAL;
}

int pve_format_startup(struct span v, struct buf *why)
{
	static const char msg[] = "unable to parse startup options";
	struct span part;

	if (span_eq(v, "0")) /* Perl's idea of false */
		return bad(why, msg);
	while (span_cut(&v, ',', &part))
		if (!is_blank_span(part) && !is_startup_part(part))
			return bad(why, msg);
	return 0;
}

int pve_format_disk_size(struct span v, struct buf *why)
{
	uint64_t n;

	if (pve_size_parse(v, &n) == 0)
		return 0;
	return bad_value(why, "value does not look like a valid disk size: ", v, "");
}

/* "/./", "/../", or "/." or "/.." at the end. */
static bool has_dot_segment(struct span v)
{
	for (size_t i = 0; i + 1 < v.n; i++) {
		size_t n = i + 1;

		if (v.p[i] != '/' || v.p[n] != '.')
			continue;
		n++;
		if (n < v.n && v.p[n] == '.')
			n++;
		if (n == v.n || v.p[n] == '/')
			return true;
	}
	return false;
}

int pve_format_mp_path(struct span v, struct buf *why)
{
	if (!has_dot_segment(v) && !span_starts(v, "../"))
		return 0;
	return bad_value(why, "", v, " contains illegal character sequences");
}

int pve_format_dev_path(struct span v, struct buf *why)
{
	if (!has_dot_segment(v) && span_starts(v, "/dev/"))
		return 0;
	return bad_value(why, "", v, " is not a valid device path");
}
