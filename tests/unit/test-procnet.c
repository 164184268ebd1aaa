/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/procnet.h"
#include "test.h"

static bool named(const struct procnet_name *n, const char *text)
{
	return n->n == strlen(text) && memcmp(n->p, text, n->n) == 0;
}

static void addresses_of_a_namespace(void)
{
	static const char trie[] = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.99.0.0\n"
				   "        /24 link UNICAST\nLocal:\n"
				   "     |-- 10.99.0.5\n        /32 host LOCAL\n"
				   "     |-- 10.99.0.255\n        /32 link BROADCAST\n"
				   "     |-- 127.0.0.1\n        /32 host LOCAL\n"
				   "     |-- 169.254.3.3\n        /32 host LOCAL\n"
				   "     |-- 10.99.0.5\n        /32 host LOCAL";
	static const char inet6[] =
		"fe80000000000000be2413fffe000101 02 40 20 80     eth0\n"
		"00000000000000000000000000000001 01 80 10 80       lo\n"
		"fd000099000000000000000000000005 0a 40 00 80     e\x1b[1m\n"
		"fd000099000000000000000000000006 02 40 00 c0     eth0\n"
		"fd000099000000000000000000000007 02 40 00 88     eth0\n"
		"zz000099000000000000000000000005 02 40 00 80     eth0\n"
		"fd000099000000000000000000000008 02 40 00 80 sixteen-letters-\nfd00";
	struct procnet p = { 0 };

	procnet_parse_fib_trie(span_str(trie), 8, &p);
	procnet_parse_if_inet6(span_str(inet6), 8, &p);
	procnet_parse_if_inet6(span_str(""), 8, &p);
	CHECK_U64(p.n_addrs, 2);
	CHECK_U64(p.n_ifs, 3);
	if (p.n_addrs == 2) {
		CHECK_STR(p.addrs[0].text, "10.99.0.5");
		CHECK(!p.addrs[0].interface.n && !p.addrs[0].ifindex, "not known yet");
		CHECK_STR(p.addrs[1].text, "fd00:99::5");
		CHECK(named(&p.addrs[1].interface, "e\x1b[1m"), "bytes");
		CHECK_U64(p.addrs[1].ifindex, 10);
	}
	procnet_done(&p);
	procnet_parse_fib_trie(span_str(trie), 0, &p);
	CHECK_U64(p.n_addrs, 0);
	procnet_done(&p);
}

static void an_address_is_of_the_interface_that_its_network_is_on(void)
{
	static const char trie[] = "     |-- 10.99.0.5\n        /32 host LOCAL\n"
				   "     |-- 10.99.7.1\n        /32 host LOCAL\n"
				   "     |-- 192.0.2.1\n        /32 host LOCAL\n";
	static const char route[] =
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n"
		"wide\t0000630A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
		"eth0\t00000000\t0100630A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		"eth0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		"short\t0000630A\t00000000\n";
	static const char igmp[] = "Idx\tDevice    : Count Querier\tGroup\n"
				   "1\tlo        :     1      V3\n"
				   "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
				   "7\teth0      :     2      V3\n"
				   "8\tfifteen-letters:     2      V3\n"
				   "99999999999\tx :\n";
	struct procnet p = { 0 };

	procnet_parse_fib_trie(span_str(trie), 8, &p);
	procnet_parse_route(span_str(route), 8, &p);
	procnet_parse_igmp(span_str(igmp), 8, &p);
	procnet_name_addrs(&p);
	CHECK_U64(p.n_links, 2);
	CHECK_U64(p.n_ifs, 3);
	CHECK(p.n_ifs == 3 && named(&p.ifs[2].name, "fifteen-letters"), "igmp");
	if (p.n_addrs == 3) {
		CHECK(named(&p.addrs[0].interface, "eth0"), "the longest");
		CHECK_U64(p.addrs[0].ifindex, 7);
		CHECK(named(&p.addrs[1].interface, "wide"), "the wider");
		CHECK_U64(p.addrs[1].ifindex, 0);
		CHECK(!p.addrs[2].interface.n, "on none");
	}
	procnet_done(&p);
}

static void empty_files_and_bounds(void)
{
	struct procnet p = { 0 };

	procnet_parse_route(span_str(""), 8, &p);
	procnet_parse_igmp(span_str(""), 8, &p);
	procnet_parse_igmp(span_str("1\tlo :\n2\ta :\n3\tb :"), 2, &p);
	procnet_name_addrs(&p);
	CHECK_U64(p.n_ifs, 2);
	CHECK_U64(p.n_links, 0);
	procnet_done(&p);
}

int main(void)
{
	RUN(addresses_of_a_namespace);
	RUN(an_address_is_of_the_interface_that_its_network_is_on);
	RUN(empty_files_and_bounds);
	return DONE();
}
