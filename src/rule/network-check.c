/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/network.h"

/* A name of an interface in a sentence: bytes of a tenant, escaped by who prints them. */
#define NAME(i) (int)(i)->name_n, (const char *)(i)->name

static void add(struct net_findings *f, enum net_level level, const char *id,
		const char *fmt, ...) _printf_(4, 5);

static void add(struct net_findings *f, enum net_level level, const char *id,
		const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = (struct net_finding){ level, id, xstrdup(text) };
}

/* Judging: each check looks at one thing and says nothing where it is not known. */

static bool is_valid(const struct net_iface *i)
{
	return i->in_config && !i->config_error;
}

static void check_config(const struct netview *v, struct net_iface *i)
{
	if (i->config_error)
		add(&i->findings, NET_PROBLEM, "config-invalid",
		    "net%u in the config is not valid, PVE ignores it: %s", i->n,
		    i->config_error);
	else if (!i->in_config && v->running)
		add(&i->findings, NET_WARNING, "not-configured",
		    "the device is there, but no net%u in the config", i->n);
	else if (is_valid(i) && !i->want_bridge && v->host_known)
		add(&i->findings, NET_NOTE, "no-bridge-configured",
		    "no bridge= in the config: it is connected to nothing");
	if (i->pending)
		add(&i->findings, NET_NOTE, "pending",
		    "a change of net%u waits for the next start (ctscope config %u)",
		    i->n, v->vmid);
}

/* What would keep it from working, or starting, whether it runs or not. */
static void check_bridge_device(const struct netview *v, struct net_iface *i)
{
	if (!is_valid(i) || !i->want_bridge || !v->host_known)
		return;
	/* the extra bridge of a tag is made when it is needed */
	if (!i->want && !(str_eq(i->want_bridge, i->conf.bridge)) && !v->running)
		return;
	if (!i->want && i->bridge && !str_eq(i->want_bridge, i->conf.bridge)) {
		add(&i->findings, NET_PROBLEM, "vlan-bridge-missing",
		    "tag=%" PRIu64
		    " is not in force: %s filters no VLANs, and the bridge %s "
		    "that PVE makes for it is not there: %.*s is in %.*s",
		    i->conf.tag.n, i->conf.bridge, i->want_bridge, NAME(i->port),
		    NAME(i->bridge));
		return;
	}
	if (!i->want && i->bridge)
		add(&i->findings, NET_PROBLEM, "bridge-missing",
		    "bridge %s does not exist on this node, %.*s is in %.*s",
		    i->want_bridge, NAME(i->port), NAME(i->bridge));
	else if (!i->want)
		add(&i->findings, NET_PROBLEM, "bridge-missing",
		    "bridge %s does not exist on this node%s", i->want_bridge,
		    v->running ? "" : ": the container will not start");
	if (!i->want)
		return;
	if (!i->want->up)
		add(&i->findings, NET_PROBLEM, "bridge-down", "bridge %s is down",
		    i->want_bridge);
	if (i->conf.mtu.kind == VAL_SET && i->conf.mtu.n > i->want->mtu)
		add(&i->findings, NET_PROBLEM, "mtu-above-bridge",
		    "mtu=%" PRIu64 " is larger than the %" PRIu32
		    " of %s: the container will not start with it",
		    i->conf.mtu.n, i->want->mtu, i->want_bridge);
	else if (i->guest && i->guest->mtu > i->want->mtu)
		add(&i->findings, NET_PROBLEM, "mtu-above-bridge",
		    "MTU %" PRIu32 " inside is larger than the %" PRIu32
		    " of %s: large packets are lost",
		    i->guest->mtu, i->want->mtu, i->want_bridge);
}

static void check_veth(const struct netview *v, struct net_iface *i)
{
	if (!v->host_known || !is_valid(i))
		return;
	if (v->running && !i->veth)
		add(&i->findings, NET_PROBLEM, "veth-missing",
		    "veth%ui%u is not there although the container runs: it was deleted, "
		    "or net%u was added without effect",
		    v->vmid, i->n, i->n);
	else if (v->stopped && i->veth)
		add(&i->findings, NET_WARNING, "veth-left",
		    "veth%ui%u is left over from an earlier run", v->vmid, i->n);
}

static void check_link(const struct netview *v, struct net_iface *i)
{
	const struct netif *d = i->veth;

	if (!v->running || !d || !is_valid(i))
		return;
	if (i->conf.link_down && d->up)
		add(&i->findings, NET_WARNING, "link-not-down",
		    "link_down=1 in the config, but %.*s is up", NAME(d));
	else if (i->conf.link_down)
		add(&i->findings, NET_NOTE, "link-down",
		    "switched off on purpose: link_down=1 in the config");
	else if (!d->up)
		add(&i->findings, NET_PROBLEM, "down",
		    "%.*s is down, without link_down=1 in the config", NAME(d));
	else if (!d->carrier && i->guest && !i->guest->up)
		add(&i->findings, NET_PROBLEM, "no-carrier",
		    "no carrier: %.*s inside the container is down", NAME(i->guest));
	else if (!d->carrier)
		add(&i->findings, NET_PROBLEM, "no-carrier",
		    "no carrier: the end inside the container is down");
}

/* veth - fwbr - fwln - fwpr - bridge: is every joint there? */
static bool check_chain(struct net_iface *i)
{
	if (!i->fwbr || i->veth->master != i->fwbr->ifindex)
		return true;
	if (!i->fwln || i->fwln->master != i->fwbr->ifindex) {
		add(&i->findings, NET_PROBLEM, "firewall-chain-broken",
		    "%.*s has no uplink (fwln) to %s", NAME(i->fwbr),
		    i->want_bridge ? i->want_bridge : "a bridge");
		return false;
	}
	if (!i->fwpr && !str_eq(i->fwln->slave_kind, "openvswitch") && i->fwln->link) {
		add(&i->findings, NET_PROBLEM, "firewall-chain-broken",
		    "the other end of %.*s is missing", NAME(i->fwln));
		return false;
	}
	return true;
}

static bool is_ovs(const struct netif *port)
{
	return port && str_eq(port->slave_kind, "openvswitch");
}

static void check_bridge(const struct netview *v, struct net_iface *i)
{
	if (!v->running || !i->veth || !is_valid(i) || i->conf.link_down ||
	    !i->want_bridge || !check_chain(i) || is_ovs(i->port))
		return;
	if (i->port && i->fwbr && i->port != i->veth && !i->fwpr)
		return; /* an internal port of Open vSwitch: not seen from here */
	if (!i->bridge)
		add(&i->findings, NET_PROBLEM, "not-in-bridge",
		    "%.*s is in no bridge, configured is %s", NAME(i->port),
		    i->want_bridge);
	else if (i->want && i->bridge != i->want)
		add(&i->findings, NET_PROBLEM, "other-bridge",
		    "%.*s is in %.*s, configured is %s", NAME(i->port), NAME(i->bridge),
		    i->want_bridge);
	else if (i->port->up && i->port->carrier && i->port->port_state.kind == VAL_SET &&
		 i->port->port_state.n != 3)
		add(&i->findings, NET_WARNING, "port-not-forwarding",
		    "%.*s does not forward yet, or is blocked, in %.*s (spanning tree)",
		    NAME(i->port), NAME(i->bridge));
}

static void check_guest_end(const struct netview *v, struct net_iface *i)
{
	const struct netif *g = i->guest;

	if (!v->running || !i->veth || !is_valid(i) || !v->guest.known)
		return;
	if (i->guest_moved)
		add(&i->findings, NET_WARNING, "moved-inside",
		    "the end inside was moved to another network namespace of the "
		    "container");
	else if (!g && !v->guest.links.more)
		add(&i->findings, NET_WARNING, "no-inner-end",
		    "its end inside the container was not found");
	if (!g)
		return;
	if (!span_eq(span_of((const char *)g->name, g->name_n), i->conf.name))
		add(&i->findings, NET_NOTE, "renamed",
		    "is called \"%.*s\" inside, configured is %s", NAME(g), i->conf.name);
	if (i->conf.mtu.kind == VAL_SET && i->conf.mtu.n != g->mtu)
		add(&i->findings, NET_WARNING, "mtu-differs",
		    "MTU is %" PRIu32 " inside, configured is %" PRIu64, g->mtu,
		    i->conf.mtu.n);
}

static void check_mac(const struct netview *v, struct net_iface *i)
{
	_cleanup_free_ char *mac = NULL;

	(void)v;
	if (!is_valid(i) || !i->guest || !i->conf.hwaddr)
		return;
	mac = netif_mac_text(i->guest->mac, i->guest->mac_n);
	if (!mac || !span_eq_nocase(span_str(mac), i->conf.hwaddr))
		add(&i->findings, NET_WARNING, "mac-differs",
		    "MAC address is %s inside, configured is %s", mac ? mac : "none",
		    i->conf.hwaddr);
}

/* Addresses */

/* Those of a family on the inner end, link-local ones left out: "a/24, b/24". */
static char *addrs_text(const struct netview *v, const struct netif *g, uint8_t family)
{
	struct buf b = { 0 };

	for (size_t k = 0; k < v->guest.addrs.n; k++) {
		const struct netaddr *a = &v->guest.addrs.v[k];
		_cleanup_free_ char *text = NULL;

		if (!net_is_on(a, g) || a->family != family || a->link_scope || b.n > 200)
			continue;
		text = netaddr_text(a->family, a->addr);
		buf_addf(&b, "%s%s/%u", b.n ? ", " : "", text, a->prefix_len);
	}
	return b.p;
}

static void check_dad(const struct netview *v, struct net_iface *i)
{
	for (size_t k = 0; k < v->guest.addrs.n; k++) {
		const struct netaddr *a = &v->guest.addrs.v[k];
		_cleanup_free_ char *text = NULL;

		if (!net_is_on(a, i->guest) || !a->dad_failed)
			continue;
		text = netaddr_text(a->family, a->addr);
		add(&i->findings, NET_PROBLEM, "address-in-use",
		    "%s is not used: another machine on the network has it already",
		    text);
	}
}

static void check_static(const struct netview *v, struct net_iface *i, uint8_t family,
			 const char *key, const char *want)
{
	_cleanup_free_ char *have = NULL;
	uint8_t fam, addr[16], len;

	if (netaddr_parse(want, &fam, addr, &len) < 0 || fam != family)
		return;
	for (size_t k = 0; k < v->guest.addrs.n; k++) {
		const struct netaddr *a = &v->guest.addrs.v[k];

		if (!net_is_on(a, i->guest) || a->family != family ||
		    memcmp(a->addr, addr, sizeof(addr)) != 0)
			continue;
		if (a->prefix_len != len && len != 255)
			add(&i->findings, NET_WARNING, "prefix-differs",
			    "%s=%s has the prefix /%u inside", key, want, a->prefix_len);
		return;
	}
	have = addrs_text(v, i->guest, family);
	add(&i->findings, NET_WARNING, "address-differs", "%s=%s is not set inside: %s%s",
	    key, want, have ? "there is " : "there is no such address", have ? have : "");
}

static void check_family(const struct netview *v, struct net_iface *i, uint8_t family,
			 const char *key, const char *want)
{
	_cleanup_free_ char *have = NULL;

	if (!want || str_eq(want, "manual"))
		return;
	if (!str_eq(want, "dhcp") && !str_eq(want, "auto")) {
		check_static(v, i, family, key, want);
		return;
	}
	have = addrs_text(v, i->guest, family);
	if (!have)
		add(&i->findings, family == AF_INET ? NET_PROBLEM : NET_WARNING,
		    "no-address", "%s=%s but no %s address", key, want,
		    family == AF_INET ? "IPv4" : "global IPv6");
}

static void check_addrs(const struct netview *v, struct net_iface *i)
{
	if (!is_valid(i) || !i->guest)
		return;
	check_dad(v, i);
	if (v->guest.addrs.more || v->guest.addrs.torn)
		return; /* what is missed may be among those that were not read */
	check_family(v, i, AF_INET, "ip", i->conf.ip);
	check_family(v, i, AF_INET6, "ip6", i->conf.ip6);
}

static bool is_route_by(const struct netroute *r, const struct netif *g, uint8_t family,
			const uint8_t *gw)
{
	return r->family == family && r->dst_len == 0 && r->has_gw &&
	       r->gw_family == family && r->oif == g->ifindex &&
	       memcmp(r->gw, gw, sizeof(r->gw)) == 0;
}

static char *default_text(const struct netview *v, uint8_t family)
{
	for (size_t k = 0; k < v->guest.routes.n; k++) {
		const struct netroute *r = &v->guest.routes.v[k];
		const struct netif *dev = netifs_find(&v->guest.links, r->oif);
		_cleanup_free_ char *gw = NULL;

		if (r->family != family || r->dst_len || r->type != 1)
			continue;
		gw = r->has_gw ? netaddr_text(r->gw_family, r->gw)
			       : xstrdup("no gateway");
		return dev ? xasprintf("the default route is by %s on %.*s", gw,
				       NAME(dev))
			   : xasprintf("the default route is by %s", gw);
	}
	return xstrdup("there is no default route");
}

static void check_gateway(const struct netview *v, struct net_iface *i, uint8_t family,
			  const char *key, const char *want)
{
	_cleanup_free_ char *instead = NULL;
	uint8_t fam, gw[16], len;

	if (!want || netaddr_parse(want, &fam, gw, &len) < 0 || fam != family)
		return;
	for (size_t k = 0; k < v->guest.routes.n; k++)
		if (is_route_by(&v->guest.routes.v[k], i->guest, family, gw))
			return;
	instead = default_text(v, family);
	add(&i->findings, NET_WARNING, "gateway-missing",
	    "%s=%s is no default route inside: %s", key, want, instead);
}

static void check_gateways(const struct netview *v, struct net_iface *i)
{
	if (!is_valid(i) || !i->guest || !v->guest.routes_known || v->guest.routes.torn)
		return;
	check_gateway(v, i, AF_INET, "gw", i->conf.gw);
	check_gateway(v, i, AF_INET6, "gw6", i->conf.gw6);
}

/* VLANs as the port really has them. */
static void check_vlan(const struct netview *v, struct net_iface *i)
{
	_cleanup_free_ char *want_text = NULL;
	uint64_t want[64] = { 0 };
	uint64_t pvid = val_or(i->conf.tag, 1);

	if (!v->running || !is_valid(i) || !i->tagged || i->conf.link_down)
		return;
	if (i->pvid.kind != VAL_SET)
		add(&i->findings, NET_PROBLEM, "vlan-differs",
		    "the port %.*s has no untagged VLAN, configured is %" PRIu64,
		    NAME(i->port), pvid);
	else if (i->pvid.n != pvid)
		add(&i->findings, NET_PROBLEM, "vlan-differs",
		    "the port %.*s is in VLAN %" PRIu64 ", configured is %s%" PRIu64,
		    NAME(i->port), i->pvid.n,
		    i->conf.tag.kind == VAL_SET ? "" : "none, which is VLAN ", pvid);
	/* without tag and trunks all VLANs that the bridge has are let through */
	if ((!i->conf.trunks && i->conf.tag.kind != VAL_SET) ||
	    (i->conf.trunks && !network_parse_trunks(i->conf.trunks, want)))
		return;
	want[pvid / 64 % 64] &= ~(UINT64_C(1) << pvid % 64);
	want_text = network_vlans_text(want);
	if (!str_eq(want_text, i->tagged))
		add(&i->findings, NET_WARNING, "trunks-differ",
		    "tagged VLANs of the port %.*s are %s, configured are %s",
		    NAME(i->port), *i->tagged ? i->tagged : "none",
		    *want_text ? want_text : "none");
}

/* tc keeps whole bytes per second of a decimal fraction: one percent is the same. */
static bool is_about(struct val have, struct val want)
{
	uint64_t tolerance = want.n / 100 + 1;

	return have.kind == VAL_SET && have.n + tolerance >= want.n &&
	       have.n <= want.n + tolerance;
}

static void check_rate_of(struct net_iface *i, const char *way, struct val have)
{
	if (i->conf_rate.kind == VAL_SET && have.kind != VAL_SET)
		add(&i->findings, NET_WARNING, "rate-missing",
		    "rate=%s is not in force %s the guest", i->conf.rate, way);
	else if (i->conf_rate.kind == VAL_SET && !is_about(have, i->conf_rate))
		add(&i->findings, NET_WARNING, "rate-differs",
		    "limited to %" PRIu64 " bytes/s %s the guest, rate=%s is %" PRIu64,
		    have.n, way, i->conf.rate, i->conf_rate.n);
	else if (i->conf_rate.kind != VAL_SET && have.kind == VAL_SET)
		add(&i->findings, NET_WARNING, "rate-not-configured",
		    "limited to %" PRIu64
		    " bytes/s %s the guest, without rate= in the config",
		    have.n, way);
}

static void check_rate(const struct netview *v, struct net_iface *i)
{
	if (!v->running || !is_valid(i) || !i->rate_known || i->conf.link_down)
		return;
	if (i->conf.rate && i->conf_rate.kind != VAL_SET &&
	    i->conf.rate[strspn(i->conf.rate, "0.")])
		return; /* a form of number that only Perl takes */
	check_rate_of(i, "towards", i->rate.to_guest_bytes_per_sec);
	check_rate_of(i, "from", i->rate.from_guest_bytes_per_sec);
}

static void check_firewall(const struct netview *v, struct net_iface *i)
{
	bool behind;

	if (!v->running || !is_valid(i) || !i->fw_known || !i->fwbr_known || !i->veth ||
	    i->conf.link_down || is_ovs(i->veth))
		return;
	behind = i->fwbr && i->veth->master == i->fwbr->ifindex;
	if (i->filtered && i->fwbr_expected && !behind)
		add(&i->findings, NET_PROBLEM, "not-filtered",
		    "the firewall is switched on for it, but %.*s is not behind a firewall "
		    "bridge: nothing is filtered until it is plugged in anew",
		    NAME(i->veth));
	else if (!i->conf.firewall && behind)
		add(&i->findings, NET_NOTE, "firewall-bridge-left",
		    "%.*s is still behind a firewall bridge, without firewall=1",
		    NAME(i->veth));
}

/* One in a hundred is no accident; what came before the guest was up is. */
static void check_counter(struct net_iface *i, const char *id, const char *what,
			  const char *way, uint64_t n, uint64_t packets)
{
	if (n >= 1000 && n > packets / 100)
		add(&i->findings, NET_WARNING, id,
		    "%" PRIu64 " packets %s %s, of %" PRIu64, n, way, what, packets);
}

static void check_counters(const struct netview *v, struct net_iface *i)
{
	const struct netif_stats *s;

	if (!v->running || !i->veth || !i->veth->has_stats)
		return;
	s = &i->veth->stats;
	check_counter(i, "drops", "the guest were dropped", "towards", s->tx_dropped,
		      s->tx_packets + s->tx_dropped);
	check_counter(i, "drops", "the guest were dropped", "from", s->rx_dropped,
		      s->rx_packets);
	check_counter(i, "errors", "the guest failed", "towards", s->tx_errors,
		      s->tx_packets + s->tx_errors);
	check_counter(i, "errors", "the guest failed", "from", s->rx_errors,
		      s->rx_packets + s->rx_errors);
}

/* Two that claim the same, against what all containers of the node claim. */

static bool same_wire(const struct net_claim *a, const struct net_claim *b)
{
	return a->bridge && b->bridge && str_eq(a->bridge, b->bridge) && a->tag == b->tag;
}

static void check_pair(struct net_iface *i, const struct net_claim *mine,
		       const struct net_claim *c)
{
	_cleanup_free_ char *text = NULL;

	if (mine->has_mac && c->has_mac && !mine->family && !c->family &&
	    memcmp(mine->mac, c->mac, sizeof(c->mac)) == 0) {
		text = netif_mac_text(c->mac, sizeof(c->mac));
		add(&i->findings, same_wire(mine, c) ? NET_PROBLEM : NET_WARNING,
		    "mac-duplicate",
		    "container %u (%s) has the same MAC address %s on net%u", c->vmid,
		    c->ct_name, text, c->net);
	} else if (mine->family && mine->family == c->family && same_wire(mine, c) &&
		   memcmp(mine->addr, c->addr, sizeof(c->addr)) == 0) {
		text = netaddr_text(c->family, c->addr);
		add(&i->findings, NET_PROBLEM, "address-duplicate",
		    "container %u (%s) %s the same address %s on net%u, in the same "
		    "network",
		    c->vmid, c->ct_name, c->actual ? "has" : "is configured with", text,
		    c->net);
	}
}

static void check_duplicates(const struct netview *v, struct net_iface *i,
			     const struct net_claims *claims)
{
	for (size_t m = 0; claims && m < claims->n; m++) {
		const struct net_claim *mine = &claims->v[m];

		if (mine->vmid != v->vmid || mine->net != i->n)
			continue;
		for (size_t k = 0; k < claims->n; k++) {
			const struct net_claim *c = &claims->v[k];

			if (c->vmid != v->vmid || c->net != i->n)
				check_pair(i, mine, c);
		}
	}
}

void network_claim(struct net_claims *claims, size_t first, struct net_claim c)
{
	for (size_t i = first; i < claims->n; i++) {
		const struct net_claim *o = &claims->v[i];

		if (o->net == c.net && o->family == c.family &&
		    memcmp(o->addr, c.addr, sizeof(c.addr)) == 0 &&
		    memcmp(o->mac, c.mac, sizeof(c.mac)) == 0)
			return;
	}
	GROW(claims->v, claims->n, claims->cap);
	claims->v[claims->n++] = c;
}

/* What a guest that has just started may still set up by itself. */
static bool has_unfinished(const struct netview *v)
{
	static const char *const ids[] = { "no-address", "address-differs",
					   "gateway-missing", "no-carrier" };

	for (size_t k = 0; k < v->n_ifaces; k++)
		for (size_t f = 0; f < v->ifaces[k].findings.n; f++)
			for (size_t n = 0; n < ARRAY_SIZE(ids); n++)
				if (str_eq(v->ifaces[k].findings.v[f].id, ids[n]))
					return true;
	return false;
}

static void check_whole(struct netview *v)
{
	if (v->uptime_sec.kind == VAL_SET && v->uptime_sec.n < 60 && has_unfinished(v))
		add(&v->findings, NET_NOTE, "started-recently",
		    "it started %" PRIu64
		    " s ago: what is missing inside may be on its way",
		    v->uptime_sec.n);
	if (v->config_error)
		add(&v->findings, NET_PROBLEM, "config-broken", "%s", v->config_error);
	if (v->host_error)
		add(&v->findings, NET_PROBLEM, "devices-unknown",
		    "the devices of the node could not be read: %s", v->host_error);
	if (v->guest.shares_host)
		add(&v->findings, NET_WARNING, "shares-host-network",
		    "the container uses the network of the node itself: its addresses are "
		    "the node's");
	if (v->guest.links.more)
		add(&v->findings, NET_NOTE, "many-interfaces",
		    "%" PRIu64 " more interfaces inside are not shown",
		    v->guest.links.more);
	if (v->guest.links.torn || v->guest.addrs.torn)
		add(&v->findings, NET_NOTE, "changing",
		    "the interfaces inside kept changing while they were read: one may be "
		    "missing or there twice");
	if (v->running && v->guest_error)
		add(&v->findings, NET_NOTE, "inside-unknown",
		    "what is inside could not be read: %s", v->guest_error);
}

void network_check(struct netview *v, const struct net_claims *claims)
{
	static void (*const checks[])(const struct netview *v, struct net_iface *i) = {
		check_config,   check_bridge_device, check_veth, check_link,
		check_bridge,   check_guest_end,     check_mac,  check_addrs,
		check_gateways, check_vlan,          check_rate, check_firewall,
		check_counters,
	};

	for (size_t k = 0; k < v->n_ifaces; k++) {
		for (size_t c = 0; c < ARRAY_SIZE(checks); c++)
			checks[c](v, &v->ifaces[k]);
		check_duplicates(v, &v->ifaces[k], claims);
	}
	check_whole(v);
}
