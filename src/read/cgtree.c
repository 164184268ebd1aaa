/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgtree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "read/cgroup.h"

#define MAX_DEPTH 32

void cgtree_done(struct cgtree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].name);
	free(t->v);
	*t = (struct cgtree){ 0 };
}

const char *cgkind_name(enum cgkind k)
{
	static const char *const names[] = {
		[CGK_OTHER] = "other",   [CGK_ROOT] = "root",
		[CGK_SLICE] = "slice",   [CGK_UNIT] = "unit",
		[CGK_ATTACH] = "attach", [CGK_DOCKER] = "docker",
		[CGK_PODMAN] = "podman", [CGK_CRI] = "cri",
		[CGK_LXC] = "lxc",       [CGK_MACHINE] = "machine",
	};

	return names[k];
}

bool cgkind_is_container(enum cgkind k)
{
	return k >= CGK_DOCKER;
}

static bool is_hex(struct span s, size_t at_least)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return s.n >= at_least;
}

/*
 * How programs that run containers name their cgroups. parent NULL: anywhere. A hex id is
 * shown by its first 12 digits, as these programs do.
 */
static const struct {
	const char *parent, *prefix, *suffix;
	bool hex;
	enum cgkind kind;
} patterns[] = {
	{ NULL, "docker-", ".scope", true, CGK_DOCKER },
	{ NULL, "libpod-payload-", "", true, CGK_PODMAN },
	{ NULL, "libpod-", ".scope", true, CGK_PODMAN },
	{ NULL, "libpod-", "", true, CGK_PODMAN },
	{ NULL, "cri-containerd-", ".scope", true, CGK_CRI },
	{ NULL, "crio-", ".scope", true, CGK_CRI },
	{ "docker", "", "", true, CGK_DOCKER },
	{ "pod*", "", "", true, CGK_CRI },
	{ NULL, "lxc.payload.", "", false, CGK_LXC },
	{ "lxc.payload", "", "", false, CGK_LXC },
	{ "lxc", "", "", false, CGK_LXC },
	{ "machine.slice", "machine-", ".scope", false, CGK_MACHINE },
	{ "machine.slice", "systemd-nspawn@", ".service", false, CGK_MACHINE },
};

static bool parent_is(struct span parent, const char *want)
{
	if (!want)
		return true;
	return str_eq(want, "pod*") ? span_starts(parent, "pod") : span_eq(parent, want);
}

static bool is_unit(struct span name)
{
	static const char *const types[] = { ".service", ".scope", ".mount", ".socket",
					     ".swap" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (span_ends(name, types[i]) && name.n > strlen(types[i]))
			return true;
	return false;
}

enum cgkind cgtree_kind(struct span name, struct span parent, struct span *ret_label)
{
	*ret_label = name;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		struct span s = name;

		if (!parent_is(parent, patterns[i].parent) ||
		    !span_skip(&s, patterns[i].prefix) ||
		    !span_ends(s, patterns[i].suffix))
			continue;
		s.n -= strlen(patterns[i].suffix);
		if (!s.n || (patterns[i].hex && !is_hex(s, 12)))
			continue;
		if (patterns[i].hex)
			s.n = 12;
		*ret_label = s;
		return patterns[i].kind;
	}
	if (span_eq(name, ".lxc") || span_starts(name, ".lxc-"))
		return CGK_ATTACH;
	if (span_ends(name, ".slice"))
		return CGK_SLICE;
	return is_unit(name) ? CGK_UNIT : CGK_OTHER;
}

void cgtree_where(struct span path, struct cgwhere *ret)
{
	static const char deleted[] =
		" (deleted)"; /* the kernel's mark of a removed one */
	struct span name, parent = { "", 0 };
	struct cgwhere w = { 0 };

	if (span_ends(path, deleted))
		path.n -= strlen(deleted);
	while (path.n) {
		struct span label;
		enum cgkind kind;

		span_cut(&path, '/', &name);
		if (!name.n)
			continue;
		kind = cgtree_kind(name, parent, &label);
		if (kind == CGK_ATTACH && !parent.n)
			w.attached = true;
		if (cgkind_is_container(kind) && !w.container.n) {
			w.container = label;
			w.container_kind = kind;
			w.unit.n = 0; /* it says who runs it; the units inside count */
		} else if (kind == CGK_UNIT || cgkind_is_container(kind)) {
			w.unit = name;
		}
		parent = name;
	}
	*ret = w;
}

static int open_child(int dir, const char *name, int flags, int *ret)
{
	return fs_open(dir, name, flags | O_DIRECTORY | O_NOFOLLOW, ret, NULL);
}

int cgtree_open(int dir, const struct cgtree *t, size_t i, int *ret)
{
	const char *names[MAX_DEPTH + 1];
	_cleanup_close_ int fd = -1;
	size_t n = 0;
	int r;

	for (; i && n < MAX_DEPTH; i = t->v[i].parent)
		names[n++] = t->v[i].name;
	if (n && t->has_ns)
		names[n++] = "ns";
	r = open_child(dir, ".", O_PATH, &fd);
	while (r == 0 && n) {
		int next = -1;

		r = open_child(fd, names[--n], O_PATH, &next);
		if (r == 0) {
			close(fd);
			fd = next;
		}
	}
	if (r < 0)
		return r;
	*ret = take_fd(&fd);
	return 0;
}

/* What one listing may still take. */
struct walk {
	struct cgtree *t;
	size_t cap, max_nodes, per_node;
	size_t max_entries; /* read of one directory */
	unsigned max_depth;
	bool cut; /* some directory could not be counted to its end */
};

static void add_node(struct walk *w, size_t parent, const char *name)
{
	struct cgtree *t = w->t;
	struct cgnode n = { .parent = parent, .name = xstrdup(name) };
	struct span label, up = { "", 0 };

	if (t->v[parent].name)
		up = span_str(t->v[parent].name);
	n.depth = t->v[parent].depth + 1;
	n.kind = cgtree_kind(span_str(n.name), up, &label);
	n.label = span_tbytes(label);
	GROW(t->v, t->n, w->cap);
	t->v[t->n++] = n;
}

/*
 * Directories right below a cgroup: its link count less two in the kernel's file system
 * and in most others, so that 100,000 of them need not be read to be counted. Else
 * SIZE_MAX.
 */
static uint64_t count_dirs(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink >= 2 ? st.st_nlink - 2 : UINT64_MAX;
}

static bool is_dir(int fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
	return fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static bool may_take(const struct walk *w, size_t i, uint64_t taken)
{
	return w->t->n < w->max_nodes && taken < w->per_node &&
	       w->t->v[i].depth < w->max_depth;
}

/* Which children one pass over a directory takes. */
enum pass { PASS_ALL, PASS_KNOWN, PASS_REST };

static bool fits(const struct cgtree *t, size_t i, enum pass pass, const char *name)
{
	struct span up = { "", 0 }, label;

	if (pass == PASS_ALL)
		return true;
	if (t->v[i].name)
		up = span_str(t->v[i].name);
	return (cgtree_kind(span_str(name), up, &label) == CGK_OTHER) ==
	       (pass == PASS_REST);
}

/* Returns how many it took. `total` is how many there are, UINT64_MAX: not known. */
static uint64_t take_children(struct walk *w, DIR *d, size_t i, uint64_t total,
			      enum pass pass, uint64_t taken, uint64_t *ret_seen)
{
	uint64_t seen = 0;
	size_t left = w->max_entries;
	struct dirent *de;

	for (; may_take(w, i, taken) || total == UINT64_MAX; left--) {
		if (seen >= total)
			break; /* the rest is files */
		if (!left) {
			w->cut |= total == UINT64_MAX;
			break;
		}
		de = readdir(d);
		if (!de)
			break;
		if (str_eq(de->d_name, ".") || str_eq(de->d_name, "..") ||
		    !is_dir(dirfd(d), de))
			continue;
		seen++;
		if (may_take(w, i, taken) && fits(w->t, i, pass, de->d_name)) {
			add_node(w, i, de->d_name);
			taken++;
		}
	}
	*ret_seen = seen;
	return taken;
}

/*
 * Takes the children of node i out of its open directory: where they are too many, units
 * and nested containers before whatever else is there.
 */
static void list_children(struct walk *w, DIR *d, size_t i)
{
	uint64_t total = count_dirs(dirfd(d)), seen = 0, taken = 0;
	bool many = total == UINT64_MAX || total > w->per_node;

	if (may_take(w, i, 0)) {
		taken = take_children(w, d, i, total, many ? PASS_KNOWN : PASS_ALL, 0,
				      &seen);
		if (many) {
			rewinddir(d);
			taken = take_children(w, d, i, total, PASS_REST, taken, &seen);
		}
	} else if (total == UINT64_MAX) {
		take_children(w, d, i, total, PASS_ALL, 0, &seen);
	}
	w->t->v[i].more = num_sub(total == UINT64_MAX ? seen : total, taken);
}

static int open_dir(int dir, const struct cgtree *t, size_t i, DIR **ret)
{
	_cleanup_close_ int fd = -1;
	int sub = -1, r;

	r = cgtree_open(dir, t, i, &fd);
	if (r < 0)
		return r;
	r = open_child(fd, i || !t->has_ns ? "." : "ns", O_RDONLY, &sub);
	if (r < 0)
		return r;
	*ret = fdopendir(sub);
	if (!*ret) {
		r = -errno;
		close(sub);
		return r;
	}
	return 0;
}

/* nr_descendants of cgroup.stat: all that live below, however deep. */
static struct val count_descendants(int dir, const struct cgtree *t)
{
	struct span text, line, key;
	struct val v = { 0 };
	char buf[1024];
	_cleanup_close_ int fd = -1;
	size_t n;

	if (open_child(dir, t->has_ns ? "ns" : ".", O_PATH, &fd) < 0 ||
	    fs_read_small(fd, "cgroup.stat", buf, sizeof(buf), &n, NULL) < 0)
		return v;
	text = span_of(buf, n);
	while (span_line(&text, &line)) {
		uint64_t nr;

		if (span_field(&line, &key) && span_eq(key, "nr_descendants") &&
		    num_parse_u64(span_trim(line), &nr) == 0)
			v = val_set(nr);
	}
	return v;
}

static void sum_left_out(int dir, struct walk *w)
{
	struct cgtree *t = w->t;
	struct val all = count_descendants(dir, t);
	bool deeper = false;

	for (size_t i = 0; i < t->n; i++) {
		t->left_out += t->v[i].more;
		deeper |= t->v[i].more > 0;
	}
	if (all.kind == VAL_SET)
		t->left_out = MAX(t->left_out, num_sub(all.n, t->n - 1));
	t->left_out_atleast = w->cut || (deeper && all.kind != VAL_SET);
}

int cgtree_list(int dir, const struct cgtree_limits *lim, struct cgtree *ret,
		struct err *err)
{
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct walk w = {
		.t = &t,
		.max_nodes = lim && lim->nodes ? lim->nodes : 256,
		.max_depth = MIN(lim && lim->depth ? lim->depth : 4, MAX_DEPTH - 1),
		.per_node = lim && lim->per_node ? lim->per_node : 64,
		.max_entries = 200000,
	};
	struct stat st;
	int r;

	t.has_ns =
		fstatat(dir, "ns", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	GROW(t.v, t.n, w.cap);
	t.v[t.n++] = (struct cgnode){ .parent = SIZE_MAX, .kind = CGK_ROOT };
	for (size_t i = 0; i < t.n; i++) {
		DIR *d = NULL;

		r = open_dir(dir, &t, i, &d);
		/* one that vanished is ordinary; one that we could not open is no number
		 */
		if (r < 0 &&
		    (i == 0 || r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EIO))
			return err_set(err, r, "open the cgroup: %s", strerror(-r));
		t.v[i].gone = r < 0;
		if (r < 0)
			continue;
		list_children(&w, d, i);
		closedir(d);
	}
	sum_left_out(dir, &w);
	*ret = t;
	t = (struct cgtree){ 0 };
	return 0;
}

/* What a cgroup without a file says by EOPNOTSUPP (threaded) is absent, too. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static int read_stats(int fd, struct cgnode *n, struct err *err)
{
	struct cg_io io = { 0 };
	int r;

	r = cg_read_cpu_stat(fd, &n->cpu, err);
	if (r == 0)
		r = cg_read_memory(fd, false, &n->memory, err);
	if (r == 0)
		r = cg_read_pids(fd, &n->pids, err);
	if (r == 0)
		r = cg_read_io(fd, &io, err);
	for (size_t i = 0; io.present && i < io.n; i++) {
		n->rbytes = val_set(val_or(n->rbytes, 0) + val_or(io.v[i].rbytes, 0));
		n->wbytes = val_set(val_or(n->wbytes, 0) + val_or(io.v[i].wbytes, 0));
	}
	if (io.present && !io.n)
		n->rbytes = n->wbytes = val_set(0);
	cg_io_done(&io);
	return r;
}

int cgtree_read_stats(int dir, struct cgtree *t, struct err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		_cleanup_close_ int fd = -1;
		int r = cgtree_open(dir, t, i, &fd);

		if (r == 0)
			r = read_stats(fd, &t->v[i], err);
		if (is_gone(r) || (r < 0 && i))
			t->v[i].gone = true;
		else if (r < 0)
			return r;
	}
	return 0;
}
