/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configview.h"
#include "out/confjson.h"
#include "read/pveprop.h"

static struct tbytes text(const char *p, uint32_t n)
{
	return (struct tbytes){ (const uint8_t *)p, n };
}

static void put_warnings(struct jw *w, const struct config_view *v)
{
	jw_arr(w, "warnings");
	for (size_t i = 0; i < v->conf->n_warnings; i++)
		if (config_shows_warning(v, &v->conf->warnings[i]))
			jw_text(w, NULL,
				text(v->conf->warnings[i].text,
				     v->conf->warnings[i].text_n));
	jw_end(w);
	jw_arr(w, "warning_lines");
	for (size_t i = 0; i < v->conf->n_warnings; i++) {
		const struct pveconf_warning *x = &v->conf->warnings[i];

		if (!config_shows_warning(v, x))
			continue;
		jw_obj(w, NULL);
		jw_int(w, "line", x->line);
		jw_str(w, "key", x->key);
		jw_bool(w, "dropped", x->dropped);
		jw_end(w);
	}
	jw_end(w);
}

static void put_value(struct jw *w, const char *key, const struct pveconf_item *i)
{
	if (!i)
		return;
	if (i->kind == PVECONF_TEXT)
		jw_text(w, key, text(i->value, i->value_n));
	else if (i->big)
		jw_digits(w, key, i->value);
	else
		jw_int(w, key, i->number);
}

static void put_description(struct jw *w, const char *key,
			    const struct pveconf_section *s)
{
	if (s->description)
		jw_text(w, key, text(s->description, s->description_n));
}

/* As GET .../pending: `value` is in force, `pending` waits, `delete` 1, or 2 by force. */
static void put_pending(struct jw *w, const struct config_view *v)
{
	jw_arr(w, "pending");
	for (size_t i = 0; i < v->pending.n; i++) {
		const struct pending_change *c = &v->pending.v[i];

		jw_obj(w, NULL);
		jw_str(w, "key", c->key);
		if (c->description) {
			put_description(w, "value", &v->conf->main);
			put_description(w, "pending", &v->conf->pending);
		}
		put_value(w, "value", c->from);
		put_value(w, "pending", c->to);
		if (c->is_delete)
			jw_int(w, "delete", c->force ? 2 : 1);
		jw_end(w);
	}
	jw_end(w);
}

static void put_property(struct jw *w, const struct pveconf_item *i)
{
	struct span s = span_of(i->value, i->value_n);
	_cleanup_(pve_net_done) struct pve_net net = { 0 };
	_cleanup_(pve_mp_done) struct pve_mp mp = { 0 };
	_cleanup_(pve_dev_done) struct pve_dev dev = { 0 };
	_cleanup_(pve_features_done) struct pve_features f = { 0 };
	uint32_t n;

	if (!i->valid)
		return;
	if (pveconf_numbered(i->key, "net", &n) && pve_net_parse(s, &net, NULL) == 0)
		confjson_props(w, i->key, &net.props);
	else if (str_eq(i->key, "rootfs") && pve_rootfs_parse(s, &mp, NULL) == 0)
		confjson_mp(w, i->key, &mp);
	else if (pveconf_numbered(i->key, "mp", &n) && pve_mp_parse(s, &mp, NULL) == 0)
		confjson_mp(w, i->key, &mp);
	else if (pveconf_numbered(i->key, "dev", &n) && pve_dev_parse(s, &dev, NULL) == 0)
		confjson_props(w, i->key, &dev.props);
	else if (str_eq(i->key, "features") && pve_features_parse(s, &f, NULL) == 0)
		confjson_props(w, i->key, &f.props);
}

static void put_findings(struct jw *w, const struct findings *f)
{
	jw_arr(w, "findings");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->v[i];

		jw_obj(w, NULL);
		jw_str(w, "rule", x->rule);
		jw_str(w, "severity", severity_name(x->severity));
		jw_str(w, "key", x->key);
		if (x->line)
			jw_int(w, "line", x->line);
		jw_str(w, "seen", x->seen);
		jw_str(w, "why", x->why);
		jw_str(w, "fix", x->fix);
		jw_end(w);
	}
	jw_end(w);
}

int config_print_json(const struct app *app, const struct config_view *v)
{
	_cleanup_free_ char *path = config_path(v);
	struct jw *w;
	int r = app_json_one(app, "ctscope.config/1", v->facts->node, v->ct->vmid,
			     v->ct->name, v->facts->time_real_usec, &w);

	if (r != EXIT_FINE)
		return r;
	jw_str(w, "node", v->ct->node);
	jw_str(w, "path", path);
	if (v->conf->dies_line)
		jw_str(w, "error", v->ct->error);
	if (v->live) {
		confjson_config(w, "config", v->conf);
		put_pending(w, v);
	} else {
		jw_str(w, "snapshot", v->section->name);
		confjson_section(w, "config", v->section);
	}
	jw_obj(w, "properties");
	for (size_t i = 0; i < v->section->n_items; i++)
		put_property(w, &v->section->items[i]);
	jw_end(w);
	put_warnings(w, v);
	if (v->live)
		put_findings(w, &v->findings);
	jw_end(w);
	return app_json_end(app, w);
}
