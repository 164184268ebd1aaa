/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "read/netlink-int.h"

#define FEED(name, type)                                                                 \
	static int parse_##name(struct span bytes, size_t max, void *io,                 \
				struct nl_status *st, struct err *err)                   \
	{                                                                                \
		return netlink_parse_##name(bytes, max, (struct type *)io, st, err);     \
	}                                                                                \
	static void reset_##name(void *io)                                               \
	{                                                                                \
		type##_done(io);                                                         \
	}                                                                                \
	static struct netlink_feed feed_##name(struct type *io, size_t max)              \
	{                                                                                \
		return (struct netlink_feed){ parse_##name, reset_##name, max, io };     \
	}

FEED(links, netifs)
FEED(addrs, netaddrs)
FEED(routes, netroutes)
FEED(bridge_vlans, netvlans)
FEED(qdiscs, netqdiscs)

/* Namespace ids */

static int parse_nsid(struct span bytes, size_t max, void *io, struct nl_status *st,
		      struct err *err)
{
	(void)max;
	return netlink_parse_nsid(bytes, io, st, err);
}

int netlink_read_nsid(struct netlink *nl, uint16_t attr, uint32_t value, struct val *ret,
		      struct err *err)
{
	struct rtgenmsg gen = { .rtgen_family = AF_UNSPEC };
	struct netlink_request rq = netlink_request(RTM_GETNSID, 0, &gen, sizeof(gen));
	struct val id = { 0 };
	bool torn;
	int r;

	netlink_request_u32(&rq, attr, value);
	r = netlink_ask(nl, rq, false, (struct netlink_feed){ parse_nsid, NULL, 1, &id },
			&torn, err);
	if (r < 0)
		return r;
	*ret = id;
	return 0;
}

int netlink_dump_links(struct netlink *nl, struct val nsid, bool stats, size_t max,
		       struct netifs *ret, struct err *err)
{
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	struct netlink_request rq =
		netlink_request(RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m));
	struct netifs l = { 0 };
	int r;

	if (!stats)
		netlink_request_u32(&rq, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nsid.kind == VAL_SET)
		netlink_request_u32(&rq, IFLA_TARGET_NETNSID, (uint32_t)nsid.n);
	r = netlink_ask(nl, rq, true, feed_links(&l, max), &l.torn, err);
	if (r < 0) {
		netifs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

static int dump_family(struct netlink *nl, uint8_t family, struct val nsid, size_t max,
		       struct netaddrs *ret, struct err *err)
{
	struct ifaddrmsg m = { .ifa_family = family };
	struct netlink_request rq =
		netlink_request(RTM_GETADDR, NLM_F_DUMP, &m, sizeof(m));
	struct netaddrs l = { 0 };
	int r;

	if (nsid.kind == VAL_SET)
		netlink_request_u32(&rq, IFA_TARGET_NETNSID, (uint32_t)nsid.n);
	r = netlink_ask(nl, rq, true, feed_addrs(&l, max), &l.torn, err);
	if (r < 0) {
		netaddrs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/*
 * A dump of all families takes the kernel's one lock on everything that is configured of
 * networks (rtnl); those of one family have not needed it since Linux 6.9. A kernel
 * without IPv6 answers with what it has instead.
 */
int netlink_dump_addrs(struct netlink *nl, struct val nsid, size_t max,
		       struct netaddrs *ret, struct err *err)
{
	struct netaddrs l = { 0 }, six = { 0 };
	int r;

	if (!nl->side_by_side)
		return dump_family(nl, AF_UNSPEC, nsid, max, ret, err);
	r = dump_family(nl, AF_INET, nsid, max, &l, err);
	if (r == 0)
		r = dump_family(nl, AF_INET6, nsid, max, &six, err);
	for (size_t i = 0; r == 0 && i < six.n; i++) {
		if (six.v[i].family != AF_INET6)
			continue;
		if (l.n >= max) {
			l.more++;
			continue;
		}
		GROW(l.v, l.n, l.cap);
		l.v[l.n++] = six.v[i];
	}
	l.more += six.more;
	l.torn |= six.torn;
	netaddrs_done(&six);
	if (r < 0) {
		netaddrs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

int netlink_dump_routes(struct netlink *nl, uint8_t family, size_t max,
			struct netroutes *io, struct err *err)
{
	struct rtmsg m = { .rtm_family = family, .rtm_table = RT_TABLE_MAIN };
	struct netlink_request rq =
		netlink_request(RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	struct netroutes l = { 0 };
	int r;

	r = netlink_ask(nl, rq, true, feed_routes(&l, max), &l.torn, err);
	if (r == -ENOENT)
		r = 0;
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		GROW(io->v, io->n, io->cap);
		io->v[io->n++] = l.v[i];
	}
	io->more += l.more;
	io->torn |= l.torn;
	netroutes_done(&l);
	return r;
}

int netlink_read_links(struct netlink *nl, bool stats, struct netifs *ret,
		       struct err *err)
{
	nl->offer_bytes = NETLINK_RECV_BYTES;
	return netlink_dump_links(nl, (struct val){ 0 }, stats, NETLINK_MAX_LINKS, ret,
				  err);
}

static int parse_stats(struct span bytes, size_t max, void *io, struct nl_status *st,
		       struct err *err)
{
	return netlink_parse_stats(bytes, max, io, st, err);
}

static void reset_stats(void *io)
{
	struct netstats *l = io;

	l->n = 0;
	l->more = 0;
}

int netlink_read_stats(struct netlink *nl, struct netstats *io, struct err *err)
{
	struct if_stats_msg m = {
		.family = AF_UNSPEC,
		.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64),
	};
	struct netlink_feed f = { parse_stats, reset_stats, NETLINK_MAX_LINKS, io };

	reset_stats(io);
	io->torn = false;
	return netlink_ask(nl, netlink_request(RTM_GETSTATS, NLM_F_DUMP, &m, sizeof(m)),
			   true, f, &io->torn, err);
}

int netlink_read_bridge_vlans(struct netlink *nl, struct netvlans *ret, struct err *err)
{
	struct ifinfomsg m = { .ifi_family = AF_BRIDGE };
	struct netlink_request rq =
		netlink_request(RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m));
	struct netvlans l = { 0 };
	int r;

	nl->offer_bytes = NETLINK_RECV_BYTES;
	netlink_request_u32(&rq, IFLA_EXT_MASK,
			    RTEXT_FILTER_BRVLAN_COMPRESSED | RTEXT_FILTER_SKIP_STATS);
	r = netlink_ask(nl, rq, true, feed_bridge_vlans(&l, NETLINK_MAX_LINKS), &l.torn,
			err);
	if (r < 0) {
		netvlans_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

static int dump_qdiscs(struct netlink *nl, uint16_t type, uint32_t ifindex,
		       uint32_t parent, struct netqdiscs *io, struct err *err)
{
	struct tcmsg m = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = parent,
	};

	return netlink_ask(nl, netlink_request(type, NLM_F_DUMP, &m, sizeof(m)), true,
			   feed_qdiscs(io, 1024), &io->torn, err);
}

static void first_rate(const struct netqdiscs *l, struct val *rate, struct val *drops)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].rate_bytes_per_sec.kind != VAL_SET)
			continue;
		*rate = l->v[i].rate_bytes_per_sec;
		*drops = l->v[i].drops;
		return;
	}
}

int netlink_read_rate(struct netlink *nl, uint32_t ifindex, struct netrate *ret,
		      struct err *err)
{
	_cleanup_(netqdiscs_done) struct netqdiscs classes = { 0 };
	_cleanup_(netqdiscs_done) struct netqdiscs filters = { 0 };
	struct netrate rate = { 0 };
	int r;

	r = dump_qdiscs(nl, RTM_GETTCLASS, ifindex, 0, &classes, err);
	if (r == 0)
		r = dump_qdiscs(nl, RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_INGRESS, 0),
				&filters, err);
	if (r < 0)
		return r;
	first_rate(&classes, &rate.to_guest_bytes_per_sec, &rate.to_guest_drops);
	first_rate(&filters, &rate.from_guest_bytes_per_sec, &rate.from_guest_drops);
	*ret = rate;
	return 0;
}

char *netlink_read_name(struct netlink *nl, struct val nsid, uint32_t ifindex)
{
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct netlink_request rq = netlink_request(RTM_GETLINK, 0, &m, sizeof(m));
	_cleanup_(netifs_done) struct netifs l = { 0 };

	netlink_request_u32(&rq, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	netlink_request_u32(&rq, IFLA_TARGET_NETNSID, (uint32_t)nsid.n);
	if (netlink_ask(nl, rq, false, feed_links(&l, 1), &l.torn, NULL) < 0 || l.n == 0)
		return xstrdup("");
	return xstrndup((const char *)l.v[0].name, l.v[0].name_n);
}

int netlink_own_nsid(struct netlink *nl, struct val *ret, struct err *err)
{
	return netlink_read_nsid(nl, NETNSA_PID, (uint32_t)getpid(), ret, err);
}
