/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/auditview.h"
#include "config.h"
#include "out/json.h"
#include "out/text.h"

/*
 * SARIF 2.1.0 (OASIS), the parts that code scanning services take: one run, a rule for
 * each that was picked, a result for each finding; what is waived is a suppressed result.
 * Texts must be strings there: bytes that are not UTF-8 are escaped.
 */
#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static const char *const levels[] = {
	[SEV_INFO] = "note",
	[SEV_WARN] = "warning",
	[SEV_ERROR] = "error",
};

static void put_text(struct jw *w, const char *key, const char *s)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, tbytes_str(s), false);
	jw_str(w, key, buf_str(&b));
}

/* { "text": ... }, as SARIF wants nearly every text */
static void put_message(struct jw *w, const char *key, const char *s)
{
	jw_obj(w, key);
	put_text(w, "text", s);
	jw_end(w);
}

/* ---- rules ---- */

static bool is_picked(const struct audit_view *v, size_t i, enum severity *ret)
{
	return rule_picked(rules[i], &v->pick, ret);
}

static void put_rule(struct jw *w, const struct rule *rule, enum severity s)
{
	jw_obj(w, NULL);
	jw_str(w, "id", rule->id);
	put_message(w, "shortDescription", rule->title);
	put_message(w, "fullDescription", rule->why);
	jw_obj(w, "defaultConfiguration");
	jw_str(w, "level", levels[s]);
	jw_end(w);
	jw_end(w);
}

static void put_tool(struct jw *w, const struct audit_view *v)
{
	enum severity s;

	jw_obj(w, "tool");
	jw_obj(w, "driver");
	jw_str(w, "name", PACKAGE_NAME);
	jw_str(w, "version", PACKAGE_VERSION);
	jw_arr(w, "rules");
	for (size_t i = 0; i < n_rules; i++)
		if (is_picked(v, i, &s))
			put_rule(w, rules[i], s);
	jw_end(w);
	jw_end(w);
	jw_end(w);
}

/* Its place among those that put_tool() wrote. */
static uint64_t rule_index(const struct audit_view *v, const char *id)
{
	uint64_t n = 0;
	enum severity s;

	for (size_t i = 0; i < n_rules && !str_eq(rules[i]->id, id); i++)
		n += is_picked(v, i, &s);
	return n;
}

/* ---- results ---- */

/* Below ROOT, the node's "/"; what is not plain in a URI as %XX. */
static void put_uri(struct jw *w, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/";
	_cleanup_(buf_done) struct buf b = { 0 };

	for (path += strspn(path, "/"); *path; path++)
		if (strchr(plain, *path))
			buf_addc(&b, *path);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*path);
	jw_obj(w, "artifactLocation");
	jw_str(w, "uri", buf_str(&b));
	jw_str(w, "uriBaseId", "ROOT");
	jw_end(w);
}

static void put_region(struct jw *w, const struct ct *ct, uint32_t line)
{
	_cleanup_free_ char *text = ct->conf ? rule_config_line(ct, line) : NULL;

	if (!line)
		return;
	jw_obj(w, "region");
	jw_int(w, "startLine", line);
	if (text)
		put_message(w, "snippet", text);
	jw_end(w);
}

static void put_location(struct jw *w, const struct audit_view *v, const struct ct *ct,
			 uint32_t line)
{
	_cleanup_free_ char *path = ct ? audit_path(ct) : NULL;
	_cleanup_free_ char *name =
		ct ? xasprintf("%s/lxc/%u", v->facts.node ? v->facts.node : "", ct->vmid)
		   : xstrdup(v->facts.node ? v->facts.node : "node");

	jw_arr(w, "locations");
	jw_obj(w, NULL);
	if (ct) {
		jw_obj(w, "physicalLocation");
		put_uri(w, path);
		put_region(w, ct, line);
		jw_end(w);
	}
	jw_arr(w, "logicalLocations");
	jw_obj(w, NULL);
	put_text(w, "fullyQualifiedName", name);
	jw_str(w, "kind", "resource");
	jw_end(w);
	jw_end(w);
	jw_end(w);
	jw_end(w);
}

static void put_suppression(struct jw *w, const struct waiver *by)
{
	jw_arr(w, "suppressions");
	if (by) {
		jw_obj(w, NULL);
		jw_str(w, "kind", "external");
		jw_str(w, "status", "accepted");
		put_text(w, "justification", by->reason);
		jw_end(w);
	}
	jw_end(w);
}

static void put_result(struct jw *w, const struct audit_view *v, const struct ct *ct,
		       const struct finding *f, const struct waiver *by)
{
	_cleanup_free_ char *text =
		ct ? xasprintf("CT %u: %s", ct->vmid, f->seen) : xstrdup(f->seen);

	jw_obj(w, NULL);
	jw_str(w, "ruleId", f->rule);
	jw_int(w, "ruleIndex", rule_index(v, f->rule));
	jw_str(w, "level", levels[f->severity]);
	put_message(w, "message", text);
	put_location(w, v, ct, f->line);
	put_suppression(w, by);
	if (f->fix) {
		jw_obj(w, "properties");
		put_text(w, "fix", f->fix);
		jw_end(w);
	}
	jw_end(w);
}

static void put_group(struct jw *w, const struct audit_view *v,
		      const struct audit_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		put_result(w, v, g->ct, &g->v[i], NULL);
	for (size_t i = g->first_waived; i < g->first_waived + g->n_waived; i++)
		put_result(w, v, g->ct, &v->waived.found.v[i], v->waived.by[i]);
}

/* A container that could not be looked at makes the run one that did not succeed. */
static void put_invocation(struct jw *w, const struct audit_view *v)
{
	jw_arr(w, "invocations");
	jw_obj(w, NULL);
	jw_bool(w, "executionSuccessful", !v->n_unread);
	jw_stamp(w, "endTimeUtc", v->facts.time_real_usec);
	jw_arr(w, "toolExecutionNotifications");
	for (size_t i = 0; i < v->n_groups; i++) {
		const struct ct *ct = v->groups[i].ct;

		if (!ct || ct->conf)
			continue;
		jw_obj(w, NULL);
		jw_str(w, "level", "error");
		put_message(w, "message", ct->error ? ct->error : "no config");
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
	jw_end(w);
}

int audit_print_sarif(const struct audit_view *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new_line(v->app->out, &w, &err) < 0)
		return app_error(v->app, EXIT_BROKEN, "%s", err.msg);
	jw_str(w, "$schema", SCHEMA);
	jw_str(w, "version", "2.1.0");
	jw_arr(w, "runs");
	jw_obj(w, NULL);
	put_tool(w, v);
	put_invocation(w, v);
	jw_obj(w, "originalUriBaseIds");
	jw_obj(w, "ROOT");
	jw_str(w, "uri", "file:///");
	jw_end(w);
	jw_end(w);
	jw_arr(w, "results");
	for (size_t i = 0; i < v->n_groups; i++)
		put_group(w, v, &v->groups[i]);
	jw_end(w);
	jw_end(w);
	jw_end(w);
	return app_json_end(v->app, w);
}
