/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <jansson.h>

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

int main(void)
{
	RUN(every_edge_case_agrees_with_pve);
	RUN(every_sample_file_agrees_with_pve);
	RUN(all_samples_were_compared);
	return DONE();
}
