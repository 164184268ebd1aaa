/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cmds.h"
#include "cli/doctordata.h"
#include "cli/opts.h"
#include "cli/prose.h"
#include "out/json.h"
#include "out/text.h"

#define INDENT 8

struct doctor_opts {
	bool all;
};

#define O(field) offsetof(struct doctor_opts, field)
static const struct opt opts[] = {
	{ "all", 'a', OPT_FLAG, NULL, "what is fine, too", O(all) },
};
#undef O

/* A line of the table: one thing that was found, or a check that found nothing. */
struct row {
	const struct doctor_result *result;
	const struct finding *finding; /* NULL: none */
};

struct rows {
	struct row *v;
	size_t n, cap;
};

static const char *row_state(const struct row *r)
{
	return r->finding ? severity_name(r->finding->severity)
			  : doctor_state_name(r->result);
}

static void get_state(const void *p, struct cell *c)
{
	const struct row *r = p;

	*c = cell_str(row_state(r));
	if (r->finding)
		c->color = r->finding->severity == SEV_ERROR ? COLOR_BAD : COLOR_WARN;
	else
		c->color = r->result->state == DOCTOR_FINE ? COLOR_GOOD : COLOR_DIM;
}

static void get_check(const void *p, struct cell *c)
{
	*c = cell_str(((const struct row *)p)->result->check);
}

static void get_title(const void *p, struct cell *c)
{
	*c = cell_str(((const struct row *)p)->result->title);
}

static void get_vmid(const void *p, struct cell *c)
{
	const struct row *r = p;

	if (r->finding && r->finding->vmid)
		*c = cell_int(r->finding->vmid);
}

static const char *row_seen(const struct row *r)
{
	return r->finding ? r->finding->seen : r->result->says;
}

static void get_seen(const void *p, struct cell *c)
{
	const char *s = row_seen(p);

	*c = cell_text(s ? tbytes_str(s) : (struct tbytes){ 0 });
}

static void get_fix(const void *p, struct cell *c)
{
	const struct row *r = p;
	const char *s = r->finding ? r->finding->fix : NULL;

	*c = cell_text(s ? tbytes_str(s) : (struct tbytes){ 0 });
}

static const struct col cols[] = {
	{ .heading = "STATE",
	  .get = get_state,
	  .help = "error, warning, unchecked, fine" },
	{ .heading = "CHECK", .get = get_check, .help = "what was looked at: its id" },
	{ .heading = "TITLE",
	  .get = get_title,
	  .hidden = true,
	  .help = "what was looked at, in words" },
	{ .heading = "VMID",
	  .get = get_vmid,
	  .right = true,
	  .hidden = true,
	  .help = "the container it is about" },
	{ .heading = "SEEN",
	  .get = get_seen,
	  .shrink = true,
	  .help = "what is wrong, or why it was not checked" },
	{ .heading = "FIX", .get = get_fix, .shrink = true, .help = "what to type" },
};

/* ---- what is shown ------------------------------------------------------------------ */

static bool is_shown(const struct doctor_result *r, bool all)
{
	return all || r->state == DOCTOR_FOUND || r->state == DOCTOR_UNCHECKED;
}

static void add_row(struct rows *rows, const struct doctor_result *r,
		    const struct finding *f)
{
	GROW(rows->v, rows->n, rows->cap);
	rows->v[rows->n++] = (struct row){ r, f };
}

static void make_rows(const struct doctor_results *v, bool all, struct rows *ret)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct doctor_result *r = &v->v[i];

		if (!is_shown(r, all))
			continue;
		for (size_t k = 0; k < r->found.n; k++)
			add_row(ret, r, &r->found.v[k]);
		if (!r->found.n)
			add_row(ret, r, NULL);
	}
}

static size_t count(const struct doctor_results *v, enum doctor_state s)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += v->v[i].state == s;
	return n;
}

/* ---- text --------------------------------------------------------------------------- */

static void print_label(const struct app *app, const struct row *r)
{
	static const char *const names[] = { "note", "WARNING", "ERROR" };
	bool bad = r->finding && r->finding->severity == SEV_ERROR;
	const char *color = bad ? PROSE_RED : r->finding ? PROSE_YELLOW : PROSE_DIM;
	const char *name = r->finding                        ? names[r->finding->severity]
			   : r->result->state == DOCTOR_FINE ? "fine"
							     : "-";

	prose_color(app, color);
	fprintf(app->out, "%-*s", INDENT, name);
	prose_color(app, PROSE_RESET);
}

/* `more`: what follows is mended in the same way. */
static void print_row(const struct app *app, const struct row *r, bool more)
{
	const char *seen = row_seen(r);
	_cleanup_(buf_done) struct buf b = { 0 };

	print_label(app, r);
	buf_addf(&b, "%s: ", r->result->check);
	if (!r->finding && r->result->state != DOCTOR_FINE)
		buf_adds(&b, "not checked: ");
	text_escape(&b, tbytes_str(seen ? seen : r->result->title), false);
	prose_wrapped(app, INDENT, b.p);
	if (!r->finding || !r->finding->fix || more)
		return;
	fprintf(app->out, "%*sfix: ", INDENT, "");
	prose_raw(app, r->finding->fix, strlen(r->finding->fix));
	fputc('\n', app->out);
}

static void print_sum(const struct app *app, const struct doctor_results *v, bool all)
{
	size_t found = count(v, DOCTOR_FOUND), fine = count(v, DOCTOR_FINE);
	size_t skipped = count(v, DOCTOR_SKIPPED), rest = v->n - fine - found;

	if (fine == v->n) {
		fprintf(app->out, "%zu checks, all fine\n", v->n);
		return;
	}
	fprintf(app->out, "%zu checks: %zu fine", v->n, fine);
	if (found)
		fprintf(app->out, ", %zu found something", found);
	if (rest)
		fprintf(app->out, ", %zu not checked%s", rest,
			skipped && !all ? " (--all says why)" : "");
	fputc('\n', app->out);
}

static int print_text(const struct app *app, const struct doctor_results *v,
		      const struct rows *rows, bool all)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i], *next = i + 1 < rows->n ? r + 1 : NULL;

		print_row(app, r,
			  next && r->finding && next->finding &&
				  str_eq(r->finding->fix, next->finding->fix));
	}
	print_sum(app, v, all);
	return EXIT_FINE;
}

/* ---- JSON --------------------------------------------------------------------------- */

static void json_finding(struct jw *w, const struct finding *f)
{
	jw_obj(w, NULL);
	jw_str(w, "severity", severity_name(f->severity));
	if (f->vmid)
		jw_int(w, "vmid", f->vmid);
	jw_text(w, "seen", tbytes_str(f->seen));
	if (f->fix)
		jw_text(w, "fix", tbytes_str(f->fix));
	jw_end(w);
}

static void json_summary(struct jw *w, const struct doctor_results *v)
{
	jw_obj(w, "summary");
	jw_int(w, "checks", v->n);
	jw_int(w, "fine", count(v, DOCTOR_FINE));
	jw_int(w, "found", count(v, DOCTOR_FOUND));
	jw_int(w, "unchecked", count(v, DOCTOR_UNCHECKED) + count(v, DOCTOR_SKIPPED));
	jw_end(w);
}

/* All of them: a script looks for what it knows. */
static int print_json(const struct app *app, const char *node,
		      const struct doctor_results *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.doctor/1", node, app->now_real_usec, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	json_summary(w, v);
	jw_arr(w, "checks");
	for (size_t i = 0; i < v->n; i++) {
		const struct doctor_result *r = &v->v[i];

		jw_obj(w, NULL);
		jw_str(w, "check", r->check);
		jw_str(w, "title", r->title);
		jw_str(w, "state", doctor_state_name(r));
		if (r->says)
			jw_text(w, "says", tbytes_str(r->says));
		jw_arr(w, "findings");
		for (size_t k = 0; k < r->found.n; k++)
			json_finding(w, &r->found.v[k]);
		jw_end(w);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(app, w);
}

/* ---- the command -------------------------------------------------------------------- */

static int show(struct app *app, const struct doctor_opts *o)
{
	_cleanup_(doctor_facts_done) struct doctor_facts f = { 0 };
	_cleanup_(doctor_results_done) struct doctor_results v = { 0 };
	_cleanup_free_ char *node = NULL;
	struct rows rows = { 0 };
	int code;

	doctor_gather(app, &f, &node);
	if (!app->live && !f.pve_there)
		return app_error(app, EXIT_BROKEN, "%s", f.pve_problem);
	doctor_judge(&f, &v);
	make_rows(&v, o->all, &rows);
	if (app->json)
		code = print_json(app, node, &v);
	else if (app->table.columns)
		code = app_table(app, cols, ARRAY_SIZE(cols), rows.v, rows.n,
				 sizeof(*rows.v), NULL);
	else
		code = print_text(app, &v, &rows, o->all);
	free(rows.v);
	return code != EXIT_FINE         ? code
	       : count(&v, DOCTOR_FOUND) ? EXIT_FOUND
					 : EXIT_FINE;
}

static int doctor_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct doctor_opts o = { 0 };
	int r = opts_parse(app, &cmd_doctor, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n)
		return app_error(app, EXIT_USAGE, "it takes no arguments");
	return show(app, &o);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "",
	.help = "what is wrong with this installation, and how to mend it",
	.more = "Looks at the libraries and files of ctscope, the kernel, /etc/pve, the hooks,\n"
		"which containers report by them, the collector, what it writes and whom it asks.\n"
		"Shows what is not as it should be, with the command that mends it, and what\n"
		"could not be checked, with the reason: that is never taken for fine. Changes\n"
		"nothing. Exit code 1 when something is wrong.\n"
		"\n"
		"  ctscope doctor\n"
		"  ctscope doctor --all           what is fine, too\n"
		"  ctscope doctor -o STATE,CHECK,FIX",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = doctor_run,
};
