/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of out/netview.h. */
#include "out/netview.h"
#include "out/text.h"

#define GET(name)                                                                        \
	static void get_##name(const void *row, struct cell *ret)                        \
	{                                                                                \
		const struct netview_row *r = row;                                       \
		const struct net_iface *i = r->iface;                                    \
                                                                                         \
		*ret = cell_##name(r->view, i);                                          \
	}

static struct cell cell_net(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_owned(xasprintf("net%u", i->n));
}

static struct cell cell_name(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return net_iface_is_valid(i) ? cell_str(i->conf.name)
	       : i->guest            ? cell_text(netif_name(i->guest))
				     : (struct cell){ 0 };
}

static struct cell cell_state(const struct netview *v, const struct net_iface *i)
{
	struct cell c = cell_str(netif_state_text(i->veth));

	(void)v;
	if (i->veth)
		c.color = i->veth->up && i->veth->carrier ? COLOR_GOOD : COLOR_BAD;
	return c;
}

static struct cell cell_device(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return i->veth ? cell_text(netif_name(i->veth)) : (struct cell){ 0 };
}

static struct cell cell_bridge(const struct netview *v, const struct net_iface *i)
{
	if (v->host_known && i->veth)
		return i->bridge ? cell_text(netif_name(i->bridge)) : (struct cell){ 0 };
	return net_iface_is_valid(i) ? cell_str(i->conf.bridge) : (struct cell){ 0 };
}

static struct cell cell_vlan(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->tagged)
		return cell_val(i->pvid, CELL_INT);
	return net_iface_is_valid(i) ? cell_val(i->conf.tag, CELL_INT)
				     : (struct cell){ 0 };
}

static struct cell cell_addresses(const struct netview *v, const struct net_iface *i)
{
	struct buf b = { 0 };

	for (size_t k = 0; i->guest && k < v->guest.addrs.n; k++) {
		const struct netaddr *a = &v->guest.addrs.v[k];
		_cleanup_free_ char *text = NULL;

		if (!net_is_on(a, i->guest) || a->link_scope || a->dad_failed)
			continue;
		text = netaddr_text(a->family, a->addr);
		buf_addf(&b, "%s%s/%u", b.n ? "," : "", text, a->prefix_len);
	}
	return cell_owned(b.p);
}

static struct cell cell_mac(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->guest)
		return cell_owned(netif_mac_text(i->guest->mac, i->guest->mac_n));
	return net_iface_is_valid(i) ? cell_str(i->conf.hwaddr) : (struct cell){ 0 };
}

static struct cell cell_mtu(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->guest)
		return cell_int(i->guest->mtu);
	return net_iface_is_valid(i) ? cell_val(i->conf.mtu, CELL_INT)
				     : (struct cell){ 0 };
}

static struct cell cell_netin(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->netin_bytes, CELL_BYTES);
}

static struct cell cell_netout(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->netout_bytes, CELL_BYTES);
}

static struct cell cell_inrate(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->speed.netin_bytes, CELL_BYTES);
}

static struct cell cell_outrate(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->speed.netout_bytes, CELL_BYTES);
}

static struct cell cell_firewall(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return i->fw_known && net_iface_is_valid(i) ? cell_str(i->filtered ? "on" : "off")
						    : (struct cell){ 0 };
}

static struct cell cell_findings(const struct netview *v, const struct net_iface *i)
{
	struct buf b = { 0 };

	(void)v;
	for (size_t k = 0; k < i->findings.n; k++)
		buf_addf(&b, "%s%s", b.n ? "," : "", i->findings.v[k].id);
	return cell_owned(b.p);
}

GET(net)
GET(name)
GET(state)
GET(device)
GET(bridge)
GET(vlan)
GET(addresses)
GET(mac)
GET(mtu)
GET(netin)
GET(netout)
GET(inrate)
GET(outrate)
GET(firewall)
GET(findings)

const struct col netview_cols[NETVIEW_NCOLS] = {
	{ .heading = "NET", .help = "key in the config", .get = get_net },
	{ .heading = "NAME", .help = "name inside, as configured", .get = get_name },
	{ .heading = "STATE", .help = "up, down or no carrier", .get = get_state },
	{ .heading = "BRIDGE", .help = "that it is in", .get = get_bridge },
	{ .heading = "VLAN", .help = "untagged one", .right = true, .get = get_vlan },
	{ .heading = "ADDRESSES",
	  .help = "inside",
	  .shrink = true,
	  .get = get_addresses },
	{ .heading = "IN", .help = "bytes to it", .right = true, .get = get_netin },
	{ .heading = "OUT", .help = "bytes from it", .right = true, .get = get_netout },
	{ .heading = "FINDINGS", .help = "short names of them", .get = get_findings },
	{ .heading = "MAC", .help = "inside", .hidden = true, .get = get_mac },
	{ .heading = "MTU",
	  .help = "inside",
	  .right = true,
	  .hidden = true,
	  .get = get_mtu },
	{ .heading = "DEVICE",
	  .help = "its end on the node",
	  .hidden = true,
	  .get = get_device },
	{ .heading = "IN/S",
	  .help = "with --interval: bytes a second to it",
	  .right = true,
	  .hidden = true,
	  .get = get_inrate },
	{ .heading = "OUT/S",
	  .help = "with --interval: bytes a second from it",
	  .right = true,
	  .hidden = true,
	  .get = get_outrate },
	{ .heading = "FIREWALL",
	  .help = "on: filtered by the configuration",
	  .hidden = true,
	  .get = get_firewall },
};
