/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/auditview.h"
#include "out/json.h"

static void put_day(struct jw *w, const char *key, uint32_t day)
{
	_cleanup_free_ char *s =
		xasprintf("%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);

	jw_str(w, key, s);
}

/* Into the open object. */
static void put_finding(struct jw *w, const struct ct *ct, const struct finding *f)
{
	_cleanup_free_ char *text = ct && ct->conf ? rule_config_line(ct, f->line) : NULL;
	const struct rule *rule = rule_find(span_str(f->rule));

	jw_str(w, "rule", f->rule);
	jw_str(w, "severity", severity_name(f->severity));
	jw_str(w, "title", rule ? rule->title : NULL);
	jw_str(w, "key", f->key);
	if (f->line)
		jw_int(w, "line", f->line);
	jw_str(w, "text", text);
	jw_str(w, "seen", f->seen);
	jw_str(w, "why", f->why);
	jw_str(w, "fix", f->fix);
}

static void put_lists(struct jw *w, const struct audit_view *v,
		      const struct audit_group *g)
{
	jw_arr(w, "findings");
	for (size_t i = 0; i < g->n; i++) {
		jw_obj(w, NULL);
		put_finding(w, g->ct, &g->v[i]);
		jw_end(w);
	}
	jw_end(w);
	jw_arr(w, "waived");
	for (size_t i = g->first_waived; i < g->first_waived + g->n_waived; i++) {
		jw_obj(w, NULL);
		put_finding(w, g->ct, &v->waived.found.v[i]);
		put_day(w, "until", v->waived.by[i]->until);
		jw_str(w, "reason", v->waived.by[i]->reason);
		jw_end(w);
	}
	jw_end(w);
}

static void put_ct(struct jw *w, const struct audit_view *v, const struct audit_group *g)
{
	_cleanup_free_ char *path = audit_path(g->ct);

	jw_int(w, "vmid", g->ct->vmid);
	jw_str(w, "name", g->ct->name);
	jw_str(w, "path", path);
	jw_str(w, "status", ct_state_name(g->ct->state));
	if (!g->ct->conf)
		jw_str(w, "error", g->ct->error ? g->ct->error : "no config");
	put_lists(w, v, g);
}

static void put_summary(struct jw *w, const struct audit_view *v)
{
	jw_obj(w, "summary");
	for (int s = SEV_ERROR; s >= SEV_INFO; s--)
		jw_int(w, severity_name((enum severity)s), v->count[s]);
	jw_int(w, "waived", v->waived.found.n);
	jw_int(w, "less_severe", v->n_less);
	jw_end(w);
}

static void put_waivers(struct jw *w, const struct audit_view *v)
{
	jw_arr(w, "waivers");
	for (size_t i = 0; i < v->waivers.n; i++) {
		const struct waiver *x = &v->waivers.v[i];

		jw_obj(w, NULL);
		jw_str(w, "rule", x->rule);
		jw_str(w, "key", x->key);
		if (x->vmid)
			jw_int(w, "vmid", x->vmid);
		put_day(w, "until", x->until);
		jw_str(w, "reason", x->reason);
		jw_int(w, "line", x->line);
		jw_bool(w, "expired", !waiver_holds(x, v->today));
		jw_int(w, "matches", v->waived.hits[i]);
		jw_end(w);
	}
	jw_end(w);
}

static void put_groups(struct jw *w, const struct audit_view *v)
{
	if (!v->vmid)
		jw_arr(w, "containers");
	for (size_t i = 0; i < v->n_groups; i++) {
		if (!v->groups[i].ct)
			continue;
		jw_obj(w, v->vmid ? "container" : NULL);
		put_ct(w, v, &v->groups[i]);
		jw_end(w);
	}
	if (!v->vmid)
		jw_end(w);
	for (size_t i = 0; i < v->n_groups; i++) {
		if (v->groups[i].ct)
			continue;
		jw_obj(w, "host");
		put_lists(w, v, &v->groups[i]);
		jw_end(w);
	}
}

int audit_print_json(const struct audit_view *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(v->app->out, "ctscope.audit/1", v->facts.node, v->facts.time_real_usec,
		   &w, &err) < 0)
		return app_error(v->app, EXIT_BROKEN, "%s", err.msg);
	jw_str(w, "profile", rule_profile_name(v->pick.profile));
	jw_str(w, "least", severity_name(v->least));
	put_summary(w, v);
	put_waivers(w, v);
	put_groups(w, v);
	return app_json_end(v->app, w);
}

/* ---- --list-rules ---- */

static const char *level(const struct rule *rule, enum rule_profile p)
{
	enum severity s;

	return rule_severity(rule, p, &s) ? severity_name(s) : "off";
}

static void get_id(const void *p, struct cell *ret)
{
	*ret = cell_str((*(const struct rule *const *)p)->id);
}

static void get_homelab(const void *p, struct cell *ret)
{
	*ret = cell_str(level(*(const struct rule *const *)p, PROFILE_HOMELAB));
}

static void get_production(const void *p, struct cell *ret)
{
	*ret = cell_str(level(*(const struct rule *const *)p, PROFILE_PRODUCTION));
}

static void get_title(const void *p, struct cell *ret)
{
	*ret = cell_str((*(const struct rule *const *)p)->title);
}

static const struct col rule_cols[] = {
	{ "RULE", "rule", "id", .get = get_id },
	{ "HOMELAB", "homelab", "severity in that profile", .get = get_homelab },
	{ "PRODUCTION", "production", "severity in that profile", .get = get_production },
	{ "ABOUT", "title", "what it is about", .shrink = true, .get = get_title },
};

static int rules_json(const struct app *app)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.audit/1", NULL, app->now_real_usec, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_arr(w, "rules");
	for (size_t i = 0; i < n_rules; i++) {
		jw_obj(w, NULL);
		jw_cols(w, rule_cols, ARRAY_SIZE(rule_cols), &rules[i]);
		jw_str(w, "why", rules[i]->why);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

int audit_print_rules(struct app *app)
{
	if (app->json)
		return rules_json(app);
	app->table.columns = NULL;
	return app_table(app, rule_cols, ARRAY_SIZE(rule_cols), rules, n_rules,
			 sizeof(rules[0]), NULL);
}
