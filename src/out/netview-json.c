/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON of out/netview.h. */
#include <sys/socket.h>

#include "out/confjson.h"
#include "out/guestnetview.h"
#include "out/netsockview.h"
#include "out/netview.h"

static void json_counters(struct jw *w, const struct netif *d)
{
	const struct {
		const char *key;
		uint64_t n;
	} counters[] = {
		{ "rx_bytes", d->stats.rx_bytes },
		{ "rx_packets", d->stats.rx_packets },
		{ "rx_errors", d->stats.rx_errors },
		{ "rx_dropped", d->stats.rx_dropped },
		{ "tx_bytes", d->stats.tx_bytes },
		{ "tx_packets", d->stats.tx_packets },
		{ "tx_errors", d->stats.tx_errors },
		{ "tx_dropped", d->stats.tx_dropped },
	};

	for (size_t i = 0; d->has_stats && i < ARRAY_SIZE(counters); i++)
		jw_int(w, counters[i].key, counters[i].n);
}

static void json_name(struct jw *w, const char *key, const struct netif *d)
{
	if (d)
		jw_text(w, key, netif_name(d));
}

static void json_dev(struct jw *w, const struct netif *d)
{
	_cleanup_free_ char *mac = netif_mac_text(d->mac, d->mac_n);

	json_name(w, "name", d);
	jw_int(w, "ifindex", d->ifindex);
	if (*d->kind)
		jw_str(w, "kind", d->kind);
	jw_str(w, "mac", mac);
	jw_int(w, "mtu", d->mtu);
	jw_str(w, "operstate", netif_operstate_name(d->operstate));
	jw_bool(w, "up", d->up);
	jw_bool(w, "carrier", d->carrier);
	json_counters(w, d);
}

static void json_addr(struct jw *w, const struct netaddr *a)
{
	_cleanup_free_ char *ip = netaddr_text(a->family, a->addr);
	_cleanup_free_ char *text = xasprintf("%s/%u", ip, a->prefix_len);

	jw_obj(w, NULL);
	jw_str(w, "address", text);
	jw_str(w, "family", a->family == AF_INET ? "inet" : "inet6");
	jw_str(w, "scope", a->link_scope ? "link" : "global");
	jw_bool(w, "dynamic", a->dynamic);
	if (a->dynamic)
		jw_int(w, "valid", a->valid_sec);
	if (a->temporary)
		jw_bool(w, "temporary", true);
	if (a->deprecated)
		jw_bool(w, "deprecated", true);
	if (a->tentative)
		jw_bool(w, "tentative", true);
	if (a->dad_failed)
		jw_bool(w, "dadfailed", true);
	jw_end(w);
}

static void json_addrs(struct jw *w, const struct netview *v, const struct netif *g)
{
	jw_arr(w, "addresses");
	for (size_t k = 0; k < v->guest.addrs.n; k++)
		if (net_is_on(&v->guest.addrs.v[k], g))
			json_addr(w, &v->guest.addrs.v[k]);
	jw_end(w);
}

static void json_findings(struct jw *w, const struct net_findings *f)
{
	jw_arr(w, "findings");
	for (size_t i = 0; i < f->n; i++) {
		jw_obj(w, NULL);
		jw_str(w, "level", net_level_name(f->v[i].level));
		jw_str(w, "id", f->v[i].id);
		jw_text(w, "text", tbytes_str(f->v[i].text));
		jw_end(w);
	}
	jw_end(w);
}

static void json_host(struct jw *w, const struct net_iface *i)
{
	if (!i->veth)
		return;
	jw_obj(w, "host");
	json_dev(w, i->veth);
	jw_end(w);
}

static void json_guest(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!i->guest && !i->guest_moved)
		return;
	jw_obj(w, "guest");
	if (i->guest_moved)
		jw_bool(w, "moved", true);
	if (i->guest) {
		json_dev(w, i->guest);
		json_addrs(w, v, i->guest);
	}
	jw_end(w);
}

static void json_bridge(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!i->want_bridge && !i->bridge && !(net_iface_is_valid(i) && i->conf.bridge))
		return;
	jw_obj(w, "bridge");
	jw_str(w, "configured",
	       i->want_bridge          ? i->want_bridge
	       : net_iface_is_valid(i) ? i->conf.bridge
				       : NULL);
	if (v->host_known && i->want_bridge)
		jw_bool(w, "exists", i->want != NULL);
	json_name(w, "port", i->port);
	json_name(w, "fwbr", i->fwbr);
	json_name(w, "fwln", i->fwln);
	json_name(w, "fwpr", i->fwpr);
	if (i->bridge) {
		json_name(w, "name", i->bridge);
		jw_str(w, "kind", i->bridge->kind);
		jw_int(w, "mtu", i->bridge->mtu);
		jw_bool(w, "up", i->bridge->up);
		if (i->bridge->vlan_filtering.kind == VAL_SET)
			jw_bool(w, "vlan_aware", i->bridge->vlan_filtering.n != 0);
	}
	jw_end(w);
}

static void json_vlan(struct jw *w, const struct net_iface *i)
{
	if (!i->tagged)
		return;
	jw_obj(w, "vlan");
	jw_val(w, "pvid", i->pvid);
	if (i->pvid.kind == VAL_SET)
		jw_bool(w, "untagged", i->pvid_untagged);
	jw_str(w, "tagged", i->tagged);
	jw_end(w);
}

/* No limit is null: that there is none was read. */
static struct val limit(struct val v)
{
	return v.kind == VAL_SET ? v : (struct val){ .kind = VAL_MAX };
}

static void json_rate(struct jw *w, const struct net_iface *i)
{
	if (!i->rate_known && i->conf_rate.kind != VAL_SET)
		return;
	jw_obj(w, "rate");
	jw_val(w, "configured", i->conf_rate);
	if (i->rate_known) {
		jw_val(w, "to_guest", limit(i->rate.to_guest_bytes_per_sec));
		jw_val(w, "from_guest", limit(i->rate.from_guest_bytes_per_sec));
		jw_val(w, "to_guest_drops", i->rate.to_guest_drops);
		jw_val(w, "from_guest_drops", i->rate.from_guest_drops);
	}
	jw_end(w);
}

static void json_firewall(struct jw *w, const struct net_iface *i)
{
	if (!net_iface_is_valid(i) || !i->fw_known)
		return;
	jw_obj(w, "firewall");
	jw_bool(w, "filtered", i->filtered);
	jw_bool(w, "cluster", !i->fw_missing.cluster);
	jw_bool(w, "container", !i->fw_missing.guest);
	jw_bool(w, "interface", !i->fw_missing.iface);
	if (i->veth)
		jw_bool(w, "firewall_bridge",
			i->fwbr && i->veth->master == i->fwbr->ifindex);
	jw_end(w);
}

static void json_speed(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!v->interval_usec)
		return;
	jw_obj(w, "per_second");
	jw_val(w, "netin", i->speed.netin_bytes);
	jw_val(w, "netout", i->speed.netout_bytes);
	jw_val(w, "netin_packets", i->speed.netin_packets);
	jw_val(w, "netout_packets", i->speed.netout_packets);
	jw_end(w);
}

static void json_iface(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	_cleanup_free_ char *id = xasprintf("net%u", i->n);

	jw_obj(w, NULL);
	jw_str(w, "id", id);
	if (net_iface_is_valid(i)) {
		jw_str(w, "name", i->conf.name);
		confjson_props(w, "config", &i->conf.props);
	} else if (i->in_config) {
		jw_text(w, "config_text", tbytes_str(i->config_text));
	}
	if (i->pending)
		jw_bool(w, "pending", true);
	jw_val(w, "netin", i->netin_bytes);
	jw_val(w, "netout", i->netout_bytes);
	json_speed(w, v, i);
	json_host(w, i);
	json_guest(w, v, i);
	json_bridge(w, v, i);
	json_vlan(w, i);
	json_rate(w, i);
	json_firewall(w, i);
	json_findings(w, &i->findings);
	jw_end(w);
}

static void json_others(struct jw *w, const struct netview *v)
{
	jw_arr(w, "other_interfaces");
	for (size_t k = 0; k < v->guest.links.n; k++) {
		const struct netif *g = &v->guest.links.v[k];

		if (!netview_is_other(v, g))
			continue;
		jw_obj(w, NULL);
		json_dev(w, g);
		json_addrs(w, v, g);
		jw_end(w);
	}
	jw_end(w);
	if (v->guest.links.more)
		jw_int(w, "interfaces_more", v->guest.links.more);
}

static void json_route(struct jw *w, const struct netview *v, const struct netroute *r)
{
	const struct netif *dev = netifs_find(&v->guest.links, r->oif);
	_cleanup_free_ char *ip = netaddr_text(r->family, r->dst);
	_cleanup_free_ char *dst = xasprintf("%s/%u", ip, r->dst_len);
	_cleanup_free_ char *gw = r->has_gw ? netaddr_text(r->gw_family, r->gw) : NULL;

	jw_obj(w, NULL);
	jw_str(w, "family", r->family == AF_INET ? "inet" : "inet6");
	jw_str(w, "dst", dst);
	jw_str(w, "gateway", gw);
	json_name(w, "dev", dev);
	jw_int(w, "metric", r->metric);
	if (r->n_hops)
		jw_int(w, "hops", r->n_hops);
	if (r->type != 1)
		jw_bool(w, "unreachable", true);
	jw_end(w);
}

static void json_routes(struct jw *w, const struct netview *v)
{
	if (!v->guest.routes_known)
		return;
	jw_arr(w, "routes");
	for (size_t k = 0; k < v->guest.routes.n; k++)
		json_route(w, v, &v->guest.routes.v[k]);
	jw_end(w);
	if (v->guest.routes.more)
		jw_int(w, "routes_more", v->guest.routes.more);
}

void netview_json(struct jw *w, const struct netview *v)
{
	jw_int(w, "vmid", v->vmid);
	jw_text(w, "name", tbytes_str(v->name ? v->name : ""));
	jw_str(w, "status", v->status);
	if (v->guest.known || v->guest.shares_host)
		jw_str(w, "network", v->guest.shares_host ? "node" : "own");
	jw_arr(w, "interfaces");
	for (size_t i = 0; i < v->n_ifaces; i++)
		json_iface(w, v, &v->ifaces[i]);
	jw_end(w);
	if (v->guest.known)
		json_others(w, v);
	json_routes(w, v);
	resolver_json(w, v->resolver);
	dhcp_leases_json(w, v->leases, &v->guest.links);
	if (v->socks_known)
		netsocks_json(w, &v->socks, v->guest.known ? &v->guest.links : NULL);
	json_findings(w, &v->findings);
}
