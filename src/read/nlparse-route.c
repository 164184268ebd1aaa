/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses and routes: their messages of read/nlparse.h. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "read/nlparse.h"
#include "read/nlwalk.h"

/* Addresses */

static void addr_flags(struct netaddr *a, uint32_t flags)
{
	a->dad_failed = flags & IFA_F_DADFAILED;
	a->tentative = flags & IFA_F_TENTATIVE;
	a->deprecated = flags & IFA_F_DEPRECATED;
	a->temporary = flags & IFA_F_TEMPORARY && a->family == AF_INET6;
}

static int addr_attrs(struct span body, struct netaddr *a, bool *ret_has_addr)
{
	struct ifa_cacheinfo ci;
	bool local = false;
	uint32_t flags;
	struct nlwalk_attr at;
	int r;

	while ((r = nlwalk_next(&body, &at)) > 0) {
		if (at.type == IFA_LOCAL || (at.type == IFA_ADDRESS && !local)) {
			/* on a point-to-point link IFA_ADDRESS is the other end */
			local = at.type == IFA_LOCAL;
			r = nlwalk_addr(at.v, a->family, a->addr);
			*ret_has_addr = true;
		} else if (at.type == IFA_LABEL) {
			nlwalk_name(at.v, a->label, &a->label_n);
		} else if (at.type == IFA_FLAGS) {
			r = nlwalk_get(at.v, &flags, sizeof(flags));
			if (r == 0)
				addr_flags(a, flags);
		} else if (at.type == IFA_CACHEINFO) {
			r = nlwalk_get(at.v, &ci, sizeof(ci));
			a->dynamic = r == 0 && ci.ifa_valid != UINT32_MAX;
			a->valid_sec = a->dynamic ? ci.ifa_valid : 0;
		}
		if (r < 0)
			break;
	}
	return r;
}

static int addr_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netaddrs *l = io;
	struct ifaddrmsg m;
	struct netaddr a;
	bool has_addr = false;
	int r;

	if (type != RTM_NEWADDR)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (m.ifa_family != AF_INET && m.ifa_family != AF_INET6)
		return 0;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	nlwalk_cut(&body, sizeof(m));
	a = (struct netaddr){
		.ifindex = m.ifa_index,
		.family = m.ifa_family,
		.prefix_len = m.ifa_prefixlen,
		.scope = m.ifa_scope,
	};
	addr_flags(&a, m.ifa_flags);
	r = addr_attrs(body, &a, &has_addr);
	if (r < 0)
		return r;
	if (!has_addr)
		return -EINVAL;
	a.link_scope = a.scope >= RT_SCOPE_LINK ||
		       (a.family == AF_INET && a.addr[0] == 169 && a.addr[1] == 254);
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = a;
	return 0;
}

int netlink_parse_addrs(struct span bytes, size_t max, struct netaddrs *io,
			struct nl_status *st, struct err *err)
{
	return nlwalk_messages(bytes, addr_message, max, io, st, err);
}

/* Routes */

static int get_gateway(struct span v, uint8_t family, struct netroute *rt)
{
	rt->has_gw = true;
	rt->gw_family = family;
	return nlwalk_addr(v, family, rt->gw);
}

/* RTA_VIA: a gateway of another family than the route's. */
static int get_via(struct span v, struct netroute *rt)
{
	uint16_t family;
	int r = nlwalk_get(v, &family, sizeof(family));

	if (r < 0)
		return r;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	v.p += sizeof(family);
	v.n -= sizeof(family);
	return get_gateway(v, (uint8_t)family, rt);
}

static int hop_attrs(struct span s, struct netroute *rt)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		if (a.type == RTA_GATEWAY)
			r = get_gateway(a.v, rt->family, rt);
		else if (a.type == RTA_VIA)
			r = get_via(a.v, rt);
		if (r < 0)
			break;
	}
	return r;
}

static int get_hops(struct span v, struct netroute *rt)
{
	while (v.n) {
		struct rtnexthop h;
		int r = nlwalk_get(v, &h, sizeof(h));

		if (r < 0 || h.rtnh_len < sizeof(h) || h.rtnh_len > v.n)
			return -EINVAL;
		if (rt->n_hops++ == 0) {
			rt->oif = h.rtnh_ifindex > 0 ? (uint32_t)h.rtnh_ifindex : 0;
			r = hop_attrs(span_of(v.p + sizeof(h), h.rtnh_len - sizeof(h)),
				      rt);
			if (r < 0)
				return r;
		}
		nlwalk_cut(&v, h.rtnh_len);
	}
	return 0;
}

static int route_attr(struct nlwalk_attr a, struct netroute *rt)
{
	switch (a.type) {
	case RTA_DST:
		return nlwalk_addr(a.v, rt->family, rt->dst);
	case RTA_GATEWAY:
		return get_gateway(a.v, rt->family, rt);
	case RTA_VIA:
		return get_via(a.v, rt);
	case RTA_MULTIPATH:
		return get_hops(a.v, rt);
	case RTA_OIF:
		return nlwalk_get(a.v, &rt->oif, 4);
	case RTA_TABLE:
		return nlwalk_get(a.v, &rt->table, 4);
	case RTA_PRIORITY:
		return nlwalk_get(a.v, &rt->metric, 4);
	}
	return 0;
}

static bool route_wanted(const struct rtmsg *m)
{
	return (m->rtm_family == AF_INET || m->rtm_family == AF_INET6) &&
	       !(m->rtm_flags & RTM_F_CLONED) &&
	       (m->rtm_type == RTN_UNICAST || m->rtm_type == RTN_BLACKHOLE ||
		m->rtm_type == RTN_UNREACHABLE || m->rtm_type == RTN_PROHIBIT ||
		m->rtm_type == RTN_THROW);
}

/* A full list gives its last ordinary route for a default one: those are what is asked.
 */
static struct netroute *route_slot(struct netroutes *l, size_t max, bool is_default)
{
	if (l->n < max) {
		GROW(l->v, l->n, l->cap);
		return &l->v[l->n++];
	}
	l->more++;
	for (size_t i = l->n; is_default && i > 0; i--)
		if (l->v[i - 1].dst_len)
			return &l->v[i - 1];
	return NULL;
}

static int route_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netroute rt, *slot;
	struct nlwalk_attr a;
	struct rtmsg m;
	int r;

	if (type != RTM_NEWROUTE)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (!route_wanted(&m))
		return 0;
	nlwalk_cut(&body, sizeof(m));
	rt = (struct netroute){
		.family = m.rtm_family,
		.dst_len = m.rtm_dst_len,
		.table = m.rtm_table,
		.type = m.rtm_type,
		.scope = m.rtm_scope,
		.protocol = m.rtm_protocol,
	};
	while ((r = nlwalk_next(&body, &a)) > 0) {
		r = route_attr(a, &rt);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	slot = route_slot(io, max, rt.dst_len == 0);
	if (slot)
		*slot = rt;
	return 0;
}

int netlink_parse_routes(struct span bytes, size_t max, struct netroutes *io,
			 struct nl_status *st, struct err *err)
{
	return nlwalk_messages(bytes, route_message, max, io, st, err);
}
