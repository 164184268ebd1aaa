/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "rule/doctorimpl.h"

/* Who fails is before who depends on it. */
static const struct check {
	const char *id, *title;
	doctor_fn *judge;
} checks[] = {
	{ "root", "run by root", doctor_root },
	{ "libraries", "libraries that are loaded when needed", doctor_libraries },
	{ "config", "/etc/ctscope/ctscope.conf", doctor_config },
	{ "waivers", "/etc/ctscope/waivers.conf", doctor_waivers },
	{ "kernel", "what is asked of the kernel", doctor_kernel },
	{ "controllers", "controllers of cgroup v2", doctor_controllers },
	{ "pressure", "pressure stall information", doctor_pressure },
	{ "clock", "the node's clock", doctor_clock },
	{ "pve", "/etc/pve answers", doctor_pve },
	{ "task-logs", "PVE's task logs", doctor_tasks },
	{ "journal", "the node's journal", doctor_journal },
	{ "account", "the collector's user and groups", doctor_account },
	{ "reader", "the reader of guests' files", doctor_reader },
	{ "hook-program", "what the hooks run", doctor_hook_program },
	{ "hook-drop-in", "the file that makes LXC run it", doctor_hook_dropin },
	{ "hook-include", "LXC reads that file", doctor_hook_include },
	{ "hook-containers", "containers report", doctor_hook_containers },
	{ "spool", "where hooks leave events", doctor_spool_dir },
	{ "service", "ctscoped.service", doctor_service },
	{ "collector", "the collector runs", doctor_collector },
	{ "version", "it is the one installed", doctor_version },
	{ "spool-drain", "it takes what hooks left", doctor_spool_drain },
	{ "recorder", "the flight recorder's ring", doctor_recorder },
	{ "socket", "ctscope-reader.socket", doctor_socket_unit },
	{ "store", "the store opens and is whole", doctor_store_file },
	{ "store-size", "the store is within its limit", doctor_store_size },
	{ "store-disk", "its disk has room", doctor_store_disk },
	{ "store-aside", "no store was set aside", doctor_store_aside },
	{ "losses", "nothing was lost", doctor_losses },
};

const char *const doctor_groups[DOCTOR_GROUPS] = { "www-data", "systemd-journal" };

static _printf_(2, 0) void say(struct doctor_result *r, const char *fmt, va_list ap)
{
	free(r->says);
	r->says = xvasprintf(fmt, ap);
}

void doctor_says(struct doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, fmt, ap);
	va_end(ap);
}

/* What was found already stays. */
static _printf_(3, 0) void not_checked(struct doctor_result *r, enum doctor_state s,
				       const char *fmt, va_list ap)
{
	if (r->state == DOCTOR_FOUND)
		return;
	r->state = s;
	say(r, fmt, ap);
}

void doctor_unchecked(struct doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_checked(r, DOCTOR_UNCHECKED, fmt, ap);
	va_end(ap);
}

void doctor_skipped(struct doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_checked(r, DOCTOR_SKIPPED, fmt, ap);
	va_end(ap);
}

void doctor_found(struct doctor_result *r, enum severity s, uint32_t vmid,
		  const char *fix, const char *fmt, ...)
{
	struct findings *out = &r->found;
	va_list ap;

	GROW(out->v, out->n, out->cap);
	va_start(ap, fmt);
	out->v[out->n++] = (struct finding){ .rule = r->check,
					     .severity = s,
					     .vmid = vmid,
					     .seen = xvasprintf(fmt, ap),
					     .fix = xstrdup_or_null(fix) };
	va_end(ap);
	r->state = DOCTOR_FOUND;
}

bool doctor_skips(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->live)
		return false;
	doctor_skipped(r, "a copy of a node does not tell");
	return true;
}

enum doctor_answer doctor_alive(const struct doctor_facts *f)
{
	char state = f->process.state;

	if (!f->live)
		return DOCTOR_UNKNOWN;
	if (f->process.pid)
		return state == 'T' || state == 't' ? DOCTOR_NO : DOCTOR_YES;
	if (f->service.known)
		return DOCTOR_NO;
	return f->ring.off || (f->ring.there && f->ring.problem) ? DOCTOR_UNKNOWN
								 : DOCTOR_NO;
}

void doctor_judge(const struct doctor_facts *f, struct doctor_results *ret)
{
	ret->n = ARRAY_SIZE(checks);
	ret->v = xcalloc(ret->n, sizeof(*ret->v));
	for (size_t i = 0; i < ret->n; i++) {
		ret->v[i] = (struct doctor_result){ .check = checks[i].id,
						    .title = checks[i].title };
		checks[i].judge(f, &ret->v[i]);
		findings_sort(&ret->v[i].found);
	}
}

const char *doctor_state_name(const struct doctor_result *r)
{
	if (r->state == DOCTOR_FOUND)
		return severity_name(r->found.v[0].severity);
	return r->state == DOCTOR_FINE ? "fine" : "unchecked";
}

void doctor_results_done(struct doctor_results *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].says);
		findings_done(&r->v[i].found);
	}
	free(r->v);
	*r = (struct doctor_results){ 0 };
}

static void program_done(struct doctor_program *p)
{
	free(p->path);
	free(p->problem);
	free(p->failed);
}

static void unit_done(struct doctor_unit *u)
{
	free(u->problem);
	free(u->load);
	free(u->active);
	free(u->sub);
	free(u->file_state);
	free(u->result);
	free(u->status);
}

static void hooks_done(struct doctor_hooks *h)
{
	for (size_t i = 0; i < h->n_cts; i++) {
		free(h->cts[i].cleared);
		free(h->cts[i].unincluded);
	}
	free(h->cts);
	free(h->problem);
	strv_done(&h->obstacles);
	program_done(&h->program);
}

void doctor_facts_done(struct doctor_facts *f)
{
	free(f->libs);
	strv_done(&f->config);
	strv_done(&f->waivers);
	strv_done(&f->controllers);
	free(f->pve_problem);
	strv_done(&f->pve_files);
	free(f->tasks_problem);
	free(f->journal_problem);
	free(f->user.problem);
	program_done(&f->reader);
	hooks_done(&f->hooks);
	free(f->spool.problem);
	unit_done(&f->service);
	unit_done(&f->socket_unit);
	free(f->ring.problem);
	free(f->store.problem);
	free(f->store.version);
	strv_done(&f->store.aside);
	strv_done(&f->store.losses);
	*f = (struct doctor_facts){ 0 };
}
