/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>

#include "base/str.h"
#include "read/pveprop.h"
#include "rule/network.h"

/* A node with one container 101 whose net0 is as it should be; each test spoils one
 * thing. */
struct world {
	struct netview v;
	struct net_claims claims;
};

enum { VMBR0 = 2, VETH, FWBR, FWLN, FWPR, OTHER };

static struct netif dev(uint32_t ifindex, const char *name, const char *kind)
{
	struct netif i = {
		.ifindex = ifindex,
		.mtu = 1500,
		.operstate = 6,
		.up = true,
		.running = true,
		.carrier = true,
		.has_stats = true,
	};

	i.name_n = (uint8_t)strlen(name);
	memcpy(i.name, name, i.name_n);
	memcpy(i.kind, kind, strlen(kind));
	return i;
}

static void add_dev(struct netifs *l, struct netif i)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = i;
}

static void add_addr(struct netview *v, const char *text, bool dynamic)
{
	struct netaddr a = { .ifindex = 2, .dynamic = dynamic };

	CHECK(netaddr_parse(text, &a.family, a.addr, &a.prefix_len) == 0, "%s", text);
	GROW(v->guest.addrs.v, v->guest.addrs.n, v->guest.addrs.cap);
	v->guest.addrs.v[v->guest.addrs.n++] = a;
}

static void add_default(struct netview *v, const char *gw)
{
	struct netroute r = { .has_gw = true, .oif = 2, .table = 254, .type = 1 };
	uint8_t len;

	CHECK(netaddr_parse(gw, &r.family, r.gw, &len) == 0, "%s", gw);
	r.gw_family = r.family;
	GROW(v->guest.routes.v, v->guest.routes.n, v->guest.routes.cap);
	v->guest.routes.v[v->guest.routes.n++] = r;
}

static void set_conf(struct netview *v, const char *conf)
{
	_cleanup_(buf_done) struct buf why = { 0 };
	struct net_iface *i = v->ifaces;

	pve_net_done(&i->conf);
	CHECK(pve_net_parse(span_str(conf), &i->conf, &why) == 0, "%s", buf_str(&why));
	i->conf_rate = network_rate(i->conf.rate);
}

static struct netif *host(struct world *w, uint32_t ifindex)
{
	for (size_t i = 0; i < w->v.host.n; i++)
		if (w->v.host.v[i].ifindex == ifindex)
			return &w->v.host.v[i];
	abort();
}

#define CONF                                                                             \
	"name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:65:00,ip=10.0.0.5/24,gw=10.0.0.1,"    \
	"type=veth"

static struct world good(void)
{
	static const uint8_t mac[] = { 0xbc, 0x24, 0x11, 0x00, 0x65, 0x00 };
	struct world w = { 0 };
	struct netif veth = dev(VETH, "veth101i0", "veth");
	struct netif eth0 = dev(2, "eth0", "veth");
	struct netview *v = &w.v;

	*v = (struct netview){ .vmid = 101, .running = true, .host_known = true };
	v->ifaces = xcalloc(1, sizeof(*v->ifaces));
	v->n_ifaces = 1;
	v->ifaces[0].in_config = true;
	set_conf(v, CONF);
	veth.master = VMBR0;
	veth.link = 2;
	veth.link_netnsid = val_set(4);
	add_dev(&v->host, dev(VMBR0, "vmbr0", "bridge"));
	add_dev(&v->host, veth);
	v->guest.known = v->guest.routes_known = true;
	v->guest.nsid = val_set(4);
	eth0.link = VETH;
	eth0.link_netnsid = val_set(0);
	memcpy(eth0.mac, mac, sizeof(mac));
	eth0.mac_n = sizeof(mac);
	add_dev(&v->guest.links, eth0);
	add_addr(v, "10.0.0.5/24", false);
	add_default(v, "10.0.0.1");
	return w;
}

static void done(struct world *w)
{
	netview_done(&w->v);
	net_claims_done(&w->claims);
}

/* The ids of what was found, in order: "a b". */
static const char *found(struct world *w)
{
	static char text[512];
	const struct net_findings *all[2];

	network_join(&w->v); /* may move the interfaces */
	network_check(&w->v, &w->claims);
	all[0] = &w->v.ifaces[0].findings;
	all[1] = &w->v.findings;
	text[0] = '\0';
	for (size_t k = 0; k < ARRAY_SIZE(all); k++)
		for (size_t i = 0; i < all[k]->n; i++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 *text ? " " : "", all[k]->v[i].id);
	return text;
}

static void as_configured_is_no_finding(void)
{
	_cleanup_(done) struct world w = good();

	CHECK_STR(found(&w), "");
	CHECK(w.v.ifaces[0].guest == &w.v.guest.links.v[0], "joined with its inner end");
	CHECK(w.v.ifaces[0].bridge == &w.v.host.v[0], "joined with its bridge");
}

static void a_veth_that_is_gone_is_told(void)
{
	_cleanup_(done) struct world w = good();

	w.v.host.n = 1;
	CHECK_STR(found(&w), "veth-missing");
}

static void a_bridge_that_is_missing_or_another_is_told(void)
{
	_cleanup_(done) struct world missing = good(), none = good(), other = good();
	_cleanup_(done) struct world stopped = good();

	set_conf(&missing.v, "name=eth0,bridge=vmbr9");
	CHECK_STR(found(&missing), "bridge-missing");
	host(&none, VETH)->master = 0;
	CHECK(strstr(missing.v.ifaces[0].findings.v[0].text, "is in vmbr0") != NULL, "%s",
	      missing.v.ifaces[0].findings.v[0].text);
	CHECK_STR(found(&none), "not-in-bridge");
	add_dev(&other.v.host, dev(OTHER, "vmbr1", "bridge"));
	host(&other, VETH)->master = OTHER;
	CHECK_STR(found(&other), "other-bridge");
	stopped.v.running = false;
	stopped.v.guest.known = false;
	stopped.v.host.n = 0;
	CHECK_STR(found(&stopped), "bridge-missing");
	CHECK(strstr(stopped.v.ifaces[0].findings.v[0].text, "will not start") != NULL,
	      "%s", stopped.v.ifaces[0].findings.v[0].text);
}

static void the_firewall_chain_leads_to_the_bridge(void)
{
	_cleanup_(done) struct world w = good(), cut = good();
	struct netif fwln = dev(FWLN, "fwln101i0", "veth");
	struct netif fwpr = dev(FWPR, "fwpr101p0", "veth");

	fwln.master = FWBR;
	fwln.link = FWPR;
	fwpr.link = FWLN;
	fwpr.master = VMBR0;
	add_dev(&w.v.host, dev(FWBR, "fwbr101i0", "bridge"));
	add_dev(&w.v.host, fwln);
	add_dev(&w.v.host, fwpr);
	host(&w, VETH)->master = FWBR;
	CHECK_STR(found(&w), "");
	CHECK(w.v.ifaces[0].port->ifindex == FWPR, "port %u",
	      w.v.ifaces[0].port->ifindex);
	CHECK(w.v.ifaces[0].bridge->ifindex == VMBR0, "behind the chain");

	add_dev(&cut.v.host, dev(FWBR, "fwbr101i0", "bridge"));
	host(&cut, VETH)->master = FWBR;
	CHECK_STR(found(&cut), "firewall-chain-broken");
}

static void a_firewall_that_filters_nothing_is_told(void)
{
	_cleanup_(done) struct world w = good(), iptables = good();
	struct net_iface *i = iptables.v.ifaces;

	w.v.ifaces[0].fw_known = w.v.ifaces[0].fwbr_known = true;
	w.v.ifaces[0].filtered = true;
	CHECK_STR(found(&w), "");
	set_conf(&iptables.v, CONF ",firewall=1");
	i->fw_known = i->fwbr_known = i->filtered = i->fwbr_expected = true;
	CHECK_STR(found(&iptables), "not-filtered");
}

static void links_that_are_down_say_why(void)
{
	_cleanup_(done) struct world down = good(), carrier = good(), inner = good();
	_cleanup_(done) struct world meant = good(), not_down = good();

	host(&down, VETH)->up = false;
	CHECK_STR(found(&down), "down");
	host(&carrier, VETH)->carrier = false;
	CHECK_STR(found(&carrier), "no-carrier");
	host(&inner, VETH)->carrier = false;
	inner.v.guest.links.v[0].up = false;
	CHECK_STR(found(&inner), "no-carrier");
	CHECK(strstr(inner.v.ifaces[0].findings.v[0].text, "eth0 inside") != NULL, "%s",
	      inner.v.ifaces[0].findings.v[0].text);
	set_conf(&meant.v, CONF ",link_down=1");
	host(&meant, VETH)->up = false;
	host(&meant, VETH)->master = 0;
	CHECK_STR(found(&meant), "link-down");
	set_conf(&not_down.v, CONF ",link_down=1");
	CHECK_STR(found(&not_down), "link-not-down");
}

static void the_inner_end_is_found_by_both_numbers(void)
{
	_cleanup_(done) struct world moved = good(), liar = good(), unknown = good();
	_cleanup_(done) struct world entered = good();

	host(&moved, VETH)->link_netnsid = val_set(9);
	CHECK_STR(found(&moved), "moved-inside");
	liar.v.guest.links.v[0].link = OTHER;
	CHECK_STR(found(&liar), "no-inner-end");
	unknown.v.guest.known = false;
	CHECK_STR(found(&unknown), "");
	entered.v.guest.nsid = (struct val){ 0 };
	CHECK_STR(found(&entered), "");
	CHECK(entered.v.ifaces[0].guest != NULL, "joined without an id too");
}

static void addresses_are_compared_with_the_config(void)
{
	_cleanup_(done) struct world none = good(), dhcp = good(), lease = good();
	_cleanup_(done) struct world prefix = good(), ip6 = good(), taken = good();
	_cleanup_(done) struct world more = good();

	none.v.guest.addrs.n = 0;
	add_addr(&none.v, "10.0.0.7/24", false);
	CHECK_STR(found(&none), "address-differs");
	CHECK(strstr(none.v.ifaces[0].findings.v[0].text, "10.0.0.7/24") != NULL, "%s",
	      none.v.ifaces[0].findings.v[0].text);
	set_conf(&dhcp.v, "name=eth0,bridge=vmbr0,ip=dhcp");
	dhcp.v.guest.addrs.v[0].link_scope = true;
	CHECK_STR(found(&dhcp), "no-address");
	set_conf(&lease.v, "name=eth0,bridge=vmbr0,ip=dhcp");
	CHECK_STR(found(&lease), "");
	prefix.v.guest.addrs.v[0].prefix_len = 16;
	CHECK_STR(found(&prefix), "prefix-differs");
	set_conf(&ip6.v, CONF ",ip6=auto");
	CHECK_STR(found(&ip6), "no-address");
	taken.v.guest.addrs.v[0].dad_failed = true;
	CHECK_STR(found(&taken), "address-in-use");
	more.v.guest.addrs.n = 0;
	more.v.guest.addrs.more = 1;
	CHECK_STR(found(&more), "");
}

static void a_gateway_must_be_a_default_route(void)
{
	_cleanup_(done) struct world none = good(), other = good(), unknown = good();

	none.v.guest.routes.n = 0;
	CHECK_STR(found(&none), "gateway-missing");
	other.v.guest.routes.n = 0;
	add_default(&other.v, "10.0.0.254");
	CHECK_STR(found(&other), "gateway-missing");
	CHECK(strstr(other.v.ifaces[0].findings.v[0].text, "by 10.0.0.254 on eth0") !=
		      NULL,
	      "%s", other.v.ifaces[0].findings.v[0].text);
	unknown.v.guest.routes.n = 0;
	unknown.v.guest.routes_known = false;
	CHECK_STR(found(&unknown), "");
}

static void mac_name_and_mtu_are_compared(void)
{
	_cleanup_(done) struct world mac = good(), name = good(), mtu = good();
	_cleanup_(done) struct world big = good(), start = good(), lower = good();

	mac.v.guest.links.v[0].mac[5] = 1;
	CHECK_STR(found(&mac), "mac-differs");
	name.v.guest.links.v[0].name[3] = '7';
	CHECK_STR(found(&name), "renamed");
	set_conf(&mtu.v, CONF ",mtu=1400");
	CHECK_STR(found(&mtu), "mtu-differs");
	big.v.guest.links.v[0].mtu = 9000;
	CHECK_STR(found(&big), "mtu-above-bridge");
	set_conf(&start.v, CONF ",mtu=9000");
	start.v.guest.links.v[0].mtu = 9000;
	CHECK_STR(found(&start), "mtu-above-bridge");
	set_conf(&lower.v, "name=eth0,bridge=vmbr0,hwaddr=bc:24:11:00:65:00");
	CHECK_STR(found(&lower), "");
}

static void add_vlan(struct netview *v, uint16_t first, uint16_t last, bool pvid)
{
	GROW(v->vlans.v, v->vlans.n, v->vlans.cap);
	v->vlans.v[v->vlans.n++] = (struct netvlan){ .ifindex = VETH,
						     .master = VMBR0,
						     .first = first,
						     .last = last,
						     .pvid = pvid,
						     .untagged = pvid };
}

static struct world aware(const char *conf)
{
	struct world w = good();

	set_conf(&w.v, conf);
	host(&w, VMBR0)->vlan_filtering = val_set(1);
	w.v.vlans_known = true;
	return w;
}

static void vlans_of_the_port_are_compared(void)
{
	_cleanup_(done) struct world plain = aware(CONF), tag = aware(CONF ",tag=30");
	_cleanup_(done) struct world wrong = aware(CONF ",tag=30"), none = aware(CONF);
	_cleanup_(done) struct world trunks = aware(CONF ",tag=5,trunks=10;20;21");
	_cleanup_(done) struct world less = aware(CONF ",trunks=10;20");

	add_vlan(&plain.v, 1, 1, true);
	add_vlan(&plain.v, 2, 4094, false);
	CHECK_STR(found(&plain), "");
	CHECK_STR(plain.v.ifaces[0].tagged, "2-4094");
	add_vlan(&tag.v, 30, 30, true);
	CHECK_STR(found(&tag), "");
	CHECK_STR(tag.v.ifaces[0].tagged, "");
	add_vlan(&wrong.v, 1, 1, true);
	CHECK_STR(found(&wrong), "vlan-differs");
	CHECK_STR(found(&none), "vlan-differs");
	add_vlan(&trunks.v, 5, 5, true);
	add_vlan(&trunks.v, 10, 10, false);
	add_vlan(&trunks.v, 20, 21, false);
	CHECK_STR(found(&trunks), "");
	CHECK_STR(trunks.v.ifaces[0].tagged, "10,20-21");
	add_vlan(&less.v, 1, 1, true);
	add_vlan(&less.v, 10, 10, false);
	CHECK_STR(found(&less), "trunks-differ");
}

static void a_tag_without_filtering_has_its_own_bridge(void)
{
	_cleanup_(done) struct world w = good(), missing = good(), stopped = good();

	set_conf(&w.v, CONF ",tag=30");
	add_dev(&w.v.host, dev(OTHER, "vmbr0v30", "bridge"));
	host(&w, VETH)->master = OTHER;
	CHECK_STR(found(&w), "");
	set_conf(&missing.v, CONF ",tag=30");
	CHECK_STR(found(&missing), "vlan-bridge-missing");
	CHECK(strstr(missing.v.ifaces[0].findings.v[0].text, "i0 is in vmbr0"),
	      "where it is: %s", missing.v.ifaces[0].findings.v[0].text);
	set_conf(&stopped.v, CONF ",tag=30");
	stopped.v.running = stopped.v.guest.known = false;
	stopped.v.host.n = 1;
	CHECK_STR(found(&stopped), "");
}

static void trunks_are_lists_of_vlans(void)
{
	uint64_t map[64] = { 0 };

	CHECK(network_parse_trunks("10;20-22;4094", map), "a list");
	CHECK(map[0] == (UINT64_C(1) << 10 | UINT64_C(7) << 20), "%jx",
	      (uintmax_t)map[0]);
	CHECK(map[63] == UINT64_C(1) << 62, "%jx", (uintmax_t)map[63]);
	CHECK(!network_parse_trunks("10;;20", map), "nothing is no VLAN");
	CHECK(!network_parse_trunks("a", map), "a letter");
	CHECK(network_parse_trunks("4000-99999", map), "the rest does not exist");
}

static void rates_are_compared(void)
{
	_cleanup_(done) struct world w = good(), none = good(), other = good();
	_cleanup_(done) struct world extra = good();

	CHECK_U64(network_rate("12.5").n, 13107200);
	CHECK(network_rate("0").kind == VAL_ABSENT, "0 is no limit");
	CHECK(network_rate("1e2").kind == VAL_ABSENT, "not read");
	set_conf(&w.v, CONF ",rate=12.5");
	w.v.ifaces[0].rate_known = true;
	w.v.ifaces[0].rate.to_guest_bytes_per_sec = val_set(13107200);
	w.v.ifaces[0].rate.from_guest_bytes_per_sec = val_set(13107200);
	CHECK_STR(found(&w), "");
	set_conf(&none.v, CONF ",rate=12.5");
	none.v.ifaces[0].rate_known = true;
	CHECK_STR(found(&none), "rate-missing rate-missing");
	set_conf(&other.v, CONF ",rate=12.5");
	other.v.ifaces[0].rate_known = true;
	other.v.ifaces[0].rate.to_guest_bytes_per_sec = val_set(1048576);
	other.v.ifaces[0].rate.from_guest_bytes_per_sec = val_set(13107200);
	CHECK_STR(found(&other), "rate-differs");
	extra.v.ifaces[0].rate_known = true;
	extra.v.ifaces[0].rate.from_guest_bytes_per_sec = val_set(1048576);
	CHECK_STR(found(&extra), "rate-not-configured");
}

static struct net_claim claim(uint32_t vmid, uint8_t last, const char *address)
{
	struct net_claim c = { .vmid = vmid, .ct_name = "x", .bridge = "vmbr0" };
	uint8_t len;

	if (address) {
		CHECK(netaddr_parse(address, &c.family, c.addr, &len) == 0, "addr");
	} else {
		c.has_mac = true;
		c.mac[5] = last;
	}
	return c;
}

static void two_that_claim_the_same_are_told(void)
{
	_cleanup_(done) struct world mac = good(), ip = good(), far = good();
	_cleanup_(done) struct world self = good();
	struct net_claim c;

	network_claim(&mac.claims, 0, claim(101, 1, NULL));
	network_claim(&mac.claims, 1, claim(102, 1, NULL));
	network_claim(&mac.claims, 2, claim(103, 2, NULL));
	CHECK_STR(found(&mac), "mac-duplicate");
	network_claim(&ip.claims, 0, claim(101, 0, "10.0.0.5/24"));
	network_claim(&ip.claims, 1, claim(102, 0, "10.0.0.5/16"));
	CHECK_STR(found(&ip), "address-duplicate");
	network_claim(&far.claims, 0, claim(101, 0, "10.0.0.5/24"));
	c = claim(102, 0, "10.0.0.5/24");
	c.tag = 30;
	network_claim(&far.claims, 1, c);
	CHECK_STR(found(&far), "");
	network_claim(&self.claims, 0, claim(101, 0, "10.0.0.5/24"));
	c = claim(101, 0, "10.0.0.5/24");
	c.actual = true;
	network_claim(&self.claims, 0, c);
	CHECK(self.claims.n == 1, "said twice by the same: %zu", self.claims.n);
	CHECK_STR(found(&self), "");
}

static void drops_count_from_one_in_a_hundred(void)
{
	_cleanup_(done) struct world few = good(), many = good();

	host(&few, VETH)->stats.tx_packets = 200000;
	host(&few, VETH)->stats.tx_dropped = 1900;
	CHECK_STR(found(&few), "");
	host(&many, VETH)->stats.tx_packets = 1000;
	host(&many, VETH)->stats.tx_dropped = 1900;
	CHECK_STR(found(&many), "drops");
}

static void a_counter_that_went_back_has_no_rate(void)
{
	_cleanup_(done) struct world w = good();
	_cleanup_(netifs_done) struct netifs before = { 0 };
	struct netif old = dev(VETH, "veth101i0", "veth");

	network_join(&w.v);
	host(&w, VETH)->stats.tx_bytes = 5000;
	host(&w, VETH)->stats.rx_bytes = 7;
	old.stats.tx_bytes = 1000;
	old.stats.rx_bytes = 8;
	add_dev(&before, old);
	network_speed(&w.v, &before, 2000000);
	CHECK_U64(w.v.ifaces[0].speed.netin_bytes.n, 2000);
	CHECK(w.v.ifaces[0].speed.netout_bytes.kind == VAL_ABSENT, "no 10^19");
	before.v[0].name[4] = '2';
	w.v.ifaces[0].speed = (struct net_speed){ 0 };
	network_speed(&w.v, &before, 2000000);
	CHECK(w.v.ifaces[0].speed.netin_bytes.kind == VAL_ABSENT, "another device");
}

static void a_device_without_config_is_listed(void)
{
	_cleanup_(done) struct world w = good();
	struct netif extra = dev(OTHER, "veth101i3", "veth");

	extra.master = VMBR0;
	add_dev(&w.v.host, extra);
	add_dev(&w.v.host, dev(OTHER + 1, "veth102i0", "veth"));
	CHECK_STR(found(&w), "");
	CHECK(w.v.n_ifaces == 2 && w.v.ifaces[1].n == 3, "n %zu", w.v.n_ifaces);
	CHECK(w.v.ifaces[1].findings.n == 1, "findings %zu", w.v.ifaces[1].findings.n);
	CHECK_STR(w.v.ifaces[1].findings.v[0].id, "not-configured");
}

static void a_guest_that_just_started_is_given_time(void)
{
	_cleanup_(done) struct world w = good(), fine = good(), old = good();

	w.v.guest.routes.n = old.v.guest.routes.n = 0;
	w.v.uptime_sec = fine.v.uptime_sec = val_set(59);
	old.v.uptime_sec = val_set(60);
	CHECK_STR(found(&w), "gateway-missing started-recently");
	CHECK_STR(found(&fine), "");
	CHECK_STR(found(&old), "gateway-missing");
}

static void what_is_left_of_a_stopped_one_is_told(void)
{
	_cleanup_(done) struct world w = good(), starting = good();

	w.v.running = w.v.guest.known = false;
	w.v.stopped = true;
	CHECK_STR(found(&w), "veth-left");
	starting.v.running = starting.v.guest.known = false;
	CHECK_STR(found(&starting), "");
}

static void what_is_not_known_is_not_judged(void)
{
	_cleanup_(done) struct world w = good(), shared = good();

	w.v.host_known = false;
	w.v.guest.known = false;
	CHECK_STR(found(&w), "");
	shared.v.guest.known = false;
	shared.v.guest.shares_host = true;
	shared.v.host.n = 1;
	CHECK_STR(found(&shared), "veth-missing shares-host-network");
}

int main(void)
{
	RUN(as_configured_is_no_finding);
	RUN(a_veth_that_is_gone_is_told);
	RUN(a_bridge_that_is_missing_or_another_is_told);
	RUN(the_firewall_chain_leads_to_the_bridge);
	RUN(a_firewall_that_filters_nothing_is_told);
	RUN(links_that_are_down_say_why);
	RUN(the_inner_end_is_found_by_both_numbers);
	RUN(addresses_are_compared_with_the_config);
	RUN(a_gateway_must_be_a_default_route);
	RUN(mac_name_and_mtu_are_compared);
	RUN(vlans_of_the_port_are_compared);
	RUN(a_tag_without_filtering_has_its_own_bridge);
	RUN(trunks_are_lists_of_vlans);
	RUN(rates_are_compared);
	RUN(two_that_claim_the_same_are_told);
	RUN(drops_count_from_one_in_a_hundred);
	RUN(a_counter_that_went_back_has_no_rate);
	RUN(a_device_without_config_is_listed);
	RUN(a_guest_that_just_started_is_given_time);
	RUN(what_is_left_of_a_stopped_one_is_told);
	RUN(what_is_not_known_is_not_judged);
	return DONE();
}
