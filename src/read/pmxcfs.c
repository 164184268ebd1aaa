/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pmxcfs.h"

#include "base/num.h"
#include "read/jsonin.h"
#include "read/sectionconf.h"

/* PVE's smallest and largest id of a guest. */
#define VMID_MIN 100u
#define VMID_MAX 999999999u

static int cmp_vmlist(const void *a, const void *b)
{
	const struct vmlist_entry *x = a, *y = b;

	return x->vmid < y->vmid ? -1 : x->vmid > y->vmid;
}

static enum guest_type guest_type(struct span s)
{
	if (span_eq(s, "lxc"))
		return GUEST_LXC;
	return span_eq(s, "qemu") ? GUEST_QEMU : GUEST_OTHER;
}

struct vmlist_builder {
	struct vmlist list;
	size_t cap;
};

static void vmlist_add(struct vmlist_builder *b, struct span id, struct span node,
		       struct span type, uint64_t version)
{
	struct vmlist_entry e = { .version = version };

	if (num_parse_u32(id, &e.vmid) < 0 || id.p[0] == '0') {
		warns_add(&b->list.warns, 0, "\"%.*s\" is no id of a guest",
			  (int)MIN(id.n, 40), id.p);
		return;
	}
	e.type = guest_type(type);
	e.node = span_dup(node);
	e.type_name = span_dup(type);
	e.usable = e.vmid >= VMID_MIN && e.vmid <= VMID_MAX;
	GROW(b->list.v, b->list.n, b->cap);
	b->list.v[b->list.n++] = e;
}

/* A text without escapes between quotes. */
static bool take_quoted(struct span *s, struct span *ret)
{
	if (!span_skip(s, "\"") || !span_find(*s, "\""))
		return false;
	return span_cut(s, '"', ret) && ret->n && !memchr(ret->p, '\\', ret->n);
}

static bool take_number(struct span *s, uint64_t *ret)
{
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (num_parse_u64(span_of(s->p, n), ret) < 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

/* One line as pmxcfs writes it: "104": { "node": "n1", "type": "lxc", "version": 22 }, */
static bool vmlist_line(struct vmlist_builder *b, struct span line, bool *last)
{
	struct span id, node, type;
	uint64_t version;

	if (!take_quoted(&line, &id) || !span_skip(&line, ": { \"node\": ") ||
	    !take_quoted(&line, &node) || !span_skip(&line, ", \"type\": ") ||
	    !take_quoted(&line, &type) || !span_skip(&line, ", \"version\": ") ||
	    !take_number(&line, &version) || !span_skip(&line, " }"))
		return false;
	*last = span_eq(line, "}");
	if (!*last && !span_eq(line, ","))
		return false;
	vmlist_add(b, id, node, type, version);
	return true;
}

/*
 * The text exactly as every pmxcfs so far writes it, so that listing a thousand guests
 * needs no JSON library. Anything else is left to that: false, and nothing is in *b.
 */
static bool vmlist_plain(struct vmlist_builder *b, struct span text)
{
	struct span line = { 0 };
	bool last = false;

	if (!span_skip(&text, "{\n\"version\": ") ||
	    !take_number(&text, &b->list.version) || !span_skip(&text, ",\n\"ids\": {\n"))
		return false;
	while (!last && span_line(&text, &line))
		if (!vmlist_line(b, line, &last))
			return false;
	return last && span_eq(span_trim(text), "}");
}

static void vmlist_json(struct vmlist_builder *b, const struct jval *root)
{
	const struct jval *ids = jval_get(root, "ids"), *v;
	struct span id, node, type;
	void *iter = NULL;

	jval_u64(jval_get(root, "version"), &b->list.version);
	while (jval_next(ids, &iter, &id, &v)) {
		uint64_t version = 0;

		if (!jval_span(jval_get(v, "node"), &node) ||
		    !jval_span(jval_get(v, "type"), &type)) {
			warns_add(&b->list.warns, 0, "guest %.*s has no node or no type",
				  (int)MIN(id.n, 40), id.p);
			continue;
		}
		jval_u64(jval_get(v, "version"), &version);
		vmlist_add(b, id, node, type, version);
	}
}

static bool vmlist_sort(struct vmlist *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), cmp_vmlist);
	for (size_t i = 1; i < l->n; i++)
		if (l->v[i].vmid == l->v[i - 1].vmid)
			return false;
	return true;
}

int pmxcfs_parse_vmlist(const char *p, size_t n, struct vmlist *ret, struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct vmlist_builder b = { 0 };
	int r;

	if (vmlist_plain(&b, span_of(p, n)) && vmlist_sort(&b.list)) {
		*ret = b.list;
		return 0;
	}
	vmlist_done(&b.list);
	b = (struct vmlist_builder){ 0 };
	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return err_wrap(err, r, ".vmlist");
	if (!jval_is_object(j.root))
		return err_set(err, -EBADMSG, ".vmlist: not a JSON object");
	vmlist_json(&b, j.root);
	vmlist_sort(&b.list);
	*ret = b.list;
	return 0;
}

static int cmp_member(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static void members_nodes(struct members *m, const struct jval *list)
{
	const struct jval *v;
	void *iter = NULL;
	struct span name;

	m->v = xcalloc(jval_count(list), sizeof(*m->v));
	while (jval_next(list, &iter, &name, &v))
		m->v[m->n++] = (struct member){
			.name = span_dup(name),
			.ip = jval_dup(jval_get(v, "ip")),
			.id = jval_val(jval_get(v, "id")),
			.online = jval_val(jval_get(v, "online")),
		};
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), cmp_member);
}

int pmxcfs_parse_members(const char *p, size_t n, struct members *ret, struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct members m = { 0 };
	const struct jval *cluster;
	int r;

	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return err_wrap(err, r, ".members");
	m.nodename = jval_dup(jval_get(j.root, "nodename"));
	if (!m.nodename)
		return err_set(err, -EBADMSG, ".members: no nodename");
	jval_u64(jval_get(j.root, "version"), &m.version);
	cluster = jval_get(j.root, "cluster");
	m.clustered = jval_is_object(cluster);
	m.cluster_name = jval_dup(jval_get(cluster, "name"));
	m.quorate = jval_val(jval_get(cluster, "quorate"));
	if (m.clustered)
		members_nodes(&m, jval_get(j.root, "nodelist"));
	*ret = m;
	return 0;
}

static int cmp_file_version(const void *a, const void *b)
{
	return strcmp(((const struct cfs_file_version *)a)->name,
		      ((const struct cfs_file_version *)b)->name);
}

static void version_add(struct cfs_version *v, size_t *cap, char *name,
			const struct jval *n)
{
	struct cfs_file_version f = { .name = name };

	if (!jval_u64(n, &f.version)) {
		free(name);
		return;
	}
	GROW(v->files, v->n_files, *cap);
	v->files[v->n_files++] = f;
}

static void version_kvstore(struct cfs_version *v, size_t *cap, const struct jval *kv)
{
	const struct jval *node, *n;
	struct span name, key;
	void *i = NULL;

	while (jval_next(kv, &i, &name, &node)) {
		void *k = NULL;

		while (jval_next(node, &k, &key, &n))
			version_add(v, cap,
				    xasprintf("kvstore/%.*s/%.*s", (int)name.n, name.p,
					      (int)key.n, key.p),
				    n);
	}
}

int pmxcfs_parse_version(const char *p, size_t n, struct cfs_version *ret,
			 struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct cfs_version v = { 0 };
	const struct jval *value;
	void *iter = NULL;
	struct span key;
	size_t cap = 0;
	int r;

	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return err_wrap(err, r, ".version");
	if (!jval_is_object(j.root))
		return err_set(err, -EBADMSG, ".version: not a JSON object");
	jval_u64(jval_get(j.root, "starttime"), &v.starttime);
	jval_u64(jval_get(j.root, "clinfo"), &v.clinfo);
	jval_u64(jval_get(j.root, "vmlist"), &v.vmlist);
	while (jval_next(j.root, &iter, &key, &value)) {
		if (span_eq(key, "kvstore"))
			version_kvstore(&v, &cap, value);
		else if (!span_eq(key, "starttime"))
			version_add(&v, &cap, span_dup(key), value);
	}
	if (v.n_files)
		qsort(v.files, v.n_files, sizeof(*v.files), cmp_file_version);
	*ret = v;
	return 0;
}

/* The kinds of lines that are of guests, with the number of their fields. */
static const struct {
	const char *prefix;
	size_t fields;
} rrd_kinds[] = {
	{ "pve-vm-9.0/", 22 },
	{ "pve2.3-vm/", 15 },
};

#define RRD_HEAD 2 /* uptime and name stand before what is counted from the end */

static int rrd_val(struct span s, unsigned digits, struct val *ret)
{
	uint64_t n;
	int r;

	if (span_eq(s, "U"))
		return 0;
	r = num_parse_real(s, digits, &n);
	if (r == 0)
		*ret = val_set(n);
	return r;
}

/* The fields behind the name. */
static int rrd_tail(struct span *f, size_t n, struct rrd_guest *g)
{
	struct val template = { 0 };
	const struct {
		struct val *dst;
		unsigned digits;
	} fields[] = {
		{ &template, 0 },
		{ &g->ctime_sec, 0 },
		{ &g->cpus_centi, 2 },
		{ &g->cpu_ppm, 6 },
		{ &g->maxmem_bytes, 0 },
		{ &g->mem_bytes, 0 },
		{ &g->maxdisk_bytes, 0 },
		{ &g->disk_bytes, 0 },
		{ &g->netin_bytes, 0 },
		{ &g->netout_bytes, 0 },
		{ &g->diskread_bytes, 0 },
		{ &g->diskwrite_bytes, 0 },
		{ &g->memhost_bytes, 0 },
		{ &g->cpu_some_centi, 2 },
		{ &g->cpu_full_centi, 2 },
		{ &g->io_some_centi, 2 },
		{ &g->io_full_centi, 2 },
		{ &g->memory_some_centi, 2 },
		{ &g->memory_full_centi, 2 },
	};

	for (size_t i = 0; i + 1 < n; i++) {
		int r = rrd_val(f[i + 1], fields[i].digits, fields[i].dst);

		if (r < 0)
			return r;
	}
	g->is_template = val_or(template, 0) != 0;
	g->status = span_dup(f[0]);
	return 0;
}

/* Cuts the last field off. */
static bool cut_back(struct span *s, struct span *ret)
{
	const char *colon = s->n ? memrchr(s->p, ':', s->n) : NULL;

	if (!colon)
		return false;
	*ret = span_of(colon + 1, (size_t)(s->p + s->n - colon) - 1);
	s->n = (size_t)(colon - s->p);
	return true;
}

int pmxcfs_parse_rrd_line(struct span line, struct rrd_guest *ret, struct err *err)
{
	struct span f[22], id, uptime;
	struct rrd_guest g = { 0 };
	size_t want = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(rrd_kinds) && !want; i++)
		if (span_skip(&line, rrd_kinds[i].prefix))
			want = rrd_kinds[i].fields - RRD_HEAD;
	if (!want)
		return err_set(err, -ENOENT, ".rrd: not the line of a guest");
	if (!span_cut(&line, ':', &id) || num_parse_u32(id, &g.vmid) < 0 ||
	    !span_cut(&line, ':', &uptime) || rrd_val(uptime, 0, &g.uptime_sec) < 0)
		return err_set(err, -EBADMSG, ".rrd: no id or no uptime");
	for (size_t i = want; i > 0; i--)
		if (!cut_back(&line, &f[i - 1]))
			return err_set(err, -EBADMSG, ".rrd: guest %u: too few fields",
				       g.vmid);
	r = rrd_tail(f, want, &g);
	if (r < 0)
		return err_set(err, -EBADMSG, ".rrd: guest %u: not a number", g.vmid);
	g.name = span_dup(line);
	*ret = g;
	return 0;
}

/* What pmxcfs wrote for a character: \" for a quote, \uXXXX for what is not ASCII. */
static char *clog_text(struct span s)
{
	struct buf b = { 0 };

	buf_reserve(&b, s.n);
	for (size_t i = 0; i < s.n; i++) {
		uint64_t c;

		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '"')
			i++;
		if (s.p[i] == '\\' && s.n - i >= 6 && s.p[i + 1] == 'u' &&
		    num_parse_hex(span_of(s.p + i + 2, 4), &c) == 0 && c >= 0x80 &&
		    (c < 0xd800 || c > 0xdfff)) {
			if (c >= 0x800)
				buf_addc(&b, (char)(0xe0 | c >> 12));
			buf_addc(&b, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f)
						       : 0xc0 | c >> 6));
			buf_addc(&b, (char)(0x80 | (c & 0x3f)));
			i += 5;
			continue;
		}
		buf_addc(&b, s.p[i]);
	}
	buf_adds(&b, "");
	return b.p;
}

/* Cuts everything up to `mark` off into *ret, and the mark. */
static bool cut_at(struct span *s, const char *mark, struct span *ret)
{
	const char *at = span_find(*s, mark);
	size_t n;

	if (!at)
		return false;
	n = (size_t)(at - s->p);
	*ret = span_of(s->p, n);
	s->p += n + strlen(mark);
	s->n -= n + strlen(mark);
	return true;
}

static bool clog_number(struct span *s, const char *key, uint64_t *ret)
{
	return span_skip(s, key) && take_number(s, ret);
}

static bool clog_line(struct span s, struct clusterlog_entry *ret)
{
	struct clusterlog_entry e = { 0 };
	struct span tag, node, user;

	if (span_ends(s, ","))
		s.n--;
	if (!clog_number(&s, "{\"uid\": ", &e.uid) ||
	    !clog_number(&s, ", \"time\": ", &e.time_sec) ||
	    !clog_number(&s, ", \"pri\": ", &e.pri) || !span_skip(&s, ", \"tag\": \"") ||
	    !cut_at(&s, "\", \"pid\": ", &tag) || !take_number(&s, &e.pid) ||
	    !span_skip(&s, ", \"node\": \"") || !cut_at(&s, "\", \"user\": \"", &node) ||
	    !cut_at(&s, "\", \"msg\": \"", &user) || !span_ends(s, "\"}"))
		return false;
	s.n -= 2;
	e.tag = clog_text(tag);
	e.node = clog_text(node);
	e.user = clog_text(user);
	e.msg = clog_text(s);
	*ret = e;
	return true;
}

int pmxcfs_parse_clusterlog(const char *p, size_t n, struct clusterlog *ret,
			    struct err *err)
{
	struct span text = span_of(p, n), line;
	struct clusterlog l = { 0 };
	uint32_t no = 0;
	size_t cap = 0;

	if (n > JSONIN_MAX_BYTES)
		return err_set(err, -EFBIG, ".clusterlog: more than %zu bytes",
			       JSONIN_MAX_BYTES);
	while (span_line(&text, &line)) {
		struct clusterlog_entry e;

		no++;
		if (!span_starts(line, "{\""))
			continue;
		if (!clog_line(line, &e)) {
			warns_add(&l.warns, no, "not an entry of the cluster log");
			continue;
		}
		GROW(l.v, l.n, cap);
		l.v[l.n++] = e;
	}
	*ret = l;
	return 0;
}

bool pmxcfs_is_quorate(mode_t local_mode)
{
	return (local_mode & 0200) != 0;
}

int pmxcfs_node_name(const char *local_target, char **ret, struct err *err)
{
	struct span s = span_str(local_target);

	if (!span_skip(&s, "nodes/") || !sc_is_node_name(s))
		return err_set(err, -EINVAL,
			       "etc/pve/local: points to \"%.80s\", expected "
			       "nodes/<name>",
			       local_target);
	*ret = span_dup(s);
	return 0;
}
