/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/topunits.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "read/cgroup.h"
#include "read/cgtree.h"
#include "read/controllers.h"
#include "rule/toprow.h"

#define MAX_NODES    1024
#define MAX_SIBLINGS 512

struct topunits {
	const struct app *app;
	uint32_t vmid;
	struct cgtree now, before;
	uint64_t now_mono_usec, before_mono_usec;
	struct topunit *v; /* by the nodes of now */
	struct topunit *out;
	char **labels;
	size_t n_labels;
	size_t n;
	char *note;
};

struct topunits *topunits_new(const struct app *app)
{
	struct topunits *u = xcalloc(1, sizeof(*u));

	u->app = app;
	return u;
}

static void results_done(struct topunits *u)
{
	for (size_t i = 0; u->labels && i < u->n_labels; i++)
		free(u->labels[i]);
	free(u->labels);
	free(u->v);
	free(u->out);
	free(u->note);
	u->labels = NULL;
	u->v = u->out = NULL;
	u->note = NULL;
	u->n = u->n_labels = 0;
}

void topunits_free(struct topunits *u)
{
	if (!u)
		return;
	results_done(u);
	cgtree_done(&u->now);
	cgtree_done(&u->before);
	free(u);
}

/* ---- the same cgroup in two trees ---- */

/*
 * Each node's number in the tree before, SIZE_MAX: it is new. Parents come before their
 * children in both, so a child is looked for among its parent's children only.
 */
static size_t *match(const struct cgtree *now, const struct cgtree *before)
{
	size_t *of = xcalloc(now->n, sizeof(*of));

	for (size_t i = 0; i < now->n; i++) {
		const struct cgnode *n = &now->v[i];

		of[i] = SIZE_MAX;
		if (n->parent == SIZE_MAX) {
			of[i] = before->n ? 0 : SIZE_MAX;
			continue;
		}
		if (of[n->parent] == SIZE_MAX)
			continue;
		/* mostly nothing has changed, and it is where it was */
		for (size_t k = 0; k < before->n; k++) {
			size_t at = (i + k) % before->n;

			if (before->v[at].parent == of[n->parent] && before->v[at].name &&
			    str_eq(before->v[at].name, n->name)) {
				of[i] = at;
				break;
			}
		}
	}
	return of;
}

static void fill_unit(struct topunits *u, size_t i, const struct cgnode *was)
{
	const struct cgnode *n = &u->now.v[i];
	uint64_t usec = u->now_mono_usec - u->before_mono_usec;
	struct topunit *t = &u->v[i];

	if (n->name && cgkind_is_container(n->kind) && n->label.p)
		u->labels[i] = xstrndup((const char *)n->label.p, n->label.n);
	*t = (struct topunit){
		.depth = n->depth,
		.name = u->labels[i] ? u->labels[i] : n->name,
		.kind = n->kind == CGK_ROOT ? NULL : cgkind_name(n->kind),
		.mem_bytes = n->memory.current_bytes,
		.pids = n->pids.current,
	};
	if (!was || was->gone)
		return;
	t->cores_ppm = topunit_rate(was->cpu.usage_usec, n->cpu.usage_usec, usec);
	t->read_bps = topunit_rate(was->rbytes, n->rbytes, usec);
	t->write_bps = topunit_rate(was->wbytes, n->wbytes, usec);
}

/* ---- order: a parent, then its children, the largest first ---- */

static uint64_t weight(const struct topunit *t, enum topsort sort)
{
	switch (sort) {
	case TOPSORT_MEM:
	case TOPSORT_SWAP:
		return val_or(t->mem_bytes, 0);
	case TOPSORT_IO:
		return val_or(t->read_bps, 0) + val_or(t->write_bps, 0);
	case TOPSORT_PIDS:
		return val_or(t->pids, 0);
	default:
		return val_or(t->cores_ppm, 0);
	}
}

struct place {
	size_t node;
	uint64_t weight, memory;
};

static int cmp_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	if (x->memory != y->memory)
		return x->memory < y->memory ? 1 : -1;
	return (x->node > y->node) - (x->node < y->node);
}

/* The largest are put on the stack last, so that they come off it first. */
static void order(struct topunits *u, enum topsort sort)
{
	const struct cgtree *t = &u->now;
	_cleanup_free_ struct place *all = xcalloc(t->n, sizeof(*all));
	_cleanup_free_ size_t *stack = xcalloc(t->n + 1, sizeof(*stack));
	size_t depth = 0;

	for (size_t i = 0; i < t->n; i++)
		all[i] = (struct place){ i, weight(&u->v[i], sort),
					 val_or(u->v[i].mem_bytes, 0) };
	qsort(all, t->n, sizeof(*all), cmp_place);
	stack[depth++] = 0;
	while (depth) {
		size_t at = stack[--depth];

		if (!t->v[at].gone || at == 0)
			u->out[u->n++] = u->v[at];
		for (size_t i = t->n; i-- > 0;)
			if (t->v[all[i].node].parent == at)
				stack[depth++] = all[i].node;
	}
}

/* ---- reading ---- */

static int read_tree(struct topunits *u, uint32_t vmid, struct err *err)
{
	static const struct cgtree_limits lim = { .nodes = MAX_NODES,
						  .per_node = MAX_SIBLINGS };
	_cleanup_close_ int dir = -1;
	struct cgtree t = { 0 };
	int r = cg_open(u->app->rootfd, vmid, &dir, err);

	if (r == 0)
		r = cgtree_list(dir, &lim, &t, err);
	if (r < 0)
		return r;
	cgtree_done(&u->before);
	u->before = u->now;
	u->before_mono_usec = u->now_mono_usec;
	u->now = t;
	u->now_mono_usec = clock_mono_usec();
	return cgtree_read_stats(dir, &u->now, err);
}

static void explain(struct topunits *u)
{
	struct controllers ctl = { 0 };
	const char *why;

	if (u->now.left_out) {
		u->note = xasprintf("%s%ju more cgroups are not shown",
				    u->now.left_out_atleast ? "at least " : "",
				    (uintmax_t)u->now.left_out);
		return;
	}
	if (u->now.v[0].memory.current_bytes.kind != VAL_ABSENT)
		return;
	controllers_read(u->app->rootfd, &ctl, NULL);
	why = controller_reason(ctl.memory);
	if (why)
		u->note =
			xasprintf("no memory figures: the memory controller is %s", why);
}

void topunits_read(struct topunits *u, const struct topnav *nav,
		   const struct topunit **ret, size_t *ret_n, const char **ret_note)
{
	struct err err = { 0 };
	int r;

	results_done(u);
	if (u->vmid != nav->unit) {
		cgtree_done(&u->now);
		cgtree_done(&u->before);
		u->vmid = nav->unit;
	}
	r = read_tree(u, nav->unit, &err);
	if (r == -ENOENT || r == -ENODEV) {
		u->note = xstrdup("it does not run (any more)");
	} else if (r < 0) {
		u->note = xstrdup(err.msg);
	} else {
		_cleanup_free_ size_t *of = match(&u->now, &u->before);
		size_t n = u->now.n;

		u->v = xcalloc(n, sizeof(*u->v));
		u->out = xcalloc(n, sizeof(*u->out));
		u->labels = xcalloc(n, sizeof(*u->labels));
		u->n_labels = n;
		for (size_t i = 0; i < n; i++)
			fill_unit(u, i, of[i] == SIZE_MAX ? NULL : &u->before.v[of[i]]);
		order(u, nav->sort);
		explain(u);
	}
	*ret = u->out;
	*ret_n = u->n;
	*ret_note = u->note;
}
