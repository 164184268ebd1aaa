/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/auditview.h"
#include "cli/prose.h"
#include "out/text.h"

#define INDENT 10

static const char *const labels[] = {
	[SEV_INFO] = "note",
	[SEV_WARN] = "WARNING",
	[SEV_ERROR] = "ERROR",
};

static const char *const colors[] = {
	[SEV_INFO] = "",
	[SEV_WARN] = PROSE_YELLOW,
	[SEV_ERROR] = PROSE_RED,
};

/* "2 errors, 1 warning" of those that are not 0. */
static void add_counts(struct buf *b, const size_t count[SEV_ERROR + 1])
{
	static const char *const words[] = { "note", "warning", "error" };
	const char *comma = "";

	for (int s = SEV_ERROR; s >= SEV_INFO; s--) {
		if (!count[s])
			continue;
		buf_addf(b, "%s%zu %s%s", comma, count[s], words[s],
			 count[s] == 1 ? "" : "s");
		comma = ", ";
	}
	if (!*comma)
		buf_adds(b, "nothing found");
}

static void print_title(const struct audit_view *v, const struct audit_group *g)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	prose_color(v->app, PROSE_BOLD);
	if (g->ct) {
		buf_addf(&b, "CT %u ", g->ct->vmid);
		text_escape(&b, tbytes_str(g->ct->name ? g->ct->name : ""), false);
	} else {
		buf_adds(&b, "node ");
		text_escape(&b, tbytes_str(v->facts.node ? v->facts.node : ""), false);
	}
	fputs(buf_str(&b), v->app->out);
	prose_color(v->app, PROSE_RESET);
	b.n = 0;
	buf_adds(&b, ": ");
	if (g->ct && !g->ct->conf)
		text_escape(&b, tbytes_str(g->ct->error ? g->ct->error : "no config"),
			    false);
	else
		add_counts(&b, g->count);
	if (g->n_waived)
		buf_addf(&b, ", %zu waived", g->n_waived);
	prose_wrapped(v->app, 2, buf_str(&b));
}

static void print_label(const struct app *app, const char *label, const char *color)
{
	prose_color(app, color);
	fprintf(app->out, "  %-*s", INDENT - 2, label);
	prose_color(app, *color ? PROSE_RESET : "");
}

/* A line of a config alone does not say what is wrong with it. */
static const char *title_for(const struct finding *f)
{
	const struct rule *rule = rule_find(span_str(f->rule));
	struct span s = span_str(f->seen);

	if (!rule || !f->key || !span_skip(&s, f->key) || !span_starts(s, ":"))
		return NULL;
	return rule->title;
}

static void print_seen(const struct app *app, const struct finding *f)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const char *title = title_for(f);

	buf_adds(&b, f->rule);
	if (f->line)
		buf_addf(&b, " (line %u)", f->line);
	if (title)
		buf_addf(&b, ", %s", title);
	buf_adds(&b, ": ");
	text_escape(&b, tbytes_str(f->seen), false);
	prose_wrapped(app, INDENT, buf_str(&b));
}

/* On one line, however long: it is there to be copied, or to be found in the file. */
static void print_line(const struct app *app, const char *what, const char *text)
{
	fprintf(app->out, "%*s%s", INDENT, "", what);
	prose_raw(app, text, strlen(text));
	fputc('\n', app->out);
}

/* The line that it comes from, unless what was seen is that line. */
static void print_config(const struct app *app, const struct ct *ct,
			 const struct finding *f)
{
	_cleanup_free_ char *line = ct && ct->conf ? rule_config_line(ct, f->line) : NULL;

	if (line && !strstr(f->seen, line))
		print_line(app, "line: ", line);
}

/* Why it matters and what to do: of all that one rule found. */
static void print_details(const struct app *app, const struct finding *f, size_t n)
{
	fprintf(app->out, "%*s", INDENT, "");
	prose_escaped(app, INDENT, f->why);
	for (size_t i = 0; i < n; i++)
		if (f[i].fix && !(i && str_eq(f[i].fix, f[i - 1].fix)))
			print_line(app, "fix: ", f[i].fix);
}

static void print_findings(const struct audit_view *v, const struct audit_group *g)
{
	for (size_t i = 0, end; i < g->n; i = end) {
		for (end = i; end < g->n; end++) {
			const struct finding *f = &g->v[end];

			if (f->severity != g->v[i].severity ||
			    !str_eq(f->rule, g->v[i].rule) ||
			    !str_eq(f->why, g->v[i].why))
				break;
			print_label(v->app, labels[f->severity], colors[f->severity]);
			print_seen(v->app, f);
			if (v->vmid)
				print_config(v->app, g->ct, f);
		}
		if (v->vmid)
			print_details(v->app, &g->v[i], end - i);
	}
}

static void print_waived(const struct audit_view *v, const struct audit_group *g)
{
	for (size_t i = g->first_waived; i < g->first_waived + g->n_waived; i++) {
		const struct waiver *w = v->waived.by[i];

		print_label(v->app, "waived", PROSE_DIM);
		print_seen(v->app, &v->waived.found.v[i]);
		fprintf(v->app->out, "%*suntil %04u-%02u-%02u: ", INDENT, "",
			w->until / 10000, w->until / 100 % 100, w->until % 100);
		prose_escaped(v->app, INDENT, w->reason);
	}
}

static void print_summary(const struct audit_view *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!v->vmid) {
		buf_addf(&b, "%zu container%s: ", v->facts.n_cts,
			 v->facts.n_cts == 1 ? "" : "s");
		add_counts(&b, v->count);
		if (v->waived.found.n)
			buf_addf(&b, ", %zu waived", v->waived.found.n);
		if (v->n_unread)
			buf_addf(&b, ", %zu without a config that can be read",
				 v->n_unread);
	}
	if (v->n_less)
		buf_addf(&b, "%s%zu less severe %s not shown (--severity info)",
			 b.n ? "; " : "", v->n_less, v->n_less == 1 ? "is" : "are");
	if (!v->vmid && v->found.n)
		buf_adds(&b, "; ctscope audit ID tells why, and how to fix it");
	if (b.n)
		prose_wrapped(v->app, 0, buf_str(&b));
}

void audit_print_text(const struct audit_view *v)
{
	for (size_t i = 0; i < v->n_groups; i++) {
		const struct audit_group *g = &v->groups[i];

		if (!v->vmid && !g->n && (!g->ct || g->ct->conf))
			continue; /* nothing to say of it */
		print_title(v, g);
		print_findings(v, g);
		if (v->vmid)
			print_waived(v, g);
		if (v->vmid ? v->n_less > 0 : true)
			fputc('\n', v->app->out);
	}
	print_summary(v);
}

/* ---- as a table, with -o ---- */

struct row {
	const struct audit_view *v;
	const struct audit_group *g;
	const struct finding *f;
};

static void get_vmid(const void *p, struct cell *ret)
{
	const struct row *r = p;

	if (r->g->ct)
		*ret = cell_int(r->g->ct->vmid);
}

static void get_name(const void *p, struct cell *ret)
{
	const struct row *r = p;

	*ret = cell_str(r->g->ct ? r->g->ct->name : r->v->facts.node);
}

static void get_severity(const void *p, struct cell *ret)
{
	static const enum cell_color by[] = { COLOR_NONE, COLOR_WARN, COLOR_BAD };
	const struct row *r = p;

	*ret = cell_str(severity_name(r->f->severity));
	ret->color = by[r->f->severity];
}

static void get_rule(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->f->rule);
}

static void get_title(const void *p, struct cell *ret)
{
	const struct rule *rule = rule_find(span_str(((const struct row *)p)->f->rule));

	*ret = cell_str(rule ? rule->title : NULL);
}

static void get_line(const void *p, struct cell *ret)
{
	const struct row *r = p;

	if (r->f->line)
		*ret = cell_int(r->f->line);
}

static void get_key(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->f->key);
}

static void get_seen(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->f->seen);
}

static void get_config(const void *p, struct cell *ret)
{
	const struct row *r = p;

	if (r->g->ct && r->g->ct->conf)
		*ret = cell_owned(rule_config_line(r->g->ct, r->f->line));
}

static void get_why(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->f->why);
}

static void get_fix(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->f->fix);
}

const struct col audit_cols[AUDIT_NCOLS] = {
	{ "VMID", NULL, "container; none: the node", .right = true, .get = get_vmid },
	{ "NAME", NULL, "its name", .shrink = true, .hidden = true, .get = get_name },
	{ "SEVERITY", NULL, "error, warning, info", .get = get_severity },
	{ "RULE", NULL, "id of the rule", .get = get_rule },
	{ "LINE", NULL, "of its config", .right = true, .get = get_line },
	{ "SEEN", NULL, "what was found", .shrink = true, .get = get_seen },
	{ "KEY", NULL, "of the config", .hidden = true, .get = get_key },
	{ "CONFIG", NULL, "the line itself", .shrink = true, .hidden = true,
	  .get = get_config },
	{ "TITLE", NULL, "what the rule is about", .shrink = true, .hidden = true,
	  .get = get_title },
	{ "WHY", NULL, "why it matters", .shrink = true, .hidden = true, .get = get_why },
	{ "FIX", NULL, "what to do about it", .shrink = true, .hidden = true,
	  .get = get_fix },
};

int audit_print_table(struct app *app, const struct audit_view *v)
{
	_cleanup_free_ struct row *rows = xcalloc(v->found.n + 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < v->n_groups; i++)
		for (size_t k = 0; k < v->groups[i].n; k++)
			rows[n++] = (struct row){ v, &v->groups[i], &v->groups[i].v[k] };
	/* a table has no place for them */
	for (size_t i = 0; v->found.n && i < v->facts.n_cts; i++)
		if (!v->facts.cts[i].conf && !v->vmid)
			app_warn(app, "container %u: %s", v->facts.cts[i].vmid,
				 v->facts.cts[i].error ? v->facts.cts[i].error
						       : "no config");
	return app_table(app, audit_cols, AUDIT_NCOLS, rows, n, sizeof(*rows), NULL);
}
