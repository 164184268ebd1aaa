/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestgrow.h"

#define LIST_EVERY 2 /* polls */

static struct guestread_item next_item(const struct guestfile *f, bool rotated,
				       bool cross)
{
	return (struct guestread_item){
		.op = GUESTREAD_FILE,
		.path = rotated ? f->rotated : f->path,
		.cursor = f->cursor,
		.max_bytes = GUESTFILES_SOME,
		.newest = true,
		.cross = cross,
	};
}

/*
 * What was written to the old file before it was renamed, if that is what became of it;
 * else it was cut or exchanged, and there is nothing more of it.
 */
static void read_rotated(struct guestfiles *g, const struct guestread_target *target,
			 struct guestfile *f, struct loglines *ret)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	struct guestread_item item = next_item(f, true, guestask_crosses(target));

	if (f->rotated && f->cursor.ino &&
	    guestask_items(g->ask, target, &item, 1, GUESTFILES_MSEC, &a, NULL) == 0 &&
	    a.n && !a.v[0].why && !a.v[0].reset) {
		guestfile_take(f, &a.v[0], true, ret);
		/* where nothing came it is where it was */
		f->old = a.v[0].next.ino ? a.v[0].next : f->cursor;
	}
	f->part.n = 0;
	f->text.last_real_usec = 0;
}

/* A file that is new may have the number of one that was removed: it is shorter then. */
static bool is_of(const struct guestread_cursor *c, const struct guestread_answer *a)
{
	return c->offset && c->ino == a->st.ino && c->dev == a->st.dev &&
	       c->offset <= a->st.size_bytes;
}

/* Was it read by another name? Then it goes on from there, and that one no more. */
static bool was_renamed(struct guestfiles *g, struct guestfile *f,
			struct guestread_answer *a)
{
	for (size_t i = 0; i < g->n; i++) {
		struct guestfile *o = &g->v[i];
		bool now = is_of(&o->cursor, a);

		if (o == f || o->before || (!now && !is_of(&o->old, a)))
			continue;
		f->cursor = now ? o->cursor : o->old;
		f->text.last_real_usec = 0;
		f->part.n = 0;
		if (now) {
			buf_add(&f->part, o->part.p, o->part.n);
			o->part.n = 0;
			o->cursor = (struct guestread_cursor){ 0 };
			o->absent = true;
		} else {
			o->old = (struct guestread_cursor){ 0 };
		}
		return true;
	}
	return false;
}

static void take_more(struct guestfiles *g, const struct guestread_target *target,
		      struct guestfile *f, struct guestread_answer *a,
		      struct loglines *ret, struct guestlog_said *said)
{
	if (a->why) {
		f->absent |= a->why == GUESTREAD_ABSENT;
		/* its turn comes with the next poll */
		if (a->why != GUESTREAD_ABSENT && a->why != GUESTREAD_LATE)
			guestfile_say(f, a, said);
		return;
	}
	/* the first reading did not come to it: what is there is not new */
	if (!f->cursor.ino && !f->absent) {
		f->cursor = a->next;
		return;
	}
	if (a->reset)
		read_rotated(g, target, f, ret);
	if ((a->reset || !f->cursor.ino) && was_renamed(g, f, a))
		return;
	if (a->skipped_bytes) {
		guestfile_cut_first_line(&a->data);
		f->part.n = 0;
		guestask_say(said, &f->told,
			     xasprintf("%s: grows too fast, lines of it are left out",
				       f->path));
	}
	if (a->next.ino)
		f->cursor = a->next;
	if (a->data.n)
		guestfile_take(f, a, false, ret);
}

void guestgrow_poll(struct guestfiles *g, const struct guestread_target *target,
		    const struct log_want *want, struct loglines *ret,
		    struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_free_ struct guestread_item *items = NULL;
	_cleanup_free_ size_t *which = NULL;
	struct err err = { 0 };
	size_t n = 0, start = ret->n;
	unsigned poll = g->polls++;
	int r;

	g->polling = true;
	if (poll % LIST_EVERY == 0)
		guestfiles_list(g, target, said);
	items = xcalloc(g->n + 1, sizeof(*items));
	which = xcalloc(g->n + 1, sizeof(*which));
	/* one after the other is the first: what grows too fast leaves no room behind it */
	for (size_t k = 0; k < g->n; k++) {
		size_t i = (k + poll) % g->n;

		if (!g->v[i].before && !guestfiles_is_other(g, &g->v[i]) &&
		    !guestask_is_away(g->ask, target, g->v[i].path, said)) {
			which[n] = i;
			items[n++] = next_item(&g->v[i], false, guestask_crosses(target));
		}
	}
	if (!n || said->gone)
		return;
	r = guestask_items(g->ask, target, items, n, GUESTFILES_MSEC, &a, &err);
	if (r < 0 && !guestask_may_pass(&g->late, r))
		guestask_say_failed(target, said, &g->told, "files inside", r, &err);
	if (r == 0)
		g->late = 0;
	for (size_t i = 0; i < n && i < a.n; i++)
		take_more(g, target, &g->v[which[i]], &a.v[i], ret, said);
	log_keep_wanted(ret, start, want);
}
