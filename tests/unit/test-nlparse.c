/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>

#include "base/str.h"
#include "read/nlparse.h"

/*
 * Recorded from kernels 6.1 (VLANs, tc) and 6.18 by tests/live/netprobe in network
 * namespaces made for it.
 */
static struct buf load(const char *name)
{
	_cleanup_close_ int root = fixture_open("netlink");
	struct buf b = { 0 };
	struct err err = { 0 };

	CHECK(fs_read_file(root, name, 1 << 20, &b, &err) == 0, "%s", err.msg);
	return b;
}

static struct span all(const struct buf *b)
{
	return span_of(buf_str(b), b->n);
}

static struct netifs links_of(const char *name, size_t max)
{
	_cleanup_(buf_done) struct buf b = load(name);
	struct netifs l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_links(all(&b), max, &l, &st, &err) == 0, "%s", err.msg);
	CHECK(st.done && !st.error && !st.interrupted, "done %d error %d", st.done,
	      st.error);
	return l;
}

static void links_have_their_bridge_and_peer(void)
{
	_cleanup_(netifs_done) struct netifs l = links_of("links-fwbr.bin", 100);
	const struct netif *veth = netifs_find_name(&l, "veth101i0");
	const struct netif *fwbr = netifs_find_name(&l, "fwbr101i0");
	const struct netif *fwln = netifs_find_name(&l, "fwln101i0");
	const struct netif *fwpr = netifs_find_name(&l, "fwpr101p0");
	const struct netif *vmbr = netifs_find_name(&l, "vmbr0");
	_cleanup_free_ char *mac = veth ? netif_mac_text(veth->mac, veth->mac_n) : NULL;

	CHECK(veth && fwbr && fwln && fwpr && vmbr, "%zu links", l.n);
	if (!veth || !fwbr || !fwln || !fwpr || !vmbr)
		return;
	CHECK(veth->master == fwbr->ifindex, "master %u", veth->master);
	CHECK(fwln->link == fwpr->ifindex && fwpr->link == fwln->ifindex, "peers");
	CHECK(fwpr->master == vmbr->ifindex, "master %u", fwpr->master);
	CHECK(veth->link_netnsid.kind == VAL_SET, "the peer is elsewhere");
	CHECK(fwln->link_netnsid.kind == VAL_ABSENT, "the peer is here");
	CHECK_STR(veth->kind, "veth");
	CHECK_STR(veth->slave_kind, "bridge");
	CHECK_STR(vmbr->kind, "bridge");
	CHECK_STR(mac, "FE:00:00:00:65:00");
	CHECK(veth->mtu == 1500 && veth->up && veth->has_stats, "mtu %u", veth->mtu);
	CHECK(veth->port_state.kind == VAL_SET, "a port has a state");
}

static void vlan_and_bridge_say_what_they_are(void)
{
	_cleanup_(netifs_done) struct netifs l = links_of("links-vlan.bin", 100);
	const struct netif *vlan = netifs_find_name(&l, "dummy0.30");
	const struct netif *vmbr = netifs_find_name(&l, "vmbr1");

	CHECK(vlan && vmbr, "%zu links", l.n);
	if (!vlan || !vmbr)
		return;
	CHECK(vlan->vlan_id.kind == VAL_SET && vlan->vlan_id.n == 30, "%ju",
	      (uintmax_t)vlan->vlan_id.n);
	CHECK(vmbr->vlan_filtering.n == 1 && vmbr->vlan_default_pvid.n == 1, "filtering");
	CHECK(vlan->vlan_filtering.kind == VAL_ABSENT, "no bridge");
	CHECK_STR(netif_operstate_name(vmbr->operstate), "UP");
}

static void any_byte_may_be_in_a_name(void)
{
	_cleanup_(netifs_done) struct netifs l = links_of("links-hostile.bin", 100);

	CHECK(netifs_find_name(&l, "a\"}b") != NULL, "quote");
	CHECK(netifs_find_name(&l, "\x1b[2Jb") != NULL, "escape");
	CHECK(netifs_find_name(&l, "\xff\xfe") != NULL, "no UTF-8");
	for (size_t i = 0; i < l.n; i++)
		CHECK(netdev_parse_name(netif_name(&l.v[i])).role == NETDEV_OTHER,
		      "link %zu is nobody's", i);
}

static void what_is_above_the_bound_is_counted(void)
{
	_cleanup_(netifs_done) struct netifs l = links_of("links-hostile.bin", 2);

	CHECK(l.n == 2 && l.more == 4, "n %zu more %ju", l.n, (uintmax_t)l.more);
}

static void counters_alone_are_the_links_own(void)
{
	_cleanup_(buf_done) struct buf b = load("stats-veth.bin");
	_cleanup_(netstats_done) struct netstats l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_stats(all(&b), 100, &l, &st, &err) == 0, "%s", err.msg);
	CHECK(st.done && l.n == 5, "n %zu", l.n);
	if (l.n != 5)
		return;
	CHECK_U64(l.v[2].ifindex, 3);
	CHECK_U64(l.v[2].stats.rx_bytes, 180);
	CHECK_U64(l.v[2].stats.rx_packets, 2);
	CHECK_U64(l.v[2].stats.tx_bytes, 90);
	CHECK_U64(l.v[2].stats.tx_packets, 1);
	l.n = 0;
	st = (struct nl_status){ 0 };
	CHECK(netlink_parse_stats(all(&b), 3, &l, &st, &err) == 0 && l.n == 3 &&
		      l.more == 2,
	      "more %ju", (uintmax_t)l.more);
	CHECK(netlink_parse_stats(span_of(b.p, 400), 100, &l, &st, &err) == -EINVAL,
	      "cut off");
}

static const struct netaddr *find_addr(const struct netaddrs *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *t = netaddr_text(l->v[i].family, l->v[i].addr);

		if (str_eq(t, text))
			return &l->v[i];
	}
	return NULL;
}

static void addresses_of_both_families(void)
{
	_cleanup_(buf_done) struct buf b = load("addrs-guest.bin");
	_cleanup_(netaddrs_done) struct netaddrs l = { 0 };
	const struct netaddr *a, *ptp, *ll, *dyn, *v6;
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_addrs(all(&b), 100, &l, &st, &err) == 0, "%s", err.msg);
	CHECK(l.n == 8, "n %zu", l.n);
	a = find_addr(&l, "10.0.0.5");
	ptp = find_addr(&l, "10.9.9.9");
	ll = find_addr(&l, "169.254.3.4");
	dyn = find_addr(&l, "10.0.1.77");
	v6 = find_addr(&l, "fd00::5");
	CHECK(a && ptp && ll && dyn && v6, "all there");
	if (!a || !ptp || !ll || !dyn || !v6)
		return;
	CHECK(a->prefix_len == 24 && !a->link_scope && !a->dynamic, "static");
	CHECK(ptp->prefix_len == 32, "our end, not the peer's");
	CHECK(!find_addr(&l, "10.9.9.8"), "not the peer's");
	CHECK(ll->link_scope, "169.254/16 is link-local whatever its scope");
	CHECK(dyn->dynamic && dyn->valid_sec > 3500 && dyn->valid_sec <= 3600, "%u",
	      dyn->valid_sec);
	CHECK(v6->prefix_len == 64 && v6->label_n == 0, "no label");
	CHECK(find_addr(&l, "fe80::be24:11ff:fe00:6500")->link_scope, "link-local");
	CHECK(find_addr(&l, "::1")->link_scope, "host");
}

static const struct netroute *find_route(const struct netroutes *l, uint8_t family,
					 const char *dst)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *t = netaddr_text(family, l->v[i].dst);

		if (l->v[i].family == family && str_eq(t, dst))
			return &l->v[i];
	}
	return NULL;
}

static struct netroutes routes_of(size_t max)
{
	_cleanup_(buf_done) struct buf b = load("routes-guest.bin");
	struct netroutes l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_routes(all(&b), max, &l, &st, &err) == 0, "%s", err.msg);
	return l;
}

static void routes_have_gateways_of_any_kind(void)
{
	_cleanup_(netroutes_done) struct netroutes l = routes_of(100);
	const struct netroute *def = find_route(&l, AF_INET, "0.0.0.0");
	const struct netroute *multi = find_route(&l, AF_INET, "192.0.2.0");
	const struct netroute *hole = find_route(&l, AF_INET, "198.51.100.0");
	const struct netroute *via6 = find_route(&l, AF_INET, "203.0.113.0");
	const struct netroute *def6 = find_route(&l, AF_INET6, "::");
	_cleanup_free_ char *gw = def ? netaddr_text(def->gw_family, def->gw) : NULL;
	_cleanup_free_ char *gw6 = via6 ? netaddr_text(via6->gw_family, via6->gw) : NULL;

	CHECK(def && multi && hole && via6 && def6, "%zu routes", l.n);
	if (!def || !multi || !hole || !via6 || !def6)
		return;
	CHECK_STR(gw, "10.0.0.1");
	CHECK(def->dst_len == 0 && def->metric == 100 && def->table == 254, "default");
	CHECK(multi->n_hops == 2 && multi->has_gw, "hops %u", multi->n_hops);
	CHECK(hole->type == 6 && !hole->has_gw && hole->oif == 0, "blackhole");
	CHECK(via6->gw_family == AF_INET6, "an IPv4 route by way of IPv6");
	CHECK_STR(gw6, "fe80::1");
	CHECK(def6->has_gw && def6->dst_len == 0, "IPv6 default");
	for (size_t i = 0; i < l.n; i++)
		CHECK(l.v[i].table == 254, "local table entries are not kept");
}

static void a_default_route_is_kept_in_a_full_list(void)
{
	_cleanup_(netroutes_done) struct netroutes l = routes_of(3);

	CHECK(l.n == 3 && l.more == 8, "n %zu more %ju", l.n, (uintmax_t)l.more);
	CHECK(find_route(&l, AF_INET, "0.0.0.0") != NULL, "IPv4, the first one");
	CHECK(find_route(&l, AF_INET6, "::") != NULL, "IPv6, the last one");
}

static void vlan_ranges_of_ports(void)
{
	static const struct netvlan want[] = {
		{ .first = 1, .last = 1, .pvid = true, .untagged = true },
		{ .first = 30, .last = 30, .pvid = true, .untagged = true },
		{ .first = 1, .last = 1, .pvid = true, .untagged = true },
		{ .first = 2, .last = 4094 },
		{ .first = 5, .last = 5, .pvid = true, .untagged = true },
		{ .first = 10, .last = 10 },
		{ .first = 20, .last = 22 },
		{ .first = 4094, .last = 4094 },
	};
	_cleanup_(buf_done) struct buf b = load("vlans-aware.bin");
	_cleanup_(netvlans_done) struct netvlans l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_bridge_vlans(all(&b), 100, &l, &st, &err) == 0, "%s",
	      err.msg);
	CHECK(l.n == ARRAY_SIZE(want), "n %zu", l.n);
	for (size_t i = 0; i < l.n && i < ARRAY_SIZE(want); i++)
		CHECK(l.v[i].first == want[i].first && l.v[i].last == want[i].last &&
			      l.v[i].pvid == want[i].pvid &&
			      l.v[i].untagged == want[i].untagged,
		      "%zu: %u-%u", i, l.v[i].first, l.v[i].last);
	CHECK(l.n && l.v[0].master == 0, "the bridge itself comes first");
}

static struct val rate_in(const char *name)
{
	_cleanup_(buf_done) struct buf b = load(name);
	_cleanup_(netqdiscs_done) struct netqdiscs l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(netlink_parse_qdiscs(all(&b), 100, &l, &st, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].rate_bytes_per_sec.kind == VAL_SET) {
			CHECK(l.v[i].drops.kind == VAL_SET, "%s: no drops", name);
			return l.v[i].rate_bytes_per_sec;
		}
	return (struct val){ 0 };
}

static void rates_of_classes_and_filters(void)
{
	/* rate=12.5 as PVE sets it, and other forms of the same */
	CHECK_U64(rate_in("class-pve.bin").n, 13107200);
	CHECK_U64(rate_in("filter-basic.bin").n, 13107200);
	CHECK_U64(rate_in("class-64bit.bin").n, 6000000000);
	CHECK_U64(rate_in("filter-matchall.bin").n, 6000000000);
	CHECK_U64(rate_in("filter-u32.bin").n, 1048576);
	CHECK(rate_in("qdiscs-pve.bin").kind == VAL_ABSENT, "a qdisc has none itself");
}

/* Every prefix of a recorded dump, and every byte of it changed: an answer or -EINVAL. */
static void cut_off_is_an_error_and_never_more(void)
{
	static const char *const names[] = { "links-fwbr.bin", "addrs-guest.bin",
					     "routes-guest.bin", "vlans-aware.bin",
					     "filter-matchall.bin" };

	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		_cleanup_(buf_done) struct buf b = load(names[k]);

		for (size_t n = 0; n < b.n; n++) {
			_cleanup_(netifs_done) struct netifs l = { 0 };
			_cleanup_(netaddrs_done) struct netaddrs a = { 0 };
			_cleanup_(netroutes_done) struct netroutes rt = { 0 };
			_cleanup_(netvlans_done) struct netvlans v = { 0 };
			_cleanup_(netqdiscs_done) struct netqdiscs q = { 0 };
			/* a copy of its own size: valgrind and ASan see what is read
			 * beyond */
			_cleanup_free_ char *copy = xmalloc(n + 1);
			struct nl_status st = { 0 };
			struct span s = span_of(copy, n);

			memcpy(copy, b.p, n);
			if (n > 20)
				copy[n - 1 - n % 19] ^= (char)(n * 37);
			netlink_parse_links(s, 9, &l, &st, NULL);
			netlink_parse_addrs(s, 9, &a, &st, NULL);
			netlink_parse_routes(s, 9, &rt, &st, NULL);
			netlink_parse_bridge_vlans(s, 9, &v, &st, NULL);
			netlink_parse_qdiscs(s, 9, &q, &st, NULL);
		}
	}
}

static void half_a_message_is_named(void)
{
	_cleanup_(buf_done) struct buf b = load("addrs-guest.bin");
	_cleanup_(netaddrs_done) struct netaddrs l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };
	uint32_t first;

	memcpy(&first, b.p, sizeof(first));
	CHECK(netlink_parse_addrs(span_of(b.p, first + 3), 9, &l, &st, &err) == -EINVAL,
	      "cut");
	CHECK(l.n == 1 && strstr(err.msg, "cut off"), "n %zu: %s", l.n, err.msg);
	CHECK(!st.done, "not done");
}

/* Header of 16 bytes and an errno, as the kernel writes them. */
static struct nl_status answer(uint16_t type, uint16_t flags, int32_t code)
{
	uint8_t m[20] = { 20 };
	struct netifs l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	memcpy(m + 4, &type, 2);
	memcpy(m + 6, &flags, 2);
	memcpy(m + 16, &code, 4);
	CHECK(netlink_parse_links(span_of((char *)m, sizeof(m)), 9, &l, &st, &err) == 0,
	      "%s", err.msg);
	return st;
}

static void the_kernels_answers_are_data(void)
{
	CHECK(answer(2, 0, -1).error == -EPERM, "NLMSG_ERROR");
	CHECK(answer(2, 0, 0).done && !answer(2, 0, 0).error, "acknowledgement");
	CHECK(answer(3, 2, 0).done, "NLMSG_DONE");
	CHECK(answer(3, 2, -12).error == -ENOMEM, "a dump that broke off");
	CHECK(answer(3, 0x12, 0).interrupted, "NLM_F_DUMP_INTR");
	CHECK(answer(2, 0, 12345).error == -EPROTO, "no errno");
	CHECK(answer(4, 0, 0).error == -ENOBUFS, "NLMSG_OVERRUN");
}

static void nothing_is_nothing(void)
{
	struct netifs l = { 0 };
	struct nl_status st = { 0 };
	struct val id = val_set(7);

	CHECK(netlink_parse_links(span_of("", 0), 9, &l, &st, NULL) == 0 && l.n == 0,
	      "empty");
	CHECK(netlink_parse_nsid(span_of("", 0), &id, &st, NULL) == 0 &&
		      id.kind == VAL_ABSENT,
	      "no id");
}

static void names_of_devices_tell_the_container(void)
{
	static const struct {
		const char *name;
		enum netdev_role role;
		uint32_t vmid, net;
	} cases[] = {
		{ "veth101i0", NETDEV_VETH, 101, 0 },
		{ "veth999999999i9", NETDEV_VETH, 999999999, 9 },
		{ "veth101i31", NETDEV_VETH, 101, 31 },
		{ "veth101i0p", NETDEV_VETH_TMP, 101, 0 },
		{ "fwbr101i0", NETDEV_FWBR, 101, 0 },
		{ "fwln101i0", NETDEV_FWLN, 101, 0 },
		{ "fwln101o0", NETDEV_FWLN, 101, 0 },
		{ "fwpr101p0", NETDEV_FWPR, 101, 0 },
		{ "veth101i32", NETDEV_OTHER, 0, 0 },
		{ "veth101i", NETDEV_OTHER, 0, 0 },
		{ "veth101", NETDEV_OTHER, 0, 0 },
		{ "veth0101i0", NETDEV_OTHER, 0, 0 },
		{ "veth99i0", NETDEV_OTHER, 0, 0 },
		{ "veth1000000000i0", NETDEV_OTHER, 0, 0 },
		{ "veth101i00", NETDEV_OTHER, 0, 0 },
		{ "veth101p0", NETDEV_OTHER, 0, 0 },
		{ "fwpr101i0", NETDEV_OTHER, 0, 0 },
		{ "fwbr101i0p", NETDEV_OTHER, 0, 0 },
		{ "veth101i0x", NETDEV_OTHER, 0, 0 },
		{ "tap101i0", NETDEV_OTHER, 0, 0 },
		{ "vethAbCdEf", NETDEV_OTHER, 0, 0 },
		{ "veth-1i0", NETDEV_OTHER, 0, 0 },
		{ "", NETDEV_OTHER, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netdev_id id = netdev_parse_name(tbytes_str(cases[i].name));

		CHECK(id.role == cases[i].role && id.vmid == cases[i].vmid &&
			      id.net == cases[i].net,
		      "%s: role %d vmid %u net %u", cases[i].name, id.role, id.vmid,
		      id.net);
	}
}

static void addresses_as_pve_writes_them(void)
{
	uint8_t family, addr[16], len;

	CHECK(netaddr_parse("10.0.0.5/24", &family, addr, &len) == 0 && len == 24 &&
		      family == AF_INET,
	      "IPv4");
	CHECK(netaddr_parse("FD00::5/64", &family, addr, &len) == 0 && len == 64 &&
		      family == AF_INET6,
	      "IPv6");
	CHECK(netaddr_parse("10.0.0.1", &family, addr, &len) == 0 && len == 255, "no /");
	CHECK(netaddr_parse("dhcp", &family, addr, &len) == -EINVAL, "a word");
	CHECK(netaddr_parse("10.0.0.5/33", &family, addr, &len) == -EINVAL, "/33");
	CHECK(netaddr_parse("10.0.0.5/", &family, addr, &len) == -EINVAL, "/ alone");
	CHECK(netaddr_parse("", &family, addr, &len) == -EINVAL, "nothing");
}

int main(void)
{
	RUN(links_have_their_bridge_and_peer);
	RUN(vlan_and_bridge_say_what_they_are);
	RUN(any_byte_may_be_in_a_name);
	RUN(what_is_above_the_bound_is_counted);
	RUN(counters_alone_are_the_links_own);
	RUN(addresses_of_both_families);
	RUN(routes_have_gateways_of_any_kind);
	RUN(a_default_route_is_kept_in_a_full_list);
	RUN(vlan_ranges_of_ports);
	RUN(rates_of_classes_and_filters);
	RUN(cut_off_is_an_error_and_never_more);
	RUN(half_a_message_is_named);
	RUN(the_kernels_answers_are_data);
	RUN(nothing_is_nothing);
	RUN(names_of_devices_tell_the_container);
	RUN(addresses_as_pve_writes_them);
	return DONE();
}
