/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlparse.h"

#include <linux/gen_stats.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/*
 * Attributes are walked by hand rather than with the tables of libnl: a fixed struct per
 * message is all that is wanted, and a parser that needs no library can be fuzzed and
 * run on recorded bytes anywhere.
 */
struct attr {
	uint16_t type;
	struct span v;
};

/* Lengths of messages and attributes are padded to 4; the last one's padding may be
 * missing. */
static void cut(struct span *s, size_t n)
{
	size_t padded = MIN((n + 3) & ~(size_t)3, s->n);

	s->p += padded;
	s->n -= padded;
}

/* 1: the next one; 0: none left; -EINVAL: its length does not fit. */
static int next_attr(struct span *s, struct attr *ret)
{
	struct nlattr a;

	if (s->n == 0)
		return 0;
	if (s->n < sizeof(a))
		return -EINVAL;
	memcpy(&a, s->p, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > s->n)
		return -EINVAL;
	*ret = (struct attr){
		.type = a.nla_type & (uint16_t)NLA_TYPE_MASK,
		.v = { s->p + sizeof(a), a.nla_len - sizeof(a) },
	};
	cut(s, a.nla_len);
	return 1;
}

/* Bytes of a fixed size out of one; a kernel that gives more has appended fields. */
static int get(struct span v, void *ret, size_t n)
{
	if (v.n < n)
		return -EINVAL;
	memcpy(ret, v.p, n);
	return 0;
}

static int get_val(struct span v, size_t n, struct val *ret)
{
	uint64_t u = 0; /* little and big end alike: read by its own size */
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	int r;

	switch (n) {
	case 1:
		r = get(v, &u8, 1);
		u = r < 0 ? 0 : u8;
		break;
	case 2:
		r = get(v, &u16, 2);
		u = r < 0 ? 0 : u16;
		break;
	case 4:
		r = get(v, &u32, 4);
		u = r < 0 ? 0 : u32;
		break;
	default:
		r = get(v, &u, 8);
		break;
	}
	if (r < 0)
		return r;
	*ret = val_set(u);
	return 0;
}

/* A string of the kernel: ends at the first NUL or where the attribute ends. */
static size_t text_len(struct span v, size_t max)
{
	return strnlen(v.p, MIN(v.n, max));
}

static void get_kind(struct span v, char *ret)
{
	size_t n = text_len(v, NETIF_KIND_MAX);

	memcpy(ret, v.p, n);
	ret[n] = '\0';
}

static void get_name(struct span v, uint8_t *ret, uint8_t *ret_n)
{
	size_t n = text_len(v, NETIF_NAME_MAX);

	memset(ret, 0, NETIF_NAME_MAX + 1);
	memcpy(ret, v.p, n);
	*ret_n = (uint8_t)n;
}

static int get_addr(struct span v, uint8_t family, uint8_t *ret)
{
	memset(ret, 0, 16);
	return get(v, ret, family == AF_INET6 ? 16 : 4);
}

/* What a parser does with the body (after the netlink header) of one message. */
typedef int message_fn(uint16_t type, struct span body, size_t max, void *io);

static int kernel_answer(struct span body, struct nl_status *st)
{
	int32_t code;
	int r = get(body, &code, sizeof(code));

	if (r < 0)
		return r;
	st->done = true;
	/* a positive one is none that any kernel sends */
	st->error = code > 0 || code < -4095 ? -EPROTO : code;
	return 0;
}

static int one_message(const struct nlmsghdr *h, struct span body, message_fn *fn,
		       size_t max, void *io, struct nl_status *st)
{
	st->interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
	st->messages++;
	switch (h->nlmsg_type) {
	case NLMSG_ERROR:
		return kernel_answer(body, st);
	case NLMSG_DONE:
		/* it carries the error of a dump that broke off; very old kernels: none
		 */
		if (body.n >= sizeof(int32_t))
			return kernel_answer(body, st);
		st->done = true;
		return 0;
	case NLMSG_NOOP:
		return 0;
	case NLMSG_OVERRUN:
		st->error = -ENOBUFS;
		return 0;
	}
	return fn(h->nlmsg_type, body, max, io);
}

static int walk(struct span bytes, message_fn *fn, size_t max, void *io,
		struct nl_status *st, struct err *err)
{
	size_t total = bytes.n;

	while (bytes.n) {
		struct nlmsghdr h;
		struct span body;

		if (get(bytes, &h, sizeof(h)) < 0 || h.nlmsg_len < sizeof(h) ||
		    h.nlmsg_len > bytes.n)
			return err_set(err, -EINVAL,
				       "rtnetlink message cut off at byte %zu of %zu",
				       total - bytes.n, total);
		body = span_of(bytes.p + sizeof(h), h.nlmsg_len - sizeof(h));
		if (one_message(&h, body, fn, max, io, st) < 0)
			return err_set(err, -EINVAL,
				       "rtnetlink message of type %u at byte %zu of %zu "
				       "is too short for what it must hold",
				       h.nlmsg_type, total - bytes.n, total);
		cut(&bytes, h.nlmsg_len);
	}
	return 0;
}

/* Links */

static int get_stats(struct span v, struct netif_stats *ret)
{
	/* rx packets, tx packets, rx bytes, tx bytes, rx errors, tx errors, rx dropped,
	 * tx dropped: the first eight of rtnl_link_stats64, the only ones wanted */
	uint64_t s[8];
	int r = get(v, s, sizeof(s));

	if (r < 0)
		return r;
	*ret = (struct netif_stats){
		.rx_packets = s[0],
		.tx_packets = s[1],
		.rx_bytes = s[2],
		.tx_bytes = s[3],
		.rx_errors = s[4],
		.tx_errors = s[5],
		.rx_dropped = s[6],
		.tx_dropped = s[7],
	};
	return 0;
}

static int link_stats(struct span v, struct netif *i)
{
	int r = get_stats(v, &i->stats);

	i->has_stats = r == 0;
	return r;
}

static int bridge_data(struct attr a, struct netif *i)
{
	if (a.type == IFLA_BR_VLAN_FILTERING)
		return get_val(a.v, 1, &i->vlan_filtering);
	if (a.type == IFLA_BR_VLAN_DEFAULT_PVID)
		return get_val(a.v, 2, &i->vlan_default_pvid);
	return 0;
}

static int vlan_data(struct attr a, struct netif *i)
{
	return a.type == IFLA_VLAN_ID ? get_val(a.v, 2, &i->vlan_id) : 0;
}

static int port_data(struct attr a, struct netif *i)
{
	return a.type == IFLA_BRPORT_STATE ? get_val(a.v, 1, &i->port_state) : 0;
}

static int each(struct span s, int (*fn)(struct attr a, struct netif *i), struct netif *i)
{
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		r = fn(a, i);
		if (r < 0)
			break;
	}
	return r;
}

static int link_info(struct span v, struct netif *i)
{
	struct span data = { 0 }, slave = { 0 };
	struct attr a;
	int r;

	while ((r = next_attr(&v, &a)) > 0) {
		if (a.type == IFLA_INFO_KIND)
			get_kind(a.v, i->kind);
		else if (a.type == IFLA_INFO_SLAVE_KIND)
			get_kind(a.v, i->slave_kind);
		else if (a.type == IFLA_INFO_DATA)
			data = a.v;
		else if (a.type == IFLA_INFO_SLAVE_DATA)
			slave = a.v;
	}
	if (r == 0 && str_eq(i->kind, "bridge"))
		r = each(data, bridge_data, i);
	else if (r == 0 && str_eq(i->kind, "vlan"))
		r = each(data, vlan_data, i);
	if (r == 0 && str_eq(i->slave_kind, "bridge"))
		r = each(slave, port_data, i);
	return r;
}

static int link_attr(struct attr a, struct netif *i)
{
	switch (a.type) {
	case IFLA_IFNAME:
		get_name(a.v, i->name, &i->name_n);
		return 0;
	case IFLA_ADDRESS:
		i->mac_n = (uint8_t)MIN(a.v.n, (size_t)NETIF_MAC_MAX);
		memcpy(i->mac, a.v.p, i->mac_n);
		return 0;
	case IFLA_MTU:
		return get(a.v, &i->mtu, 4);
	case IFLA_LINK:
		return get(a.v, &i->link, 4);
	case IFLA_MASTER:
		return get(a.v, &i->master, 4);
	case IFLA_LINK_NETNSID:
		return get_val(a.v, 4, &i->link_netnsid);
	case IFLA_OPERSTATE:
		return get(a.v, &i->operstate, 1);
	case IFLA_STATS64:
		return link_stats(a.v, i);
	case IFLA_LINKINFO:
		return link_info(a.v, i);
	}
	return 0;
}

static int link_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netifs *l = io;
	struct ifinfomsg m;
	struct netif i;
	int r;

	if (type != RTM_NEWLINK)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	cut(&body, sizeof(m));
	i = (struct netif){
		.ifindex = m.ifi_index > 0 ? (uint32_t)m.ifi_index : 0,
		.up = m.ifi_flags & IFF_UP,
		.running = m.ifi_flags & IFF_RUNNING,
		.carrier = m.ifi_flags & IFF_LOWER_UP,
		.loopback = m.ifi_flags & IFF_LOOPBACK,
	};
	r = each(body, link_attr, &i);
	if (r < 0)
		return r;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = i;
	return 0;
}

int netlink_parse_links(struct span bytes, size_t max, struct netifs *io,
			struct nl_status *st, struct err *err)
{
	return walk(bytes, link_message, max, io, st, err);
}

static int stats_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netstats *l = io;
	struct netstat stat = { 0 };
	struct if_stats_msg m;
	struct attr a;
	bool found = false;
	int r;

	if (type != RTM_NEWSTATS)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	cut(&body, sizeof(m));
	stat.ifindex = m.ifindex;
	while ((r = next_attr(&body, &a)) > 0) {
		if (a.type != IFLA_STATS_LINK_64)
			continue;
		if (get_stats(a.v, &stat.stats) < 0)
			return -EINVAL;
		found = true;
	}
	if (r < 0 || !found)
		return r;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = stat;
	return 0;
}

int netlink_parse_stats(struct span bytes, size_t max, struct netstats *io,
			struct nl_status *st, struct err *err)
{
	return walk(bytes, stats_message, max, io, st, err);
}

static int change_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netifs *l = io;
	struct ifinfomsg m;
	size_t n = l->n;
	int r;

	if (type != RTM_NEWLINK && type != RTM_DELLINK)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0 || m.ifi_family != AF_UNSPEC)
		return r;
	r = link_message(RTM_NEWLINK, body, max, io);
	if (r == 0 && type == RTM_DELLINK && l->n > n)
		l->v[n].gone = true;
	return r;
}

int netlink_parse_link_changes(struct span bytes, size_t max, struct netifs *io,
			       struct nl_status *st, struct err *err)
{
	return walk(bytes, change_message, max, io, st, err);
}

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
	struct attr at;
	int r;

	while ((r = next_attr(&body, &at)) > 0) {
		if (at.type == IFA_LOCAL || (at.type == IFA_ADDRESS && !local)) {
			/* on a point-to-point link IFA_ADDRESS is the other end */
			local = at.type == IFA_LOCAL;
			r = get_addr(at.v, a->family, a->addr);
			*ret_has_addr = true;
		} else if (at.type == IFA_LABEL) {
			get_name(at.v, a->label, &a->label_n);
		} else if (at.type == IFA_FLAGS) {
			r = get(at.v, &flags, sizeof(flags));
			if (r == 0)
				addr_flags(a, flags);
		} else if (at.type == IFA_CACHEINFO) {
			r = get(at.v, &ci, sizeof(ci));
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
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (m.ifa_family != AF_INET && m.ifa_family != AF_INET6)
		return 0;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	cut(&body, sizeof(m));
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
	return walk(bytes, addr_message, max, io, st, err);
}

/* Routes */

static int get_gateway(struct span v, uint8_t family, struct netroute *rt)
{
	rt->has_gw = true;
	rt->gw_family = family;
	return get_addr(v, family, rt->gw);
}

/* RTA_VIA: a gateway of another family than the route's. */
static int get_via(struct span v, struct netroute *rt)
{
	uint16_t family;
	int r = get(v, &family, sizeof(family));

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
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
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
		int r = get(v, &h, sizeof(h));

		if (r < 0 || h.rtnh_len < sizeof(h) || h.rtnh_len > v.n)
			return -EINVAL;
		if (rt->n_hops++ == 0) {
			rt->oif = h.rtnh_ifindex > 0 ? (uint32_t)h.rtnh_ifindex : 0;
			r = hop_attrs(span_of(v.p + sizeof(h), h.rtnh_len - sizeof(h)),
				      rt);
			if (r < 0)
				return r;
		}
		cut(&v, h.rtnh_len);
	}
	return 0;
}

static int route_attr(struct attr a, struct netroute *rt)
{
	switch (a.type) {
	case RTA_DST:
		return get_addr(a.v, rt->family, rt->dst);
	case RTA_GATEWAY:
		return get_gateway(a.v, rt->family, rt);
	case RTA_VIA:
		return get_via(a.v, rt);
	case RTA_MULTIPATH:
		return get_hops(a.v, rt);
	case RTA_OIF:
		return get(a.v, &rt->oif, 4);
	case RTA_TABLE:
		return get(a.v, &rt->table, 4);
	case RTA_PRIORITY:
		return get(a.v, &rt->metric, 4);
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
	struct attr a;
	struct rtmsg m;
	int r;

	if (type != RTM_NEWROUTE)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (!route_wanted(&m))
		return 0;
	cut(&body, sizeof(m));
	rt = (struct netroute){
		.family = m.rtm_family,
		.dst_len = m.rtm_dst_len,
		.table = m.rtm_table,
		.type = m.rtm_type,
		.scope = m.rtm_scope,
		.protocol = m.rtm_protocol,
	};
	while ((r = next_attr(&body, &a)) > 0) {
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
	return walk(bytes, route_message, max, io, st, err);
}

/* VLANs of bridge ports */

/* A range comes as two entries, its begin and its end. */
static int vlan_entry(struct span v, struct netvlan *port, uint16_t *begin, size_t max,
		      struct netvlans *l)
{
	struct bridge_vlan_info info;
	int r = get(v, &info, sizeof(info));

	if (r < 0)
		return r;
	if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
		*begin = info.vid;
		return 0;
	}
	port->first =
		info.flags & BRIDGE_VLAN_INFO_RANGE_END && *begin ? *begin : info.vid;
	port->last = info.vid;
	port->pvid = info.flags & BRIDGE_VLAN_INFO_PVID;
	port->untagged = info.flags & BRIDGE_VLAN_INFO_UNTAGGED;
	*begin = 0;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *port;
	return 0;
}

static int vlan_list(struct span s, struct netvlan *port, size_t max, struct netvlans *l)
{
	uint16_t begin = 0;
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		if (a.type != IFLA_BRIDGE_VLAN_INFO)
			continue;
		r = vlan_entry(a.v, port, &begin, max, l);
		if (r < 0)
			break;
	}
	return r;
}

static int vlan_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netvlan port = { 0 };
	struct span list = { 0 };
	struct ifinfomsg m;
	struct attr a;
	int r;

	if (type != RTM_NEWLINK)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (m.ifi_family != AF_BRIDGE)
		return 0;
	cut(&body, sizeof(m));
	port.ifindex = m.ifi_index > 0 ? (uint32_t)m.ifi_index : 0;
	while ((r = next_attr(&body, &a)) > 0) {
		if (a.type == IFLA_AF_SPEC)
			list = a.v;
		else if (a.type == IFLA_MASTER)
			r = get(a.v, &port.master, 4);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	if (port.master == port.ifindex)
		port.master = 0;
	return vlan_list(list, &port, max, io);
}

int netlink_parse_bridge_vlans(struct span bytes, size_t max, struct netvlans *io,
			       struct nl_status *st, struct err *err)
{
	return walk(bytes, vlan_message, max, io, st, err);
}

/* Queueing disciplines, classes, filters */

/* The 32-bit rate is full where it does not fit; the 64-bit one is there only then. */
static void set_rate(struct netqdisc *q, uint64_t rate)
{
	if (rate && (q->rate_bytes_per_sec.kind == VAL_ABSENT || rate > UINT32_MAX))
		q->rate_bytes_per_sec = val_set(rate);
}

static int htb_options(struct span s, struct netqdisc *q)
{
	struct tc_htb_opt opt;
	uint64_t rate64;
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		if (a.type == TCA_HTB_PARMS) {
			r = get(a.v, &opt, sizeof(opt));
			if (r == 0)
				set_rate(q, opt.rate.rate);
		} else if (a.type == TCA_HTB_RATE64) {
			r = get(a.v, &rate64, sizeof(rate64));
			if (r == 0)
				set_rate(q, rate64);
		}
		if (r < 0)
			break;
	}
	return r;
}

static int police_options(struct span s, struct netqdisc *q)
{
	struct tc_police opt;
	uint64_t rate64;
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		if (a.type == TCA_POLICE_TBF) {
			r = get(a.v, &opt, sizeof(opt));
			if (r == 0)
				set_rate(q, opt.rate.rate);
		} else if (a.type == TCA_POLICE_RATE64) {
			r = get(a.v, &rate64, sizeof(rate64));
			if (r == 0)
				set_rate(q, rate64);
		}
		if (r < 0)
			break;
	}
	return r;
}

/* struct gnet_stats_queue: qlen, backlog, drops, ... */
static int stats2(struct span s, struct netqdisc *q)
{
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		uint32_t queue[3];

		if (a.type != TCA_STATS_QUEUE)
			continue;
		r = get(a.v, queue, sizeof(queue));
		if (r < 0)
			break;
		q->drops = val_set(queue[2]);
	}
	return r;
}

/* The older struct: a filter with the old police attribute has only this. */
static int stats1(struct span v, struct netqdisc *q)
{
	struct tc_stats st;
	int r = get(v, &st, offsetof(struct tc_stats, overlimits));

	if (r == 0)
		q->drops = val_set(st.drops);
	return r;
}

/* One of the numbered actions of a filter. */
static int action(struct span s, struct netqdisc *q)
{
	struct span options = { 0 }, stats = { 0 };
	char kind[NETIF_KIND_MAX + 1] = "";
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		if (a.type == TCA_ACT_KIND)
			get_kind(a.v, kind);
		else if (a.type == TCA_ACT_OPTIONS)
			options = a.v;
		else if (a.type == TCA_ACT_STATS)
			stats = a.v;
	}
	if (r < 0 || !str_eq(kind, "police"))
		return r;
	r = police_options(options, q);
	return r < 0 ? r : stats2(stats, q);
}

static int actions(struct span s, struct netqdisc *q)
{
	struct attr a;
	int r;

	while ((r = next_attr(&s, &a)) > 0) {
		r = action(a.v, q);
		if (r < 0)
			break;
	}
	return r;
}

/*
 * Where a filter of that kind keeps its police action: `police` on tc's command line
 * makes the old attribute, `action police` the new one. PVE 7 and later use basic, older
 * ones u32.
 */
static int filter_options(struct span s, struct netqdisc *q)
{
	static const struct {
		const char *kind;
		uint16_t police, actions;
	} kinds[] = {
		{ "basic", TCA_BASIC_POLICE, TCA_BASIC_ACT },
		{ "u32", TCA_U32_POLICE, TCA_U32_ACT },
		{ "matchall", 0, TCA_MATCHALL_ACT },
	};
	struct attr a;
	size_t k = 0;
	int r;

	while (k < ARRAY_SIZE(kinds) && !str_eq(kinds[k].kind, q->kind))
		k++;
	if (k == ARRAY_SIZE(kinds))
		return 0;
	while ((r = next_attr(&s, &a)) > 0) {
		if (a.type && a.type == kinds[k].police)
			r = police_options(a.v, q);
		else if (a.type == kinds[k].actions)
			r = actions(a.v, q);
		if (r < 0)
			break;
	}
	return r;
}

static int qdisc_attrs(uint16_t type, struct span body, struct netqdisc *q)
{
	struct span options = { 0 };
	struct attr a;
	int r;

	while ((r = next_attr(&body, &a)) > 0) {
		if (a.type == TCA_KIND)
			get_kind(a.v, q->kind);
		else if (a.type == TCA_OPTIONS)
			options = a.v;
		else if (a.type == TCA_STATS2)
			r = stats2(a.v, q);
		else if (a.type == TCA_STATS)
			r = stats1(a.v, q);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	if (type == RTM_NEWTCLASS && str_eq(q->kind, "htb"))
		return htb_options(options, q);
	return type == RTM_NEWTFILTER ? filter_options(options, q) : 0;
}

static int qdisc_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netqdiscs *l = io;
	struct netqdisc q;
	struct tcmsg m;
	int r;

	if (type != RTM_NEWQDISC && type != RTM_NEWTCLASS && type != RTM_NEWTFILTER)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	cut(&body, sizeof(m));
	q = (struct netqdisc){
		.ifindex = m.tcm_ifindex > 0 ? (uint32_t)m.tcm_ifindex : 0,
		.handle = m.tcm_handle,
		.parent = m.tcm_parent,
	};
	r = qdisc_attrs(type, body, &q);
	if (r < 0)
		return r;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = q;
	return 0;
}

int netlink_parse_qdiscs(struct span bytes, size_t max, struct netqdiscs *io,
			 struct nl_status *st, struct err *err)
{
	return walk(bytes, qdisc_message, max, io, st, err);
}

/* Namespace ids */

static int nsid_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct val *ret = io;
	struct rtgenmsg m;
	struct attr a;
	int r;

	(void)max;
	if (type != RTM_NEWNSID)
		return 0;
	r = get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	cut(&body, sizeof(m));
	while ((r = next_attr(&body, &a)) > 0) {
		int32_t id;

		if (a.type != NETNSA_NSID)
			continue;
		r = get(a.v, &id, sizeof(id));
		if (r < 0)
			break;
		if (id >= 0)
			*ret = val_set((uint64_t)id);
	}
	return r;
}

int netlink_parse_nsid(struct span bytes, struct val *ret, struct nl_status *st,
		       struct err *err)
{
	struct val id = { 0 };
	int r = walk(bytes, nsid_message, 1, &id, st, err);

	if (r < 0)
		return r;
	*ret = id;
	return 0;
}
