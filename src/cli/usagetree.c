/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/colsort.h"
#include "cli/ctview.h"
#include "cli/usage.h"
#include "read/cgroup.h"
#include "read/controllers.h"
#include "read/cgtree.h"

/*
 * A guest may have any number of cgroups: so many are looked at, and of these the largest
 * are shown.
 */
#define MAX_READ     1024
#define MAX_SIBLINGS 512
#define MAX_ROWS     256
#define MAX_CHILDREN 64

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

GET(cputime)
{
	if (NODE && NODE->cpu.usage_usec.kind == VAL_SET)
		*ret = (struct cell){ .kind = CELL_CENTI,
				      .n = NODE->cpu.usage_usec.n / 10000 };
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

const struct col usage_tree_cols[USAGE_TREE_COLS] = {
	{ "NAME", "name", "unit, slice or nested container", .shrink = true,
	  .get = get_name },
	{ "KIND", "kind", "slice, unit, docker, podman, cri, lxc, machine, attach, other",
	  .get = get_kind },
	{ "MEM", "mem", "memory.current, with page cache", .right = true,
	  .get = get_mem },
	{ "CACHE", "file", "page cache and tmpfs of it", .right = true, .minor = 2,
	  .get = get_cache },
	{ "ANON", "anon", "the programs' own memory of it", .right = true, .hidden = true,
	  .get = get_anon },
	{ "SWAP", "swap", "swap used", .right = true, .minor = 3, .get = get_swap },
	{ "CPU%", "cpu", "use of one CPU over --interval", .right = true,
	  .get = get_cpu },
	{ "TIME", NULL, "CPU time so far", .right = true, .get = get_time },
	{ "TASKS", "tasks", "processes and threads", .right = true, .minor = 1,
	  .get = get_tasks },
	{ "READ", "rbytes", "read, as PVE adds it up", .right = true, .hidden = true,
	  .get = get_read },
	{ "WRITTEN", "wbytes", "written, as PVE adds it up", .right = true,
	  .hidden = true, .get = get_written },
	{ "CGROUP", "cgroup", "name of the directory", .hidden = true,
	  .get = get_cgroup },
	{ "", "cputime", NULL, .json_only = true, .get = get_cputime },
	{ "", "more", NULL, .json_only = true, .get = get_more },
};

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
	size_t n = 0, taken = 0;

	for (size_t i = node + 1; i < t->n; i++)
		if (t->v[i].parent == node && is_shown(t, i))
			kids[n++] = (struct child){
				i,
				{ .n = &t->v[i], .parent = at, .cpu_ppm = cpu[i] },
			};
	qsort_r(kids, n, sizeof(*kids), cmp_children, (void *)(uintptr_t)sort);
	for (; taken < n && taken < MAX_CHILDREN && rows->n < MAX_ROWS; taken++) {
		nodes[rows->n] = kids[taken].node;
		rows->v[rows->n++] = kids[taken].row;
	}
	if (t->v[node].more + n > taken) {
		nodes[rows->n] = SIZE_MAX;
		rows->v[rows->n++] =
			(struct treerow){ .parent = at,
					  .more = t->v[node].more + n - taken };
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
static uint64_t measure(int dir, struct cgtree *t, uint64_t interval_usec,
			struct val *ret)
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
	return took;
}

/* One `usage --tree`. */
struct view {
	struct facts f;
	const struct ct *ct;
	struct cgtree t;
	struct val *cpu; /* by node of t: use of one CPU, in millionths */
	uint64_t interval_usec;
	struct treerows rows;
	uint64_t left_out; /* cgroups that have no row */
};

static void view_done(struct view *v)
{
	facts_done(&v->f);
	cgtree_done(&v->t);
	free(v->cpu);
	free(v->rows.v);
	*v = (struct view){ 0 };
}

static void count_left_out(struct view *v)
{
	uint64_t shown = 0, there = 0;

	for (size_t i = 0; i < v->rows.n; i++)
		shown += v->rows.v[i].n != NULL;
	for (size_t i = 0; i < v->t.n; i++)
		there += is_shown(&v->t, i);
	v->left_out = v->t.left_out + there - shown;
}

static int print_json(const struct app *app, const struct view *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.usage/1", v->f.node, v->f.time_real_usec, &w,
		   &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (v->interval_usec)
		jw_ratio(w, "interval", v->interval_usec, USEC_PER_SEC);
	jw_container(w, v->ct->vmid, v->ct->name);
	jw_str(w, "status", ct_state_name(v->ct->state));
	jw_int(w, "left_out", v->left_out);
	if (v->t.left_out_atleast)
		jw_bool(w, "left_out_atleast", true);
	jw_arr(w, "tree");
	for (size_t i = 0; i < v->rows.n; i++) {
		jw_obj(w, NULL);
		jw_int(w, "id", i);
		if (v->rows.v[i].parent != SIZE_MAX)
			jw_int(w, "parent", v->rows.v[i].parent);
		jw_cols(w, usage_tree_cols, USAGE_TREE_COLS, &v->rows.v[i]);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
	return app_json_end(app, w);
}

/* Columns of dashes need a reason. */
static void warn_of_gaps(const struct app *app, const struct view *v)
{
	struct controllers ctl = { 0 };
	const char *why;

	if (v->left_out)
		app_warn(app, "%s%ju cgroups of the container are not shown",
			 v->t.left_out_atleast ? "at least " : "",
			 (uintmax_t)v->left_out);
	if (v->t.v[0].memory.current_bytes.kind != VAL_ABSENT)
		return;
	controllers_read(app->rootfd, &ctl, NULL);
	why = controller_reason(ctl.memory);
	if (why)
		app_warn(app, "no memory figures: the memory controller is %s", why);
}

static int print_tree(struct app *app, const struct view *v)
{
	int r = app_table(app, usage_tree_cols, USAGE_TREE_COLS, v->rows.v, v->rows.n,
			  sizeof(*v->rows.v), parent_of);

	if (r == EXIT_FINE)
		warn_of_gaps(app, v);
	return r;
}

static int read_tree(const struct app *app, const struct usage_tree_opts *o,
		     struct view *v)
{
	static const struct cgtree_limits lim = { .nodes = MAX_READ,
						  .per_node = MAX_SIBLINGS };
	_cleanup_close_ int dir = -1;
	struct err err = { 0 };
	int r;

	r = cg_open(app->rootfd, v->ct->vmid, &dir, &err);
	if (r == 0)
		r = cgtree_list(dir, &lim, &v->t, &err);
	if (r == 0) {
		v->cpu = xcalloc(v->t.n, sizeof(*v->cpu));
		if (o->interval_usec && app->live)
			v->interval_usec = measure(dir, &v->t, o->interval_usec, v->cpu);
		r = cgtree_read_stats(dir, &v->t, &err);
	}
	if (r == -ENOENT || r == -ENODEV)
		return app_error(app, EXIT_BROKEN,
				 "container %u stopped while it was measured",
				 v->ct->vmid);
	return r < 0 ? app_error(app, EXIT_BROKEN, "container %u: %s", v->ct->vmid,
				 err.msg)
		     : EXIT_FINE;
}

int usage_tree(struct app *app, const char *ctid, const struct usage_tree_opts *o)
{
	_cleanup_(view_done) struct view v = { 0 };
	bool up;
	int r;

	r = app_facts_one(app, ctid, (struct facts_want){ 0 }, &v.f);
	if (r)
		return r;
	v.ct = &v.f.cts[0];
	up = ct_is_up(v.ct);
	if (up) {
		r = read_tree(app, o, &v);
		if (r)
			return r;
		make_rows(v.ct, &v.t, v.cpu,
			  colsort_find(usage_tree_cols, USAGE_TREE_COLS, o->sort),
			  &v.rows);
		count_left_out(&v);
	}
	if (app->json)
		return print_json(app, &v);
	if (!up)
		return app_error(app, EXIT_FINE, "container %u is %s: it uses nothing",
				 v.ct->vmid, ct_state_name(v.ct->state));
	return print_tree(app, &v);
}
