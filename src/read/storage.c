/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/storage.h"

#include "base/num.h"
#include "base/str.h"
#include "read/sectionconf.h"

#define B(c) (1u << CONTENT_##c)

/* What PVE's own plug-ins hold, and what they hold when nothing is said. */
#define ALL_FILES                                                                        \
	(B(IMAGES) | B(ROOTDIR) | B(VZTMPL) | B(ISO) | B(BACKUP) | B(SNIPPETS) |         \
	 B(IMPORT))

struct type {
	const char *name;
	unsigned may;         /* contents it can hold */
	unsigned content;     /* when not said */
	bool shared;          /* whatever the file says */
	bool may_share;       /* the file may say so */
	bool mounts;          /* path is /mnt/pve/<id> when not said */
	bool plain_path;      /* path is taken to pieces and put together again */
	const char *needs[5]; /* without these PVE drops the section */
};

static const struct type types[] = {
	{ "dir", ALL_FILES | B(NONE), B(IMAGES) | B(ROOTDIR), .plain_path = true,
	  .may_share = true, .needs = { "path" } },
	{ "btrfs", ALL_FILES | B(NONE), B(IMAGES) | B(ROOTDIR), .plain_path = true,
	  .may_share = true, .needs = { "path" } },
	{ "nfs", ALL_FILES, B(IMAGES), .shared = true, .mounts = true,
	  .needs = { "server", "export" } },
	{ "cifs", ALL_FILES, B(IMAGES), .shared = true, .mounts = true,
	  .needs = { "server", "share" } },
	{ "glusterfs", ALL_FILES & ~B(ROOTDIR), B(IMAGES), .mounts = true,
	  .needs = { "volume" } },
	{ "cephfs", ALL_FILES & ~(B(IMAGES) | B(ROOTDIR)), B(BACKUP), .shared = true,
	  .mounts = true },
	{ "zfspool", B(IMAGES) | B(ROOTDIR), B(IMAGES) | B(ROOTDIR),
	  .needs = { "pool" } },
	{ "lvmthin", B(IMAGES) | B(ROOTDIR), B(IMAGES) | B(ROOTDIR),
	  .needs = { "thinpool", "vgname" } },
	{ "lvm", B(IMAGES) | B(ROOTDIR), B(IMAGES), .may_share = true,
	  .needs = { "vgname" } },
	{ "rbd", B(IMAGES) | B(ROOTDIR), B(IMAGES), .shared = true },
	{ "pbs", B(BACKUP) | B(NONE), B(BACKUP), .shared = true,
	  .needs = { "server", "datastore" } },
	{ "iscsi", B(IMAGES) | B(NONE), B(IMAGES), .shared = true,
	  .needs = { "portal", "target" } },
	{ "iscsidirect", B(IMAGES) | B(NONE), B(IMAGES), .shared = true,
	  .needs = { "portal", "target" } },
	{ "zfs", B(IMAGES), B(IMAGES), .shared = true,
	  .needs = { "portal", "target", "pool", "blocksize", "iscsiprovider" } },
	{ "drbd", B(IMAGES) | B(ROOTDIR), B(IMAGES) | B(ROOTDIR), .shared = true },
	{ "esxi", B(IMPORT), B(IMPORT), .needs = { "server", "username" } },
};

static const struct type *type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(types[i].name, name))
			return &types[i];
	return NULL;
}

bool storage_is_id(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool inner = c == '-' || c == '_' || c == '.';

		if (letter || (i > 0 && c >= '0' && c <= '9') ||
		    (inner && i > 0 && i < s.n - 1))
			continue;
		return false;
	}
	return s.n >= 2;
}

static const char *check_header(const char *type, const char *id)
{
	(void)type;
	if (strlen(id) < 2)
		return "an id has two characters or more";
	return storage_is_id(span_str(id)) ? NULL : "no id of a storage";
}

static int content_find(struct span name)
{
	for (int c = 0; c < CONTENT_N; c++)
		if (span_eq(name, storage_content_name((enum storage_content)c)))
			return c;
	return -1;
}

static const char *check_content(const char *value)
{
	struct span list = span_str(value), item;

	while (span_list(&list, &item))
		if (content_find(item) < 0)
			return "it names a content that no storage has";
	return NULL;
}

static const char *check_nodes(const char *value)
{
	struct span list = span_str(value), item;

	while (span_list(&list, &item))
		if (!sc_is_node_name(item))
			return "it names no node";
	return NULL;
}

static const char *check_path(const char *value)
{
	if (value[0] != '/' || !value[1] || strchr(";()", value[1]))
		return "not an absolute path";
	return NULL;
}

/* <content>=<directory>, no dot at its end and no two in a row. */
static bool dir_override_ok(struct span s)
{
	struct span name, part;
	bool ok = span_cut(&s, '=', &name) && content_find(name) >= 0 && s.n > 0 &&
		  s.n < 1023 && s.p[s.n - 1] != '.' && !span_find(s, "..");

	while (ok && span_cut(&s, '/', &part))
		ok = part.n < 255;
	return ok;
}

static const char *check_content_dirs(const char *value)
{
	struct span list = span_str(value), item;

	while (span_list(&list, &item))
		if (!dir_override_ok(item))
			return "not <content>=<directory>";
	return NULL;
}

static bool is_keep(struct span key)
{
	static const char *const keys[] = { "all",    "last",    "hourly", "daily",
					    "weekly", "monthly", "yearly" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_eq(key, keys[i]))
			return true;
	return false;
}

static const char *check_prune(const char *value)
{
	struct span list = span_str(value), item, key;
	uint64_t n;

	while (span_cut(&list, ',', &item)) {
		if (!item.n)
			continue;
		if (!span_cut(&item, '=', &key) || !span_skip(&key, "keep-") ||
		    !is_keep(key))
			return "not keep-...=<number>";
		if (num_parse_u64(item, &n) < 0 && !span_eq(key, "all"))
			return "not keep-...=<number>";
	}
	return NULL;
}

/* [a-z0-9][a-z0-9_.-]*[a-z0-9] in any case */
static const char *check_lvm_name(const char *value)
{
	size_t n = strlen(value);

	if (n < 2 || strchr("-_.", value[0]) || strchr("-_.", value[n - 1]) ||
	    value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-_.")] != '\0')
		return "no name of LVM";
	return NULL;
}

static const char *check_text(const char *value)
{
	(void)value;
	return NULL;
}

/* Properties that are understood here; the others are kept as they are. */
static const char *check_prop(const char *type, const char *key, const char *value)
{
	static const struct {
		const char *key;
		const char *(*check)(const char *value);
	} checks[] = {
		{ "content", check_content },     { "content-dirs", check_content_dirs },
		{ "nodes", check_nodes },         { "path", check_path },
		{ "prune-backups", check_prune }, { "pool", check_text },
		{ "vgname", check_lvm_name },     { "thinpool", check_lvm_name },
		{ "mountpoint", check_text },     { "namespace", check_text },
	};

	(void)type;
	if (str_eq(key, "disable") || str_eq(key, "shared"))
		return sc_check_bool(value);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (str_eq(key, checks[i].key))
			return value ? checks[i].check(value) : "it has no value";
	return NULL;
}

/*
 * Which of a list of contents the type can hold; the others are warned of. False: PVE
 * drops the section for it.
 */
static bool parse_content(struct storages *out, const struct sc_prop *p,
			  const struct type *t, unsigned *ret)
{
	struct span list = span_str(p->value), item;
	unsigned set = 0;

	while (span_list(&list, &item)) {
		unsigned bit = 1u << content_find(item);

		if (!t || (t->may & bit))
			set |= bit;
		else
			warns_add(&out->warns, p->line,
				  "a storage of this type holds no \"%.*s\"",
				  (int)MIN(item.n, 40), item.p);
	}
	*ret = set;
	if (set & B(NONE))
		return set == B(NONE);
	return set || !t || (t->may & B(NONE));
}

static void parse_content_dirs(struct storages *out, struct storage *s,
			       const struct sc_prop *p, const struct type *t)
{
	struct span list = span_str(p->value), item, name;

	while (span_list(&list, &item)) {
		int c;

		span_cut(&item, '=', &name);
		c = content_find(name);
		if (t && !(t->may & 1u << c)) {
			warns_add(&out->warns, p->line,
				  "content-dirs: a storage of this type holds no "
				  "\"%.*s\"",
				  (int)name.n, name.p);
			continue;
		}
		free(s->content_dirs[c]);
		s->content_dirs[c] = span_dup(item);
	}
}

static void parse_nodes(struct storage *s, const char *value)
{
	struct span list = span_str(value), item;
	struct strv nodes = { 0 };

	while (span_list(&list, &item))
		strv_addn(&nodes, item.p, item.n);
	s->limited = true;
	s->nodes = nodes.v;
	s->n_nodes = nodes.n;
}

/* "//a/./b/" is "/a/b", and nothing is above "/". */
static char *clean_path(const char *path)
{
	struct span s = span_str(path), part;
	struct buf b = { 0 };

	while (span_cut(&s, '/', &part)) {
		if (!part.n || span_eq(part, ".") || (!b.n && span_eq(part, "..")))
			continue;
		buf_addc(&b, '/');
		buf_add(&b, part.p, part.n);
	}
	if (!b.n)
		buf_addc(&b, '/');
	return b.p;
}

static void copy_props(struct storage *s, const struct sc_section *sec)
{
	s->props = xcalloc(sec->n_props, sizeof(*s->props));
	for (size_t i = 0; i < sec->n_props; i++)
		s->props[s->n_props++] = (struct storage_prop){
			.key = xstrdup(sec->props[i].key),
			.value =
				sec->props[i].value ? xstrdup(sec->props[i].value) : NULL,
		};
}

static char *path_of(const struct sc_section *sec, const struct type *t)
{
	const char *path = sc_str(sec, "path");

	if (t && !t->plain_path && !t->mounts)
		return NULL; /* one that PVE knows, and knows to have none */
	if (path)
		return t && t->plain_path ? clean_path(path) : xstrdup(path);
	return t && t->mounts ? xasprintf("/mnt/pve/%s", sec->id) : NULL;
}

/* [-/a-zA-Z0-9_.@]+ */
static bool plain_path_ok(const char *path)
{
	return path[strspn(path, "-/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_.@")] == '\0';
}

/* False: PVE drops the section. */
static bool usable(struct storages *out, const struct sc_section *sec,
		   const struct type *t)
{
	const char *path = sc_str(sec, "path");

	for (size_t i = 0; t && i < ARRAY_SIZE(t->needs) && t->needs[i]; i++) {
		if (sc_str(sec, t->needs[i]))
			continue;
		warns_add(&out->warns, sec->line, "storage %.40s left out: it has no %s",
			  sec->id, t->needs[i]);
		return false;
	}
	if (t && t->plain_path && !plain_path_ok(path)) {
		warns_add(&out->warns, sec->line,
			  "storage %.40s left out: characters in its path", sec->id);
		return false;
	}
	return true;
}

static void fill_storage(struct storages *out, const struct sc_section *sec,
			 const struct type *t, unsigned content)
{
	const struct sc_prop *dirs = sc_prop(sec, "content-dirs");
	const char *prune = sc_str(sec, "prune-backups");
	struct storage *s = &out->v[out->n++];

	s->id = xstrdup(sec->id);
	s->type = xstrdup(sec->type);
	s->line = sec->line;
	s->known_type = t != NULL;
	s->disabled = sc_bool(sec, "disable", false);
	s->shared = (t && t->shared) ||
		    ((!t || t->may_share) && sc_bool(sec, "shared", false));
	s->path = path_of(sec, t);
	s->prune_backups = prune ? xstrdup(prune) : NULL;
	if (sc_str(sec, "nodes"))
		parse_nodes(s, sc_str(sec, "nodes"));
	if (dirs && !str_eq(s->type, "btrfs")) /* which has no such property */
		parse_content_dirs(out, s, dirs, t);
	for (unsigned c = 0; c < CONTENT_N; c++)
		s->content[c] = (content & 1u << c) != 0;
	copy_props(s, sec);
}

static void storage_of(struct storages *out, const struct sc_section *sec)
{
	const struct sc_prop *content = sc_prop(sec, "content");
	const struct type *t = type_find(sec->type);
	unsigned set = t ? t->content : 0;

	if (!usable(out, sec, t))
		return;
	if (content && !parse_content(out, content, t, &set)) {
		warns_add(&out->warns, content->line,
			  "storage %.40s left out: contents that do not go together",
			  sec->id);
		return;
	}
	if (!t)
		warns_add(&out->warns, sec->line,
			  "storage %.40s: type %.40s is none of PVE's own", sec->id,
			  sec->type);
	fill_storage(out, sec, t, set);
}

/* Whatever the file says, there is a `local`, and it is the one of every node. */
static void force_local(struct storages *out)
{
	static const char dir[] = "/var/lib/vz";
	struct storage *s = NULL;
	size_t at = 0;

	for (; at < out->n && !s; at++)
		if (str_eq(out->v[at].id, "local"))
			s = &out->v[at--];
	if (s && str_eq(s->type, "dir") && str_eq(s->path, dir)) {
		for (size_t i = 0; i < s->n_nodes; i++)
			free(s->nodes[i]);
		free(s->nodes);
		s->nodes = NULL;
		s->n_nodes = 0;
		s->limited = false;
		return;
	}
	if (s) {
		struct storages gone = { .v = xcalloc(1, sizeof(*gone.v)), .n = 1 };

		warns_add(&out->warns, s->line,
			  "storage local is not a dir at %s: PVE takes that instead",
			  dir);
		gone.v[0] = *s;
		storages_done(&gone);
		memmove(s, s + 1, (out->n - at - 1) * sizeof(*s));
		out->n--;
	}
	memmove(out->v + 1, out->v, out->n * sizeof(*out->v));
	out->n++;
	out->v[0] = (struct storage){
		.id = xstrdup("local"),
		.type = xstrdup("dir"),
		.path = xstrdup(dir),
		.prune_backups = xstrdup("keep-all=1"),
		.known_type = true,
	};
	for (unsigned c = 0; c < CONTENT_N; c++)
		out->v[0].content[c] = c != CONTENT_IMPORT && c != CONTENT_NONE;
}

static bool is_unknown(const char *type)
{
	return !type_find(type);
}

int storage_parse(const char *p, size_t n, struct storages *ret, struct err *err)
{
	static const struct sc_kind kind = {
		.lower_type = true,
		.is_weak = is_unknown,
		.check_header = check_header,
		.check_prop = check_prop,
	};
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	struct storages out = { 0 };
	int r;

	r = sectionconf_parse(p, n, &kind, &c, err);
	if (r < 0)
		return err_wrap(err, r, "storage.cfg");
	out.warns = c.warns;
	c.warns = (struct warns){ 0 };
	out.v = xcalloc(c.n + 1, sizeof(*out.v));
	for (size_t i = 0; i < c.n; i++)
		storage_of(&out, &c.v[i]);
	force_local(&out);
	*ret = out;
	return 0;
}
