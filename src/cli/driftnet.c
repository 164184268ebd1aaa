/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/driftnet.h"

#include "cli/netfw.h"
#include "pveconf.h"
#include "read/netlink.h"
#include "read/pveprop.h"
#include "rule/network.h"

static bool has_vlan_bridge(const struct netifs *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (val_or(l->v[i].vlan_filtering, 0))
			return true;
	return false;
}

void driftnet_open(const struct app *app, struct driftnet *ret)
{
	struct driftnet d = { 0 };
	struct err err = { 0 };
	int r = 0;

	if (!app->live) {
		d.error = xstrdup("a copy of a node has no network devices");
		*ret = d;
		return;
	}
	r = netlink_open(&d.nl, &err);
	if (r == 0)
		r = netlink_read_links(d.nl, false, &d.host, &err);
	if (r < 0)
		d.error = xstrdup(err.msg);
	else if (has_vlan_bridge(&d.host))
		d.vlans_known = netlink_read_bridge_vlans(d.nl, &d.vlans, NULL) == 0 &&
				!d.vlans.torn;
	*ret = d;
}

void driftnet_done(struct driftnet *d)
{
	netlink_close(d->nl);
	netifs_done(&d->host);
	netvlans_done(&d->vlans);
	free(d->error);
	*d = (struct driftnet){ 0 };
}

static void add_conf(const struct pveconf *c, struct netview *v)
{
	const struct pveconf_item *item;
	uint32_t at = 0, n;
	size_t cap = 0;

	while ((item = pveconf_next(&c->main, "net", &at, &n))) {
		_cleanup_(buf_done) struct buf why = { 0 };
		struct net_iface i = { .n = n, .in_config = true };

		i.config_text = xstrndup(item->value, item->value_n);
		if (pve_net_parse(span_of(item->value, item->value_n), &i.conf, &why) < 0)
			i.config_error = xstrdup(buf_str(&why));
		else
			i.conf_rate = network_rate(i.conf.rate);
		GROW(v->ifaces, v->n_ifaces, cap);
		v->ifaces[v->n_ifaces++] = i;
	}
}

/* The firewall's files are read only where the answer depends on them. */
static bool needs_firewall(const struct netview *v)
{
	for (size_t k = 0; k < v->n_ifaces; k++) {
		const struct net_iface *i = &v->ifaces[k];

		if (i->in_config && i->veth &&
		    i->conf.firewall != (i->fwbr && i->veth->master == i->fwbr->ifindex))
			return true;
	}
	return false;
}

void driftnet_view(const struct app *app, const struct driftnet *d, const struct ct *ct,
		   struct netview *ret)
{
	struct netview v = { .vmid = ct->vmid, .name = ct->name, .running = true };
	struct err err = { 0 };

	v.host_error = xstrdup_or_null(d->error);
	if (ct->conf)
		add_conf(ct->conf, &v);
	if (d->error) {
		*ret = v;
		return;
	}
	v.host = d->host;
	v.vlans = d->vlans;
	v.host_known = true;
	v.vlans_known = d->vlans_known;
	if (netlink_read_guest(d->nl, ct->init_pid, ct->init_start_ticks, false, &v.guest,
			       &err) < 0)
		v.guest_error = xstrdup(err.msg);
	network_join(&v);
	for (size_t k = 0; k < v.n_ifaces; k++)
		if (v.ifaces[k].veth)
			v.ifaces[k].rate_known =
				netlink_read_rate(d->nl, v.ifaces[k].veth->ifindex,
						  &v.ifaces[k].rate, NULL) == 0;
	if (needs_firewall(&v))
		netfw_read(app, &v);
	*ret = v;
}

void driftnet_view_done(struct netview *v)
{
	v->host = (struct netifs){ 0 };
	v->vlans = (struct netvlans){ 0 };
	netview_done(v);
}
