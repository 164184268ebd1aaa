/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/jsonin.h"
#include "read/sectionconf.h"
#include "read/storage.h"

static struct buf slurp(const char *host, const char *path)
{
	_cleanup_close_ int root = fixture_open(host);
	struct err err = { 0 };
	struct buf b = { 0 };

	if (fs_read_file(root, path, (size_t)1 << 20, &b, &err) < 0)
		printf("Bail out! %s\n", err.msg);
	return b;
}

static const struct sc_kind any = { 0 };

static void parse(const char *text, const struct sc_kind *kind, struct sectionconf *ret)
{
	struct err err = { 0 };

	CHECK(sectionconf_parse(text, strlen(text), kind, ret, &err) == 0, "%s", err.msg);
}

static const char *value(const struct sectionconf *c, const char *id, const char *key)
{
	const struct sc_section *s = sectionconf_find(c, id);

	return s ? sc_str(s, key) : NULL;
}

static void only_an_empty_line_closes_a_section(void)
{
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };

	parse("a: one\n\tk v\nb: two\n   \n# note\n\tl w\n\nb: three\n\tk x\n0\nb: four\n",
	      &any, &c);
	CHECK_U64(c.n, 3);
	CHECK_STR(value(&c, "one", "k"), "v");
	CHECK_STR(value(&c, "one", "l"), "w");
	CHECK_STR(value(&c, "three", "k"), "x");
	CHECK(sectionconf_find(&c, "four") && !sectionconf_find(&c, "two"), "sections");
	CHECK_U64(c.warns.n, 2);
	CHECK(c.warns.n == 2 && c.warns.v[0].line == 3 && c.warns.v[1].line == 4,
	      "lines of the warnings");
}

static void the_first_of_a_property_and_the_last_of_a_section_count(void)
{
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };

	parse("a: x\n\tk 1\n\tk 2\n\tflag\n\nb: x\n\tk 3\n\tk 4\n\tflag\t\n", &any, &c);
	CHECK_U64(c.n, 1);
	CHECK_STR(value(&c, "x", "k"), "3");
	CHECK(c.n && sc_bool(&c.v[0], "flag", false), "a key alone is true");
	CHECK(c.n && sc_prop(&c.v[0], "flag") && !sc_str(&c.v[0], "flag"), "no value");
	CHECK_U64(c.warns.n, 3);
	CHECK(c.warns.n == 3 && c.warns.v[0].line == 1 && c.warns.v[1].line == 3 &&
		      c.warns.v[2].line == 8,
	      "lines of the warnings");
}

static void headers(void)
{
	static const struct {
		const char *line, *type, *id;
	} cases[] = {
		{ "dir: local", "dir", "local" },
		{ "dir:local", "dir", "local" },
		{ "dir:   local \t ", "dir", "local" },
		{ "a:b: c", "a:b", "c" },
		{ "a:b:c", "a:b", "c" },
		{ "a: b:c", "a", "b:c" },
		{ "a:b:", "a", "b:" },
		{ "a::", "a", ":" },
		{ "dir: local\r", "dir", "local" },
		{ "dir : local", NULL, NULL },
		{ " dir: local", NULL, NULL },
		{ "dir: a b", NULL, NULL },
		{ "dir:", NULL, NULL },
		{ ": x", NULL, NULL },
		{ ":x", NULL, NULL },
		{ "x", NULL, NULL },
		{ ":", NULL, NULL },
		{ "\t", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(sectionconf_done) struct sectionconf c = { 0 };

		parse(cases[i].line, &any, &c);
		CHECK(c.n == (cases[i].type ? 1 : 0), "\"%s\": %zu", cases[i].line, c.n);
		if (!c.n)
			continue;
		CHECK_STR(c.v[0].type, cases[i].type);
		CHECK_STR(c.v[0].id, cases[i].id);
	}
}

/* PVE's parser sees a CR in the empty lines: they are none, so the first section stays.
 */
static void of_a_file_with_crlf_the_first_section_is_left(void)
{
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };

	parse("a: x\r\n\tk v\r\n\r\nb: y\r\n\tk w\r\n", &any, &c);
	CHECK_U64(c.n, 1);
	CHECK_STR(value(&c, "x", "k"), "v");
	CHECK_U64(c.warns.n, 3);
}

static const char *only_ok(const char *type, const char *key, const char *text)
{
	(void)type;
	(void)key;
	return str_eq(text, "ok") ? NULL : "bad";
}

static void a_refused_property_makes_room_for_the_next(void)
{
	static const struct sc_kind kind = { .lower_type = true, .check_prop = only_ok };
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };

	parse("DIR: X\n\tk no\n\tk ok\n\tk ok", &kind, &c);
	CHECK_STR(value(&c, "X", "k"), "ok");
	CHECK_STR(c.n ? c.v[0].type : NULL, "dir");
	CHECK_U64(c.warns.n, 2);
}

static void any_bytes_and_any_size(void)
{
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };

	CHECK(sectionconf_parse(NULL, 0, &any, &c, &err) == 0 && !c.n, "empty");
	sectionconf_done(&c);
	CHECK(sectionconf_parse("a: b\0c\n\tk\0 v\n", 13, &any, &c, &err) == 0, "NUL");
	CHECK(!c.n && c.warns.n == 2, "%zu, %zu", c.n, c.warns.n);
	sectionconf_done(&c);
	buf_adds(&b, "a: b\n");
	while (b.n < SECTIONCONF_MAX_BYTES - 4)
		buf_adds(&b, "\tk v\n"); /* 200,000 times the same property */
	CHECK(sectionconf_parse(b.p, b.n, &any, &c, &err) == 0, "%s", err.msg);
	CHECK(c.n == 1 && c.v[0].n_props == 1, "one property");
	CHECK(c.warns.n == WARNS_MAX && c.warns.more > 100000, "%zu", c.warns.more);
	sectionconf_done(&c);
	b.n = 0;
	while (b.n < SECTIONCONF_MAX_BYTES - 5)
		buf_adds(&b, "a:b\n\n");
	CHECK(sectionconf_parse(b.p, b.n, &any, &c, &err) == 0, "%s", err.msg);
	CHECK(c.n == 1 && c.v[0].line > 400000, "the last one");
	sectionconf_done(&c);
	buf_adds(&b, "\n\n\n\n\n\n");
	CHECK(sectionconf_parse(b.p, b.n, &any, &c, &err) == -EFBIG, "%s", err.msg);
}

/* A value of storage.expected.json, as PVE's parser leaves it, beside ours. */
static void same_value(const struct storage *s, const char *key, const struct jval *want)
{
	struct span text;
	uint64_t n = 0;

	if (str_eq(key, "type") || str_eq(key, "path") || str_eq(key, "content") ||
	    str_eq(key, "nodes") || str_eq(key, "content-dirs") ||
	    str_eq(key, "shared") || str_eq(key, "disable"))
		return; /* looked at by same_storage() */
	if (jval_span(want, &text)) {
		CHECK(storage_prop(s, key) && span_eq(text, storage_prop(s, key)),
		      "%s %s: %s", s->id, key, storage_prop(s, key));
	} else {
		_cleanup_free_ char *number = NULL;

		CHECK(jval_u64(want, &n), "%s %s is a number", s->id, key);
		number = xasprintf("%" PRIu64, n);
		CHECK_STR(storage_prop(s, key), number);
	}
}

static void same_storage(const struct storage *s, const struct jval *want)
{
	const struct jval *v, *content = jval_get(want, "content");
	const struct jval *dirs = jval_get(want, "content-dirs");
	const struct jval *nodes = jval_get(want, "nodes");
	_cleanup_free_ char *type = jval_dup(jval_get(want, "type"));
	_cleanup_free_ char *path = jval_dup(jval_get(want, "path"));
	struct span key;
	void *iter = NULL;
	uint64_t shared = 0, disable = 0;

	CHECK_STR(s->type, type);
	CHECK(str_eq(s->path, path), "%s: path %s", s->id, s->path);
	jval_u64(jval_get(want, "shared"), &shared);
	jval_u64(jval_get(want, "disable"), &disable);
	CHECK(s->shared == (shared != 0), "%s: shared %d", s->id, s->shared);
	CHECK(s->disabled == (disable != 0), "%s: disabled %d", s->id, s->disabled);
	for (unsigned c = 0; c < CONTENT_N; c++) {
		const char *name = storage_content_name((enum storage_content)c);
		_cleanup_free_ char *dir = jval_dup(jval_get(dirs, name));

		CHECK(s->content[c] == (jval_get(content, name) != NULL),
		      "%s: content %s", s->id, name);
		CHECK(str_eq(s->content_dirs[c], dir), "%s: dir of %s", s->id, name);
	}
	CHECK(s->limited == (nodes != NULL), "%s: limited", s->id);
	CHECK_U64(s->n_nodes, jval_count(nodes));
	for (size_t i = 0; i < s->n_nodes; i++)
		CHECK(jval_get(nodes, s->nodes[i]), "%s: node %s", s->id, s->nodes[i]);
	while (jval_next(want, &iter, &key, &v))
		same_value(s, key.p, v);
}

static void every_storage_is_as_pve_reads_it(void)
{
	_cleanup_(buf_done) struct buf cfg = slurp("hosts/pve1", "etc/pve/storage.cfg");
	_cleanup_(buf_done) struct buf json = slurp("nodecfg", "storage.expected.json");
	_cleanup_(storages_done) struct storages s = { 0 };
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	const struct jval *want;
	struct err err = { 0 };
	void *iter = NULL;
	struct span id;

	CHECK(storage_parse(cfg.p, cfg.n, &s, &err) == 0, "%s", err.msg);
	CHECK(jsonin_parse(json.p, json.n, &j, &err) == 0, "%s", err.msg);
	CHECK_U64(s.n, jval_count(jval_get(j.root, "ids")));
	while (jval_next(jval_get(j.root, "ids"), &iter, &id, &want)) {
		const struct storage *got = storages_find(&s, id.p);
		uint64_t order = 0;

		CHECK(got != NULL, "%s is there", id.p);
		if (!got)
			continue;
		same_storage(got, want);
		jval_u64(jval_get(jval_get(j.root, "order"), id.p), &order);
		CHECK(got == &s.v[order - 1], "%s: order", id.p);
	}
	CHECK(!s.warns.n, "%zu warnings: %s", s.warns.n, s.warns.v[0].text);
}

static void storages_of(const char *text, struct storages *ret)
{
	struct err err = { 0 };

	CHECK(storage_parse(text, strlen(text), ret, &err) == 0, "%s", err.msg);
}

static void local_is_always_there(void)
{
	static const char *const texts[] = {
		"",
		"lvm: local\n\tvgname pve\n",
		"dir: local\n\tpath /other\n",
		"dir: local\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(storages_done) struct storages s = { 0 };

		storages_of(texts[i], &s);
		CHECK_U64(s.n, 1);
		CHECK_STR(s.n ? s.v[0].type : NULL, "dir");
		CHECK_STR(s.n ? s.v[0].path : NULL, "/var/lib/vz");
		CHECK(s.n && s.v[0].content[CONTENT_BACKUP] && s.v[0].line == 0,
		      "forced");
		CHECK_STR(s.n ? s.v[0].prune_backups : NULL, "keep-all=1");
	}
	{
		_cleanup_(storages_done) struct storages s = { 0 };

		storages_of("dir: bb\n\tpath /b\n\ndir: local\n\tpath //var/./lib/vz/\n"
			    "\tnodes other\n",
			    &s);
		CHECK(s.n == 2 && !s.v[1].limited && s.v[1].line == 4, "its nodes go");
		CHECK(s.n == 2 && storage_applies(&s.v[1], "pve1"), "on every node");
		CHECK(s.n == 2 && !s.v[1].content[CONTENT_BACKUP], "content as said");
	}
}

static void what_pve_drops_is_dropped(void)
{
	_cleanup_(storages_done) struct storages s = { 0 };

	storages_of("dir: nopath\n\nlvmthin: nopool\n\tvgname vg\n\ndir: x\n\tpath /x\n\n"
		    "dir: rel\n\tpath rel\n\ndir: bad\n\tpath /a b\n\n"
		    "dir: none\n\tpath /n\n\tcontent none,images\n\n"
		    "dir: yes\n\tpath /y\n\tdisable yes\n\tcontent images,foo\n\n"
		    "dir: two\n\tpath /t\n\n",
		    &s);
	CHECK(!storages_find(&s, "nopath") && !storages_find(&s, "nopool"), "required");
	CHECK(!storages_find(&s, "x"), "an id of one letter");
	CHECK(!storages_find(&s, "rel") && !storages_find(&s, "bad"), "path");
	CHECK(!storages_find(&s, "none"), "none stands alone");
	CHECK_U64(s.n, 3); /* local, yes, two */
	CHECK(storages_find(&s, "yes") && !storages_find(&s, "yes")->disabled,
	      "yes is no boolean");
	CHECK(storages_find(&s, "yes") &&
		      storages_find(&s, "yes")->content[CONTENT_ROOTDIR],
	      "a list with an unknown content is no list");
	CHECK(s.warns.n == 9, "%zu warnings", s.warns.n);
}

static void types_of_plugins_are_kept_but_replace_nothing(void)
{
	_cleanup_(storages_done) struct storages s = { 0 };
	const struct storage *p;

	storages_of(
		"linstor: st1\n\tcontent images,rootdir\n\tresourcegroup g\n\tshared\n\n"
		"dir: aa\n\tpath /a\n\nfoo: aa\n\n",
		&s);
	p = storages_find(&s, "st1");
	CHECK(p && !p->known_type && p->shared && p->content[CONTENT_ROOTDIR], "linstor");
	CHECK(p && !storage_is_file_based(p), "no path");
	p = storages_find(&s, "aa");
	CHECK_STR(p ? p->type : NULL, "dir");
}

static void directories_of_contents(void)
{
	_cleanup_(buf_done) struct buf cfg = slurp("hosts/pve1", "etc/pve/storage.cfg");
	static const struct {
		const char *id, *dump;
	} cases[] = {
		{ "local", "/var/lib/vz/dump" },
		{ "nas-nfs", "/mnt/pve/nas-nfs/dump" },
		{ "nas-cifs", "/mnt/pve/nas-cifs/proxmox/dump" },
		{ "cephfs", "/mnt/pve/cephfs/dump" },
		{ "btr", "/srv/btr/dump" },
		{ "pbs1", NULL },
		{ "local-lvm", NULL },
		{ "tank", NULL },
	};
	_cleanup_(storages_done) struct storages s = { 0 };
	struct err err = { 0 };

	CHECK(storage_parse(cfg.p, cfg.n, &s, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct storage *st = storages_find(&s, cases[i].id);
		_cleanup_free_ char *dir = NULL;

		if (st)
			dir = storage_dir(st, CONTENT_BACKUP);
		CHECK(st && str_eq(dir, cases[i].dump), "%s: %s", cases[i].id,
		      dir ? dir : "none");
		CHECK(st && storage_is_file_based(st) == (cases[i].dump != NULL), "%s",
		      cases[i].id);
	}
	CHECK(storage_applies(storages_find(&s, "tank"), "pve2"), "tank on pve2");
	CHECK(!storage_applies(storages_find(&s, "tank"), "pve3"), "tank on pve3");
	CHECK(!storage_applies(storages_find(&s, "usbdisk"), "pve3"), "disabled");
}

static void volumes_have_a_path_on_the_node(void)
{
	_cleanup_(buf_done) struct buf cfg = slurp("hosts/pve1", "etc/pve/storage.cfg");
	static const struct {
		const char *volid, *path, *base;
		uint32_t vmid;
		enum volume_kind kind;
		enum answer snapshots;
		bool template;
	} cases[] = {
		{ "local:101/vm-101-disk-0.raw",
		  "/var/lib/vz/images/101/vm-101-disk-0.raw", NULL, 101, VOLUME_STORAGE,
		  ANSWER_NO, false },
		{ "local:101/vm-101-disk-0.qcow2",
		  "/var/lib/vz/images/101/vm-101-disk-0.qcow2", NULL, 101, VOLUME_STORAGE,
		  ANSWER_YES, false },
		{ "local:101/subvol-101-disk-0.subvol",
		  "/var/lib/vz/images/101/subvol-101-disk-0.subvol", NULL, 101,
		  VOLUME_STORAGE, ANSWER_NO, false },
		{ "nas-nfs:110/base-110-disk-0.raw/111/vm-111-disk-0.qcow2",
		  "/mnt/pve/nas-nfs/images/111/vm-111-disk-0.qcow2",
		  "base-110-disk-0.raw", 111, VOLUME_STORAGE, ANSWER_YES, false },
		{ "local-zfs:subvol-100-disk-0", "/rpool/data/subvol-100-disk-0", NULL,
		  100, VOLUME_STORAGE, ANSWER_YES, false },
		{ "tank:subvol-103-disk-1", "/tank/ct/subvol-103-disk-1", NULL, 103,
		  VOLUME_STORAGE, ANSWER_YES, false },
		{ "tank:vm-103-disk-1", "/dev/zvol/tank/ct/vm-103-disk-1", NULL, 103,
		  VOLUME_STORAGE, ANSWER_YES, false },
		{ "tank:basevol-110-disk-0", "/tank/ct/basevol-110-disk-0", NULL, 110,
		  VOLUME_STORAGE, ANSWER_NO, true },
		{ "tank:basevol-110-disk-0/subvol-111-disk-0",
		  "/tank/ct/subvol-111-disk-0", "basevol-110-disk-0", 111, VOLUME_STORAGE,
		  ANSWER_YES, false },
		{ "local-lvm:vm-103-disk-0", "/dev/pve/vm-103-disk-0", NULL, 103,
		  VOLUME_STORAGE, ANSWER_YES, false },
		{ "local-lvm:base-110-disk-0", "/dev/pve/base-110-disk-0", NULL, 110,
		  VOLUME_STORAGE, ANSWER_NO, true },
		{ "sanlvm:vm-116-disk-0", "/dev/vg_san/vm-116-disk-0", NULL, 116,
		  VOLUME_STORAGE, ANSWER_NO, false },
		{ "btr:116/subvol-116-disk-0.subvol",
		  "/srv/btr/images/116/subvol-116-disk-0.subvol", NULL, 116,
		  VOLUME_STORAGE, ANSWER_YES, false },
		{ "btr:116/vm-116-disk-0.raw",
		  "/srv/btr/images/116/vm-116-disk-0/disk.raw", NULL, 116, VOLUME_STORAGE,
		  ANSWER_YES, false },
		{ "ceph-rbd:vm-116-disk-3", "/dev/rbd/ceph-vm/vm-116-disk-3", NULL, 116,
		  VOLUME_STORAGE, ANSWER_YES, false },
		{ "local:iso/deb 13.iso", "/var/lib/vz/template/iso/deb 13.iso", NULL, 0,
		  VOLUME_STORAGE, ANSWER_NO, false },
		{ "nas-cifs:backup/vzdump-lxc-1.tar",
		  "/mnt/pve/nas-cifs/proxmox/dump/vzdump-lxc-1.tar", NULL, 0,
		  VOLUME_STORAGE, ANSWER_NO, false },
		{ "local:iso/..", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN, false },
		{ "local:iso/a/b", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN, false },
		{ "gone:vm-116-disk-3", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN,
		  false },
		{ "local-lvm:what", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN,
		  false },
		{ "local-lvm:vm-1/../../etc", NULL, NULL, 0, VOLUME_STORAGE,
		  ANSWER_UNKNOWN, false },
		{ "local:101/../../x.raw", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN,
		  false },
		{ "pbs1:backup/ct/100/x", NULL, NULL, 0, VOLUME_STORAGE, ANSWER_UNKNOWN,
		  false },
		{ "/srv/data", "/srv/data", NULL, 0, VOLUME_BIND, ANSWER_NO, false },
		{ "/dev/sdb1", "/dev/sdb1", NULL, 0, VOLUME_DEVICE, ANSWER_NO, false },
		{ "none", NULL, NULL, 0, VOLUME_INVALID, ANSWER_UNKNOWN, false },
		{ "", NULL, NULL, 0, VOLUME_INVALID, ANSWER_UNKNOWN, false },
		{ "x:", NULL, NULL, 0, VOLUME_INVALID, ANSWER_UNKNOWN, false },
		{ ":x", NULL, NULL, 0, VOLUME_INVALID, ANSWER_UNKNOWN, false },
	};
	_cleanup_(storages_done) struct storages s = { 0 };
	struct err err = { 0 };

	CHECK(storage_parse(cfg.p, cfg.n, &s, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(volume_done) struct volume v = { 0 };
		const char *id = cases[i].volid;

		volume_resolve(&s, id, &v);
		CHECK(v.kind == cases[i].kind, "%s: kind %d", id, v.kind);
		CHECK(str_eq(v.path, cases[i].path), "%s: %s", id, v.path);
		CHECK(str_eq(v.base, cases[i].base), "%s: base %s", id, v.base);
		CHECK(v.vmid == cases[i].vmid, "%s: %u", id, v.vmid);
		CHECK(v.snapshots == cases[i].snapshots, "%s: snap %d", id, v.snapshots);
		CHECK(v.is_template == cases[i].template, "%s: template", id);
	}
	{
		_cleanup_(volume_done) struct volume v = { 0 };

		volume_resolve(NULL, "local:101/vm-101-disk-0.raw", &v);
		CHECK(v.kind == VOLUME_STORAGE && !v.path && !v.storage, "no storages");
	}
}

int main(void)
{
	RUN(only_an_empty_line_closes_a_section);
	RUN(the_first_of_a_property_and_the_last_of_a_section_count);
	RUN(headers);
	RUN(of_a_file_with_crlf_the_first_section_is_left);
	RUN(a_refused_property_makes_room_for_the_next);
	RUN(any_bytes_and_any_size);
	RUN(every_storage_is_as_pve_reads_it);
	RUN(local_is_always_there);
	RUN(what_pve_drops_is_dropped);
	RUN(types_of_plugins_are_kept_but_replace_nothing);
	RUN(directories_of_contents);
	RUN(volumes_have_a_path_on_the_node);
	return DONE();
}
