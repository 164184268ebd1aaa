/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <facts.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "out/json.h"
#include "pveconf.h"
#include "snapshot.h"

/* A chain of snapshots is as deep as it is long: from here on it is not indented more. */
#define MAX_INDENT 24

struct snapshots_opts {
	uint64_t older_usec;
};

#define O(field) offsetof(struct snapshots_opts, field)
static const struct opt opts[] = {
	{ "older-than", 0, OPT_DURATION, "AGE",
	  "only snapshots that are older: 14d, 12h, 3w", O(older_usec) },
};
#undef O

/* The containers of the call, each with its tree. */
struct tree {
	const struct ct *ct;
	struct snapshot_tree t;
	size_t first_row, n_rows; /* of the view */
};

struct row {
	const struct tree *tree;
	const struct snapshot *s;
	bool flat; /* a selection: its parents may not be there */
	struct val age_sec;
	char *note;
	bool alarm;
};

struct view {
	struct tree *trees;
	size_t n_trees;
	struct row *rows;
	size_t n_rows, cap_rows;
};

static void view_done(struct view *v)
{
	for (size_t i = 0; i < v->n_trees; i++)
		snapshot_tree_done(&v->trees[i].t);
	for (size_t i = 0; i < v->n_rows; i++)
		free(v->rows[i].note);
	free(v->trees);
	free(v->rows);
}

static const char *lock_of(const struct ct *ct)
{
	return pveconf_str(&ct->conf->main, "lock");
}

/* ---- columns ---- */

static void get_vmid(const void *p, struct cell *ret)
{
	*ret = cell_int(((const struct row *)p)->tree->ct->vmid);
}

static void get_ct_name(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->tree->ct->name);
}

static void get_name(const void *p, struct cell *ret)
{
	const struct row *r = p;
	size_t indent = r->flat ? 0 : MIN(r->s->depth, (size_t)MAX_INDENT);

	*ret = cell_owned(
		xasprintf("%*s%s%s", (int)indent, "", indent ? "`-> " : "", r->s->name));
	if (r->s->is_current)
		ret->color = COLOR_DIM;
	else if (r->alarm)
		ret->color = COLOR_WARN;
}

static void get_time(const void *p, struct cell *ret)
{
	const struct row *r = p;
	uint64_t usec;

	/* a hand-written number may be anything */
	if (r->s->time_sec.kind == VAL_SET &&
	    !__builtin_mul_overflow(r->s->time_sec.n, USEC_PER_SEC, &usec) &&
	    r->s->time_sec.n < UINT32_MAX)
		*ret = cell_stamp(usec);
}

static void get_age(const void *p, struct cell *ret)
{
	*ret = cell_val(((const struct row *)p)->age_sec, CELL_SECONDS);
}

static void get_parent(const void *p, struct cell *ret)
{
	*ret = cell_str(((const struct row *)p)->s->parent_name);
}

static void get_note(const void *p, struct cell *ret)
{
	const struct row *r = p;

	*ret = cell_str(r->note);
	ret->color = r->alarm ? COLOR_WARN : COLOR_NONE;
}

/* The first line, without a carriage return that an editor left. */
static void get_description(const void *p, struct cell *ret)
{
	struct tbytes d = ((const struct row *)p)->s->description;
	const uint8_t *end = d.p && d.n ? memchr(d.p, '\n', d.n) : NULL;

	if (end)
		d.n = (uint32_t)(end - d.p);
	if (d.n && d.p[d.n - 1] == '\r')
		d.n--;
	if (d.n)
		*ret = cell_text(d);
}

static const struct col cols[] = {
	{ "VMID", NULL, "container", .right = true, .get = get_vmid },
	{ "CT", NULL, "its name", .hidden = true, .get = get_ct_name },
	{ "NAME", NULL, "snapshot, below its parent; \"current\" is the present state",
	  .get = get_name },
	{ "TIME", NULL, "when it was made, local time", .get = get_time },
	{ "AGE", NULL, "how long ago that is", .right = true, .get = get_age },
	{ "NOTE", NULL, "what is not as it should be", .shrink = true, .get = get_note },
	{ "PARENT", NULL, "what its `parent:` says", .hidden = true, .get = get_parent },
	{ "DESCRIPTION", NULL, "first line", .shrink = true, .get = get_description },
};

/* ---- rows ---- */

static void add_note(struct row *r, bool alarm, const char *fmt, ...) _printf_(3, 4);
static void add_note(struct row *r, bool alarm, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	char *old = r->note;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->note = xasprintf("%s%s%s", old ? old : "", old ? "; " : "", text);
	r->alarm |= alarm;
	free(old);
}

static void make_notes(struct row *r)
{
	const char *lock = lock_of(r->tree->ct);
	const struct snapshot *s = r->s;

	if (s->is_current && lock)
		add_note(r, true, "lock: %s", lock);
	if (s->vzdump && !lock)
		add_note(r, true, "left behind by a backup");
	else if (s->vzdump)
		add_note(r, true, "of a backup, running or broken off");
	if (s->state && !s->vzdump)
		add_note(r, true, "not finished (%s)", s->state);
	if (s->orphan)
		add_note(r, false, "parent %s is gone", s->parent_name);
	if (s->cycle)
		add_note(r, true, "in a circle: parent %s", s->parent_name);
	if (r->flat && s->n_below)
		add_note(r, false, "%zu below it", s->n_below);
}

static struct val age_of(const struct app *app, const struct snapshot *s)
{
	uint64_t now = app->now_real_usec / USEC_PER_SEC;

	if (!app->now_known || s->time_sec.kind != VAL_SET || s->time_sec.n > now)
		return (struct val){ 0 };
	return val_set(now - s->time_sec.n);
}

static void add_rows(const struct app *app, const struct snapshots_opts *o,
		     struct view *v, struct tree *tree)
{
	tree->first_row = v->n_rows;
	for (size_t i = 0; i < tree->t.n; i++) {
		struct row r = { .tree = tree, .s = &tree->t.v[i] };

		r.age_sec = age_of(app, r.s);
		r.flat = o->older_usec > 0;
		if (r.flat && (r.age_sec.kind != VAL_SET ||
			       r.age_sec.n < o->older_usec / USEC_PER_SEC))
			continue;
		make_notes(&r);
		GROW(v->rows, v->n_rows, v->cap_rows);
		v->rows[v->n_rows++] = r;
	}
	tree->n_rows = v->n_rows - tree->first_row;
}

/* With all containers, those that have nothing to say are left out. */
static void build(const struct app *app, const struct snapshots_opts *o,
		  const struct facts *f, bool one, struct view *v)
{
	v->trees = xcalloc(f->n_cts, sizeof(*v->trees));
	for (size_t i = 0; i < f->n_cts; i++) {
		const struct ct *ct = &f->cts[i];

		if (!ct->conf) {
			app_warn_ct(app, f, ct);
			continue;
		}
		if (!one && !ct->conf->n_snapshots)
			continue;
		v->trees[v->n_trees].ct = ct;
		snapshot_tree_build(ct->conf, &v->trees[v->n_trees].t);
		add_rows(app, o, v, &v->trees[v->n_trees++]);
	}
}

/* ---- JSON ---- */

static void json_snapshot(struct jw *w, const struct row *r)
{
	const struct snapshot *s = r->s;

	jw_obj(w, NULL);
	jw_str(w, "name", s->name);
	jw_bool(w, "current", s->is_current);
	jw_str(w, "parent", s->parent_name);
	jw_val(w, "snaptime", s->time_sec);
	jw_val(w, "age", r->age_sec);
	jw_str(w, "snapstate", s->state);
	jw_text(w, "description", s->description);
	jw_int(w, "depth", s->depth);
	jw_int(w, "below", s->n_below);
	jw_bool(w, "orphan", s->orphan);
	jw_bool(w, "cycle", s->cycle);
	jw_bool(w, "vzdump", s->vzdump);
	jw_end(w);
}

static void json_ct(struct jw *w, const char *key, const struct view *v,
		    const struct tree *tree)
{
	jw_obj(w, key);
	jw_int(w, "vmid", tree->ct->vmid);
	jw_str(w, "name", tree->ct->name);
	jw_str(w, "lock", lock_of(tree->ct));
	jw_arr(w, "snapshots");
	for (size_t i = 0; i < tree->n_rows; i++)
		json_snapshot(w, &v->rows[tree->first_row + i]);
	jw_end(w);
	jw_end(w);
}

static int print_json(const struct app *app, const struct facts *f, const struct view *v,
		      bool one)
{
	struct err err = { 0 };
	struct jw *w;
	int r = jw_new(app->out, "ctscope.snapshots/1", f->node, f->time_real_usec, &w,
		       &err);

	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (one) {
		if (v->n_trees)
			json_ct(w, "container", v, &v->trees[0]);
	} else {
		jw_arr(w, "containers");
		for (size_t i = 0; i < v->n_trees; i++)
			json_ct(w, NULL, v, &v->trees[i]);
		jw_end(w);
	}
	return app_json_end(app, w);
}

static int snapshots_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(view_done) struct view v = { 0 };
	struct snapshots_opts o = { 0 };
	int r = opts_parse(app, &cmd_snapshots, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n > 1)
		return app_error(app, EXIT_USAGE, "one container ID, or none for all");
	if (o.older_usec && !app->now_known)
		return app_error(
			app, EXIT_USAGE,
			"--older-than with --root needs --now: the time of the copy");
	r = pos.n ? app_facts_one(app, pos.v[0], (struct facts_want){ 0 }, &f)
		  : app_facts(app, (struct facts_want){ 0 }, &f);
	if (r)
		return r;
	build(app, &o, &f, pos.n == 1, &v);
	if (pos.n && !v.n_trees)
		return EXIT_BROKEN; /* the sentence is out */
	if (app->json)
		return print_json(app, &f, &v, pos.n == 1);
	return app_table(app, cols, ARRAY_SIZE(cols), v.rows, v.n_rows, sizeof(*v.rows),
			 NULL);
}

const struct cmd cmd_snapshots = {
	.name = "snapshots",
	.args = "[ID]",
	.help = "snapshots of one container or of all: tree, age",
	.more = "Siblings are by time; \"current\" hangs where the present state descends from. A\n"
		"snapshot \"vzdump\" belongs to a backup: when none runs, it was left behind.\n"
		"\n"
		"  ctscope snapshots                        of all containers that have any\n"
		"  ctscope snapshots 106\n"
		"  ctscope snapshots --older-than 14d       candidates for deletion\n"
		"  ctscope snapshots --older-than 14d -o VMID,NAME -n |\n"
		"      while read -r id name; do echo pct delsnapshot \"$id\" \"$name\"; done",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = snapshots_run,
};
