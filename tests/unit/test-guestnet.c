/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tmproot.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "netif.h"
#include "read/dhcplease.h"
#include "read/guestnet.h"
#include "read/pveconf.h"
#include "read/resolvconf.h"

static bool is(struct tbytes t, const char *want)
{
	return t.p && t.n == strlen(want) && memcmp(t.p, want, t.n) == 0;
}

#define CHECK_BYTES(got, want)                                                           \
	CHECK(is((got), (want)), "got \"%.*s\", want \"%s\"", (int)(got).n,              \
	      (const char *)(got).p, (want))

/* ---- resolv.conf ---- */

static struct resolver resolver_of(const char *text)
{
	struct resolver r;

	resolvconf_parse(span_str(text), &r);
	return r;
}

static void a_resolver_has_servers_search_and_options(void)
{
	struct resolver r = resolver_of("# --- BEGIN PVE ---\n"
					"search example.test lan\n"
					"nameserver 192.0.2.53\n"
					"nameserver\t2001:db8::53\n"
					"; an old style comment\n"
					"options edns0 trust-ad\n"
					"options timeout:1\n"
					"# --- END PVE ---");

	CHECK(r.nameservers.n == 2 && r.search.n == 2 && r.options.n == 3, "%zu %zu %zu",
	      r.nameservers.n, r.search.n, r.options.n);
	CHECK_BYTES(r.nameservers.v[0], "192.0.2.53");
	CHECK_BYTES(r.nameservers.v[1], "2001:db8::53");
	CHECK_BYTES(r.search.v[1], "lan");
	CHECK_BYTES(r.options.v[2], "timeout:1");
	CHECK_U64(r.bad_nameservers, 0);
}

static void the_last_search_or_domain_counts(void)
{
	struct resolver r = resolver_of("search a b\ndomain c d\n");

	CHECK(r.search.n == 1, "%zu", r.search.n);
	CHECK_BYTES(r.search.v[0], "c");
	r = resolver_of("domain c\nsearch a b\r\n");
	CHECK(r.search.n == 2, "%zu", r.search.n);
	CHECK_BYTES(r.search.v[1], "b");
}

static void a_keyword_begins_the_line_and_ends_with_a_blank(void)
{
	struct resolver r = resolver_of(" nameserver 192.0.2.1\n"
					"nameservers 192.0.2.2\n"
					"nameserver=192.0.2.3\n"
					"NAMESERVER 192.0.2.4\n"
					"nameserver\n"
					"nameserver \n");

	CHECK(r.nameservers.n == 0, "%zu", r.nameservers.n);
	r = resolver_of("");
	CHECK(r.nameservers.n == 0 && r.search.n == 0, "empty");
}

static void what_is_no_address_is_counted(void)
{
	struct resolver r = resolver_of("nameserver dns.example.test\n"
					"nameserver 192.0.2.0/24\n"
					"nameserver 256.1.1.1\n"
					"nameserver fe80::1%eth0\n"
					"nameserver \x1b[2J\n");

	CHECK(r.nameservers.n == 5, "%zu", r.nameservers.n);
	CHECK_U64(r.bad_nameservers, 4);
}

static void more_servers_than_anybody_wants_are_counted(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct resolver r;

	for (unsigned i = 0; i < 1000; i++)
		buf_addf(&b, "nameserver 10.0.%u.%u\n", i / 256, i % 256);
	r = resolver_of(b.p);
	CHECK(r.nameservers.n == GUESTNET_LIST, "%zu", r.nameservers.n);
	CHECK_U64(r.nameservers.more, 1000 - GUESTNET_LIST);
}

/* ---- dhclient ---- */

static const char dhclient[] = "lease {\n"
			       "  interface \"eth0\";\n"
			       "  fixed-address 192.0.2.4;\n"
			       "  expire 4 2026/11/19 12:30:00;\n"
			       "}\n"
			       "lease {\n"
			       "  interface \"eth0\";\n"
			       "  fixed-address 192.0.2.5;\n"
			       "  server-name \"a } brace; # in \\\" a text\";\n"
			       "  option subnet-mask 255.255.255.0;\n"
			       "  option routers 192.0.2.1;\n"
			       "  option dhcp-lease-time 3600;\n"
			       "  option dhcp-message-type 5;\n"
			       "  option domain-name-servers 192.0.2.53,192.0.2.54;\n"
			       "  option dhcp-server-identifier 192.0.2.1;\n"
			       "  option domain-name \"example.test\";\n"
			       "  renew 5 2026/11/20 12:00:00;\n"
			       "  rebind epoch 1795176900; # Fri Nov 20 12:15:00 2026\n"
			       "  expire 5 2026/11/20 12:30:00;\n"
			       "}\n"
			       "lease6 {\n"
			       "  interface \"eth0\";\n"
			       "  ia-na 11:22:33:44 {\n"
			       "    starts 1795176000;\n"
			       "    renew 1800;\n"
			       "    iaaddr 2001:db8::5 {\n"
			       "      starts 1795176000;\n"
			       "      preferred-life 3600;\n"
			       "      max-life 7200;\n"
			       "    }\n"
			       "  }\n"
			       "  option dhcp6.name-servers 2001:db8::53;\n"
			       "}\n";

static void the_last_lease_of_each_family_counts(void)
{
	_cleanup_(dhcp_leases_done) struct dhcp_leases l = { 0 };
	_cleanup_free_ char *ip = NULL;
	_cleanup_free_ char *ip6 = NULL;

	dhcplease_parse_dhclient(span_str(dhclient), 9, &l);
	CHECK(l.n == 2 && !l.more, "%zu", l.n);
	if (l.n != 2)
		return;
	ip = netaddr_text(l.v[0].family, l.v[0].addr);
	ip6 = netaddr_text(l.v[1].family, l.v[1].addr);
	CHECK_STR(ip, "192.0.2.5");
	CHECK_STR(ip6, "2001:db8::5");
	CHECK_BYTES(l.v[0].interface, "eth0");
	CHECK_BYTES(l.v[0].server, "192.0.2.1");
	CHECK_BYTES(l.v[0].domain, "example.test");
	CHECK(l.v[0].dns.n == 2 && l.v[0].routers.n == 1, "%zu", l.v[0].dns.n);
	CHECK_BYTES(l.v[0].dns.v[1], "192.0.2.54");
	CHECK_U64(l.v[0].prefix_len.n, 24);
	CHECK_U64(l.v[0].lifetime_sec.n, 3600);
	CHECK_U64(l.v[0].renew_real_usec.n, 1795176000 * USEC_PER_SEC);
	CHECK_U64(l.v[0].rebind_real_usec.n, 1795176900 * USEC_PER_SEC);
	CHECK_U64(l.v[0].expire_real_usec.n, 1795177800 * USEC_PER_SEC);
	CHECK_U64(l.v[1].expire_real_usec.n, (1795176000 + 7200) * USEC_PER_SEC);
	CHECK_BYTES(l.v[1].dns.v[0], "2001:db8::53");
}

static void never_is_not_absent(void)
{
	_cleanup_(dhcp_leases_done) struct dhcp_leases l = { 0 };

	dhcplease_parse_dhclient(span_str("lease { fixed-address 192.0.2.5; "
					  "option dhcp-lease-time 4294967295; "
					  "expire never; renew sometime; }"),
				 9, &l);
	CHECK(l.n == 1, "%zu", l.n);
	if (l.n != 1)
		return;
	CHECK(l.v[0].expire_real_usec.kind == VAL_MAX, "never");
	CHECK(l.v[0].lifetime_sec.kind == VAL_MAX, "for ever");
	CHECK(l.v[0].renew_real_usec.kind == VAL_ABSENT, "no date");
	CHECK(l.v[0].interface.p == NULL, "no interface");
}

static void a_lease_that_is_not_whole_is_none(void)
{
	size_t whole = (size_t)(strstr(dhclient, "lease6") - dhclient);

	for (size_t n = 0; n < sizeof(dhclient) - 1; n++) {
		_cleanup_(dhcp_leases_done) struct dhcp_leases l = { 0 };
		_cleanup_free_ char *copy = xmalloc(n + 1);

		memcpy(copy, dhclient, n);
		dhcplease_parse_dhclient(span_of(copy, n), 9, &l);
		CHECK(l.n <= (n < whole ? 1 : 2), "%zu: %zu", n, l.n);
	}
}

static void other_blocks_are_passed_over(void)
{
	_cleanup_(dhcp_leases_done) struct dhcp_leases l = { 0 };

	dhcplease_parse_dhclient(
		span_str("default-duid \"x\";\nkey k { secret \"lease { \"; a { b; } }\n"
			 "alias { fixed-address 192.0.2.9; }\n"
			 "lease { interface \"\"; }\n}}}\n"
			 "lease { fixed-address 192.0.2.5; }"),
		9, &l);
	CHECK(l.n == 1, "%zu", l.n);
}

static void leases_above_the_bound_are_counted(void)
{
	_cleanup_(dhcp_leases_done) struct dhcp_leases l = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	for (unsigned i = 0; i < 100; i++)
		buf_addf(&b, "lease{interface \"e%u\";fixed-address 10.0.0.%u;}", i, i);
	dhcplease_parse_dhclient(span_of(b.p, b.n), 4, &l);
	CHECK(l.n == 4 && l.more == 96, "n %zu more %ju", l.n, (uintmax_t)l.more);
}

/* ---- systemd-networkd ---- */

static void keys_of_networkd(void)
{
	struct val then = val_set(1795176000 * USEC_PER_SEC);
	struct dhcp_lease l;
	_cleanup_free_ char *ip = NULL;

	CHECK(dhcplease_parse_keys(span_str("# This is private data. Do not parse.\n"
					    "ADDRESS=192.0.2.5\n"
					    "NETMASK=255.255.254.0\n"
					    "ROUTER=192.0.2.1 192.0.2.2\n"
					    "SERVER_ADDRESS=192.0.2.1\n"
					    "T1=30min\nT2=52min 30s\nLIFETIME=1h\n"
					    "DNS=192.0.2.53\n"
					    "DOMAINNAME=example.test\n"
					    "CLIENTID=ff0011"),
				   then, &l) == 0,
	      "a lease");
	ip = netaddr_text(l.family, l.addr);
	CHECK_STR(ip, "192.0.2.5");
	CHECK_U64(l.prefix_len.n, 23);
	CHECK(l.routers.n == 2, "%zu", l.routers.n);
	CHECK_BYTES(l.server, "192.0.2.1");
	CHECK_BYTES(l.domain, "example.test");
	CHECK_U64(l.lifetime_sec.n, 3600);
	CHECK_U64(l.expire_real_usec.n, (1795176000 + 3600) * USEC_PER_SEC);
}

static void lifetimes_of_all_forms(void)
{
	static const struct {
		const char *text;
		struct val want;
	} cases[] = {
		{ "3600", { .n = 3600, .kind = VAL_SET } },
		{ "1h 30min 5s", { .n = 5405, .kind = VAL_SET } },
		{ "1w 2d", { .n = 777600, .kind = VAL_SET } },
		{ "4294967295", { .kind = VAL_MAX } },
		{ "infinity", { .kind = VAL_MAX } },
		{ "4294967296", { 0 } },
		{ "soon", { 0 } },
		{ "1h x", { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text =
			xasprintf("ADDRESS=10.0.0.1\nLIFETIME=%s\n", cases[i].text);
		struct dhcp_lease l;

		CHECK(dhcplease_parse_keys(span_str(text), (struct val){ 0 }, &l) == 0,
		      "%s", text);
		CHECK(l.lifetime_sec.kind == cases[i].want.kind &&
			      l.lifetime_sec.n == cases[i].want.n,
		      "%s: kind %d %ju", cases[i].text, l.lifetime_sec.kind,
		      (uintmax_t)l.lifetime_sec.n);
		CHECK(l.expire_real_usec.kind == VAL_ABSENT, "since when is not known");
	}
}

static void without_an_address_there_is_no_lease(void)
{
	static const char *const no[] = { "", "ADDRESS=\n", "ADDRESS=10.0.0.1/24\n",
					  "ADDRESS=x\n", "XADDRESS=10.0.0.1\n" };
	struct dhcp_lease l;

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		CHECK(dhcplease_parse_keys(span_str(no[i]), (struct val){ 0 }, &l) ==
			      -ENODATA,
		      "%s", no[i]);
}

static void a_mask_with_holes_is_no_prefix(void)
{
	struct dhcp_lease l;

	CHECK(dhcplease_parse_keys(span_str("ADDRESS=10.0.0.1\nNETMASK=255.0.255.0"),
				   (struct val){ 0 }, &l) == 0 &&
		      l.prefix_len.kind == VAL_ABSENT,
	      "%ju", (uintmax_t)l.prefix_len.n);
	CHECK(dhcplease_parse_keys(span_str("ADDRESS=10.0.0.1\nNETMASK=0.0.0.0"),
				   (struct val){ 0 }, &l) == 0 &&
		      l.prefix_len.kind == VAL_SET && l.prefix_len.n == 0,
	      "%ju", (uintmax_t)l.prefix_len.n);
}

/* ---- dhcpcd ---- */

static struct buf packet(const char *options, size_t n)
{
	struct buf b = { 0 };

	buf_reserve(&b, 240);
	memset(b.p, 0, 240);
	b.n = 240;
	b.p[0] = 2;
	memcpy(b.p + 16, "\xc0\x00\x02\x05", 4);
	memcpy(b.p + 236, "\x63\x82\x53\x63", 4);
	buf_add(&b, options, n);
	return b;
}

#define PACKET(options) packet(options, sizeof(options) - 1)

static void a_packet_of_dhcpcd(void)
{
	_cleanup_(buf_done) struct buf b =
		PACKET("\x35\x01\x05\x00\x01\x04\xff\xff\xff\x80\x03\x04\xc0\x00\x02\x01"
		       "\x06\x08\xc0\x00\x02\x35\xc0\x00\x02\x36\x33\x04\x00\x00\x0e\x10"
		       "\x36\x04\xc0\x00\x02\x01\x0f\x03lan\xff\x0f\x01x");
	struct dhcp_texts texts;
	struct dhcp_lease l;

	CHECK(dhcplease_parse_packet(span_of(b.p, b.n),
				     val_set(1795176000 * USEC_PER_SEC), &texts, &l) == 0,
	      "a lease");
	CHECK(l.addr[0] == 192 && l.addr[3] == 5, "address");
	CHECK_U64(l.prefix_len.n, 25);
	CHECK(l.dns.n == 2 && l.routers.n == 1, "%zu", l.dns.n);
	CHECK_BYTES(l.dns.v[1], "192.0.2.54");
	CHECK_BYTES(l.server, "192.0.2.1");
	CHECK_BYTES(l.domain, "lan");
	CHECK_U64(l.lifetime_sec.n, 3600);
	CHECK_U64(l.expire_real_usec.n, (1795176000 + 3600) * USEC_PER_SEC);
}

static void a_packet_that_is_cut_off_or_another_is_no_lease(void)
{
	_cleanup_(buf_done) struct buf b = PACKET("\x06\x08\xc0\x00\x02\x35\xc0\x00\x02");
	struct dhcp_texts texts;
	struct dhcp_lease l;

	CHECK(dhcplease_parse_packet(span_of(b.p, b.n), (struct val){ 0 }, &texts, &l) ==
			      0 &&
		      l.dns.n == 0,
	      "an option that is not whole");
	for (size_t n = 0; n < 240; n++)
		CHECK(dhcplease_parse_packet(span_of(b.p, n), (struct val){ 0 }, &texts,
					     &l) == -ENODATA,
		      "%zu", n);
	b.p[237]++;
	CHECK(dhcplease_parse_packet(span_of(b.p, b.n), (struct val){ 0 }, &texts, &l) ==
		      -ENODATA,
	      "no cookie");
}

static void a_packet_with_more_addresses_than_room(void)
{
	_cleanup_(buf_done) struct buf b = PACKET("");
	struct dhcp_texts texts;
	struct dhcp_lease l;

	for (unsigned k = 0; k < 8; k++) {
		buf_addc(&b, k & 1 ? 3 : 6);
		buf_addc(&b, (char)252);
		for (unsigned i = 0; i < 252; i++)
			buf_addc(&b, (char)i);
	}
	CHECK(dhcplease_parse_packet(span_of(b.p, b.n), (struct val){ 0 }, &texts, &l) ==
		      0,
	      "a lease");
	CHECK(l.dns.n == GUESTNET_LIST && l.dns.more == 4 * 63 - GUESTNET_LIST, "%ju",
	      (uintmax_t)l.dns.more);
	CHECK(l.routers.n == GUESTNET_LIST, "%zu", l.routers.n);
}

/* For host-managed=1 a dhclient of the node has the lease, not one inside. */
static void leases_that_the_node_keeps(void)
{
	static const char conf[] =
		"net0: name=eth0,bridge=b,host-managed=1,ip=dhcp,ip6=dhcp\n"
		"net1: name=eth1,bridge=b,ip=dhcp\n"
		"net2: name=eth2,bridge=b,host-managed=1,ip=192.0.2.9/24\n"
		"net3: name=eth3,bridge=b,host-managed=1,ip=dhcp\n";
	_cleanup_(tmproot_remove) struct tmproot t;
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(guestnet_done) struct guestnet g = { 0 };
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(pveconf_parse(conf, strlen(conf), 107, &c, &err) == 0, "%s", err.msg);
	CHECK(guestnet_read_host(t.fd, 107, &c, &g, &err) == 0 && !g.leases.n, "%s",
	      err.msg);
	tmproot_put(&t, "var/lib/lxc/107/hook/dhclient4-eth0.leases",
		    "lease { interface \"eth0\"; fixed-address 192.0.2.5; }\n"
		    "lease { interface \"eth0\"; fixed-address 192.0.2.6; }\n");
	tmproot_put(&t, "var/lib/lxc/107/hook/dhclient6-eth0.leases",
		    "lease6 { interface \"eth0\"; ia-na 1 { iaaddr 2001:db8::5 { } } }");
	/* of those nothing is asked, or it is not theirs */
	tmproot_put(&t, "var/lib/lxc/107/hook/dhclient4-eth1.leases",
		    "lease { fixed-address 192.0.2.7; }");
	tmproot_put(&t, "var/lib/lxc/107/hook/dhclient4-eth2.leases",
		    "lease { fixed-address 192.0.2.8; }");
	CHECK(guestnet_read_host(t.fd, 107, &c, &g, &err) == 0, "%s", err.msg);
	CHECK(g.leases.n == 2, "%zu", g.leases.n);
	if (g.leases.n != 2)
		return;
	CHECK(g.leases.v[0].client == DHCP_HOST_DHCLIENT && g.leases.v[0].addr[3] == 6,
	      "%d %u", g.leases.v[0].client, g.leases.v[0].addr[3]);
	CHECK_BYTES(g.leases.v[0].interface, "eth0");
	CHECK(g.leases.v[1].family == AF_INET6, "%d", g.leases.v[1].family);
	CHECK(g.host_texts.n == 2, "%zu", g.host_texts.n);
	/* a directory in the place of one is said */
	mkdirat(t.fd, "var/lib/lxc/107/hook/dhclient4-eth3.leases", 0755);
	CHECK(guestnet_read_host(t.fd, 107, &c, &g, &err) < 0 &&
		      strstr(err.msg, "dhclient4-eth3.leases"),
	      "%s", err.msg);
}

int main(void)
{
	RUN(a_resolver_has_servers_search_and_options);
	RUN(the_last_search_or_domain_counts);
	RUN(a_keyword_begins_the_line_and_ends_with_a_blank);
	RUN(what_is_no_address_is_counted);
	RUN(more_servers_than_anybody_wants_are_counted);
	RUN(the_last_lease_of_each_family_counts);
	RUN(never_is_not_absent);
	RUN(a_lease_that_is_not_whole_is_none);
	RUN(other_blocks_are_passed_over);
	RUN(leases_above_the_bound_are_counted);
	RUN(keys_of_networkd);
	RUN(lifetimes_of_all_forms);
	RUN(without_an_address_there_is_no_lease);
	RUN(a_mask_with_holes_is_no_prefix);
	RUN(a_packet_of_dhcpcd);
	RUN(a_packet_that_is_cut_off_or_another_is_no_lease);
	RUN(a_packet_with_more_addresses_than_room);
	RUN(leases_that_the_node_keeps);
	return DONE();
}
