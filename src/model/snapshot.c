/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot.h"

#include "base/str.h"
#include "pveconf.h"

/* The snapshots by index of the config, the present state behind them. */
struct nodes {
	struct snapshot *v;
	size_t n;
	size_t *order;       /* by parent, then as siblings are printed */
	size_t *first, *num; /* of a node's children in `order`; [n] are the roots */
};

static void nodes_done(struct nodes *t)
{
	free(t->v);
	free(t->order);
	free(t->first);
	free(t->num);
}

static size_t index_of(const struct pveconf *c, const char *name)
{
	const struct pveconf_section *s = name ? pveconf_snapshot(c, name) : NULL;

	return s ? (size_t)(s - c->snapshots) : SNAPSHOT_NONE;
}

static void take(const struct pveconf *c, const struct pveconf_section *s, bool current,
		 struct snapshot *ret)
{
	const char *parent = pveconf_str(s, "parent");

	*ret = (struct snapshot){
		.name = current ? "current" : s->name,
		.is_current = current,
		.section = s,
		.parent = index_of(c, parent),
		.parent_name = parent,
		.vzdump = !current && str_eq(s->name, "vzdump"),
		.state = current ? NULL : pveconf_str(s, "snapstate"),
		.time_sec = current ? (struct val){ 0 } : pveconf_u64(s, "snaptime"),
	};
	ret->orphan = parent && ret->parent == SNAPSHOT_NONE;
	if (s->description && !current)
		ret->description = (struct tbytes){ (const uint8_t *)s->description,
						    s->description_n };
}

static int cmp_siblings(const struct snapshot *a, const struct snapshot *b)
{
	uint64_t x = val_or(a->time_sec, 0), y = val_or(b->time_sec, 0);

	if (a->is_current != b->is_current)
		return a->is_current - b->is_current;
	if (x != y)
		return x > y ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* Every way up that comes back to itself is cut at its oldest member. */
static void cut_cycle(struct nodes *t, size_t member)
{
	size_t oldest = member, i = member;

	do {
		t->v[i].cycle = true;
		if (cmp_siblings(&t->v[i], &t->v[oldest]) < 0)
			oldest = i;
		i = t->v[i].parent;
	} while (i != member);
	t->v[oldest].parent = SNAPSHOT_NONE;
}

/* Each node is walked once: `walk` is the number of the walk that met it first. */
static void cut_cycles(struct nodes *t)
{
	_cleanup_free_ size_t *walk = xcalloc(t->n, sizeof(*walk));

	for (size_t i = 0; i < t->n; i++) {
		size_t at = i;

		while (at != SNAPSHOT_NONE && !walk[at]) {
			walk[at] = i + 1;
			at = t->v[at].parent;
		}
		if (at != SNAPSHOT_NONE && walk[at] == i + 1)
			cut_cycle(t, at);
	}
}

static int cmp_order(const void *a, const void *b, void *nodes)
{
	const struct nodes *t = nodes;
	const struct snapshot *x = &t->v[*(const size_t *)a],
			      *y = &t->v[*(const size_t *)b];

	if (x->parent != y->parent)
		return x->parent > y->parent ? 1 : -1;
	return cmp_siblings(x, y);
}

/* Children of one node are neighbours in `order`; the roots are those of node n. */
static void sort_children(struct nodes *t)
{
	t->order = xcalloc(t->n, sizeof(*t->order));
	t->first = xcalloc(t->n + 1, sizeof(*t->first));
	t->num = xcalloc(t->n + 1, sizeof(*t->num));
	for (size_t i = 0; i < t->n; i++)
		t->order[i] = i;
	qsort_r(t->order, t->n, sizeof(*t->order), cmp_order, t);
	for (size_t i = 0; i < t->n; i++) {
		size_t parent = t->v[t->order[i]].parent;

		if (parent == SNAPSHOT_NONE)
			parent = t->n;
		if (!t->num[parent]++)
			t->first[parent] = i;
	}
}

struct open_node {
	size_t node; /* whose children are being printed, t->n: the roots */
	size_t next; /* the next of them */
	size_t at;   /* where the node itself is in the result */
};

/* Depth first with a stack of our own: a chain of snapshots may be thousands deep. */
static void lay_out(const struct nodes *t, struct snapshot_tree *ret)
{
	_cleanup_free_ struct open_node *stack = xcalloc(t->n + 1, sizeof(*stack));
	size_t depth = 0;

	stack[0] = (struct open_node){ t->n, 0, SNAPSHOT_NONE };
	for (;;) {
		struct open_node *top = &stack[depth];
		size_t child;

		if (top->next == t->num[top->node]) {
			if (!depth)
				break;
			depth--;
			continue;
		}
		child = t->order[t->first[top->node] + top->next++];
		ret->v[ret->n] = t->v[child];
		ret->v[ret->n].parent = top->at;
		ret->v[ret->n].depth = depth;
		stack[++depth] = (struct open_node){ child, 0, ret->n++ };
	}
}

static void count_below(struct snapshot_tree *t)
{
	for (size_t i = t->n; i-- > 0;) {
		struct snapshot *s = &t->v[i];

		if (s->parent != SNAPSHOT_NONE)
			t->v[s->parent].n_below += s->n_below + !s->is_current;
	}
}

void snapshot_tree_build(const struct pveconf *c, struct snapshot_tree *ret)
{
	_cleanup_(nodes_done) struct nodes t = { .n = c->n_snapshots + 1 };
	struct snapshot_tree tree = { .v = xcalloc(t.n, sizeof(*tree.v)) };

	t.v = xcalloc(t.n, sizeof(*t.v));
	for (size_t i = 0; i < c->n_snapshots; i++)
		take(c, &c->snapshots[i], false, &t.v[i]);
	take(c, &c->main, true, &t.v[t.n - 1]);
	cut_cycles(&t);
	sort_children(&t);
	lay_out(&t, &tree);
	count_below(&tree);
	*ret = tree;
}

void snapshot_tree_done(struct snapshot_tree *t)
{
	free(t->v);
	*t = (struct snapshot_tree){ 0 };
}
