/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/confjson.h"

#include "base/str.h"

static struct tbytes text(const char *p, uint32_t n)
{
	return (struct tbytes){ (const uint8_t *)p, n };
}

static void put_item(struct jw *w, const struct pveconf_item *i)
{
	if (i->kind == PVECONF_TEXT)
		jw_text(w, i->key, text(i->value, i->value_n));
	else if (i->big)
		jw_digits(w, i->key, i->value);
	else
		jw_int(w, i->key, i->number);
}

static void put_lxc(struct jw *w, const struct pveconf_section *s)
{
	if (!s->n_lxc)
		return;
	jw_arr(w, "lxc");
	for (size_t i = 0; i < s->n_lxc; i++) {
		uint32_t n;
		_cleanup_free_ char *value = pveconf_lxc_text(&s->lxc[i], &n);

		jw_arr(w, NULL);
		jw_str(w, NULL, s->lxc[i].key);
		jw_text(w, NULL, text(value, n));
		jw_end(w);
	}
	jw_end(w);
}

static void put_section(struct jw *w, const struct pveconf_section *s)
{
	for (size_t i = 0; i < s->n_items; i++)
		put_item(w, &s->items[i]);
	if (s->description)
		jw_text(w, "description", text(s->description, s->description_n));
	put_lxc(w, s);
}

void confjson_section(struct jw *w, const char *key, const struct pveconf_section *s)
{
	jw_obj(w, key);
	put_section(w, s);
	jw_end(w);
}

/* A key of that name in the file takes the place of PVE's own field. */
static bool has_key(const struct pveconf *c, const char *key)
{
	return pveconf_item(&c->main, key) != NULL;
}

void confjson_config(struct jw *w, const char *key, const struct pveconf *c)
{
	jw_obj(w, key);
	put_section(w, &c->main);
	if (!has_key(c, "digest"))
		jw_str(w, "digest", c->digest);
	if (c->has_pending || !has_key(c, "pending"))
		confjson_section(w, "pending", &c->pending);
	if (!has_key(c, "snapshots")) {
		jw_obj(w, "snapshots");
		for (size_t i = 0; i < c->n_snapshots; i++)
			confjson_section(w, c->snapshots[i].name, &c->snapshots[i]);
		jw_end(w);
	}
	jw_end(w);
}

static void put_props(struct jw *w, const struct pve_props *p, const char *but)
{
	for (size_t i = 0; i < p->n; i++) {
		if (str_eq(p->v[i].key, but))
			continue;
		if (p->v[i].is_bool)
			jw_int(w, p->v[i].key, p->v[i].on);
		else
			jw_str(w, p->v[i].key, p->v[i].value);
	}
}

void confjson_props(struct jw *w, const char *key, const struct pve_props *p)
{
	jw_obj(w, key);
	put_props(w, p, NULL);
	jw_end(w);
}

/* The numbers as they are written. */
static void put_idmap(struct jw *w, const struct pve_mp *m)
{
	const char *t = NULL;
	struct span s, part, f;

	for (size_t i = 0; i < m->props.n; i++)
		if (str_eq(m->props.v[i].key, "idmap"))
			t = m->props.v[i].value;
	if (!t || m->idmap_passthrough)
		return;
	s = span_str(t);
	jw_arr(w, "idmap");
	while (span_cut(&s, ';', &part)) {
		jw_arr(w, NULL);
		while (span_cut(&part, ':', &f))
			jw_text(w, NULL, span_tbytes(f));
		jw_end(w);
	}
	jw_end(w);
}

void confjson_mp(struct jw *w, const char *key, const struct pve_mp *m)
{
	jw_obj(w, key);
	put_props(w, &m->props, m->idmap_passthrough ? NULL : "idmap");
	put_idmap(w, m);
	jw_val(w, "size", m->size_bytes);
	jw_str(w, "type", pve_mp_type_name(m->type));
	jw_str(w, "mp", m->mp);
	jw_end(w);
}
