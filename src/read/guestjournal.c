/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestjournal.h"

struct head {
	uint32_t files, broken, unread, unread_why;
};

struct wire_entry {
	uint64_t id, real_usec, mono_usec;
	uint8_t boot_id[16];
	uint32_t priority, pid;
	uint32_t cut, unit_n, identifier_n, message_n;
};

_Static_assert(sizeof(struct head) == GUESTJOURNAL_HEAD, "the head's bytes");
_Static_assert(sizeof(struct wire_entry) <= 128, "the fixed part of an entry");

void guestjournal_put_head(struct buf *b, const struct guestjournal *g)
{
	struct head h = { .files = g->files,
			  .broken = g->broken,
			  .unread = g->unread,
			  .unread_why = g->unread_why };

	buf_add(b, &h, sizeof(h));
}

size_t guestjournal_size(const struct guestjournal_entry *e)
{
	return sizeof(struct wire_entry) + e->unit.n + e->identifier.n + e->message.n;
}

void guestjournal_put(struct buf *b, const struct guestjournal_entry *e)
{
	struct wire_entry w;

	memset(&w, 0, sizeof(w));
	w.id = e->id;
	w.real_usec = e->real_usec;
	w.mono_usec = e->mono_usec;
	memcpy(w.boot_id, e->boot_id, sizeof(w.boot_id));
	w.priority = e->priority;
	w.pid = e->pid;
	w.cut = e->cut;
	w.unit_n = e->unit.n;
	w.identifier_n = e->identifier.n;
	w.message_n = e->message.n;
	buf_add(b, &w, sizeof(w));
	buf_add(b, e->unit.p, e->unit.n);
	buf_add(b, e->identifier.p, e->identifier.n);
	buf_add(b, e->message.p, e->message.n);
}

static bool take_text(struct span *s, size_t n, size_t max, struct tbytes *ret)
{
	if (n > max || n > s->n)
		return false;
	*ret = span_tbytes(span_of(s->p, n));
	*s = span_of(s->p + n, s->n - n);
	return true;
}

static bool take_entry(struct span *s, struct guestjournal_entry *ret)
{
	struct guestjournal_entry e = { 0 };
	struct wire_entry w;

	if (s->n < sizeof(w))
		return false;
	memcpy(&w, s->p, sizeof(w));
	*s = span_of(s->p + sizeof(w), s->n - sizeof(w));
	if (w.priority > 8 || w.cut > 1 ||
	    !take_text(s, w.unit_n, GUESTJOURNAL_MAX_NAME, &e.unit) ||
	    !take_text(s, w.identifier_n, GUESTJOURNAL_MAX_NAME, &e.identifier) ||
	    !take_text(s, w.message_n, GUESTJOURNAL_MAX_TEXT, &e.message))
		return false;
	e.id = w.id;
	e.real_usec = w.real_usec;
	e.mono_usec = w.mono_usec;
	memcpy(e.boot_id, w.boot_id, sizeof(e.boot_id));
	e.priority = w.priority;
	e.pid = w.pid;
	e.cut = w.cut;
	*ret = e;
	return true;
}

int guestjournal_parse(struct tbytes data, struct guestjournal *ret, struct err *err)
{
	struct span s = span_of((const char *)data.p, data.n);
	struct guestjournal g = { 0 };
	struct head h;
	size_t cap = 0;

	if (s.n < sizeof(h))
		return err_set(err, -EBADMSG, "guest-read: its journal is broken");
	memcpy(&h, s.p, sizeof(h));
	if (h.unread_why >= GUESTREAD_N_WHYS)
		return err_set(err, -EBADMSG, "guest-read: its journal is broken");
	s = span_of(s.p + sizeof(h), s.n - sizeof(h));
	g.files = h.files;
	g.broken = h.broken;
	g.unread = h.unread;
	g.unread_why = (enum guestread_why)h.unread_why;
	while (s.n) {
		GROW(g.v, g.n, cap);
		if (g.n >= GUESTREAD_MAX_ENTRIES || !take_entry(&s, &g.v[g.n])) {
			guestjournal_done(&g);
			return err_set(err, -EBADMSG,
				       "guest-read: its journal is broken");
		}
		g.n++;
	}
	*ret = g;
	return 0;
}

void guestjournal_done(struct guestjournal *g)
{
	free(g->v);
	*g = (struct guestjournal){ 0 };
}
