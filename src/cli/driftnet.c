/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/driftnet.h"

#include <stdio.h>

#include "cli/netdata.h"
#include "cli/netfw.h"
#include "read/netlink.h"
#include "rule/network.h"

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
	else
		d.vlans_known =
			netdata_read_vlans(d.nl, &d.host, &d.vlans) && !d.vlans.torn;
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

/* Has it an interface, by its config or on the node? Else nobody goes and looks inside. */
static bool has_network(const struct driftnet *d, const struct netview *v)
{
	char prefix[24];
	int n = snprintf(prefix, sizeof(prefix), "veth%ui", v->vmid);

	for (size_t i = 0; !v->n_ifaces && i < d->host.n; i++)
		if (d->host.v[i].name_n > (size_t)n &&
		    memcmp(d->host.v[i].name, prefix, (size_t)n) == 0)
			return true;
	return v->n_ifaces > 0;
}

void driftnet_view(const struct app *app, const struct driftnet *d, const struct ct *ct,
		   struct netview *ret)
{
	struct netview v = { .vmid = ct->vmid, .name = ct->name, .running = true };
	struct err err = { 0 };

	v.host_error = xstrdup_or_null(d->error);
	if (ct->conf)
		netdata_add_config(ct->conf, &v);
	if (d->error) {
		*ret = v;
		return;
	}
	v.host = d->host;
	v.vlans = d->vlans;
	v.host_known = true;
	v.vlans_known = d->vlans_known;
	if (has_network(d, &v) &&
	    netlink_read_guest(d->nl, ct->init_pid, ct->init_start_ticks, false, &v.guest,
			       &err) < 0)
		v.guest_error = xstrdup(err.msg);
	network_join(&v);
	netdata_read_rates(d->nl, &v);
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
