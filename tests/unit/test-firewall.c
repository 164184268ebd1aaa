/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/firewall.h"

static void fw_of(const char *text, enum fw_kind kind, struct fw_file *ret)
{
	struct err err = { 0 };

	CHECK(fw_parse(text, strlen(text), kind, ret, &err) == 0, "%s", err.msg);
}

static void fw_of_file(const char *path, enum fw_kind kind, struct fw_file *ret)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };

	CHECK(fs_read_file(root, path, (size_t)1 << 20, &b, &err) == 0, "%s", err.msg);
	CHECK(fw_parse(b.p, b.n, kind, ret, &err) == 0, "%s", err.msg);
}

static void the_cluster_of_the_sample(void)
{
	_cleanup_(fw_file_done) struct fw_file f = { 0 };

	fw_of_file("etc/pve/firewall/cluster.fw", FW_CLUSTER, &f);
	CHECK(!f.warns.n, "%zu warnings: %s", f.warns.n, f.warns.v[0].text);
	CHECK_STR(fw_option(&f, "enable"), "1");
	CHECK_STR(fw_option(&f, "policy_in"), "DROP");
	CHECK_U64(f.n_rules, 3);
	CHECK_STR(f.n_rules == 3 ? f.rules[1].group : NULL, "web");
	CHECK_STR(f.n_rules == 3 ? f.rules[1].macro : NULL, "HTTP");
	CHECK(f.n_rules == 3 && !f.rules[0].group, "[RULES]");
	CHECK_STR(f.n_rules ? f.rules[0].rest : NULL,
		  "-source +dc/management -p tcp -dport 8006 -log nolog");
	CHECK_U64(f.n_aliases, 1);
	CHECK_STR(f.n_aliases ? f.aliases[0].comment : NULL, "office");
	CHECK_U64(f.n_ipsets, 1);
	CHECK(f.n_ipsets && f.ipsets[0].n == 3 && f.ipsets[0].v[2].nomatch, "set");
	CHECK_STR(f.n_ipsets ? f.ipsets[0].comment : NULL, "admins");
}

static void a_guest_of_the_sample(void)
{
	_cleanup_(fw_file_done) struct fw_file f = { 0 };

	fw_of_file("etc/pve/firewall/100.fw", FW_GUEST, &f);
	CHECK(!f.warns.n, "%zu warnings: %s", f.warns.n, f.warns.v[0].text);
	CHECK_STR(fw_option(&f, "log_level_in"), "info");
	CHECK(!fw_option(&f, "radv"), "not set");
	CHECK_U64(f.n_rules, 4);
	if (f.n_rules != 4)
		return;
	CHECK_STR(f.rules[0].direction, "group");
	CHECK_STR(f.rules[0].action, "web");
	CHECK_STR(f.rules[0].iface, "net0");
	CHECK(f.rules[0].enabled && !f.rules[1].enabled, "disabled");
	CHECK_STR(f.rules[1].macro, "SSH");
	CHECK_STR(f.rules[1].action, "ACCEPT");
	CHECK_STR(f.rules[1].comment, "disabled rule");
	CHECK_STR(f.rules[3].direction, "out");
	CHECK_STR(f.rules[3].rest, "-dest 10.0.0.0/8 -p udp -dport 53");
}

static void bad_lines_lose_nothing_else(void)
{
	static const char text[] =
		"enable: 1\n[options]\nenable: 2\nenable: 1\nPOLICY_IN: drop\nnope: 1\n"
		"ips_queues: 0:3\nlog_level_out:\nlog_level_in: loud\n[RULES] # no\n[rules]\n"
		"IN ACCEPT\nIN\nUP ACCEPT\nFORWARD ACCEPT\nIN ACCEPT -i  net0\n"
		"IN ACCEPT -x y\nIN ACCEPT -p\nGROUP web -p tcp\nin X(DROP) -i net1\n"
		"OUT Y(z)\n| IN ACCEPT\n[group g1]\n[IPSET a b]\n[ipset A1]#c\n1.2.3.4 5\n"
		"! 10.0.0.0/8 # n\n[ipset x]\n9.9.9.9\n[aliases]\nn 1.1.1.1\nn  1.1.1.1\nn\n"
		"m in\nm 1.1.1.1/\nm 1.1.1.1/a\nm fd00::/64 # x";
	static const unsigned lines[] = { 1,  3,  6,  9,  10, 13, 14, 15, 16, 17, 18, 19,
					  22, 23, 24, 26, 28, 29, 32, 33, 34, 35, 36 };
	_cleanup_(fw_file_done) struct fw_file f = { 0 };

	fw_of(text, FW_GUEST, &f);
	CHECK_STR(fw_option(&f, "enable"), "1");
	CHECK_STR(fw_option(&f, "policy_in"), "DROP");
	CHECK_STR(fw_option(&f, "ips_queues"), "0:3");
	CHECK_STR(fw_option(&f, "log_level_out"), "");
	CHECK_U64(f.n_rules, 3);
	CHECK_STR(f.n_rules == 3 ? f.rules[1].macro : NULL, "X");
	CHECK_STR(f.n_rules == 3 ? f.rules[2].action : NULL, "Y(z)");
	CHECK(f.n_ipsets == 1 && f.ipsets[0].n == 1 && f.ipsets[0].v[0].nomatch, "set");
	CHECK_STR(f.n_ipsets ? f.ipsets[0].name : NULL, "a1");
	CHECK_U64(f.n_aliases, 2);
	CHECK_U64(f.warns.n, ARRAY_SIZE(lines));
	for (size_t i = 0; i < f.warns.n && i < ARRAY_SIZE(lines); i++)
		CHECK(f.warns.v[i].line == lines[i], "%zu: line %u, want %u: %s", i,
		      f.warns.v[i].line, lines[i], f.warns.v[i].text);
}

/* A header with a CR at its end is none for PVE: the file does nothing at all. */
static void a_file_with_crlf_has_no_sections(void)
{
	_cleanup_(fw_file_done) struct fw_file f = { 0 };

	fw_of("[OPTIONS]\r\n\r\nenable: 1\r\n", FW_CLUSTER, &f);
	CHECK(!fw_option(&f, "enable"), "not on");
	CHECK_U64(f.warns.n, 2);
}

static void filtered_only_when_all_three_say_so(void)
{
	static const struct {
		const char *cluster, *guest;
		bool iface;
		uint64_t now;
		bool filtered, m_cluster, expired, m_guest, m_iface;
	} cases[] = {
		{ "enable: 1", "enable: 1", true, 1000, true },
		{ "enable: 1", "enable: 1", false, 1000, false, .m_iface = true },
		{ "enable: 1", "enable: 0", true, 1000, false, .m_guest = true },
		{ "enable: 1", "", true, 1000, false, .m_guest = true },
		{ "enable: 0", "enable: 1", true, 1000, false, .m_cluster = true },
		{ "", "", false, 1000, false, .m_cluster = true, .m_guest = true,
		  .m_iface = true },
		{ "enable: 1000", "enable: 1", true, 1060, true },
		{ "enable: 1000", "enable: 1", true, 1061, false, .m_cluster = true,
		  .expired = true },
		{ "enable: 2000", "enable: 1", true, 1000, true },
		{ "enable: 99999999999999999999", "enable: 1", true, 1000, true },
		{ "enable: yes", "enable: 1", true, 1000, false, .m_cluster = true },
		{ "enable: 1\nenable: 0", "enable: 1", true, 1, false,
		  .m_cluster = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(fw_file_done) struct fw_file c = { 0 }, g = { 0 };
		_cleanup_free_ char *ct = xasprintf("[OPTIONS]\n%s", cases[i].cluster);
		_cleanup_free_ char *gt = xasprintf("[OPTIONS]\n%s", cases[i].guest);
		struct fw_missing m;
		bool got;

		fw_of(ct, FW_CLUSTER, &c);
		fw_of(gt, FW_GUEST, &g);
		got = fw_filters(&c, &g, cases[i].iface, cases[i].now, &m);
		CHECK(got == cases[i].filtered, "%zu", i);
		CHECK(m.cluster == cases[i].m_cluster && m.guest == cases[i].m_guest &&
			      m.iface == cases[i].m_iface &&
			      m.cluster_expired == cases[i].expired,
		      "%zu: %d %d %d %d", i, m.cluster, m.cluster_expired, m.guest,
		      m.iface);
	}
	{
		struct fw_file none = { 0 };
		struct fw_missing m;

		CHECK(!fw_filters(&none, &none, true, 1, &m) && m.cluster && m.guest,
		      "without files");
	}
}

static void of_a_host_only_options_and_rules(void)
{
	_cleanup_(fw_file_done) struct fw_file f = { 0 };

	fw_of("[OPTIONS]\nenable: 0\nnftables: 1\npolicy_in: DROP\n[ALIASES]\na 1.1.1.1\n"
	      "[RULES]\nFORWARD DROP\n[IPSET aa]\n",
	      FW_HOST, &f);
	CHECK_STR(fw_option(&f, "nftables"), "1");
	CHECK(!fw_option(&f, "policy_in") && !f.n_aliases && !f.n_ipsets, "not here");
	CHECK_U64(f.n_rules, 1);
	CHECK_U64(f.warns.n, 4);
}

static void any_size(void)
{
	_cleanup_(fw_file_done) struct fw_file f = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };

	CHECK(fw_parse(NULL, 0, FW_GUEST, &f, &err) == 0 && !f.warns.n, "empty");
	buf_adds(&b, "[RULES]\n");
	while (b.n < ((size_t)1 << 20) - 20)
		buf_adds(&b, "IN ACCEPT -p tcp\n");
	CHECK(fw_parse(b.p, b.n, FW_GUEST, &f, &err) == 0, "%s", err.msg);
	CHECK(f.n_rules > 60000, "%zu", f.n_rules);
	fw_file_done(&f);
	while (b.n <= (size_t)1 << 20)
		buf_adds(&b, "\n");
	CHECK(fw_parse(b.p, b.n, FW_GUEST, &f, &err) == -EFBIG, "%s", err.msg);
}

int main(void)
{
	RUN(the_cluster_of_the_sample);
	RUN(a_guest_of_the_sample);
	RUN(bad_lines_lose_nothing_else);
	RUN(a_file_with_crlf_has_no_sections);
	RUN(filtered_only_when_all_three_say_so);
	RUN(of_a_host_only_options_and_rules);
	RUN(any_size);
	return DONE();
}
