/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/dhcplease.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/num.h"
#include "netif.h"

#define SEC_FOREVER UINT32_MAX /* RFC 2131 3.3 */

static void add(struct guestnet_list *l, struct span s)
{
	if (l->n < GUESTNET_LIST)
		l->v[l->n++] = span_tbytes(s);
	else
		l->more++;
}

static bool parse_addr(struct span s, uint8_t *ret_family, uint8_t *ret_addr)
{
	char text[64];
	uint8_t len;

	if (!s.n || s.n >= sizeof(text) || memchr(s.p, '/', s.n) ||
	    memchr(s.p, '\0', s.n))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)s.n, s.p);
	return netaddr_parse(text, ret_family, ret_addr, &len) == 0;
}

static struct val mask_len(const uint8_t m[4])
{
	uint32_t mask =
		(uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
	uint32_t host = ~mask;

	if (host & (host + 1))
		return (struct val){ 0 }; /* holes: no prefix */
	return val_set((uint64_t)__builtin_popcount(mask));
}

static void take_mask(struct span s, struct dhcp_lease *l)
{
	uint8_t family, m[16];

	if (parse_addr(s, &family, m) && family == AF_INET)
		l->prefix_len = mask_len(m);
}

/* ---- dhclient ---- */

/* Words, strings in quotes, and the signs { } ; alone. Comments run to the line's end. */
static void skip_blank(struct span *s)
{
	while (s->n) {
		if (s->p[0] == '#')
			while (s->n && s->p[0] != '\n') {
				s->p++;
				s->n--;
			}
		else if (s->p[0] != ' ' && s->p[0] != '\t' && s->p[0] != '\n' &&
			 s->p[0] != '\r')
			return;
		if (s->n) {
			s->p++;
			s->n--;
		}
	}
}

static bool is_sign(char c)
{
	return c == '{' || c == '}' || c == ';';
}

/* The length of the token that is in front, what is cut off of it (quotes) aside. */
static size_t token_len(struct span s)
{
	size_t i = 0;

	if (s.p[0] == '"') {
		for (i = 1; i < s.n && s.p[i] != '"'; i++)
			i += s.p[i] == '\\' && i + 1 < s.n;
		return MIN(i + 1, s.n);
	}
	if (is_sign(s.p[0]))
		return 1;
	while (i < s.n && !is_sign(s.p[i]) && !strchr(" \t\r\n\"", s.p[i]))
		i++;
	/* a NUL ends none of them, but strchr() finds it */
	return i ? i : 1;
}

static bool next_token(struct span *s, struct span *ret)
{
	size_t n;

	skip_blank(s);
	if (!s->n)
		return false;
	n = token_len(*s);
	*ret = span_of(s->p, n);
	s->p += n;
	s->n -= n;
	return true;
}

static struct span unquote(struct span s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return span_of(s.p + 1, s.n - 2);
	return s;
}

/* A statement: its words, at most so many, up to ';', '{' or '}'. */
struct statement {
	struct span w[8];
	size_t n;
	char end; /* 0: the text ended */
};

static void next_statement(struct span *s, struct statement *ret)
{
	struct span t;

	*ret = (struct statement){ 0 };
	while (next_token(s, &t)) {
		if (t.n == 1 && is_sign(t.p[0])) {
			ret->end = t.p[0];
			return;
		}
		if (ret->n < ARRAY_SIZE(ret->w))
			ret->w[ret->n++] = t;
	}
}

/* Blanks and commas part the values of an option: "10.0.0.1,10.0.0.2". */
static void take_list(const struct statement *st, size_t from, struct guestnet_list *ret)
{
	*ret = (struct guestnet_list){ 0 };
	for (size_t i = from; i < st->n; i++) {
		struct span rest = unquote(st->w[i]), one;

		while (span_cut(&rest, ',', &one))
			if (one.n)
				add(ret, one);
	}
}

static bool cut_number(struct span *s, char sep, unsigned *ret)
{
	struct span part;
	uint32_t n;

	if (!span_cut(s, sep, &part) || num_parse_u32(part, &n) < 0)
		return false;
	*ret = n;
	return true;
}

/* "5 2026/11/20 12:30:00" (UTC, the first is the day of the week), "epoch 179...",
 * "never". */
static struct val parse_date(const struct statement *st)
{
	struct clock_fields f = { 0 };
	struct span date, time;
	uint64_t usec, sec;

	if (st->n == 2 && span_eq(st->w[1], "never"))
		return (struct val){ .kind = VAL_MAX };
	if (st->n >= 3 && span_eq(st->w[1], "epoch") &&
	    num_parse_u64(st->w[2], &sec) == 0 && sec < UINT64_MAX / USEC_PER_SEC)
		return val_set(sec * USEC_PER_SEC);
	if (st->n < 4)
		return (struct val){ 0 };
	date = st->w[2];
	time = st->w[3];
	if (!cut_number(&date, '/', &f.year) || !cut_number(&date, '/', &f.mon) ||
	    !cut_number(&date, '/', &f.day) || !cut_number(&time, ':', &f.hour) ||
	    !cut_number(&time, ':', &f.min) || !cut_number(&time, ':', &f.sec) ||
	    clock_utc_usec(&f, &usec) < 0)
		return (struct val){ 0 };
	return val_set(usec);
}

static struct val lifetime(uint64_t sec)
{
	return sec == SEC_FOREVER ? (struct val){ .kind = VAL_MAX } : val_set(sec);
}

static void take_option(const struct statement *st, struct dhcp_lease *l)
{
	struct span key = st->w[1], value;
	uint64_t sec;

	if (st->n < 3)
		return;
	value = unquote(st->w[2]);
	if (span_eq(key, "subnet-mask"))
		take_mask(value, l);
	else if (span_eq(key, "routers"))
		take_list(st, 2, &l->routers);
	else if (span_eq(key, "domain-name-servers") ||
		 span_eq(key, "dhcp6.name-servers"))
		take_list(st, 2, &l->dns);
	else if (span_eq(key, "domain-name"))
		l->domain = span_tbytes(value);
	else if (span_eq(key, "dhcp-server-identifier"))
		l->server = span_tbytes(value);
	else if (span_eq(key, "dhcp-lease-time") && num_parse_u64(value, &sec) == 0)
		l->lifetime_sec = lifetime(sec);
}

static void take_statement(const struct statement *st, struct dhcp_lease *l)
{
	struct span key = st->w[0];
	uint64_t sec;

	if (st->n < 2)
		return;
	if (span_eq(key, "interface"))
		l->interface = span_tbytes(unquote(st->w[1]));
	else if (span_eq(key, "option"))
		take_option(st, l);
	else if (span_eq(key, "renew"))
		l->renew_real_usec = parse_date(st);
	else if (span_eq(key, "rebind"))
		l->rebind_real_usec = parse_date(st);
	else if (span_eq(key, "expire"))
		l->expire_real_usec = parse_date(st);
	else if (span_eq(key, "max-life") && num_parse_u64(st->w[1], &sec) == 0)
		l->lifetime_sec = lifetime(sec);
	else if (span_eq(key, "starts") && num_parse_u64(st->w[1], &sec) == 0 &&
		 sec < UINT64_MAX / USEC_PER_SEC)
		l->obtained_real_usec = val_set(sec * USEC_PER_SEC);
	else if ((span_eq(key, "fixed-address") || span_eq(key, "iaaddr")) &&
		 !parse_addr(st->w[1], &l->family, l->addr))
		l->family = 0;
}

static bool same_place(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	return a->family == b->family && a->interface.n == b->interface.n &&
	       (!a->interface.n ||
		memcmp(a->interface.p, b->interface.p, a->interface.n) == 0);
}

static void put_lease(const struct dhcp_lease *l, size_t first, size_t max,
		      struct dhcp_leases *io)
{
	for (size_t i = first; i < io->n; i++)
		if (same_place(&io->v[i], l)) {
			io->v[i] = *l;
			return;
		}
	if (io->n >= max) {
		io->more++;
		return;
	}
	GROW(io->v, io->n, io->cap);
	io->v[io->n++] = *l;
}

/* A lifetime from its beginning on, where no end is given (DHCPv6). */
static void add_expiry(struct dhcp_lease *l)
{
	if (l->expire_real_usec.kind != VAL_ABSENT ||
	    l->obtained_real_usec.kind != VAL_SET)
		return;
	if (l->lifetime_sec.kind == VAL_MAX)
		l->expire_real_usec = l->lifetime_sec;
	if (l->lifetime_sec.kind == VAL_SET && l->lifetime_sec.n < SEC_FOREVER &&
	    l->obtained_real_usec.n < UINT64_MAX / 2)
		l->expire_real_usec = val_set(l->obtained_real_usec.n +
					      l->lifetime_sec.n * USEC_PER_SEC);
}

/* What is in braces, those within it too; false: it is not whole. */
static bool take_block(struct span *s, struct dhcp_lease *ret)
{
	struct dhcp_lease l = { .client = DHCP_DHCLIENT };
	uint64_t depth = 1;
	struct statement st;

	while (depth) {
		next_statement(s, &st);
		if (!st.end)
			return false;
		take_statement(&st, &l);
		if (st.end == '{')
			depth++;
		else if (st.end == '}')
			depth--;
	}
	add_expiry(&l);
	*ret = l;
	return true;
}

void dhcplease_parse_dhclient(struct span text, size_t max, struct dhcp_leases *io)
{
	size_t first = io->n;
	struct statement st;

	do {
		struct dhcp_lease l;
		bool is_lease;

		next_statement(&text, &st);
		is_lease =
			st.n && (span_eq(st.w[0], "lease") || span_eq(st.w[0], "lease6"));
		/* of other blocks that there may be the inside is passed over, too */
		if (st.end == '{' && take_block(&text, &l) && is_lease && l.family)
			put_lease(&l, first, max, io);
	} while (st.end);
}

/* ---- systemd-networkd, NetworkManager ---- */

/* "1h 30min", "45s", "infinity", or seconds. */
static struct val parse_timespan(struct span s)
{
	static const struct {
		const char *unit;
		uint32_t sec;
	} units[] = {
		{ "y", 31557600 }, { "month", 2629800 }, { "w", 604800 }, { "d", 86400 },
		{ "h", 3600 },     { "min", 60 },        { "s", 1 },      { "", 1 },
		{ "ms", 0 },       { "us", 0 },
	};
	uint64_t total = 0;
	struct span word;

	if (span_eq(s, "infinity"))
		return (struct val){ .kind = VAL_MAX };
	while (span_field(&s, &word)) {
		struct span unit = span_after_digits(word);
		size_t i = 0;
		uint32_t n;

		if (num_parse_u32(span_of(word.p, word.n - unit.n), &n) < 0)
			return (struct val){ 0 };
		while (i < ARRAY_SIZE(units) && !span_eq(unit, units[i].unit))
			i++;
		if (i == ARRAY_SIZE(units) || total > UINT64_MAX / 2)
			return (struct val){ 0 };
		total += (uint64_t)n * units[i].sec;
	}
	return lifetime(total);
}

static void key_address(struct span v, struct dhcp_lease *l)
{
	if (!parse_addr(v, &l->family, l->addr))
		l->family = 0;
}

static void key_server(struct span v, struct dhcp_lease *l)
{
	l->server = span_tbytes(v);
}

static void add_fields(struct span v, struct guestnet_list *ret)
{
	struct span word;

	*ret = (struct guestnet_list){ 0 };
	while (span_field(&v, &word))
		if (word.n)
			add(ret, word);
}

static void key_router(struct span v, struct dhcp_lease *l)
{
	add_fields(v, &l->routers);
}

static void key_dns(struct span v, struct dhcp_lease *l)
{
	add_fields(v, &l->dns);
}

static void key_domain(struct span v, struct dhcp_lease *l)
{
	l->domain = span_tbytes(v);
}

static void key_lifetime(struct span v, struct dhcp_lease *l)
{
	l->lifetime_sec = parse_timespan(v);
}

static const struct {
	const char *key;
	void (*take)(struct span v, struct dhcp_lease *l);
} lease_keys[] = {
	{ "ADDRESS=", key_address },
	{ "NETMASK=", take_mask },
	{ "SERVER_ADDRESS=", key_server },
	{ "ROUTER=", key_router },
	{ "DNS=", key_dns },
	{ "DOMAINNAME=", key_domain },
	{ "LIFETIME=", key_lifetime },
};

int dhcplease_parse_keys(struct span text, struct val obtained, struct dhcp_lease *ret)
{
	struct dhcp_lease l = { .client = DHCP_NETWORKD, .obtained_real_usec = obtained };
	struct span line;

	while (span_line(&text, &line))
		for (size_t i = 0; i < ARRAY_SIZE(lease_keys); i++) {
			struct span v = span_trim(line);

			if (!span_skip(&v, lease_keys[i].key) || !v.n)
				continue;
			lease_keys[i].take(unquote(v), &l);
			break;
		}
	if (!l.family)
		return -ENODATA;
	add_expiry(&l);
	*ret = l;
	return 0;
}

/* ---- dhcpcd ---- */

enum {
	BOOTP_YIADDR = 16,
	BOOTP_COOKIE = 236,
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_DOMAIN = 15,
	OPT_LEASE_TIME = 51,
	OPT_SERVER = 54,
	OPT_END = 255,
};

static uint32_t be32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct span put_ip(struct dhcp_texts *t, const char *p)
{
	const uint8_t *b = (const uint8_t *)p;
	int n;

	if (t->n >= ARRAY_SIZE(t->p))
		return (struct span){ 0 };
	n = snprintf(t->p[t->n], sizeof(t->p[0]), "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	return span_of(t->p[t->n++], (size_t)n);
}

static void packet_list(struct span v, struct dhcp_texts *t, struct guestnet_list *ret)
{
	/* an option that comes twice goes on (RFC 3396) */
	for (; v.n >= 4; v.p += 4, v.n -= 4) {
		if (ret->n < GUESTNET_LIST)
			add(ret, put_ip(t, v.p));
		else
			ret->more++;
	}
}

static void packet_option(uint8_t code, struct span v, struct dhcp_texts *t,
			  struct dhcp_lease *l)
{
	if (code == OPT_MASK && v.n == 4)
		l->prefix_len = mask_len((const uint8_t *)v.p);
	else if (code == OPT_ROUTER)
		packet_list(v, t, &l->routers);
	else if (code == OPT_DNS)
		packet_list(v, t, &l->dns);
	else if (code == OPT_DOMAIN && v.n)
		l->domain = span_tbytes(v);
	else if (code == OPT_LEASE_TIME && v.n == 4)
		l->lifetime_sec = lifetime(be32(v.p));
	else if (code == OPT_SERVER && v.n == 4 && !l->server.p)
		l->server = span_tbytes(put_ip(t, v.p));
}

static void packet_options(struct span s, struct dhcp_texts *t, struct dhcp_lease *l)
{
	while (s.n >= 2 && (uint8_t)s.p[0] != OPT_END) {
		uint8_t code = (uint8_t)s.p[0];
		size_t n = code == OPT_PAD ? 0 : 1 + (size_t)(uint8_t)s.p[1];

		if (n >= s.n)
			return; /* cut off */
		if (n)
			packet_option(code, span_of(s.p + 2, n - 1), t, l);
		s.p += 1 + n;
		s.n -= 1 + n;
	}
}

int dhcplease_parse_packet(struct span bytes, struct val obtained,
			   struct dhcp_texts *texts, struct dhcp_lease *ret)
{
	static const char cookie[] = "\x63\x82\x53\x63";
	struct dhcp_lease l = { .client = DHCP_DHCPCD, .obtained_real_usec = obtained };

	texts->n = 0;
	if (bytes.n < BOOTP_COOKIE + 4 || bytes.p[0] != 2 /* BOOTREPLY */ ||
	    memcmp(bytes.p + BOOTP_COOKIE, cookie, 4) != 0 ||
	    !be32(bytes.p + BOOTP_YIADDR))
		return -ENODATA;
	l.family = AF_INET;
	memcpy(l.addr, bytes.p + BOOTP_YIADDR, 4);
	packet_options(span_of(bytes.p + BOOTP_COOKIE + 4, bytes.n - BOOTP_COOKIE - 4),
		       texts, &l);
	add_expiry(&l);
	*ret = l;
	return 0;
}
