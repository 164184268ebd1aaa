/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netview.h"

#include "base/str.h"

void net_findings_done(struct net_findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].text);
	free(f->v);
	*f = (struct net_findings){ 0 };
}

void net_claims_done(struct net_claims *c)
{
	free(c->v);
	*c = (struct net_claims){ 0 };
}

static void net_iface_done(struct net_iface *i)
{
	pve_net_done(&i->conf);
	free(i->config_error);
	free(i->config_text);
	free(i->want_bridge);
	free(i->tagged);
	net_findings_done(&i->findings);
}

void netview_done(struct netview *v)
{
	for (size_t i = 0; i < v->n_ifaces; i++)
		net_iface_done(&v->ifaces[i]);
	free(v->ifaces);
	netifs_done(&v->host);
	netvlans_done(&v->vlans);
	netguest_done(&v->guest);
	netsocks_done(&v->socks);
	free(v->host_error);
	free(v->guest_error);
	free(v->socks_error);
	free(v->files_error);
	net_findings_done(&v->findings);
	*v = (struct netview){ 0 };
}

const char *net_level_name(enum net_level level)
{
	static const char *const names[] = { "note", "warning", "problem" };

	return names[level];
}

const char *netif_state_text(const struct netif *d)
{
	if (!d)
		return NULL;
	return !d->up ? "down" : !d->carrier ? "no carrier" : "up";
}

bool netview_is_explained(const struct netview *v, const struct netif *inside)
{
	for (size_t i = 0; i < v->n_ifaces; i++)
		if (v->ifaces[i].guest == inside)
			return true;
	return false;
}

bool netview_is_other(const struct netview *v, const struct netif *inside)
{
	return !inside->loopback && !netview_is_explained(v, inside);
}
