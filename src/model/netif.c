/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netif.h"

#include <arpa/inet.h>

#include "base/num.h"
#include "base/str.h"

#define LIST_DONE(type)                                                                  \
	void type##_done(struct type *l)                                                 \
	{                                                                                \
		free(l->v);                                                              \
		*l = (struct type){ 0 };                                                 \
	}

LIST_DONE(netifs)
LIST_DONE(netstats)
LIST_DONE(netaddrs)
LIST_DONE(netroutes)
LIST_DONE(netvlans)
LIST_DONE(netqdiscs)

void netguest_done(struct netguest *g)
{
	netifs_done(&g->links);
	netaddrs_done(&g->addrs);
	netroutes_done(&g->routes);
	*g = (struct netguest){ 0 };
}

const struct netif *netifs_find(const struct netifs *l, uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < l->n; i++)
		if (l->v[i].ifindex == ifindex)
			return &l->v[i];
	return NULL;
}

const struct netif *netifs_find_name(const struct netifs *l, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	for (size_t i = 0; n && i < l->n; i++)
		if (l->v[i].name_n == n && memcmp(l->v[i].name, name, n) == 0)
			return &l->v[i];
	return NULL;
}

const char *netif_operstate_name(uint8_t operstate)
{
	static const char *const names[] = { "UNKNOWN", "NOTPRESENT",
					     "DOWN",    "LOWERLAYERDOWN",
					     "TESTING", "DORMANT",
					     "UP" };

	return operstate < ARRAY_SIZE(names) ? names[operstate] : "UNKNOWN";
}

char *netif_mac_text(const uint8_t *mac, size_t n)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%02X", i ? ":" : "", mac[i]);
	return take_ptr(b.p);
}

char *netaddr_text(uint8_t family, const uint8_t *addr)
{
	struct buf b = { 0 };
	char s[INET6_ADDRSTRLEN];

	for (unsigned i = 0; family == AF_INET && i < 4; i++) {
		if (i)
			buf_addc(&b, '.');
		num_add(&b, addr[i]);
	}
	if (b.p)
		return b.p;
	if (!inet_ntop(family, addr, s, sizeof(s)))
		return xstrdup("?");
	return xstrdup(s);
}

int netaddr_parse(const char *text, uint8_t *ret_family, uint8_t *ret_addr,
		  uint8_t *ret_len)
{
	struct span rest = span_str(text), host = { 0 };
	uint8_t addr[16] = { 0 }, family;
	char s[INET6_ADDRSTRLEN];
	uint32_t len = 255;

	span_cut(&rest, '/', &host);
	if (host.n == 0 || host.n >= sizeof(s))
		return -EINVAL;
	memcpy(s, host.p, host.n);
	s[host.n] = '\0';
	family = strchr(s, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, s, addr) != 1)
		return -EINVAL;
	if (strchr(text, '/') &&
	    (num_parse_u32(rest, &len) < 0 || len > (family == AF_INET ? 32U : 128U)))
		return -EINVAL;
	*ret_family = family;
	memcpy(ret_addr, addr, sizeof(addr));
	*ret_len = (uint8_t)len;
	return 0;
}

/* Digits without a leading zero, cut off the front; at most 9 of them. */
static bool take_number(struct span *s, uint32_t *ret)
{
	struct span digits = *s;

	digits.n = 0;
	while (digits.n < s->n && digits.n < 10 && s->p[digits.n] >= '0' &&
	       s->p[digits.n] <= '9')
		digits.n++;
	if (digits.n == 0 || digits.n > 9 || (digits.n > 1 && *digits.p == '0') ||
	    num_parse_u32(digits, ret) < 0)
		return false;
	s->p += digits.n;
	s->n -= digits.n;
	return true;
}

struct netdev_id netdev_parse_name(struct tbytes name)
{
	static const struct {
		const char *prefix;
		const char *infix; /* any of these letters */
		enum netdev_role role;
	} roles[] = {
		{ "veth", "i", NETDEV_VETH },
		{ "fwbr", "i", NETDEV_FWBR },
		{ "fwln", "io", NETDEV_FWLN },
		{ "fwpr", "p", NETDEV_FWPR },
	};
	struct span s = { (const char *)name.p, name.n };
	struct netdev_id id = { 0 };
	size_t i = 0;

	while (i < ARRAY_SIZE(roles) && !span_skip(&s, roles[i].prefix))
		i++;
	if (i == ARRAY_SIZE(roles) || !take_number(&s, &id.vmid) || id.vmid < 100 ||
	    s.n < 2 || !memchr(roles[i].infix, *s.p, strlen(roles[i].infix)))
		return (struct netdev_id){ 0 };
	s.p++;
	s.n--;
	if (!take_number(&s, &id.net) || id.net > 31)
		return (struct netdev_id){ 0 };
	id.role = roles[i].role;
	if (id.role == NETDEV_VETH && span_eq(s, "p"))
		id.role = NETDEV_VETH_TMP;
	else if (s.n)
		return (struct netdev_id){ 0 };
	return id;
}
