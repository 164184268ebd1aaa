/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/dropin.h"
#include "base/fs.h"
#include "cli/cmds.h"
#include "cli/ctview.h"
#include "cli/hooksview.h"
#include "cli/opts.h"
#include "out/json.h"
#include "out/text.h"

#define PROGRAM LIBEXECDIR "/ctscope/hook"

struct hooks_opts {
	const char *program;
	bool for_now;
};

#define O(field) offsetof(struct hooks_opts, field)
static const struct opt opts[] = {
	{ "program", 0, OPT_STR, "PATH",
	  "with install: the hook's program (default " PROGRAM ")", O(program) },
	{ "for-now", 0, OPT_FLAG, NULL,
	  "with remove: until the package is upgraded or installed again", O(for_now) },
};
#undef O

/* ---- columns --------------------------------------------------------------------- */

static const char *have_name(const struct hooks_row *r)
{
	static const char *const names[] = {
		[HOOKS_UNKNOWN] = "unknown",
		[HOOKS_NONE] = "no",
		[HOOKS_SOME] = "some",
		[HOOKS_ALL] = "yes",
	};

	return r->runs ? names[r->have] : NULL;
}

static void get_vmid(const void *p, struct cell *c)
{
	*c = cell_int(((const struct hooks_row *)p)->ct->vmid);
}

static void get_name(const void *p, struct cell *c)
{
	const struct ct *ct = ((const struct hooks_row *)p)->ct;

	*c = cell_text(ct->name ? tbytes_str(ct->name) : (struct tbytes){ 0 });
}

static void get_status(const void *p, struct cell *c)
{
	*c = cell_str(ct_state_name(((const struct hooks_row *)p)->ct->state));
}

static void get_reports(const void *p, struct cell *c)
{
	const struct hooks_row *r = p;

	*c = cell_str(have_name(r));
	c->color = r->have == HOOKS_ALL ? COLOR_GOOD : COLOR_WARN;
}

static void get_note(const void *p, struct cell *c)
{
	*c = cell_str(((const struct hooks_row *)p)->note);
}

static const struct col cols[] = {
	{ .heading = "VMID",
	  .key = "vmid",
	  .get = get_vmid,
	  .right = true,
	  .help = "container" },
	{ .heading = "NAME",
	  .key = "name",
	  .get = get_name,
	  .shrink = true,
	  .help = "its name" },
	{ .heading = "STATUS",
	  .key = "status",
	  .get = get_status,
	  .help = "what it does" },
	{ .heading = "REPORTS",
	  .key = "reports",
	  .get = get_reports,
	  .help = "was it started with our hooks: yes, some of them, no" },
	{ .heading = "NOTE",
	  .key = "note",
	  .get = get_note,
	  .shrink = true,
	  .help = "why not" },
};

/* ---- status ---------------------------------------------------------------------- */

struct part {
	const char *what, *path, *state;
	bool good;
};

static void get_what(const void *p, struct cell *c)
{
	*c = cell_str(((const struct part *)p)->what);
}

static void get_state(const void *p, struct cell *c)
{
	const struct part *part = p;

	*c = cell_str(part->state);
	c->color = part->good ? COLOR_GOOD : COLOR_BAD;
}

static void get_path(const void *p, struct cell *c)
{
	*c = cell_text(tbytes_str(((const struct part *)p)->path));
}

static const struct col part_cols[] = {
	{ .heading = "PART", .get = get_what },
	{ .heading = "STATE", .get = get_state },
	{ .heading = "PATH", .get = get_path, .shrink = true },
};

static char *dropin_state(const struct hooks_view *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!v->dropin.present)
		return xstrdup("not installed: ctscope hooks install");
	buf_adds(&b, "installed ");
	text_stamp(&b, v->since_real_usec);
	if (!v->dropin.current)
		buf_adds(&b, ", not as this version writes it: ctscope hooks install");
	return take_ptr(b.p);
}

static char *spool_state(const struct hooks_view *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (v->spool_problem)
		return xstrdup(v->spool_problem);
	if (v->waiting.kind != VAL_SET)
		return xstrdup("not readable for you");
	buf_addf(&b, "%ju event%s wait%s", (uintmax_t)v->waiting.n,
		 v->waiting.n == 1 ? "" : "s", v->waiting.n == 1 ? "s" : "");
	if (v->dropped)
		buf_addf(&b, ", %ju dropped", (uintmax_t)v->dropped);
	return take_ptr(b.p);
}

static int print_parts(const struct app *app, const struct hooks_view *v)
{
	_cleanup_free_ char *dropin = dropin_state(v), *spool = spool_state(v);
	const struct part parts[] = {
		{ "drop-in", "/" DROPIN_PATH, dropin,
		  v->dropin.present && v->dropin.current },
		{ "program", v->program,
		  v->program_problem ? v->program_problem : "there",
		  !v->program_problem },
		{ "spool", "/" SPOOL_PATH, spool, !v->spool_problem && !v->dropped },
	};
	struct table_opts o = app->table;
	struct err err = { 0 };

	o.columns = NULL;
	if (table_print(app->out, &o, part_cols, ARRAY_SIZE(part_cols), parts,
			ARRAY_SIZE(parts), sizeof(parts[0]), NULL, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	for (size_t i = 0; i < v->obstacles.n; i++)
		app_warn(app, "%s", v->obstacles.v[i]);
	return EXIT_FINE;
}

static void json_hooks(struct jw *w, const char *key, unsigned bits)
{
	jw_arr(w, key);
	for (unsigned k = 0; k < DROPIN_HOOKS; k++)
		if (bits & 1u << k)
			jw_str(w, NULL, hook_type_name(dropin_hooks[k]));
	jw_end(w);
}

static void json_parts(struct jw *w, const struct hooks_view *v)
{
	jw_obj(w, "drop_in");
	jw_str(w, "path", "/" DROPIN_PATH);
	jw_bool(w, "installed", v->dropin.present);
	if (v->dropin.present) {
		jw_bool(w, "current", v->dropin.current);
		jw_stamp(w, "since", v->since_real_usec);
	}
	jw_end(w);
	jw_obj(w, "program");
	jw_text(w, "path", tbytes_str(v->program));
	jw_bool(w, "usable", !v->program_problem);
	jw_str(w, "problem", v->program_problem);
	jw_end(w);
	jw_obj(w, "spool");
	jw_str(w, "path", "/" SPOOL_PATH);
	jw_bool(w, "usable", !v->spool_problem);
	jw_str(w, "problem", v->spool_problem);
	jw_val(w, "waiting", v->waiting);
	if (v->waiting.kind == VAL_SET)
		jw_int(w, "dropped", v->dropped);
	jw_end(w);
	jw_arr(w, "obstacles");
	for (size_t i = 0; i < v->obstacles.n; i++)
		jw_text(w, NULL, tbytes_str(v->obstacles.v[i]));
	jw_end(w);
}

static int print_json(struct app *app, const struct hooks_view *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.hooks/1", v->facts.node, v->facts.time_real_usec,
		   &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	json_parts(w, v);
	jw_arr(w, "containers");
	for (size_t i = 0; i < v->n_rows; i++) {
		const struct hooks_row *r = &v->rows[i];

		jw_obj(w, NULL);
		jw_cols(w, cols, ARRAY_SIZE(cols), r);
		if (r->runs && r->have != HOOKS_UNKNOWN)
			jw_str(w, "evidence", r->by_monitor ? "monitor" : "time");
		if (r->by_monitor)
			json_hooks(w, "hooks", r->reports);
		if (r->cleared)
			json_hooks(w, "cleared", r->cleared);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

static int status(struct app *app)
{
	_cleanup_(hooks_view_done) struct hooks_view v = { 0 };
	int code = hooks_view_read(app, &v);

	if (code)
		return code;
	if (app->json) {
		code = print_json(app, &v);
	} else {
		code = print_parts(app, &v);
		if (!code && v.n_rows) {
			fputc('\n', app->out);
			code = app_table(app, cols, ARRAY_SIZE(cols), v.rows, v.n_rows,
					 sizeof(*v.rows), NULL);
		}
	}
	return code ? code : hooks_view_is_broken(&v) ? EXIT_FOUND : EXIT_FINE;
}

/* ---- install, remove ------------------------------------------------------------- */

/* "3 containers run: they report from their next start on (101 102 103)" */
static void say_who(const struct app *app, bool report)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(buf_done) struct buf ids = { 0 };
	struct fs_stat st;
	size_t n = 0;

	if (fs_stat(app->rootfd, "etc/pve", true, &st, NULL) < 0 ||
	    app_facts(app, (struct facts_want){ .no_config = true }, &f))
		return;
	for (size_t i = 0; i < f.n_cts; i++) {
		if (!f.cts[i].here || !f.cts[i].monitor_pid)
			continue;
		if (n++ < 20)
			buf_addf(&ids, " %u", f.cts[i].vmid);
	}
	if (!n)
		return;
	if (report)
		fprintf(app->out,
			"%zu container%s started without: from the next start on.\n", n,
			n == 1 ? " that runs was" : "s that run were");
	else
		fprintf(app->out,
			"%zu container%s may still call the program when it stops; "
			"that it is gone does no harm.\n",
			n, n == 1 ? " that runs" : "s that run");
	fprintf(app->out, " %s%s\n", buf_str(&ids), n > 20 ? " ..." : "");
}

static int install(struct app *app, const char *program)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_(strv_done) struct strv obstacles = { 0 };
	_cleanup_free_ char *problem = NULL;
	struct err err = { 0 };
	bool changed;
	int r;

	if (dropin_text(program, &text, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	if (dropin_check(span_of(text.p, text.n), program, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	problem = hooks_program_problem(app, program);
	if (problem)
		return app_error(app, EXIT_BROKEN, "%s: %s; nothing was installed",
				 program, problem);
	r = dropin_install(app->rootfd, DROPIN_PATH, &text, &changed, &err);
	if (r == -ENOENT)
		return app_error(app, EXIT_BROKEN,
				 "/" DROPIN_DIR " is not there: no LXC here");
	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	fprintf(app->out, changed ? "Installed /" DROPIN_PATH ".\n"
				  : "/" DROPIN_PATH " is installed already.\n");
	r = dropin_set_unwanted(app->rootfd, false, &err);
	if (r < 0 && r != -ENOENT)
		app_warn(app, "%s; the next upgrade takes the file away again", err.msg);
	if (changed)
		say_who(app, true);
	if (dropin_obstacles(app->rootfd, &obstacles, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	for (size_t i = 0; i < obstacles.n; i++)
		app_warn(app, "%s", obstacles.v[i]);
	return EXIT_FINE;
}

/* The package is not to bring it back. */
static void keep_away(struct app *app)
{
	struct err err = { 0 };
	int r = dropin_set_unwanted(app->rootfd, true, &err);

	if (r == 0)
		fputs("No upgrade brings it back; ctscope hooks install does.\n",
		      app->out);
	else if (r != -ENOENT)
		app_warn(app, "%s; the next upgrade of the package brings it back",
			 err.msg);
}

static int uninstall(struct app *app, bool for_now)
{
	_cleanup_(dropin_done) struct dropin d = { 0 };
	struct err err = { 0 };
	bool changed;

	if (dropin_read(app->rootfd, &d, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (d.present && !d.program)
		return app_error(app, EXIT_BROKEN,
				 "/" DROPIN_PATH " runs no program of ours: not removed");
	if (dropin_remove(app->rootfd, DROPIN_PATH, &changed, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	fprintf(app->out, changed ? "Removed /" DROPIN_PATH ".\n"
				  : "/" DROPIN_PATH " is not installed.\n");
	if (!for_now)
		keep_away(app);
	if (changed)
		say_who(app, false);
	return EXIT_FINE;
}

static int hooks_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct hooks_opts o = { 0 };
	int r = opts_parse(app, &cmd_hooks, &o, argc, argv, &pos);
	const char *verb = pos.n ? pos.v[0] : "status";

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n > 1)
		return app_error(app, EXIT_USAGE, "one of status, install, remove");
	if (o.program && !str_eq(verb, "install"))
		return app_error(app, EXIT_USAGE, "--program belongs to install");
	if (o.for_now && !str_eq(verb, "remove"))
		return app_error(app, EXIT_USAGE, "--for-now belongs to remove");
	if (app->json && !str_eq(verb, "status"))
		return app_error(app, EXIT_USAGE, "--json belongs to status");
	if (str_eq(verb, "status"))
		return status(app);
	if (str_eq(verb, "install"))
		return install(app, o.program ? o.program : PROGRAM);
	if (str_eq(verb, "remove"))
		return uninstall(app, o.for_now);
	return app_error(app, EXIT_USAGE, "\"%s\": expected status, install or remove",
			 verb);
}

const struct cmd cmd_hooks = {
	.name = "hooks",
	.args = "[status|install|remove]",
	.help = "the hooks by which containers report their start and stop",
	.more = "install puts one file into LXC's directory of drop-ins. Every container reports\n"
		"from its next start on; none is touched, and no file of /etc/pve. Whatever is\n"
		"missing or broken later, the hooks end with 0: no start depends on them.\n"
		"REPORTS is what a container was started with, as its monitor says.\n"
		"\n"
		"  ctscope hooks install\n"
		"  ctscope hooks                  exit code 1: something keeps events from us\n"
		"  ctscope hooks remove           no upgrade of the package brings it back",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = hooks_run,
};
