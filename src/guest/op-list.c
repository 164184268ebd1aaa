/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "guest/op.h"
#include "read/guestwire.h"

#define CHUNK ((size_t)32 << 10)

static void prepare(const struct guest_root *g, struct work *w)
{
	(void)work_open_kind(g, w, S_IFDIR);
}

struct listing {
	struct work *w;
	size_t max, cap;
	size_t seen; /* names of any kind */
	bool full;
};

/*
 * Names are copied one behind the other and found again by their length at the end, as
 * the buffer may move until then.
 */
static void add(struct listing *l, struct span name)
{
	struct work *w = l->w;
	struct guestread_answer *a = &w->a;
	struct guestread_entry e = { .name = { .n = (uint32_t)name.n } };
	bool mounted = false;

	if (a->n_entries >= l->max || w->data.n + name.n + 1 > w->room) {
		l->full = true;
		return;
	}
	/* of what is mounted on it, it would be the other's */
	if (guest_stat(w->fd, name.p, &e.st, &mounted) < 0 || mounted)
		e.st = (struct guestread_stat){ 0 };
	buf_add(&w->data, name.p, name.n);
	GROW(a->entries, a->n_entries, l->cap);
	a->entries[a->n_entries++] = e;
}

static void look_at(struct listing *l, const struct dirent64 *d)
{
	struct span name = span_str(d->d_name);
	const char *pattern = l->w->item->pattern;

	if (span_eq(name, ".") || span_eq(name, ".."))
		return;
	if (++l->seen > GUESTREAD_MAX_NAMES)
		l->full = true;
	else if (!pattern || guestwire_match(pattern, name))
		add(l, name);
}

static int list(struct listing *l)
{
	_cleanup_free_ char *buf = xmalloc(CHUNK);

	while (!l->full) {
		ssize_t n = getdents64(l->w->fd, buf, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t at = 0; at < n && !l->full;) {
			const struct dirent64 *d = (const void *)(buf + at);

			look_at(l, d);
			at += d->d_reclen;
		}
		l->full |= clock_mono_usec() >= l->w->until_mono_usec;
	}
	return 0;
}

static void answer(struct work *w)
{
	struct listing l = {
		.w = w,
		.max = w->item->max_entries ? w->item->max_entries
					    : GUESTREAD_MAX_ENTRIES,
	};
	const char *at;
	int r = list(&l);

	if (r < 0) {
		work_fail(w, r);
		return;
	}
	at = buf_str(&w->data);
	for (size_t i = 0; i < w->a.n_entries; i++) {
		w->a.entries[i].name.p = (const uint8_t *)at;
		at += w->a.entries[i].name.n;
	}
	w->a.truncated = l.full;
}

const struct op op_list = { prepare, answer };
