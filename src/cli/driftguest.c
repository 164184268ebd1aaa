/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/driftguest.h"

#include "pveconf.h"
#include "read/resolvconf.h"

#define RESOLV_MAX  (64U << 10)
#define RESOLV_MSEC 500

/* Each that runs; NULL: it does not, or nothing is known of what it should be. */
static bool is_asked(const struct ct *ct)
{
	return ct->here && ct->conf && ct->init_pid;
}

static bool wants_dns(const struct ct *ct)
{
	return pveconf_item(&ct->conf->main, "nameserver") ||
	       pveconf_item(&ct->conf->main, "searchdomain");
}

static void add_job(const struct ct *ct, struct driftguest *g)
{
	g->jobs[g->n_jobs++] = (struct guestread_job){
		.target = { ct->vmid, ct->init_pid, ct->init_start_ticks },
		.request = { .v = &g->file, .n = 1, .deadline_msec = RESOLV_MSEC },
	};
}

static void read_names(const struct app *app, struct driftguest *g)
{
	struct err err = { 0 };

	if (g->n_uts && utsname_read(app->rootfd, g->uts, g->n_uts, &err) < 0)
		g->why = xstrdup(err.msg);
}

static void read_files(const struct app *app, struct driftguest *g)
{
	_cleanup_(buf_done) struct buf program = { 0 };

	if (!g->n_jobs)
		return;
	guestread_program(app->rootfd, &program);
	guestread_run(app->rootfd, buf_str(&program), g->jobs, g->n_jobs);
}

void driftguest_read(const struct app *app, const struct facts *f, struct driftguest *ret)
{
	*ret = (struct driftguest){
		.file = { .op = GUESTREAD_FILE,
			  .path = "/etc/resolv.conf",
			  .max_bytes = RESOLV_MAX,
			  .cross = true },
	};
	if (!app->live)
		return; /* a copy of a node has no processes */
	ret->uts = xcalloc(f->n_cts, sizeof(*ret->uts));
	ret->jobs = xcalloc(f->n_cts, sizeof(*ret->jobs));
	for (size_t i = 0; i < f->n_cts; i++) {
		const struct ct *ct = &f->cts[i];

		if (!is_asked(ct))
			continue;
		ret->uts[ret->n_uts++] =
			(struct utsname_of){ .pid = ct->init_pid,
					     .start_ticks = ct->init_start_ticks };
		if (wants_dns(ct))
			add_job(ct, ret);
	}
	read_names(app, ret);
	read_files(app, ret);
}

void driftguest_done(struct driftguest *g)
{
	for (size_t i = 0; i < g->n_jobs; i++)
		guestread_job_done(&g->jobs[i]);
	free(g->jobs);
	free(g->uts);
	free(g->why);
	*g = (struct driftguest){ 0 };
}

struct tbytes driftguest_uts(const struct driftguest *g, const struct ct *ct)
{
	for (size_t i = 0; i < g->n_uts; i++)
		if (g->uts[i].pid == ct->init_pid)
			return g->uts[i].error ? (struct tbytes){ 0 }
					       : tbytes_str(g->uts[i].name);
	return (struct tbytes){ 0 };
}

/* What is between PVE's marks; all of it where there are none. */
static struct span pves_part(struct span text, bool *ret_marked)
{
	struct span rest = text, line, part = { 0 };

	*ret_marked = false;
	while (span_line(&rest, &line)) {
		line = span_trim(line);
		if (!*ret_marked && span_eq(line, "# --- BEGIN PVE ---")) {
			*ret_marked = true;
			part = span_of(rest.p, 0);
		} else if (*ret_marked && span_eq(line, "# --- END PVE ---")) {
			return span_of(part.p, (size_t)(line.p - part.p));
		}
	}
	*ret_marked = false; /* a beginning without an end is none */
	return text;
}

bool driftguest_dns(const struct driftguest *g, const struct ct *ct,
		    struct drift_dns *ret)
{
	const struct guestread_job *job = NULL;
	const struct guestread_answer *a;
	struct drift_dns d = { 0 };

	for (size_t i = 0; i < g->n_jobs && !job; i++)
		if (g->jobs[i].target.vmid == ct->vmid)
			job = &g->jobs[i];
	if (!job)
		return false;
	a = job->answers.n ? &job->answers.v[0] : NULL;
	if (!a || (job->error && a->why != GUESTREAD_OK))
		d.why = job->err.msg;
	else if (a->why != GUESTREAD_OK)
		d.why = guestread_why_text(a->why);
	else
		resolvconf_parse(
			pves_part(span_of((const char *)a->data.p, a->data.n), &d.marked),
			&d.resolver);
	*ret = d;
	return true;
}
