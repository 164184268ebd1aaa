/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/blockname.h"

#include <string.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"

#define MAX_NAMES 4096

char *blockname_attr(int rootfd, const char *dir, const char *file)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);
	char text[4096];
	struct span s;
	size_t n;

	if (fs_read_small(rootfd, path, text, sizeof(text), &n, NULL) < 0)
		return NULL;
	s = span_trim(span_of(text, n));
	return s.n ? span_dup(s) : NULL;
}

/* "loop12": the prefix and a number, so no partition of it. */
static bool is_whole(const char *name, const char *prefix, const char **ret_number)
{
	const char *number = name + strlen(prefix);

	if (!str_starts(name, prefix) || !*number || number[strspn(number, "0123456789")])
		return false;
	*ret_number = number;
	return true;
}

/* An image without a snapshot has "-" for one. */
static void read_rbd(int rootfd, const char *number, struct blockname *b)
{
	_cleanup_free_ char *dir = xasprintf("sys/bus/rbd/devices/%s", number);

	b->pool = blockname_attr(rootfd, dir, "pool");
	b->ns = blockname_attr(rootfd, dir, "pool_ns");
	b->image = blockname_attr(rootfd, dir, "name");
	b->snap = blockname_attr(rootfd, dir, "current_snap");
	if (b->snap && str_eq(b->snap, "-"))
		free(take_ptr(b->snap));
}

void blockname_read(int rootfd, uint32_t major, uint32_t minor, struct blockname *ret)
{
	_cleanup_free_ char *dir = xasprintf("sys/dev/block/%u:%u", major, minor);
	struct blockname b = { .major = major, .minor = minor };
	_cleanup_free_ char *link = NULL;
	const char *base, *number;

	if (fs_readlink(rootfd, dir, &link, NULL) == 0) {
		base = strrchr(link, '/');
		b.name = xstrdup(base ? base + 1 : link);
		if (is_whole(b.name, "loop", &number))
			b.file = blockname_attr(rootfd, dir, "loop/backing_file");
		else if (is_whole(b.name, "rbd", &number))
			read_rbd(rootfd, number, &b);
	}
	*ret = b;
}

void blocknames_add(int rootfd, uint32_t major, uint32_t minor, struct blocknames *l)
{
	size_t at = l->n;

	while (at && (l->v[at - 1].major > major ||
		      (l->v[at - 1].major == major && l->v[at - 1].minor >= minor)))
		at--;
	if (l->n == MAX_NAMES || blocknames_find(l, major, minor))
		return;
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof(*l->v));
	blockname_read(rootfd, major, minor, &l->v[at]);
	l->n++;
}
