/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlparse.h"

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "read/nlwalk.h"

/* Links */

static int get_stats(struct span v, struct netif_stats *ret)
{
	/* rx packets, tx packets, rx bytes, tx bytes, rx errors, tx errors, rx dropped,
	 * tx dropped: the first eight of rtnl_link_stats64, the only ones wanted */
	uint64_t s[8];
	int r = nlwalk_get(v, s, sizeof(s));

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

static int bridge_data(struct nlwalk_attr a, struct netif *i)
{
	if (a.type == IFLA_BR_VLAN_FILTERING)
		return nlwalk_val(a.v, 1, &i->vlan_filtering);
	if (a.type == IFLA_BR_VLAN_DEFAULT_PVID)
		return nlwalk_val(a.v, 2, &i->vlan_default_pvid);
	return 0;
}

static int vlan_data(struct nlwalk_attr a, struct netif *i)
{
	return a.type == IFLA_VLAN_ID ? nlwalk_val(a.v, 2, &i->vlan_id) : 0;
}

static int port_data(struct nlwalk_attr a, struct netif *i)
{
	return a.type == IFLA_BRPORT_STATE ? nlwalk_val(a.v, 1, &i->port_state) : 0;
}

static int each(struct span s, int (*fn)(struct nlwalk_attr a, struct netif *i),
		struct netif *i)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		r = fn(a, i);
		if (r < 0)
			break;
	}
	return r;
}

static int link_info(struct span v, struct netif *i)
{
	struct span data = { 0 }, slave = { 0 };
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&v, &a)) > 0) {
		if (a.type == IFLA_INFO_KIND)
			nlwalk_kind(a.v, i->kind);
		else if (a.type == IFLA_INFO_SLAVE_KIND)
			nlwalk_kind(a.v, i->slave_kind);
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

static int link_attr(struct nlwalk_attr a, struct netif *i)
{
	switch (a.type) {
	case IFLA_IFNAME:
		nlwalk_name(a.v, i->name, &i->name_n);
		return 0;
	case IFLA_ADDRESS:
		i->mac_n = (uint8_t)MIN(a.v.n, (size_t)NETIF_MAC_MAX);
		memcpy(i->mac, a.v.p, i->mac_n);
		return 0;
	case IFLA_MTU:
		return nlwalk_get(a.v, &i->mtu, 4);
	case IFLA_LINK:
		return nlwalk_get(a.v, &i->link, 4);
	case IFLA_MASTER:
		return nlwalk_get(a.v, &i->master, 4);
	case IFLA_LINK_NETNSID:
		return nlwalk_val(a.v, 4, &i->link_netnsid);
	case IFLA_OPERSTATE:
		return nlwalk_get(a.v, &i->operstate, 1);
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
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	nlwalk_cut(&body, sizeof(m));
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
	return nlwalk_messages(bytes, link_message, max, io, st, err);
}

static int stats_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netstats *l = io;
	struct netstat stat = { 0 };
	struct if_stats_msg m;
	struct nlwalk_attr a;
	bool found = false;
	int r;

	if (type != RTM_NEWSTATS)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	nlwalk_cut(&body, sizeof(m));
	stat.ifindex = m.ifindex;
	while ((r = nlwalk_next(&body, &a)) > 0) {
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
	return nlwalk_messages(bytes, stats_message, max, io, st, err);
}

static int change_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netifs *l = io;
	struct ifinfomsg m;
	size_t n = l->n;
	int r;

	if (type != RTM_NEWLINK && type != RTM_DELLINK)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
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
	return nlwalk_messages(bytes, change_message, max, io, st, err);
}

/* VLANs of bridge ports */

/* A range comes as two entries, its begin and its end. */
static int vlan_entry(struct span v, struct netvlan *port, uint16_t *begin, size_t max,
		      struct netvlans *l)
{
	struct bridge_vlan_info info;
	int r = nlwalk_get(v, &info, sizeof(info));

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
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
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
	struct nlwalk_attr a;
	int r;

	if (type != RTM_NEWLINK)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (m.ifi_family != AF_BRIDGE)
		return 0;
	nlwalk_cut(&body, sizeof(m));
	port.ifindex = m.ifi_index > 0 ? (uint32_t)m.ifi_index : 0;
	while ((r = nlwalk_next(&body, &a)) > 0) {
		if (a.type == IFLA_AF_SPEC)
			list = a.v;
		else if (a.type == IFLA_MASTER)
			r = nlwalk_get(a.v, &port.master, 4);
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
	return nlwalk_messages(bytes, vlan_message, max, io, st, err);
}

/* Namespace ids */

static int nsid_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct val *ret = io;
	struct rtgenmsg m;
	struct nlwalk_attr a;
	int r;

	(void)max;
	if (type != RTM_NEWNSID)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	nlwalk_cut(&body, sizeof(m));
	while ((r = nlwalk_next(&body, &a)) > 0) {
		int32_t id;

		if (a.type != NETNSA_NSID)
			continue;
		r = nlwalk_get(a.v, &id, sizeof(id));
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
	int r = nlwalk_messages(bytes, nsid_message, 1, &id, st, err);

	if (r < 0)
		return r;
	*ret = id;
	return 0;
}
