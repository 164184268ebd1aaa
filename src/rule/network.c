/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/network.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "base/num.h"
#include "base/str.h"

#define USEC     UINT64_C(1000000)
#define VLAN_MAX 4094

/* VLAN sets */

static void set_vlans(uint64_t map[64], uint32_t first, uint32_t last)
{
	for (uint32_t v = first; v <= last && v <= VLAN_MAX; v++)
		map[v / 64] |= UINT64_C(1) << v % 64;
}

static bool has_vlan(const uint64_t map[64], uint32_t v)
{
	return map[v / 64] >> v % 64 & 1;
}

char *network_vlans_text(const uint64_t map[64])
{
	struct buf b = { 0 };

	for (uint32_t v = 1; v <= VLAN_MAX; v++) {
		uint32_t last = v;

		if (!has_vlan(map, v))
			continue;
		while (last < VLAN_MAX && has_vlan(map, last + 1))
			last++;
		buf_addf(&b, b.n ? ",%" PRIu32 : "%" PRIu32, v);
		if (last > v)
			buf_addf(&b, "-%" PRIu32, last);
		v = last;
	}
	buf_adds(&b, "");
	return b.p ? b.p : xstrdup("");
}

bool network_parse_trunks(const char *trunks, uint64_t map[64])
{
	struct span rest = span_str(trunks), part;

	while (span_cut(&rest, ';', &part)) {
		struct span last = part, first = { 0 };
		uint32_t a, b;

		span_cut(&last, '-', &first);
		if (num_parse_u32(first, &a) < 0)
			return false;
		b = a;
		if (first.n < part.n && num_parse_u32(last, &b) < 0)
			return false;
		set_vlans(map, a, b);
	}
	return true;
}

struct val network_rate(const char *rate)
{
	uint64_t millionths;

	if (!rate || num_parse_fixed(span_str(rate), 6, &millionths) < 0 || !millionths)
		return (struct val){ 0 };
	return val_set(num_muldiv(millionths, 1048576, 1000000));
}

/* Joining */

static const struct netif *host_dev(const struct netview *v, uint32_t net,
				    enum netdev_role role)
{
	for (size_t i = 0; i < v->host.n; i++) {
		struct netdev_id id = netdev_parse_name(netif_name(&v->host.v[i]));

		if (id.role == role && id.vmid == v->vmid && id.net == net)
			return &v->host.v[i];
	}
	return NULL;
}

/*
 * Without VLAN filtering PVE makes a bridge of its own for each tag. A bridge that is not
 * there yet gets the name it would have at the next start.
 */
static void join_want(const struct netview *v, struct net_iface *i)
{
	const struct netif *configured = netifs_find_name(&v->host, i->conf.bridge);

	if (!i->conf.bridge || !*i->conf.bridge)
		return;
	if (i->conf.tag.kind == VAL_SET && configured &&
	    str_eq(configured->kind, "bridge") &&
	    val_or(configured->vlan_filtering, 0) == 0)
		i->want_bridge = xasprintf("%sv%" PRIu64, i->conf.bridge, i->conf.tag.n);
	else
		i->want_bridge = xstrdup(i->conf.bridge);
	i->want = netifs_find_name(&v->host, i->want_bridge);
}

static void join_host(const struct netview *v, struct net_iface *i)
{
	const struct netif *master;

	i->veth = host_dev(v, i->n, NETDEV_VETH);
	i->fwbr = host_dev(v, i->n, NETDEV_FWBR);
	i->fwln = host_dev(v, i->n, NETDEV_FWLN);
	i->fwpr = host_dev(v, i->n, NETDEV_FWPR);
	join_want(v, i);
	if (!i->veth)
		return;
	master = netifs_find(&v->host, i->veth->master);
	if (i->fwbr && master == i->fwbr) {
		i->port = i->fwpr ? i->fwpr : i->fwln;
		i->bridge = i->fwpr ? netifs_find(&v->host, i->fwpr->master) : NULL;
	} else {
		i->port = i->veth;
		i->bridge = master;
	}
	if (i->veth->has_stats) {
		i->netin_bytes = val_set(i->veth->stats.tx_bytes);
		i->netout_bytes = val_set(i->veth->stats.rx_bytes);
	}
}

/*
 * Both ends must name each other: an ifindex alone means nothing, each namespace counts
 * from 1, and a guest has as many namespaces as it likes.
 */
static void join_guest(const struct netview *v, struct net_iface *i)
{
	const struct netif *inside;

	if (!v->guest.known || !i->veth || !i->veth->link)
		return;
	if (v->guest.nsid.kind == VAL_SET &&
	    (i->veth->link_netnsid.kind != VAL_SET ||
	     i->veth->link_netnsid.n != v->guest.nsid.n)) {
		i->guest_moved = true;
		return;
	}
	inside = netifs_find(&v->guest.links, i->veth->link);
	if (inside && inside->link == i->veth->ifindex &&
	    inside->link_netnsid.kind == VAL_SET)
		i->guest = inside;
}

static void join_vlans(const struct netview *v, struct net_iface *i)
{
	uint64_t tagged[64] = { 0 };

	if (!v->vlans_known || !i->port || !i->bridge ||
	    val_or(i->bridge->vlan_filtering, 0) == 0)
		return;
	for (size_t k = 0; k < v->vlans.n; k++) {
		const struct netvlan *l = &v->vlans.v[k];

		if (l->ifindex != i->port->ifindex)
			continue;
		if (l->pvid) {
			i->pvid = val_set(l->first);
			i->pvid_untagged = l->untagged;
		} else {
			set_vlans(tagged, l->first, l->last);
		}
	}
	i->tagged = network_vlans_text(tagged);
}

static struct net_iface *find_iface(struct netview *v, uint32_t net)
{
	for (size_t i = 0; i < v->n_ifaces; i++)
		if (v->ifaces[i].n == net)
			return &v->ifaces[i];
	return NULL;
}

static void join_unconfigured(struct netview *v)
{
	for (size_t i = 0; i < v->host.n; i++) {
		struct netdev_id id = netdev_parse_name(netif_name(&v->host.v[i]));

		if (id.role != NETDEV_VETH || id.vmid != v->vmid || find_iface(v, id.net))
			continue;
		v->ifaces = xreallocarray(v->ifaces, v->n_ifaces + 1, sizeof(*v->ifaces));
		v->ifaces[v->n_ifaces++] = (struct net_iface){ .n = id.net };
	}
}

void network_join(struct netview *v)
{
	if (!v->host_known)
		return;
	join_unconfigured(v);
	for (size_t k = 0; k < v->n_ifaces; k++) {
		join_host(v, &v->ifaces[k]);
		join_guest(v, &v->ifaces[k]);
		join_vlans(v, &v->ifaces[k]);
	}
}

/* A device that was made anew has another ifindex; a counter that went back says no more.
 */
static struct val per_second(uint64_t now, uint64_t before, uint64_t usec)
{
	if (now < before || !usec)
		return (struct val){ 0 };
	return val_set(num_muldiv(now - before, USEC, usec));
}

void network_speed(struct netview *v, const struct netifs *earlier, uint64_t usec)
{
	v->interval_usec = usec;
	for (size_t k = 0; k < v->n_ifaces; k++) {
		struct net_iface *i = &v->ifaces[k];
		const struct netif *now = i->veth, *was;

		was = now ? netifs_find(earlier, now->ifindex) : NULL;
		if (!was || !was->has_stats || !now->has_stats ||
		    was->name_n != now->name_n ||
		    memcmp(was->name, now->name, now->name_n) != 0)
			continue;
		i->speed = (struct net_speed){
			per_second(now->stats.tx_bytes, was->stats.tx_bytes, usec),
			per_second(now->stats.rx_bytes, was->stats.rx_bytes, usec),
			per_second(now->stats.tx_packets, was->stats.tx_packets, usec),
			per_second(now->stats.rx_packets, was->stats.rx_packets, usec),
		};
	}
}
