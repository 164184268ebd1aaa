/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/colsort.h"
#include "cli/ctview.h"
#include "cli/usage.h"
#include "read/cgroup.h"
#include "read/cgtree.h"

/* A cgroup, or the "(N more)" below one. */
struct treerow {
	const struct cgnode *n; /* NULL: more */
	const struct ct *ct;    /* of the root */
	size_t parent;          /* row, SIZE_MAX: the root */
	uint64_t more;
	bool atleast;
	struct val cpu_ppm; /* of one CPU */
};

struct treerows {
	struct treerow *v;
	size_t n;
};

#define GET(name) static void get_##name(const void *row, struct cell *ret)
#define ROW       ((const struct treerow *)row)
#define NODE      (ROW->n)

GET(name)
{
	if (!NODE)
		*ret = cell_owned(xasprintf("(%s%ju more)",
					    ROW->atleast ? "at least " : "",
					    (uintmax_t)ROW->more));
	else if (!NODE->name)
		*ret = cell_owned(xasprintf("%u%s%s", ROW->ct->vmid,
					    ROW->ct->name ? " " : "",
					    ROW->ct->name ? ROW->ct->name : ""));
	else if (cgkind_is_container(NODE->kind))
		*ret = cell_text(NODE->label);
	else
		*ret = cell_text(tbytes_str(NODE->name));
}

GET(kind)
{
	if (NODE && NODE->kind == CGK_ROOT)
		*ret = cell_str("container");
	else if (NODE)
		*ret = cell_str(cgkind_name(NODE->kind));
}

GET(cgroup)
{
	if (NODE && NODE->name)
		*ret = cell_text(tbytes_str(NODE->name));
}

GET(mem)
{
	if (NODE)
		*ret = cell_val(NODE->memory.current_bytes, CELL_BYTES);
}

GET(cache)
{
	if (NODE)
		*ret = cell_val(NODE->memory.file_bytes, CELL_BYTES);
}

GET(anon)
{
	if (NODE)
		*ret = cell_val(NODE->memory.anon_bytes, CELL_BYTES);
}

GET(swap)
{
	if (NODE)
		*ret = cell_val(NODE->memory.swap_current_bytes, CELL_BYTES);
}

GET(cpu)
{
	*ret = cell_val(ROW->cpu_ppm, CELL_PPM);
}

GET(time)
{
	if (NODE && NODE->cpu.usage_usec.kind == VAL_SET)
		*ret = cell_seconds(NODE->cpu.usage_usec.n / USEC_PER_SEC);
}

GET(tasks)
{
	if (NODE)
		*ret = cell_val(NODE->pids.current, CELL_INT);
}

GET(read)
{
	if (NODE)
		*ret = cell_val(NODE->rbytes, CELL_BYTES);
}

GET(written)
{
	if (NODE)
		*ret = cell_val(NODE->wbytes, CELL_BYTES);
}

GET(more)
{
	if (!NODE)
		*ret = cell_int(ROW->more);
}

const struct col usage_tree_cols[] = {
	{ "NAME", "name", "unit, slice or nested container", .shrink = true,
	  .get = get_name },
	{ "KIND", "kind", "slice, unit, docker, podman, cri, lxc, machine, attach, other",
	  .get = get_kind },
	{ "MEM", "mem", "memory.current, with page cache", .right = true,
	  .get = get_mem },
	{ "CACHE", "file", "page cache and tmpfs of it", .right = true,
	  .get = get_cache },
	{ "ANON", "anon", "the programs' own memory of it", .right = true, .hidden = true,
	  .get = get_anon },
	{ "SWAP", "swap", "swap used", .right = true, .get = get_swap },
	{ "CPU%", "cpu", "use of one CPU over --interval", .right = true,
	  .get = get_cpu },
	{ "TIME", "cputime", "CPU time so far", .right = true, .get = get_time },
	{ "TASKS", "tasks", "processes and threads", .right = true, .get = get_tasks },
	{ "READ", "rbytes", "read, as PVE adds it up", .right = true, .hidden = true,
	  .get = get_read },
	{ "WRITTEN", "wbytes", "written, as PVE adds it up", .right = true,
	  .hidden = true, .get = get_written },
	{ "CGROUP", "cgroup", "name of the directory", .hidden = true,
	  .get = get_cgroup },
	{ "", "more", NULL, .json_only = true, .get = get_more },
};
const size_t usage_tree_ncols = ARRAY_SIZE(usage_tree_cols);

static size_t parent_of(const void *row, _unused_ size_t i)
{
	return ROW->parent;
}

/* ---- rows: parents first, brothers in the order asked for ---- */

struct child {
	size_t node;
	struct treerow row;
};

static int cmp_children(const void *a, const void *b, void *arg)
{
	const struct child *x = a, *y = b;
	int r = colsort_cmp(arg, &x->row, &y->row);

	return r ? r : (x->node > y->node) - (x->node < y->node);
}

static bool is_shown(const struct cgtree *t, size_t i)
{
	return !t->v[i].gone || i == 0;
}

/* Appends the children of tree node `node`, whose row is `at`. */
static void add_children(const struct cgtree *t, const struct val *cpu,
			 const struct col *sort, size_t node, size_t at,
			 struct treerows *rows, size_t *nodes)
{
	_cleanup_free_ struct child *kids = xcalloc(t->n, sizeof(*kids));
	size_t n = 0;

	for (size_t i = node + 1; i < t->n; i++)
		if (t->v[i].parent == node && is_shown(t, i))
			kids[n++] = (struct child){
				i,
				{ .n = &t->v[i], .parent = at, .cpu_ppm = cpu[i] },
			};
	qsort_r(kids, n, sizeof(*kids), cmp_children, (void *)(uintptr_t)sort);
	for (size_t i = 0; i < n; i++) {
		nodes[rows->n] = kids[i].node;
		rows->v[rows->n++] = kids[i].row;
	}
	if (t->v[node].more) {
		nodes[rows->n] = SIZE_MAX;
		rows->v[rows->n++] =
			(struct treerow){ .parent = at, .more = t->v[node].more };
	}
}

static void make_rows(const struct ct *ct, const struct cgtree *t, const struct val *cpu,
		      const struct col *sort, struct treerows *ret)
{
	_cleanup_free_ size_t *nodes = xcalloc(2 * t->n, sizeof(*nodes));

	/* each node has at most one "more" */
	ret->v = xcalloc(2 * t->n, sizeof(*ret->v));
	ret->v[ret->n++] = (struct treerow){
		.n = &t->v[0], .ct = ct, .parent = SIZE_MAX, .cpu_ppm = cpu[0]
	};
	for (size_t i = 0; i < ret->n; i++)
		if (nodes[i] != SIZE_MAX)
			add_children(t, cpu, sort, nodes[i], i, ret, nodes);
}

/* ---- reading ---- */

/* CPU time of every node now, for a rate. */
static void read_cpu(int dir, const struct cgtree *t, struct val *ret)
{
	for (size_t i = 0; i < t->n; i++) {
		_cleanup_close_ int fd = -1;
		struct cg_cpu c = { 0 };

		if (cgtree_open(dir, t, i, &fd) == 0 &&
		    cg_read_cpu_stat(fd, &c, NULL) == 0)
			ret[i] = c.usage_usec;
	}
}

/* Each node's two readings are as far apart as all are: they are made in one order. */
static void measure(int dir, struct cgtree *t, uint64_t interval_usec, struct val *ret)
{
	_cleanup_free_ struct val *before = xcalloc(t->n, sizeof(*before));
	_cleanup_free_ struct val *after = xcalloc(t->n, sizeof(*after));
	uint64_t began = clock_mono_usec(), took;

	read_cpu(dir, t, before);
	clock_sleep_usec(interval_usec);
	took = clock_mono_usec() - began;
	read_cpu(dir, t, after);
	for (size_t i = 0; i < t->n; i++)
		if (before[i].kind == VAL_SET && after[i].kind == VAL_SET)
			ret[i] = val_set(num_muldiv(num_sub(after[i].n, before[i].n),
						    1000000, took));
}

static int print_json(const struct app *app, const struct facts *f,
		      const struct cgtree *t, const struct treerows *rows)
{
	const struct ct *ct = &f->cts[0];
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.usage-tree/1", f->node, f->time_real_usec, &w,
		   &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_obj(w, "container");
	jw_int(w, "vmid", ct->vmid);
	jw_str(w, "name", ct->name);
	jw_str(w, "status", ct_pve_status(ct));
	jw_int(w, "left_out", t->left_out);
	if (t->left_out_atleast)
		jw_bool(w, "left_out_atleast", true);
	jw_arr(w, "tree");
	for (size_t i = 0; i < rows->n; i++) {
		jw_obj(w, NULL);
		jw_int(w, "id", i);
		if (rows->v[i].parent != SIZE_MAX)
			jw_int(w, "parent", rows->v[i].parent);
		jw_cols(w, usage_tree_cols, usage_tree_ncols, &rows->v[i]);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
	return app_json_end(app, w);
}

static int print_tree(struct app *app, const struct facts *f, const struct cgtree *t,
		      const struct treerows *rows)
{
	int r;

	if (app->json)
		return print_json(app, f, t, rows);
	r = app_table(app, usage_tree_cols, usage_tree_ncols, rows->v, rows->n,
		      sizeof(*rows->v), parent_of);
	if (r == EXIT_FINE && t->left_out)
		app_warn(app, "%s%ju cgroups of the container are not shown",
			 t->left_out_atleast ? "at least " : "", (uintmax_t)t->left_out);
	return r;
}

static int read_tree(const struct app *app, const struct ct *ct,
		     const struct usage_tree_opts *o, struct cgtree *t, struct val **cpu)
{
	_cleanup_close_ int dir = -1;
	struct err err = { 0 };
	int r;

	r = cg_open(app->rootfd, ct->vmid, &dir, &err);
	if (r == 0)
		r = cgtree_list(dir, NULL, t, &err);
	if (r == 0) {
		*cpu = xcalloc(t->n, sizeof(**cpu));
		if (o->interval_usec && app->live)
			measure(dir, t, o->interval_usec, *cpu);
		r = cgtree_read_stats(dir, t, &err);
	}
	if (r == -ENOENT || r == -ENODEV)
		return app_error(app, EXIT_BROKEN,
				 "container %u stopped while it was measured", ct->vmid);
	return r < 0 ? app_error(app, EXIT_BROKEN, "container %u: %s", ct->vmid, err.msg)
		     : EXIT_FINE;
}

int usage_tree(struct app *app, const char *ctid, const struct usage_tree_opts *o)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	_cleanup_free_ struct val *cpu = NULL;
	struct treerows rows = { 0 };
	int r;

	r = app_facts_one(app, ctid, (struct facts_want){ 0 }, &f);
	if (r)
		return r;
	if (!ct_is_up(&f.cts[0])) {
		if (app->json)
			return print_json(app, &f, &t, &rows);
		return app_error(app, EXIT_FINE, "container %u is %s: it uses nothing",
				 f.cts[0].vmid, ct_state_name(f.cts[0].state));
	}
	r = read_tree(app, &f.cts[0], o, &t, &cpu);
	if (r)
		return r;
	make_rows(&f.cts[0], &t, cpu,
		  colsort_find(usage_tree_cols, usage_tree_ncols, o->sort), &rows);
	r = print_tree(app, &f, &t, &rows);
	free(rows.v);
	return r;
}
