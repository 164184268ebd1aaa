/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/ha.h"
#include "read/jsonin.h"
#include "read/pmxcfs.h"
#include "read/pools.h"

static struct buf slurp(const char *host, const char *path)
{
	_cleanup_close_ int root = fixture_open(host);
	struct err err = { 0 };
	struct buf b = { 0 };

	if (fs_read_file(root, path, (size_t)1 << 20, &b, &err) < 0)
		printf("Bail out! %s\n", err.msg);
	return b;
}

#define SLURP(name, host, path) _cleanup_(buf_done) struct buf name = slurp(host, path)

static void vmlist_of_a_cluster(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/.vmlist");
	_cleanup_(vmlist_done) struct vmlist l = { 0 };
	const struct vmlist_entry *e;
	struct err err = { 0 };

	CHECK(pmxcfs_parse_vmlist(b.p, b.n, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 24);
	CHECK_U64(l.version, 87);
	e = vmlist_find(&l, 120);
	CHECK(e && e->type == GUEST_LXC && e->version == 44 && e->usable, "120");
	CHECK_STR(e ? e->node : NULL, "pve2");
	e = vmlist_find(&l, 201);
	CHECK(e && e->type == GUEST_QEMU, "201");
	CHECK_STR(e ? e->type_name : NULL, "qemu");
	CHECK(vmlist_find(&l, 999999999), "the largest");
	CHECK(!vmlist_find(&l, 121) && !vmlist_find(&l, 0), "not there");
}

/* The text of pmxcfs is read without the JSON library: both ways say the same. */
static void vmlist_reads_the_same_as_json(void)
{
	SLURP(b, "hosts/pvn1", "etc/pve/.vmlist");
	_cleanup_(vmlist_done) struct vmlist plain = { 0 }, json = { 0 };
	_cleanup_(buf_done) struct buf respaced = { 0 };
	struct err err = { 0 };

	buf_adds(&respaced, " ");
	buf_add(&respaced, b.p, b.n);
	CHECK(pmxcfs_parse_vmlist(b.p, b.n, &plain, &err) == 0, "%s", err.msg);
	CHECK(pmxcfs_parse_vmlist(respaced.p, respaced.n, &json, &err) == 0, "%s",
	      err.msg);
	CHECK_U64(plain.n, 8);
	CHECK_U64(json.n, plain.n);
	CHECK_U64(json.version, plain.version);
	for (size_t i = 0; i < plain.n && i < json.n; i++) {
		CHECK_U64(json.v[i].vmid, plain.v[i].vmid);
		CHECK_U64(json.v[i].version, plain.v[i].version);
		CHECK_STR(json.v[i].node, plain.v[i].node);
		CHECK_STR(json.v[i].type_name, plain.v[i].type_name);
	}
}

static void a_vmlist_without_guests_has_no_ids(void)
{
	SLURP(b, "nodecfg", ".vmlist.empty");
	_cleanup_(vmlist_done) struct vmlist l = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_vmlist(b.p, b.n, &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 0);
}

static void vmlist_keeps_what_it_can(void)
{
	static const char text[] =
		"{\"version\":\"7\",\"ids\":{\"99\":{\"node\":\"a\",\"type\":\"lxc\"},"
		"\"2000000000\":{\"node\":\"a\",\"type\":\"zone\",\"version\":3},"
		"\"4294967296\":{\"node\":\"a\",\"type\":\"lxc\"},\"x\":{\"node\":\"a\","
		"\"type\":\"lxc\"},\"0204\":{\"node\":\"a\",\"type\":\"lxc\"},"
		"\"101\":{\"type\":\"lxc\"},\"102\":null,"
		"\"103\":{\"node\":\"a\",\"type\":\"openvz\",\"version\":1,\"new\":[]}}}";
	_cleanup_(vmlist_done) struct vmlist l = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_vmlist(text, strlen(text), &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 3);
	CHECK_U64(l.version, 7);
	CHECK(l.n == 3 && l.v[0].vmid == 99 && !l.v[0].usable, "99 is not usable");
	CHECK(l.n == 3 && l.v[1].vmid == 103 && l.v[1].usable, "103");
	CHECK(l.n == 3 && l.v[1].type == GUEST_OTHER, "an unknown type is kept");
	CHECK(l.n == 3 && l.v[2].vmid == 2000000000 && !l.v[2].usable, "too large");
	CHECK_U64(l.warns.n, 5);
}

static void half_a_vmlist_says_where_it_ends(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/.vmlist");
	struct err err = { 0 };
	struct vmlist l = { 0 };

	CHECK(pmxcfs_parse_vmlist(b.p, b.n / 2, &l, &err) == -EBADMSG, "%d", err.code);
	CHECK(strstr(err.msg, "line ") != NULL, "%s", err.msg);
	CHECK(pmxcfs_parse_vmlist("", 0, &l, &err) == -EBADMSG, "empty");
	CHECK(pmxcfs_parse_vmlist(NULL, 0, &l, &err) == -EBADMSG, "no bytes");
	CHECK(pmxcfs_parse_vmlist("[]", 2, &l, &err) == -EBADMSG, "an array");
	CHECK(pmxcfs_parse_vmlist("{\n", 2, &l, &err) == -EBADMSG, "one brace");
}

static void json_is_bounded(void)
{
	_cleanup_(buf_done) struct buf deep = { 0 };
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	_cleanup_free_ char *big = xcalloc(1, JSONIN_MAX_BYTES + 1);
	struct err err = { 0 };

	for (int i = 0; i < 100000; i++)
		buf_addc(&deep, '[');
	CHECK(jsonin_parse(deep.p, deep.n, &j, &err) == -EBADMSG, "%s", err.msg);
	CHECK(jsonin_parse(big, JSONIN_MAX_BYTES + 1, &j, &err) == -EFBIG, "%s", err.msg);
	CHECK(jsonin_parse("[\"[[\\\"[\"]", 9, &j, &err) == 0, "%s", err.msg);
}

static void json_numbers_as_perl_writes_them(void)
{
	static const char text[] = "[3.412345, \"12\", 12, -1, 1.5, \"x\", true, \"\", "
				   "9223372036854775807, 1e-7]";
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct err err = { 0 };
	uint64_t u = 0;
	int64_t s = 0;
	bool b = false;

	CHECK(jsonin_parse(text, strlen(text), &j, &err) == 0, "%s", err.msg);
	CHECK(jval_fixed(jval_at(j.root, 0), 6, &u) && u == 3412345, "%" PRIu64, u);
	CHECK(jval_u64(jval_at(j.root, 1), &u) && u == 12, "%" PRIu64, u);
	CHECK(jval_u64(jval_at(j.root, 2), &u) && u == 12, "%" PRIu64, u);
	CHECK(!jval_u64(jval_at(j.root, 3), &u), "-1");
	CHECK(jval_i64(jval_at(j.root, 3), &s) && s == -1, "%" PRId64, s);
	CHECK(!jval_u64(jval_at(j.root, 4), &u), "1.5");
	CHECK(!jval_u64(jval_at(j.root, 5), &u), "x");
	CHECK(jval_bool(jval_at(j.root, 6), &b) && b, "true");
	CHECK(jval_bool(jval_at(j.root, 7), &b) && !b, "empty text");
	CHECK(jval_u64(jval_at(j.root, 8), &u) && u == INT64_MAX, "%" PRIu64, u);
	CHECK(jval_fixed(jval_at(j.root, 9), 8, &u) && u == 10, "%" PRIu64, u);
	CHECK(!jval_at(j.root, 10) && !jval_get(j.root, "x"), "not there");
	CHECK(!jval_get(NULL, "x") && !jval_count(NULL), "of nothing");
}

static void members_of_a_cluster(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/.members");
	_cleanup_(members_done) struct members m = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_members(b.p, b.n, &m, &err) == 0, "%s", err.msg);
	CHECK_STR(m.nodename, "pve1");
	CHECK(m.clustered && val_or(m.quorate, 9) == 1, "quorate");
	CHECK_U64(m.n, 3);
	CHECK_STR(m.n ? m.v[0].name : NULL, "pve1");
	CHECK(m.n == 3 && val_or(m.v[0].online, 9) == 1, "online");
	CHECK(m.n == 3 && val_or(m.v[2].online, 9) == 0, "offline");
}

static void a_node_on_its_own(void)
{
	SLURP(b, "nodecfg", ".members.standalone");
	_cleanup_(members_done) struct members m = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_members(b.p, b.n, &m, &err) == 0, "%s", err.msg);
	CHECK_STR(m.nodename, "solo");
	CHECK(!m.clustered && m.quorate.kind == VAL_ABSENT && !m.n, "no cluster");
	members_done(&m);
	CHECK(pmxcfs_parse_members("{}", 2, &m, &err) == -EBADMSG, "no name");
}

static void versions_of_files(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/.version");
	_cleanup_(cfs_version_done) struct cfs_version v = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_version(b.p, b.n, &v, &err) == 0, "%s", err.msg);
	CHECK_U64(v.starttime, 1754050101);
	CHECK_U64(v.vmlist, 87);
	CHECK_U64(cfs_version_of(&v, "storage.cfg"), 7);
	CHECK_U64(cfs_version_of(&v, "ha/manager_status"), 88123);
	CHECK_U64(cfs_version_of(&v, "kvstore/pve1/tasklist"), 912);
	CHECK_U64(cfs_version_of(&v, "not.there"), 0);
}

static void rrd_counts_fields_from_the_end(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/.rrd");
	static const char odd[] =
		"pve-vm-9.0/7:1:a:b::c:running:1:2:3:1e-05:5:6:7:8:9:10:"
		"11:12:U:0.5:U:0:0:0:0";
	struct span text = span_of(b.p, b.n), line;
	struct rrd_guest g = { 0 };
	struct err err = { 0 };
	size_t guests = 0;

	while (span_line(&text, &line)) {
		int r = pmxcfs_parse_rrd_line(line, &g, &err);

		CHECK(r == 0 || r == -ENOENT, "%d %s", r, err.msg);
		if (r < 0)
			continue;
		guests++;
		if (g.vmid == 100) {
			CHECK_STR(g.name, "web-front");
			CHECK_STR(g.status, "running");
			CHECK_U64(val_or(g.cpu_ppm, 0), 13100);
			CHECK_U64(val_or(g.mem_bytes, 0), 412090368);
			CHECK_U64(val_or(g.io_some_centi, 0), 31);
			CHECK_U64(val_or(g.diskwrite_bytes, 0), 2147483648);
			CHECK(g.memhost_bytes.kind == VAL_ABSENT, "memhost");
		}
		if (g.vmid == 110)
			CHECK(g.is_template && g.cpu_ppm.kind == VAL_ABSENT, "110");
		if (g.vmid == 120)
			CHECK(val_or(g.diskwrite_bytes, 0) == 4, "the old format");
		rrd_guest_done(&g);
	}
	CHECK_U64(guests, 5);
	CHECK(pmxcfs_parse_rrd_line(span_str(odd), &g, &err) == 0, "%s", err.msg);
	CHECK_STR(g.name, "a:b::c");
	CHECK_U64(val_or(g.cpu_ppm, 0), 10);
	CHECK_U64(val_or(g.ctime_sec, 0), 2);
	rrd_guest_done(&g);
	CHECK(pmxcfs_parse_rrd_line(span_str("pve-vm-9.0/7:1:a:running:0:1"), &g, &err) ==
		      -EBADMSG,
	      "too few");
	CHECK(pmxcfs_parse_rrd_line(span_str(""), &g, &err) == -ENOENT, "empty");
}

static void a_cluster_log_need_not_be_json(void)
{
	static const char text[] =
		"{\n\"data\": [\n"
		"{\"uid\": 3, \"time\": 5, \"pri\": 6, \"tag\": \"pct\", \"pid\": 7, "
		"\"node\": \"n\", \"user\": \"root@pam\", \"msg\": \"a \\\"b\\\" C:\\x "
		"\\u00e4 #010 \\\"}\"},\n"
		"{\"uid\": x},\n"
		"{\"uid\": 1, \"time\": 5, \"pri\": 6, \"tag\": \"t\", \"pid\": 7, \"node\": "
		"\"n\", \"user\": \"u\", \"msg\": \"\"}\n]\n}\n";
	SLURP(b, "hosts/pvn1", "etc/pve/.clusterlog");
	_cleanup_(clusterlog_done) struct clusterlog l = { 0 };
	struct err err = { 0 };

	CHECK(pmxcfs_parse_clusterlog(text, strlen(text), &l, &err) == 0, "%s", err.msg);
	CHECK_U64(l.n, 2);
	CHECK_U64(l.warns.n, 1);
	CHECK_STR(l.n ? l.v[0].msg : NULL, "a \"b\" C:\\x \xc3\xa4 #010 \"}");
	CHECK_STR(l.n ? l.v[0].user : NULL, "root@pam");
	CHECK_STR(l.n == 2 ? l.v[1].msg : NULL, "");
	clusterlog_done(&l);
	CHECK(pmxcfs_parse_clusterlog(b.p, b.n, &l, &err) == 0, "%s", err.msg);
	CHECK(l.n > 40 && !l.warns.n, "%zu entries, %zu warnings", l.n, l.warns.n);
}

static void quorum_and_the_name_of_the_node(void)
{
	struct err err = { 0 };
	char *name = NULL;

	CHECK(pmxcfs_is_quorate(0120755) && !pmxcfs_is_quorate(0120555), "mode");
	CHECK(pmxcfs_node_name("nodes/pve1", &name, &err) == 0, "%s", err.msg);
	CHECK_STR(name, "pve1");
	free(name);
	CHECK(pmxcfs_node_name("nodes/../x", &name, &err) == -EINVAL, "..");
	CHECK(pmxcfs_node_name("/etc", &name, &err) == -EINVAL, "absolute");
	CHECK(pmxcfs_node_name("nodes/", &name, &err) == -EINVAL, "empty");
}

static void pools_of_the_sample(void)
{
	SLURP(b, "hosts/pve1", "etc/pve/user.cfg");
	_cleanup_(pools_done) struct pools p = { 0 };
	const struct pool *web;
	struct err err = { 0 };

	CHECK(pools_parse(b.p, b.n, &p, &err) == 0, "%s", err.msg);
	CHECK_U64(p.n, 2);
	CHECK_STR(pools_of(&p, 100), "web");
	CHECK_STR(pools_of(&p, 103), "web");
	CHECK_STR(pools_of(&p, 104), "lab");
	CHECK(!pools_of(&p, 105), "in none");
	web = pools_find(&p, "web");
	CHECK_STR(web ? web->comment : NULL, "public facing: dmz");
	CHECK(web && web->n_storages == 1 && web->n_vmids == 2, "web");
	CHECK(!p.warns.n, "%zu warnings", p.warns.n);
}

static void pools_nest_and_the_first_claim_wins(void)
{
	static const char text[] = "pool:a/b/c:x%25y:101 102;103:s1,s2:\n"
				   "pool:z::101,4294967296,x,104::\r\n"
				   "pool:a/b/c/d::105::\n"
				   "pool:a/b::106\n"
				   "pool:a/b:0::s3\n"
				   "  pool : z : later : 107 \n"
				   "pool:a b::108::\n"
				   "pools:q::109::\n"
				   "pool::::\n"
				   "pool:/a::110\n"
				   "pool:0::111\n"
				   "pool:last";
	_cleanup_(pools_done) struct pools p = { 0 };
	const struct pool *q;
	struct err err = { 0 };

	CHECK(pools_parse(text, strlen(text), &p, &err) == 0, "%s", err.msg);
	CHECK_U64(p.n, 5);
	CHECK_STR(pools_of(&p, 101), "a/b/c");
	CHECK_STR(pools_of(&p, 103), "a/b/c");
	CHECK_STR(pools_of(&p, 104), "z");
	CHECK_STR(pools_of(&p, 106), "a/b");
	CHECK_STR(pools_of(&p, 107), "z");
	CHECK(!pools_of(&p, 105) && !pools_of(&p, 108) && !pools_of(&p, 109), "refused");
	CHECK(pools_find(&p, "a") && pools_find(&p, "last"), "a is implied");
	q = pools_find(&p, "a/b/c");
	CHECK_STR(q ? q->comment : NULL, "x%y");
	q = pools_find(&p, "a/b");
	CHECK(q && !q->comment && q->n_storages == 1, "comment 0 is none");
	q = pools_find(&p, "z");
	CHECK_STR(q ? q->comment : NULL, "later");
	CHECK_U64(p.warns.n, 8);
	CHECK(p.warns.n && p.warns.v[0].line == 2, "line %u", p.warns.v[0].line);
}

static void no_pools_at_all(void)
{
	_cleanup_free_ char *big = xcalloc(1, (1 << 20) + 1);
	_cleanup_(pools_done) struct pools p = { 0 };
	struct err err = { 0 };

	CHECK(pools_parse(NULL, 0, &p, &err) == 0 && !p.n, "%s", err.msg);
	CHECK(!pools_of(&p, 100) && !pools_find(&p, "x"), "nothing");
	pools_done(&p);
	CHECK(pools_parse(big, 1 << 20, &p, &err) == 0 && !p.n, "%s", err.msg);
	pools_done(&p);
	CHECK(pools_parse(big, (1 << 20) + 1, &p, &err) == -EFBIG, "%s", err.msg);
}

/* 150,000 pools in a file of the largest size: well below a second. */
static void many_pools_take_no_time(void)
{
	_cleanup_(pools_done) struct pools p = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };

	for (unsigned i = 0; b.n < (1 << 20) - 40; i++)
		buf_addf(&b, "pool:p%x::%u\n", i, i * 7919 % 90000 + 100);
	CHECK(pools_parse(b.p, b.n, &p, &err) == 0, "%s", err.msg);
	CHECK(p.n > 50000, "%zu", p.n);
	CHECK(p.warns.n <= WARNS_MAX, "%zu", p.warns.n);
}

static void ha_of_the_sample(void)
{
	SLURP(res, "hosts/pve1", "etc/pve/ha/resources.cfg");
	SLURP(st, "hosts/pve1", "etc/pve/ha/manager_status");
	SLURP(rules, "hosts/pve1", "etc/pve/ha/rules.cfg");
	_cleanup_(ha_done) struct ha h = { 0 };
	const struct ha_resource *r;
	struct err err = { 0 };

	CHECK(ha_parse_resources(res.p, res.n, &h.resources, &err) == 0, "%s", err.msg);
	CHECK(ha_parse_status(st.p, st.n, &h.status, &err) == 0, "%s", err.msg);
	CHECK(ha_parse_rules(rules.p, rules.n, &h.rules, &err) == 0, "%s", err.msg);
	CHECK_U64(h.resources.n, 3);
	CHECK_STR(ha_state_of(&h, 100), "started");
	CHECK_STR(ha_state_of(&h, 108), "request_stop");
	CHECK(!ha_state_of(&h, 200), "a virtual machine is no container");
	CHECK(!ha_state_of(&h, 101), "not a resource");
	r = ha_resource_of(&h, 100);
	CHECK(r && r->max_relocate == 2 && r->max_restart == 1 && r->failback, "100");
	CHECK_STR(r ? r->group : NULL, "web");
	r = ha_resource_of(&h, 108);
	CHECK_STR(r ? r->comment : NULL, "migrating: see ticket");
	CHECK_STR(r ? r->state : NULL, "stopped");
	CHECK_STR(h.status.master_node, "pve2");
	CHECK_U64(h.status.n_nodes, 3);
	CHECK(ha_service_of(&h, 100) && val_or(ha_service_of(&h, 100)->running, 9) == 1,
	      "running");
	CHECK_U64(h.rules.n, 2);
	CHECK_STR(h.rules.n ? h.rules.v[0].type : NULL, "node-affinity");
	CHECK_U64(h.rules.n ? h.rules.v[0].n_props : 0, 3);
}

static void ha_before_the_manager_knows(void)
{
	static const char res[] = "ct:100\n\nCT: 101\n\tstate ignored\n\nct: 102\n"
				  "\tstate enabled\n\nct: x\n\nvm: 100\n\nlxc: 103\n";
	_cleanup_(ha_done) struct ha h = { 0 };
	struct err err = { 0 };

	CHECK(!ha_state_of(&h, 100), "no HA at all");
	CHECK(ha_parse_resources(res, strlen(res), &h.resources, &err) == 0, "%s",
	      err.msg);
	CHECK(ha_parse_status(NULL, 0, &h.status, &err) == 0, "%s", err.msg);
	CHECK_STR(ha_state_of(&h, 100), "queued");
	CHECK_STR(ha_state_of(&h, 101), "ignored");
	CHECK_STR(ha_state_of(&h, 102), "queued");
	CHECK(ha_resource_of(&h, 102) &&
		      str_eq(ha_resource_of(&h, 102)->state, "started"),
	      "enabled is started");
	CHECK_U64(h.resources.n, 4);
	CHECK_U64(h.resources.warns.n, 2);
	CHECK(ha_parse_status("{\"service_status\":", 18, &h.status, &err) == -EBADMSG,
	      "cut off");
	CHECK(ha_parse_status("[1]", 3, &h.status, &err) == -EBADMSG, "an array");
}

int main(void)
{
	RUN(vmlist_of_a_cluster);
	RUN(vmlist_reads_the_same_as_json);
	RUN(a_vmlist_without_guests_has_no_ids);
	RUN(vmlist_keeps_what_it_can);
	RUN(half_a_vmlist_says_where_it_ends);
	RUN(json_is_bounded);
	RUN(json_numbers_as_perl_writes_them);
	RUN(members_of_a_cluster);
	RUN(a_node_on_its_own);
	RUN(versions_of_files);
	RUN(rrd_counts_fields_from_the_end);
	RUN(a_cluster_log_need_not_be_json);
	RUN(quorum_and_the_name_of_the_node);
	RUN(pools_of_the_sample);
	RUN(pools_nest_and_the_first_claim_wins);
	RUN(no_pools_at_all);
	RUN(many_pools_take_no_time);
	RUN(ha_of_the_sample);
	RUN(ha_before_the_manager_knows);
	return DONE();
}
