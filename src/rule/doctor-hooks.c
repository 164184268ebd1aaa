/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include <spool.h>

#include "rule/doctorimpl.h"

#define DROPIN "/usr/share/lxc/config/common.conf.d/50-ctscope.conf"
/* the collector takes an event within milliseconds; a node that is busy, within seconds */
#define WAITS_SEC 10

static bool not_known(const struct doctor_facts *f, struct doctor_result *r)
{
	if (!f->hooks.known)
		doctor_unchecked(r, "%s", f->hooks.problem);
	return !f->hooks.known;
}

void doctor_hook_program(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_program *p = &f->hooks.program;
	_cleanup_free_ char *fix = NULL;

	if (not_known(f, r))
		return;
	if (!f->hooks.present) {
		doctor_skipped(r, "no drop-in says which one");
		return;
	}
	if (p->problem && p->mode)
		fix = xasprintf("chown root:root %s && chmod 755 %s", p->path, p->path);
	else
		fix = xstrdup("apt install --reinstall ctscope");
	if (p->problem)
		doctor_found(r, SEV_ERROR, 0, fix,
			     "%s: %s: containers start and stop untold", p->path,
			     p->problem);
	else if (p->foreign)
		doctor_found(r, SEV_ERROR, 0, fix,
			     "%s is no program for this kind of machine: containers "
			     "start and stop untold",
			     p->path);
	else if (p->failed)
		doctor_found(r, SEV_ERROR, 0, fix, "%s does not run: %s", p->path,
			     p->failed);
}

void doctor_hook_dropin(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_hooks *h = &f->hooks;

	if (not_known(f, r))
		return;
	if (!h->present)
		doctor_found(r, SEV_ERROR, 0, "ctscope hooks install",
			     DROPIN " is not there: no container reports");
	else if (h->broken_line)
		doctor_found(r, SEV_ERROR, 0, "ctscope hooks install",
			     DROPIN " line %u has no \"=\": LXC starts no container",
			     h->broken_line);
	else if (!h->current)
		doctor_found(r, SEV_WARN, 0, "ctscope hooks install",
			     DROPIN " is not as this version writes it: it was edited, "
				    "or is of another version");
}

/* LXC's own file, or another drop-in, of which the sentence names file and line. */
static const char *obstacle_fix(const char *sentence)
{
	return *sentence == '/' ? "apt install --reinstall lxc-pve"
				: "edit that file in /usr/share/lxc/config/common.conf.d";
}

void doctor_hook_include(const struct doctor_facts *f, struct doctor_result *r)
{
	if (not_known(f, r))
		return;
	for (size_t i = 0; i < f->hooks.obstacles.n; i++)
		doctor_found(r, SEV_ERROR, 0, obstacle_fix(f->hooks.obstacles.v[i]), "%s",
			     f->hooks.obstacles.v[i]);
	for (size_t i = 0; i < f->hooks.n_cts; i++) {
		const struct doctor_ct *ct = &f->hooks.cts[i];

		_cleanup_free_ char *fix = xasprintf(
			"apt install --reinstall lxc-pve; pct reboot %u", ct->vmid);

		if (ct->unincluded)
			doctor_found(r, SEV_WARN, ct->vmid, fix, "%s", ct->unincluded);
	}
}

static void judge_ct(const struct doctor_ct *ct, struct doctor_result *r)
{
	_cleanup_free_ char *reboot = xasprintf("pct reboot %u", ct->vmid);
	_cleanup_free_ char *edit =
		xasprintf("edit /etc/pve/lxc/%u.conf: take these lines away%s%s",
			  ct->vmid, ct->runs ? ", then " : "", ct->runs ? reboot : "");

	if (ct->cleared)
		doctor_found(r, SEV_WARN, ct->vmid, edit, "container %u: %s", ct->vmid,
			     ct->cleared);
	else if (!ct->runs || ct->starting || ct->reports_all)
		return;
	else if (ct->not_known)
		doctor_found(r, SEV_WARN, ct->vmid, reboot,
			     "container %u: its monitor does not answer, so whether it "
			     "reports is not known",
			     ct->vmid);
	else
		doctor_found(r, SEV_WARN, ct->vmid, reboot,
			     "container %u was started %s: it tells %s", ct->vmid,
			     ct->reports_none
				     ? "before the hooks were installed as they are"
				     : "with other hooks",
			     ct->reports_none ? "nothing" : "not all");
}

void doctor_hook_containers(const struct doctor_facts *f, struct doctor_result *r)
{
	if (not_known(f, r))
		return;
	if (!f->hooks.present) {
		doctor_skipped(r, "the hooks are not installed");
		return;
	}
	if (f->hooks.broken_line) {
		doctor_skipped(r, "nothing can be asked while LXC reads no config");
		return;
	}
	for (size_t i = 0; i < f->hooks.n_cts; i++)
		judge_ct(&f->hooks.cts[i], r);
}

void doctor_spool_dir(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_spool *s = &f->spool;
	const struct doctor_user *u = &f->user;
	bool group = u->known && u->group && s->gid == u->gid;
	bool owner = u->known && u->user && s->uid == u->uid;
	const char *fix = "systemd-tmpfiles --create ctscope.conf";

	if (!s->there && !f->live) {
		doctor_skipped(r, "there is no /" SPOOL_PATH " in it");
		return;
	}
	if (s->problem) {
		doctor_found(r, SEV_ERROR, 0, fix, "/" SPOOL_PATH ": %s", s->problem);
		return;
	}
	if (!f->live || !u->known || !u->group)
		return; /* a copy has its copier's owners */
	if (!owner && !group)
		doctor_found(r, SEV_ERROR, 0, fix,
			     "/" SPOOL_PATH
			     " is of user %u and group %u, not of ctscope: "
			     "the collector cannot take what is there",
			     (unsigned)s->uid, (unsigned)s->gid);
	else if ((s->mode & 07777) != 0770 || !group)
		doctor_found(r, SEV_ERROR, 0, fix,
			     "/" SPOOL_PATH " has mode %04o and group %u, expected 0770 "
			     "and ctscope (%u)",
			     (unsigned)s->mode & 07777, (unsigned)s->gid,
			     (unsigned)u->gid);
}

void doctor_spool_drain(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_spool *s = &f->spool;

	if (doctor_skips(f, r))
		return;
	if (s->problem || s->waiting.kind != VAL_SET) {
		doctor_skipped(r, "the spool cannot be read");
		return;
	}
	if (s->waiting.n >= SPOOL_MAX_EVENTS * 3 / 4)
		doctor_found(r, SEV_ERROR, 0, "systemctl restart ctscoped",
			     "%ju events wait in /" SPOOL_PATH
			     ": from %zu on what hooks tell is dropped",
			     (uintmax_t)s->waiting.n, SPOOL_MAX_EVENTS);
	else if (doctor_alive(f) == DOCTOR_NO)
		doctor_skipped(r, "no collector is at work; %ju event%s wait%s",
			       (uintmax_t)s->waiting.n, s->waiting.n == 1 ? "" : "s",
			       s->waiting.n == 1 ? "s" : "");
	else if (s->oldest_sec.kind == VAL_SET && s->oldest_sec.n > WAITS_SEC)
		doctor_found(r, SEV_ERROR, 0,
			     "journalctl -u ctscoped; systemctl restart ctscoped",
			     "%ju event%s wait%s in /" SPOOL_PATH
			     ", the first for %ju s: the collector does not take them",
			     (uintmax_t)s->waiting.n, s->waiting.n == 1 ? "" : "s",
			     s->waiting.n == 1 ? "s" : "", (uintmax_t)s->oldest_sec.n);
}
