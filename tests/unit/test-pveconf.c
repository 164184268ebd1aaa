/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <jansson.h>
#include <time.h>

#include "base/clock.h"
#include "base/sha1.h"
#include "out/confjson.h"
#include "read/pveconf.h"
#include "read/pveprop.h"

#define MAX_FIXTURE ((size_t)4 << 20)

static unsigned samples, agreeing;

/* ---- our struct to jansson's, through the very JSON that `config --json` prints ---- */

static void put_property(struct jw *w, const struct pveconf_item *i)
{
	struct span v = span_of(i->value, i->value_n);
	struct pve_features f;
	struct pve_net net;
	struct pve_mp mp;
	struct pve_dev dev;
	int r;

	if (str_starts(i->key, "net") && (r = pve_net_parse(v, &net, NULL)) == 0) {
		confjson_props(w, i->key, &net.props);
		pve_net_done(&net);
	} else if (str_eq(i->key, "rootfs") &&
		   (r = pve_rootfs_parse(v, &mp, NULL)) == 0) {
		confjson_mp(w, i->key, &mp);
		pve_mp_done(&mp);
	} else if (str_starts(i->key, "mp") && (r = pve_mp_parse(v, &mp, NULL)) == 0) {
		confjson_mp(w, i->key, &mp);
		pve_mp_done(&mp);
	} else if (str_starts(i->key, "dev") && (r = pve_dev_parse(v, &dev, NULL)) == 0) {
		confjson_props(w, i->key, &dev.props);
		pve_dev_done(&dev);
	} else if (str_eq(i->key, "features") &&
		   (r = pve_features_parse(v, &f, NULL)) == 0) {
		confjson_props(w, i->key, &f.props);
		pve_features_done(&f);
	} else {
		jw_null(w, i->key);
	}
}

static bool is_property_string(const char *key)
{
	static const char *const numbered[] = { "net", "mp", "dev" };
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++)
		if (pveconf_numbered(key, numbered[i], &n))
			return true;
	return str_eq(key, "rootfs") || str_eq(key, "features");
}

static void put_properties(struct jw *w, const char *key, const struct pveconf_section *s)
{
	jw_obj(w, key);
	for (size_t i = 0; i < s->n_items; i++)
		if (is_property_string(s->items[i].key))
			put_property(w, &s->items[i]);
	jw_end(w);
}

static void put_warnings(struct jw *w, const struct pveconf *c)
{
	jw_arr(w, "warnings");
	for (size_t i = 0; i < c->n_warnings; i++)
		jw_text(w, NULL,
			(struct tbytes){ (const uint8_t *)c->warnings[i].text,
					 c->warnings[i].text_n });
	jw_end(w);
}

static json_t *as_json(const struct pveconf *c)
{
	char *p = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&p, &n);
	struct jw *w;
	json_t *doc;
	json_error_t e;

	if (!f || jw_new(f, "test/1", NULL, 0, &w, NULL) < 0)
		return NULL;
	jw_obj(w, "container");
	confjson_config(w, "conf", c);
	put_warnings(w, c);
	jw_obj(w, "property_strings");
	put_properties(w, "current", &c->main);
	put_properties(w, "pending", &c->pending);
	jw_obj(w, "snapshots");
	for (size_t i = 0; i < c->n_snapshots; i++)
		put_properties(w, c->snapshots[i].name, &c->snapshots[i]);
	jw_end(w);
	jw_end(w);
	jw_end(w);
	jw_free(w);
	fclose(f);
	doc = json_loadb(p, n, JSON_ALLOW_NUL, &e);
	if (!doc)
		printf("# not JSON: %s\n", e.text);
	free(p);
	return doc;
}

static bool same(const char *name, const char *what, const json_t *got,
		 const json_t *want)
{
	char *g, *x;

	if (json_equal(got, want))
		return true;
	g = got ? json_dumps(got, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	x = want ? json_dumps(want, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	printf("# %s: %s differs\n#  got  %s\n#  want %s\n", name, what, g ? g : "(none)",
	       x ? x : "(none)");
	free(g);
	free(x);
	return false;
}

/* One sample: parse, print, compare with what PVE's own parser gave. */
static bool agrees(const char *name, const char *p, size_t n, uint32_t vmid,
		   const json_t *want)
{
	bool dies = json_is_true(json_object_get(want, "dies"));
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };
	json_t *doc, *got, *props = json_object_get(want, "property_strings");
	bool ok;
	int r;

	r = pveconf_parse(p, n, vmid, &c, &err);
	doc = as_json(&c);
	if (!doc)
		return false;
	got = json_object_get(doc, "container");
	ok = r == (dies ? -EBADMSG : 0);
	if (!ok)
		printf("# %s: parse gave %d %s\n", name, r, err.msg);
	/* the recorder of the edge cases left the digest out of them */
	if (!json_object_get(json_object_get(want, "conf"), "digest"))
		json_object_del(json_object_get(got, "conf"), "digest");
	if (!dies)
		ok &= same(name, "conf", json_object_get(got, "conf"),
			   json_object_get(want, "conf"));
	ok &= same(name, "warnings", json_object_get(got, "warnings"),
		   json_object_get(want, "warnings"));
	if (props)
		ok &= same(name, "property_strings",
			   json_object_get(got, "property_strings"), props);
	json_decref(doc);
	samples++;
	agreeing += ok;
	return ok;
}

static int base64_value(char c)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

static void base64_decode(const char *s, struct buf *ret)
{
	uint32_t acc = 0;
	unsigned bits = 0;

	for (; base64_value(*s) >= 0; s++) {
		acc = acc << 6 | (uint32_t)base64_value(*s);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(ret, (char)(acc >> bits & 0xff));
		}
	}
}

static void read_fixture(const char *path, struct buf *ret)
{
	_cleanup_close_ int root = fixture_open("configs");
	struct err err = { 0 };

	CHECK(fs_read_file(root, path, MAX_FIXTURE, ret, &err) == 0, "%s", err.msg);
}

static void every_edge_case_agrees_with_pve(void)
{
	_cleanup_(buf_done) struct buf all = { 0 };
	struct span text, line;
	unsigned n = 0;

	read_fixture("edge-cases.jsonl", &all);
	text = span_of(buf_str(&all), all.n);
	while (span_line(&text, &line)) {
		_cleanup_(buf_done) struct buf raw = { 0 };
		json_t *want = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL);
		const char *name = json_string_value(json_object_get(want, "name"));

		CHECK(want && name, "line %u is not a case", n + 1);
		if (!want || !name)
			continue;
		base64_decode(json_string_value(json_object_get(want, "raw_b64")), &raw);
		CHECK(agrees(name, buf_str(&raw), raw.n, 100, want), "%s", name);
		json_decref(want);
		n++;
	}
	CHECK(n == 136, "%u cases", n);
}

static void every_sample_file_agrees_with_pve(void)
{
	_cleanup_close_ int root = fixture_open("configs");
	_cleanup_(strv_done) struct strv names = { 0 };
	struct err err = { 0 };

	CHECK(fs_list(root, "expected", 1000, &names, &err) == 0, "%s", err.msg);
	CHECK(names.n == 21, "%zu", names.n);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_(buf_done) struct buf raw = { 0 }, json = { 0 };
		_cleanup_free_ char *expected = xasprintf("expected/%s", names.v[i]);
		_cleanup_free_ char *conf = NULL;
		json_t *want;

		conf = xasprintf("%.*s.conf", (int)strcspn(names.v[i], "."), names.v[i]);
		read_fixture(conf, &raw);
		read_fixture(expected, &json);
		want = json_loadb(buf_str(&json), json.n, JSON_ALLOW_NUL, NULL);
		CHECK(want, "%s", expected);
		if (!want)
			continue;
		CHECK(agrees(conf, buf_str(&raw), raw.n,
			     (uint32_t)json_integer_value(json_object_get(want, "vmid")),
			     want),
		      "%s", conf);
		json_decref(want);
	}
}

static void all_samples_were_compared(void)
{
	printf("# %u of %u samples agree with PVE's own parser\n", agreeing, samples);
	CHECK(samples == 157 && agreeing == 157, "%u of %u", agreeing, samples);
}

/* ---- what the samples do not say ---- */

static int parse(const char *text, struct pveconf *ret, struct err *err)
{
	return pveconf_parse(text, strlen(text), 100, ret, err);
}

static void sha1_is_sha1(void)
{
	char hex[41], a[200];

	memset(a, 'a', sizeof(a));
	sha1_hex("", 0, hex);
	CHECK_STR(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	sha1_hex("abc", 3, hex);
	CHECK_STR(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
	sha1_hex(a, 55, hex);
	CHECK_STR(hex, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
	sha1_hex(a, 56, hex);
	CHECK_STR(hex, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
	sha1_hex(a, 64, hex);
	CHECK_STR(hex, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
	sha1_hex(a, 200, hex);
	CHECK_STR(hex, "e61cfffe0d9195a525fc6cf06ca2d77119c24a40");
}

static void an_empty_file_is_a_config_without_keys(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };

	CHECK(pveconf_parse(NULL, 0, 100, &c, &err) == 0, "%s", err.msg);
	CHECK(!c.main.n_items && !c.n_snapshots && !c.has_pending && !c.n_warnings,
	      "not empty");
	CHECK(!pveconf_str(&c.main, "memory"), "a key of nothing");
	CHECK(pveconf_u64(&c.main, "memory").kind == VAL_ABSENT, "a number of nothing");
	CHECK(pveconf_bool(&c.main, "onboot", true), "otherwise is not taken");
}

static void a_missing_file_is_enoent(void)
{
	_cleanup_close_ int root = fixture_open("configs");
	struct pveconf c;
	struct err err = { 0 };

	CHECK(pveconf_read(root, "99.conf", 99, &c, &err) == -ENOENT, "%s", err.msg);
}

static void a_number_is_a_number_only_when_pve_took_it(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	const struct pveconf_item *i;
	struct err err = { 0 };

	CHECK(parse("memory: 18446744073709551615\nswap: 18446744073709551616\n"
		    "cores: bad\nonboot: Yes\ncpulimit: 1.5\ntty: 4\ntty: x",
		    &c, &err) == 0,
	      "%s", err.msg);
	CHECK_U64(pveconf_u64(&c.main, "memory").n, UINT64_MAX);
	i = pveconf_item(&c.main, "memory");
	CHECK(i && !i->big && i->line == 1, "the largest that fits");
	i = pveconf_item(&c.main, "swap");
	CHECK(i && i->big && i->valid && i->number == UINT64_MAX, "one more");
	CHECK(pveconf_u64(&c.main, "cores").kind == VAL_ABSENT, "bad");
	CHECK_STR(pveconf_str(&c.main, "cores"), "bad");
	CHECK(pveconf_bool(&c.main, "onboot", false), "Yes");
	CHECK_STR(pveconf_str(&c.main, "onboot"), "Yes");
	CHECK(pveconf_u64(&c.main, "cpulimit").kind == VAL_ABSENT, "a text");
	i = pveconf_item(&c.main, "tty");
	CHECK(i && !i->valid && i->known && i->line == 7, "the last one counts");
	CHECK(c.n_warnings == 2 && c.warnings[0].line == 3 && c.warnings[1].line == 7,
	      "%zu", c.n_warnings);
	CHECK_STR(c.warnings[0].key, "cores");
	CHECK(!c.warnings[0].dropped, "it is kept");
}

static void a_value_may_hold_any_byte(void)
{
	static const char text[] = "hostname: a\0b\x1b[31m\nfoo: \xff\xfe";
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct tbytes v;
	struct err err = { 0 };

	CHECK(pveconf_parse(text, sizeof(text) - 1, 100, &c, &err) == 0, "%s", err.msg);
	v = pveconf_bytes(&c.main, "hostname");
	CHECK(v.n == 8 && memcmp(v.p, "a\0b\x1b[31m", 8) == 0, "%u bytes", v.n);
	v = pveconf_bytes(&c.main, "foo");
	CHECK(v.n == 2 && v.p[0] == 0xff, "%u bytes", v.n);
	CHECK(!pveconf_bytes(&c.main, "bar").p, "absent");
}

static void death_of_pves_parser_names_the_line(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };

	CHECK(parse("memory: 5\nsnapshots: x\nfoo\n[ab]\nmemory: 7\nbar\n", &c, &err) ==
		      -EBADMSG,
	      "it lives");
	CHECK(strstr(err.msg, "line 4") && strstr(err.msg, "snapshots"), "%s", err.msg);
	CHECK_U64(c.dies_line, 4);
	CHECK_U64(pveconf_u64(&c.main, "memory").n, 5);
	CHECK(c.n_snapshots == 1, "what is there is shown");
	CHECK(c.n_warnings == 2, "the dead say nothing: %zu", c.n_warnings);
}

static void raw_lines_are_kept_in_order_and_twice(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };

	CHECK(parse("lxc.cap.drop:\nlxc.idmap = u 0 1 2\nlxc.idmap: g 0 1 2\n"
		    "lxc.hook.start-host: /x\nlxc.rootfs.path: /y\n",
		    &c, &err) == 0,
	      "%s", err.msg);
	CHECK(c.main.n_lxc == 3, "%zu", c.main.n_lxc);
	CHECK(c.main.lxc[0].value_n == 0 && *c.main.lxc[0].value == '\0', "empty");
	CHECK_STR(c.main.lxc[2].value, "g 0 1 2");
	CHECK_U64(c.main.lxc[2].line, 3);
	CHECK(c.n_warnings == 2 && c.warnings[0].dropped && c.warnings[1].dropped,
	      "dropped");
	CHECK(!c.warnings[0].key, "not a key of PVE");
	CHECK_STR(c.warnings[1].key, "lxc.rootfs.path");
}

static void quotes_of_a_raw_line_are_no_part_of_its_value(void)
{
	static const struct {
		const char *text, *value;
		char quote;
	} want[] = {
		{ "\"u 0 1 2\"", "u 0 1 2", '"' },
		{ "'a'", "a", '\'' },
		{ "\"\"", "", '"' },
		{ "\"", "\"", '\0' },
		{ "\"a'", "\"a'", '\0' },
		{ "'\"a\"'", "\"a\"", '\'' },
		{ "a \"b\"", "a \"b\"", '\0' },
		{ "\" a \"", " a ", '"' },
	};
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		buf_addf(&b, "lxc.idmap: %s\n", want[i].text);
	CHECK(parse(buf_str(&b), &c, &err) == 0, "%s", err.msg);
	CHECK(c.main.n_lxc == ARRAY_SIZE(want), "%zu", c.main.n_lxc);
	for (size_t i = 0; i < MIN(c.main.n_lxc, ARRAY_SIZE(want)); i++) {
		const struct pveconf_lxc *l = &c.main.lxc[i];
		uint32_t n;
		_cleanup_free_ char *text = pveconf_lxc_text(l, &n);

		CHECK_STR(l->value, want[i].value);
		CHECK_STR(text, want[i].text);
		CHECK(l->quote == want[i].quote && l->value_n == strlen(l->value) &&
			      n == strlen(text),
		      "%s: %u %u", want[i].text, l->value_n, n);
	}
}

static void numbered_keys_come_by_number(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	uint32_t at = 0, n = 0;
	struct err err = { 0 };

	CHECK(parse("net10: name=a\nnet2: name=b\nnet32: name=c\nnet02: name=d\n"
		    "net0: name=e\n",
		    &c, &err) == 0,
	      "%s", err.msg);
	CHECK(pveconf_next(&c.main, "net", &at, &n) && n == 0, "%u", n);
	CHECK(pveconf_next(&c.main, "net", &at, &n) && n == 2, "%u", n);
	CHECK(pveconf_next(&c.main, "net", &at, &n) && n == 10, "%u", n);
	CHECK(!pveconf_next(&c.main, "net", &at, &n), "%u", n);
	CHECK(!pveconf_next(&c.main, "mp", &at, &n), "none");
	CHECK(c.typed.n_nets == 3 && c.typed.nets[1].n == 2, "%zu", c.typed.n_nets);
	CHECK_STR(c.typed.nets[2].name, "a");
}

static void property_strings_have_types(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	const struct pve_typed *t = &c.typed;
	struct err err = { 0 };

	CHECK(parse("net0: name=eth0,mtu=65535,tag=4094,rate=1e2,firewall=ON\n"
		    "rootfs: local:x,size=1.5K\n"
		    "mp0: /srv/x,mp=/x,ro=1\n"
		    "mp1: a1:y,mp=/y,backup=yes,idmap=u:0:1000:1;g:5:6:7\n"
		    "mp2: /dev/sdb,mp=/z,replicate=0\n"
		    "dev0: path=/dev/kvm,uid=0\n"
		    "features: nesting=1,mount=nfs\n",
		    &c, &err) == 0,
	      "%s", err.msg);
	CHECK(c.n_warnings == 0, "%s", c.warnings[0].text);
	CHECK_U64(t->nets[0].mtu.n, 65535);
	CHECK(t->nets[0].firewall && !t->nets[0].bridge, "net0");
	CHECK(t->n_mps == 4 && t->mps[0].rootfs, "%zu", t->n_mps);
	CHECK_U64(t->mps[0].size_bytes.n, 1536);
	CHECK(t->mps[1].type == PVE_MP_BIND && t->mps[1].ro && t->mps[1].replicate,
	      "mp0");
	CHECK(t->mps[2].n_idmap == 2 && t->mps[2].idmap[1].disk == 6, "mp1");
	CHECK(t->mps[3].type == PVE_MP_DEVICE && !t->mps[3].replicate, "mp2");
	CHECK(pve_mp_in_backup(&t->mps[0]) && !pve_mp_in_backup(&t->mps[1]) &&
		      pve_mp_in_backup(&t->mps[2]),
	      "backup");
	CHECK(t->devs[0].uid.kind == VAL_SET && t->devs[0].gid.kind == VAL_ABSENT,
	      "dev0");
	CHECK(t->features.nesting && t->features.line == 7, "features");
	CHECK_STR(t->features.mount, "nfs");
}

static void the_lean_parser_leaves_out_digest_and_types_only(void)
{
	static const char text[] = "foo: x\nnet0: name=eth0\nmemory: 5\n[ab]\nswap: 1\n";
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };

	CHECK(pveconf_parse_lean(text, strlen(text), 100, &c, &err) == 0, "%s", err.msg);
	CHECK(!*c.digest && !c.typed.n_nets, "not lean");
	CHECK(c.main.n_items == 3 && c.n_snapshots == 1 && c.n_warnings == 1, "%zu",
	      c.main.n_items);
}

static void sizes_are_exact(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		int r;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4096", 4096, 0 },
		{ "8G", (uint64_t)8 << 30, 0 },
		{ "1.5TiB", (uint64_t)3 << 39, 0 },
		{ "0.1G", 107374182, 0 },
		{ "16777215T", (uint64_t)16777215 << 40, 0 },
		{ "16777216T", UINT64_MAX, 0 }, /* 2^64 */
		{ "99999999999999999999999", UINT64_MAX, 0 },
		{ "", 0, -EINVAL },
		{ "1.", 0, -EINVAL },
		{ ".5G", 0, -EINVAL },
		{ "1P", 0, -EINVAL },
		{ "1g", 0, -EINVAL },
		{ "1KB", 0, -EINVAL },
		{ "1 G", 0, -EINVAL },
		{ "-1", 0, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n = 0;

		CHECK(pve_size_parse(span_str(cases[i].text), &n) == cases[i].r, "%s",
		      cases[i].text);
		CHECK(n == cases[i].bytes, "%s is %ju", cases[i].text, (uintmax_t)n);
	}
}

static void pending_deletions_have_names_and_force(void)
{
	struct pve_delete *v;
	size_t n;

	pve_delete_parse(span_str(" mp0,!net1;;swap \tx"), &v, &n);
	CHECK(n == 4, "%zu", n);
	CHECK_STR(v[0].key, "mp0");
	CHECK(!v[0].force && v[1].force, "force");
	CHECK_STR(v[1].key, "net1");
	CHECK_STR(v[3].key, "x");
	pve_delete_free(v, n);
	pve_delete_parse(span_str(""), &v, &n);
	CHECK(n == 0, "%zu", n);
	pve_delete_free(v, n);
}

static void several_complaints_come_by_key(void)
{
	_cleanup_(buf_done) struct buf why = { 0 };

	CHECK(pve_net_check(span_str("tag=0,mtu=63,zz=1,name=eth0"), &why) == -EINVAL,
	      "taken");
	CHECK_STR(buf_str(&why),
		  "format error\n"
		  "mtu: value must have a minimum value of 64\n"
		  "tag: value must have a minimum value of 1\n"
		  "zz: property is not defined in schema and the schema does not allow "
		  "additional properties");
}

/* ---- time ---- */

/* Of this process alone: the machine may be busy. */
static uint64_t cpu_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t time_of(const struct buf *b, struct pveconf *ret)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		struct err err = { 0 };
		uint64_t start = cpu_usec(), took;

		pveconf_done(ret);
		CHECK(pveconf_parse(buf_str(b), b->n, 100, ret, &err) == 0, "%s",
		      err.msg);
		took = cpu_usec() - start;
		best = MIN(best, took);
	}
	return best;
}

typedef void line_fn(struct buf *b, size_t i);

static void snapshots(struct buf *b, size_t i)
{
	buf_addf(b,
		 "[snap%zu]\n#no%%3A %zu\narch: amd64\nmemory: %zu\nparent: snap%zu\n"
		 "net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:0A:00:01,ip=dhcp\n"
		 "rootfs: local-lvm:vm-100-disk-0,size=8G\nsnaptime: %zu\n"
		 "lxc.idmap: u 0 100000 65536\n",
		 i, i, i, i + 1, i);
}

static void mount_points(struct buf *b, size_t i)
{
	buf_addf(b, "mp%zu: /srv/%zu,mp=/x\n", i, i);
}

static void one_key(struct buf *b, size_t i)
{
	buf_addf(b, "memory: %zu\n", i);
}

static void one_section(struct buf *b, size_t i)
{
	buf_addf(b, "[ab]\nmemory: %zu\n", i);
}

static void unknown_properties(struct buf *b, size_t i)
{
	if (!i)
		buf_adds(b, "net0: name=eth0");
	buf_addf(b, ",k%zu=1", i);
}

static void environment(struct buf *b, size_t i)
{
	buf_addf(b, "lxc.environment.runtime: A%zu=1\nenv: x\n", i);
}

static void nonsense(struct buf *b, size_t i)
{
	buf_addf(b, "%zu\n", i);
}

static void many_lines_take_time_in_proportion(void)
{
	static const struct {
		const char *name;
		line_fn *line;
	} kinds[] = { { "snapshots", snapshots },
		      { "mount points", mount_points },
		      { "one key again", one_key },
		      { "one section again", one_section },
		      { "unknown properties", unknown_properties },
		      { "environment", environment },
		      { "nonsense", nonsense } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		_cleanup_(pveconf_done) struct pveconf c = { 0 };
		_cleanup_(buf_done) struct buf b = { 0 };
		uint64_t quarter, whole;
		size_t i = 0;

		while (b.n < PVECONF_MAX_BYTES / 4 - 300)
			kinds[k].line(&b, i++);
		quarter = time_of(&b, &c);
		while (b.n < PVECONF_MAX_BYTES - 300)
			kinds[k].line(&b, i++);
		whole = time_of(&b, &c);
		printf("# %s: 256 KiB %ju us, 1 MiB %ju us (%zu snapshots, %zu keys)\n",
		       kinds[k].name, (uintmax_t)quarter, (uintmax_t)whole, c.n_snapshots,
		       c.main.n_items);
		/* 4 is linear, 16 would be quadratic; what is too short to measure passes
		 */
		CHECK(whole < 10 * quarter + 50000, "%ju us against %ju us",
		      (uintmax_t)whole, (uintmax_t)quarter);
	}
}

static void more_than_a_mebibyte_is_refused(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_free_ char *p = xmalloc(PVECONF_MAX_BYTES + 1);
	struct err err = { 0 };

	memset(p, '#', PVECONF_MAX_BYTES + 1);
	CHECK(pveconf_parse(p, PVECONF_MAX_BYTES, 100, &c, &err) == 0, "%s", err.msg);
	CHECK_U64(c.main.description_n,
		  PVECONF_MAX_BYTES); /* one # less, a newline more */
	CHECK(pveconf_parse(p, PVECONF_MAX_BYTES + 1, 100, &c, &err) == -EFBIG, "taken");
}

int main(void)
{
	RUN(every_edge_case_agrees_with_pve);
	RUN(every_sample_file_agrees_with_pve);
	RUN(all_samples_were_compared);
	RUN(sha1_is_sha1);
	RUN(an_empty_file_is_a_config_without_keys);
	RUN(a_missing_file_is_enoent);
	RUN(a_number_is_a_number_only_when_pve_took_it);
	RUN(a_value_may_hold_any_byte);
	RUN(death_of_pves_parser_names_the_line);
	RUN(raw_lines_are_kept_in_order_and_twice);
	RUN(quotes_of_a_raw_line_are_no_part_of_its_value);
	RUN(numbered_keys_come_by_number);
	RUN(property_strings_have_types);
	RUN(the_lean_parser_leaves_out_digest_and_types_only);
	RUN(sizes_are_exact);
	RUN(pending_deletions_have_names_and_force);
	RUN(several_complaints_come_by_key);
	RUN(many_lines_take_time_in_proportion);
	RUN(more_than_a_mebibyte_is_refused);
	return DONE();
}
