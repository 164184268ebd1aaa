/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storagecfg.h"

#include "base/num.h"
#include "base/str.h"

static const struct {
	const char *name;
	const char *dir; /* below `path`; NULL: nothing of it is kept in files */
} contents[CONTENT_N] = {
	[CONTENT_IMAGES] = { "images", "images" },
	[CONTENT_ROOTDIR] = { "rootdir", "private" },
	[CONTENT_VZTMPL] = { "vztmpl", "template/cache" },
	[CONTENT_ISO] = { "iso", "template/iso" },
	[CONTENT_BACKUP] = { "backup", "dump" },
	[CONTENT_SNIPPETS] = { "snippets", "snippets" },
	[CONTENT_IMPORT] = { "import", "import" },
	[CONTENT_NONE] = { "none", NULL },
};

const char *storage_content_name(enum storage_content c)
{
	return c < CONTENT_N ? contents[c].name : "";
}

static void storage_done(struct storage *s)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		free(s->nodes[i]);
	for (size_t i = 0; i < CONTENT_N; i++)
		free(s->content_dirs[i]);
	for (size_t i = 0; i < s->n_props; i++) {
		free(s->props[i].key);
		free(s->props[i].value);
	}
	free(s->nodes);
	free(s->props);
	free(s->id);
	free(s->type);
	free(s->path);
	free(s->prune_backups);
}

void storages_done(struct storages *s)
{
	for (size_t i = 0; i < s->n; i++)
		storage_done(&s->v[i]);
	free(s->v);
	warns_done(&s->warns);
	*s = (struct storages){ 0 };
}

const struct storage *storages_find(const struct storages *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i].id, id))
			return &s->v[i];
	return NULL;
}

const char *storage_prop(const struct storage *s, const char *key)
{
	for (size_t i = 0; i < s->n_props; i++)
		if (str_eq(s->props[i].key, key))
			return s->props[i].value;
	return NULL;
}

bool storage_applies(const struct storage *s, const char *node)
{
	if (s->disabled)
		return false;
	for (size_t i = 0; i < s->n_nodes; i++)
		if (str_eq(s->nodes[i], node))
			return true;
	return !s->limited;
}

bool storage_is_file_based(const struct storage *s)
{
	return s->path != NULL;
}

char *storage_dir(const struct storage *s, enum storage_content c)
{
	const char *dir;

	if (!s->path || c >= CONTENT_N || !contents[c].dir)
		return NULL;
	dir = s->content_dirs[c] ? s->content_dirs[c] : contents[c].dir;
	return xasprintf("%s/%s", str_eq(s->path, "/") ? "" : s->path, dir);
}

/*
 * How the types name their volumes. `head` is what a name starts with ("vm-101-disk-0");
 * a template's starts with base or basevol.
 */
enum layout { LAYOUT_FILES, LAYOUT_ZFS, LAYOUT_LVM, LAYOUT_RBD };

static const struct {
	const char *type;
	enum layout layout;
	enum answer snapshots; /* of a volume that is no template; files: by format */
} layouts[] = {
	{ "dir", LAYOUT_FILES, ANSWER_NO },    { "nfs", LAYOUT_FILES, ANSWER_NO },
	{ "cifs", LAYOUT_FILES, ANSWER_NO },   { "glusterfs", LAYOUT_FILES, ANSWER_NO },
	{ "btrfs", LAYOUT_FILES, ANSWER_YES }, { "zfspool", LAYOUT_ZFS, ANSWER_YES },
	{ "lvmthin", LAYOUT_LVM, ANSWER_YES }, { "lvm", LAYOUT_LVM, ANSWER_NO },
	{ "rbd", LAYOUT_RBD, ANSWER_YES },
};

struct name {
	struct span text;
	uint32_t vmid;
	bool is_template;
	bool subvol; /* a file system of its own (zfs) */
};

/* "<head><vmid>-<rest>" */
static bool parse_name(struct span s, struct name *ret)
{
	static const struct {
		const char *head;
		bool is_template, subvol;
	} heads[] = {
		{ "vm-", false, false },
		{ "base-", true, false },
		{ "subvol-", false, true },
		{ "basevol-", true, true },
	};
	struct name n = { .text = s };
	struct span digits;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '/' || s.p[i] == ' ' || (s.p[i] >= '\t' && s.p[i] <= '\r'))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		struct span rest = s;

		if (!span_skip(&rest, heads[i].head))
			continue;
		if (!span_cut(&rest, '-', &digits) || !rest.n ||
		    num_parse_u32(digits, &n.vmid) < 0)
			return false;
		n.is_template = heads[i].is_template;
		n.subvol = heads[i].subvol;
		*ret = n;
		return true;
	}
	return false;
}

static bool has_format(struct span name)
{
	return span_ends(name, ".raw") || span_ends(name, ".qcow2") ||
	       span_ends(name, ".vmdk") || span_ends(name, ".subvol");
}

/* "iso/<name>" and the like: a file that is no disk, which PVE mounts all the same. */
static bool resolve_content(const struct storage *s, struct span vol, struct volume *v)
{
	static const enum storage_content kinds[] = { CONTENT_ISO, CONTENT_VZTMPL,
						      CONTENT_BACKUP, CONTENT_SNIPPETS };
	struct span kind;

	if (!span_cut(&vol, '/', &kind) || !vol.n || memchr(vol.p, '/', vol.n) ||
	    span_eq(vol, ".."))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *dir = NULL;

		if (!span_eq(kind, contents[kinds[i]].name))
			continue;
		dir = storage_dir(s, kinds[i]);
		if (!dir)
			return false;
		v->name = span_dup(vol);
		v->path = xasprintf("%s/%s", dir, v->name);
		v->snapshots = ANSWER_NO;
		return true;
	}
	return false;
}

/* "[<vmid>/<base>/]<vmid>/<name>" */
static bool resolve_files(const struct storage *s, struct span vol, struct volume *v)
{
	_cleanup_free_ char *dir = storage_dir(s, CONTENT_IMAGES);
	bool btrfs = str_eq(s->type, "btrfs");
	struct span part[4] = { { 0 } }, owner, stem;
	struct name name;
	size_t n = 0;

	if (resolve_content(s, vol, v))
		return true;
	while (n < ARRAY_SIZE(part) && span_cut(&vol, '/', &part[n]))
		n++;
	if (vol.n || (n != 2 && n != 4) || !dir)
		return false;
	owner = part[n - 2];
	stem = part[n - 1];
	if (num_parse_u32(owner, &v->vmid) < 0 || !has_format(stem))
		return false;
	if (parse_name(stem, &name))
		v->is_template = name.is_template;
	v->name = span_dup(stem);
	if (n == 4)
		v->base = span_dup(part[1]);
	if (btrfs && span_ends(stem, ".raw"))
		v->path = xasprintf("%s/%.*s/%.*s/disk.raw", dir, (int)owner.n, owner.p,
				    (int)(stem.n - strlen(".raw")), stem.p);
	else
		v->path = xasprintf("%s/%.*s/%.*s", dir, (int)owner.n, owner.p,
				    (int)stem.n, stem.p);
	if (!btrfs)
		v->snapshots = span_ends(stem, ".qcow2") ? ANSWER_YES : ANSWER_NO;
	else if (span_ends(stem, ".vmdk"))
		v->snapshots = ANSWER_NO;
	return true;
}

static bool resolve_zfs(const struct storage *s, const struct name *name,
			struct volume *v)
{
	const char *pool = storage_prop(s, "pool");
	const char *at = storage_prop(s, "mountpoint");
	int n = (int)name->text.n;

	if (name->subvol && at)
		v->path = xasprintf("%s/%.*s", at, n, name->text.p);
	else if (pool)
		v->path = xasprintf(name->subvol ? "/%s/%.*s" : "/dev/zvol/%s/%.*s", pool,
				    n, name->text.p);
	return true;
}

static bool resolve_lvm(const struct storage *s, const struct name *name,
			struct volume *v)
{
	const char *vg = storage_prop(s, "vgname");
	bool qcow2 = span_ends(name->text, ".qcow2");

	if (name->subvol || (name->is_template && str_eq(s->type, "lvm")))
		return false;
	if (vg)
		v->path = xasprintf("/dev/%s/%.*s", vg, (int)name->text.n, name->text.p);
	if (qcow2 && str_eq(s->type, "lvm"))
		v->snapshots = ANSWER_YES;
	return true;
}

/* The short device name; it is there while the image is mapped. */
static bool resolve_rbd(const struct storage *s, const struct name *name,
			struct volume *v)
{
	const char *pool = storage_prop(s, "pool");
	const char *ns = storage_prop(s, "namespace");

	if (name->subvol)
		return false;
	v->path = xasprintf("/dev/rbd/%s/%s%s%.*s", pool ? pool : "rbd", ns ? ns : "",
			    ns ? "/" : "", (int)name->text.n, name->text.p);
	return true;
}

/* "[<base>/]<name>" */
static bool resolve_named(const struct storage *s, enum layout layout, struct span vol,
			  struct volume *v)
{
	struct span first, rest = vol;
	struct name name, base = { 0 };

	if (!span_cut(&rest, '/', &first))
		return false;
	if (rest.n &&
	    (layout == LAYOUT_LVM || !parse_name(first, &base) || !base.is_template))
		return false;
	if (!parse_name(rest.n ? rest : first, &name))
		return false;
	if (layout == LAYOUT_ZFS   ? !resolve_zfs(s, &name, v)
	    : layout == LAYOUT_LVM ? !resolve_lvm(s, &name, v)
				   : !resolve_rbd(s, &name, v))
		return false;
	v->name = span_dup(name.text);
	v->base = base.text.n ? span_dup(base.text) : NULL;
	v->vmid = name.vmid;
	v->is_template = name.is_template;
	return true;
}

static void resolve_on(const struct storage *s, struct span vol, struct volume *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		bool ok;

		if (!str_eq(s->type, layouts[i].type))
			continue;
		v->snapshots = layouts[i].snapshots;
		ok = layouts[i].layout == LAYOUT_FILES
			     ? resolve_files(s, vol, v)
			     : resolve_named(s, layouts[i].layout, vol, v);
		/* PVE snapshots no base image but those that have snapshots already */
		if (ok && v->is_template && layouts[i].layout != LAYOUT_FILES)
			v->snapshots = ANSWER_NO;
		if (ok && v->is_template && str_eq(s->type, "btrfs"))
			v->snapshots = ANSWER_NO;
		if (!ok)
			v->snapshots = ANSWER_UNKNOWN;
		return;
	}
}

/* [a-z][a-z0-9_.-]*[a-z0-9] in any case */
static bool storage_id_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool digit = c >= '0' && c <= '9';
		bool inner = c == '-' || c == '_' || c == '.';

		if (!letter && (i == 0 || (!digit && (!inner || i == s.n - 1))))
			return false;
	}
	return s.n >= 2;
}

void volume_resolve(const struct storages *s, const char *volid, struct volume *ret)
{
	struct span rest = span_str(volid), id;
	struct volume v = { .kind = VOLUME_INVALID };

	if (volid[0] == '/') {
		v.kind = str_starts(volid, "/dev/") ? VOLUME_DEVICE : VOLUME_BIND;
		v.path = xstrdup(volid);
		v.snapshots = ANSWER_NO;
	} else if (strchr(volid, ':') && span_cut(&rest, ':', &id) && rest.n &&
		   storage_id_ok(id)) {
		v.kind = VOLUME_STORAGE;
		v.storage_id = span_dup(id);
		v.volname = span_dup(rest);
		v.storage = s ? storages_find(s, v.storage_id) : NULL;
		if (v.storage)
			resolve_on(v.storage, rest, &v);
	}
	*ret = v;
}

void volume_done(struct volume *v)
{
	free(v->storage_id);
	free(v->volname);
	free(v->name);
	free(v->base);
	free(v->path);
	*v = (struct volume){ 0 };
}
