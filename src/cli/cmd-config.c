/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cmds.h"
#include "cli/configview.h"
#include "cli/opts.h"
#include "read/facts.h"
#include "read/pveprop.h"
#include "rule/rule.h"

struct config_opts {
	const char *snapshot;
	bool current;
};

#define O(field) offsetof(struct config_opts, field)
static const struct opt opts[] = {
	{ "snapshot", 's', OPT_STR, "NAME", "that snapshot instead of the present state",
	  O(snapshot) },
	{ "current", 0, OPT_FLAG, NULL, "leave out what is pending", O(current) },
};
#undef O

char *config_path(const struct config_view *v)
{
	if (v->ct->here || !v->ct->node)
		return xasprintf("/etc/pve/lxc/%u.conf", v->ct->vmid);
	return xasprintf("/etc/pve/nodes/%s/lxc/%u.conf", v->ct->node, v->ct->vmid);
}

static void note_header(uint32_t line, uint32_t after, uint32_t *next)
{
	if (line > after && line < *next)
		*next = line;
}

uint32_t config_last_line(const struct config_view *v)
{
	uint32_t next = UINT32_MAX, own = v->section->line;

	if (v->conf->has_pending)
		note_header(v->conf->pending.line, own, &next);
	for (size_t i = 0; i < v->conf->n_snapshots; i++)
		note_header(v->conf->snapshots[i].line, own, &next);
	return next - 1;
}

bool config_shows_warning(const struct config_view *v, const struct pveconf_warning *w)
{
	return v->live || (w->line >= v->section->line && w->line <= config_last_line(v));
}

/* ---- pending ---- */

static void add_change(struct pending_changes *p, struct pending_change c)
{
	GROW(p->v, p->n, p->cap);
	p->v[p->n++] = c;
}

static bool same_item(const struct pveconf_item *a, const struct pveconf_item *b)
{
	return a && b && a->value_n == b->value_n &&
	       memcmp(a->value, b->value, a->value_n) == 0;
}

static int cmp_change(const void *a, const void *b)
{
	const struct pending_change *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* A value that is pending and the same as the live one changes nothing. */
static void find_pending(struct config_view *v)
{
	const struct pveconf_section *now = &v->conf->main, *then = &v->conf->pending;
	struct pending_changes *p = &v->pending;
	struct tbytes del = pveconf_bytes(then, "delete");

	pve_delete_parse(span_of((const char *)del.p, del.n), &p->deletes, &p->n_deletes);
	for (size_t i = 0; i < p->n_deletes; i++)
		add_change(p, (struct pending_change){
				      .key = p->deletes[i].key,
				      .from = pveconf_item(now, p->deletes[i].key),
				      .is_delete = true,
				      .force = p->deletes[i].force });
	for (size_t i = 0; i < then->n_items; i++) {
		const struct pveconf_item *to = &then->items[i];
		const struct pveconf_item *from = pveconf_item(now, to->key);

		if (!str_eq(to->key, "delete") && !same_item(from, to))
			add_change(p, (struct pending_change){
					      .key = to->key, .from = from, .to = to });
	}
	if (then->description)
		add_change(p, (struct pending_change){ .key = "description",
						       .description = true });
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), cmp_change);
}

static void view_done(struct config_view *v)
{
	free(v->pending.v);
	pve_delete_free(v->pending.deletes, v->pending.n_deletes);
	findings_done(&v->findings);
}

/* ---- the command ---- */

/*
 * The container of that number, wherever in the cluster it is: its config is a file, and
 * pmxcfs has those of every node.
 */
static int read_ct(const struct app *app, const char *arg, struct facts *ret,
		   const struct ct **ret_ct)
{
	struct facts_want want = { .ha = true };
	struct err err = { 0 };
	uint32_t vmid;
	int r;

	if (app_ctid(arg, &vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	want.vmid = vmid;
	r = facts_read(app->rootfd, app->live, &want, app->now_real_usec, ret, &err);
	if (r == -EXDEV) {
		facts_done(ret);
		want = (struct facts_want){ .cluster = true, .ha = true };
		r = facts_read(app->rootfd, app->live, &want, app->now_real_usec, ret,
			       &err);
		if (r == 0 && !facts_find(ret, vmid))
			r = -ENOENT;
	}
	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	*ret_ct = facts_find(ret, vmid);
	if (!*ret_ct || !(*ret_ct)->conf)
		return app_error(app, EXIT_BROKEN, "%s",
				 *ret_ct && (*ret_ct)->error ? (*ret_ct)->error
				 : ret->pve_error            ? ret->pve_error
						  : "its config cannot be read");
	return EXIT_FINE;
}

static int pick_section(const struct app *app, const char *snapshot,
			struct config_view *v)
{
	v->live = !snapshot;
	v->section = &v->conf->main;
	if (!snapshot)
		return EXIT_FINE;
	v->section = pveconf_snapshot(v->conf, snapshot);
	if (v->section)
		return EXIT_FINE;
	return app_error(app, EXIT_BROKEN,
			 "container %u has no snapshot \"%s\": see ctscope snapshots %u",
			 v->ct->vmid, snapshot, v->ct->vmid);
}

static int config_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(view_done) struct config_view v = { .facts = &f };
	struct config_opts o = { 0 };
	int r = opts_parse(app, &cmd_config, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "a container ID is needed");
	r = read_ct(app, pos.v[0], &f, &v.ct);
	if (r)
		return r;
	v.conf = v.ct->conf;
	v.no_pending = o.current;
	r = pick_section(app, o.snapshot, &v);
	if (r)
		return r;
	find_pending(&v);
	rules_run_ct(v.ct, &v.findings);
	findings_sort(&v.findings);
	if (app->json)
		return config_print_json(app, &v);
	config_print_text(app, &v);
	return EXIT_FINE;
}

const struct cmd cmd_config = {
	.name = "config",
	.args = "ID",
	.help = "its config, what is pending, and what is wrong with it",
	.more = "Shows what is in force now; what waits for the next start is shown apart (pct\n"
		"config mixes the two). A config that PVE refuses is shown all the same, with\n"
		"the reason. The audit looks at the config alone; what it finds does not change\n"
		"the exit code. A container of another node of the cluster can be looked at too.\n"
		"\n"
		"  ctscope config 101\n"
		"  ctscope config 101 --snapshot before-upgrade\n"
		"  ctscope config 101 --json | jq '.container.findings[] | .rule'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = config_run,
};
