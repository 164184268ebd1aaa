/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/mounttree.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static bool same(struct tbytes a, struct tbytes b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

bool mounttree_below(struct tbytes path, struct tbytes dir)
{
	if (dir.n && dir.p[dir.n - 1] == '/')
		dir.n--;
	return path.n >= dir.n && (!dir.n || memcmp(path.p, dir.p, dir.n) == 0) &&
	       (path.n == dir.n || path.p[dir.n] == '/');
}

/* A slash before every other byte: what is below a directory follows it at once. */
static int path_cmp(struct tbytes a, struct tbytes b)
{
	uint32_t n = MIN(a.n, b.n), i = 0;

	while (n - i >= 64 && memcmp(a.p + i, b.p + i, 64) == 0)
		i += 64; /* long names of one long directory */
	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == n)
		return (a.n > b.n) - (a.n < b.n);
	if (a.p[i] == '/' || b.p[i] == '/')
		return a.p[i] == '/' ? -1 : 1;
	return a.p[i] < b.p[i] ? -1 : 1;
}

static int cmp_num(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int cmp_ids(const void *p, const void *q, void *arg)
{
	const struct mount *v = arg;
	size_t a = *(const size_t *)p, b = *(const size_t *)q;
	int r = cmp_num(v[a].id, v[b].id);

	return r ? r : cmp_num(a, b);
}

/* Those on one mount together, by path, in their order. */
static int cmp_places(const void *p, const void *q, void *arg)
{
	const struct mount *v = arg;
	size_t a = *(const size_t *)p, b = *(const size_t *)q;
	int r = cmp_num(v[a].parent_id, v[b].parent_id);

	if (!r)
		r = path_cmp(v[a].point, v[b].point);
	return r ? r : cmp_num(a, b);
}

static size_t *sorted(const struct mounts *m,
		      int (*cmp)(const void *, const void *, void *))
{
	size_t *v = xcalloc(m->n, sizeof(*v));

	for (size_t i = 0; i < m->n; i++)
		v[i] = i;
	if (m->n)
		qsort_r(v, m->n, sizeof(*v), cmp, m->v);
	return v;
}

static size_t find_id(const struct mounts *m, const size_t *ids, uint32_t id)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->v[ids[mid]].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && m->v[ids[lo]].id == id ? ids[lo] : MOUNTTREE_NONE;
}

/* What each is mounted on; the root, and what is mounted on itself, on none. */
static size_t *parents(const struct mounts *m)
{
	_cleanup_free_ size_t *ids = sorted(m, cmp_ids);
	size_t *up = xcalloc(m->n, sizeof(*up));

	for (size_t i = 0; i < m->n; i++) {
		up[i] = find_id(m, ids, m->v[i].parent_id);
		if (up[i] == i)
			up[i] = MOUNTTREE_NONE;
	}
	return up;
}

/*
 * Mounted on the very root of the process, where a path begins: it is not gone over to
 * (kernel: fs/namei.c, path_init()), only what a path comes to on its way is.
 */
static bool is_on_root(const struct mounts *m, const size_t *up, size_t i)
{
	return up[i] != MOUNTTREE_NONE && up[up[i]] == MOUNTTREE_NONE &&
	       m->v[i].point.n == 1 && same(m->v[i].point, m->v[up[i]].point);
}

/* Of those on one mount, each whose path another's is a part of, mounted later. */
static bool *covered(const struct mounts *m, const size_t *up)
{
	_cleanup_free_ size_t *order = sorted(m, cmp_places);
	bool *ret = xcalloc(m->n, sizeof(*ret));
	size_t top = MOUNTTREE_NONE;

	for (size_t k = 0; k < m->n; k++) {
		size_t i = order[k];
		bool beside;

		if (is_on_root(m, up, i)) {
			ret[i] = true;
			continue;
		}
		beside = top == MOUNTTREE_NONE ||
			 m->v[i].parent_id != m->v[top].parent_id ||
			 !mounttree_below(m->v[i].point, m->v[top].point);

		if (!beside && !same(m->v[i].point, m->v[top].point)) {
			ret[i] = true;
			continue;
		}
		if (!beside) /* the same place twice: the kernel keeps no such list */
			ret[top] = true;
		top = i;
	}
	return ret;
}

enum state { UNKNOWN, BUSY, REACHED, HIDDEN };

/* From each upwards until one is known, then the way back: each is passed once. */
static void reach(const struct mounts *m, const size_t *up, const bool *hidden,
		  uint8_t *state)
{
	_cleanup_free_ size_t *path = xcalloc(m->n, sizeof(*path));

	for (size_t i = 0; i < m->n; i++) {
		size_t n = 0, k = i;
		bool ok;

		while (k != MOUNTTREE_NONE && state[k] == UNKNOWN) {
			state[k] = BUSY;
			path[n++] = k;
			k = up[k];
		}
		ok = k == MOUNTTREE_NONE || state[k] == REACHED;
		while (n) {
			k = path[--n];
			ok = ok && !hidden[k];
			state[k] = ok ? REACHED : HIDDEN;
		}
	}
}

void mounttree_build(const struct mounts *m, struct mounttree *ret)
{
	_cleanup_free_ size_t *up = parents(m);
	_cleanup_free_ bool *hidden = covered(m, up);
	_cleanup_free_ uint8_t *state = xcalloc(m->n, 1);
	struct mounttree t = { .m = m, .seen = xcalloc(m->n, sizeof(*t.seen)) };

	reach(m, up, hidden, state);
	for (size_t i = 0; i < m->n; i++)
		t.seen[i] = state[i] == REACHED;
	for (size_t i = 0; i < m->n; i++)
		if (up[i] != MOUNTTREE_NONE && !hidden[i] &&
		    same(m->v[i].point, m->v[up[i]].point))
			t.seen[up[i]] = false; /* it lies on its very root */
	*ret = t;
}

void mounttree_done(struct mounttree *t)
{
	free(t->seen);
	*t = (struct mounttree){ 0 };
}

bool mounttree_seen(const struct mounttree *t, size_t i)
{
	return t->seen[i];
}

size_t mounttree_at(const struct mounttree *t, struct tbytes path)
{
	for (size_t i = t->m->n; i-- > 0;)
		if (t->seen[i] && same(t->m->v[i].point, path))
			return i;
	return MOUNTTREE_NONE;
}

size_t mounttree_on(const struct mounttree *t, struct tbytes path)
{
	size_t best = MOUNTTREE_NONE;

	for (size_t i = 0; i < t->m->n; i++)
		if (t->seen[i] && mounttree_below(path, t->m->v[i].point) &&
		    (best == MOUNTTREE_NONE ||
		     t->m->v[i].point.n >= t->m->v[best].point.n))
			best = i;
	return best;
}

size_t mounttree_bottom(const struct mounttree *t, struct tbytes path)
{
	for (size_t i = 0; i < t->m->n; i++)
		if (same(t->m->v[i].point, path))
			return i;
	return MOUNTTREE_NONE;
}
