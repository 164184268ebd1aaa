/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/doctorimpl.h"

#define USEC       ((uint64_t)1000000)
#define YEAR_2025  (1735689600 * USEC)
#define CLOCK_BACK (60 * USEC) /* the store's last event may be so much later */

void doctor_root(const struct doctor_facts *f, struct doctor_result *r)
{
	if (doctor_skips(f, r) || f->euid == 0)
		return;
	doctor_found(r, SEV_WARN, 0, "sudo ctscope doctor",
		     "run by user %u: what only root may look at is not checked",
		     (unsigned)f->euid);
}

void doctor_libraries(const struct doctor_facts *f, struct doctor_result *r)
{
	_cleanup_(buf_done) struct buf less = { 0 };

	if (doctor_skips(f, r))
		return;
	for (size_t i = 0; i < f->n_libs; i++) {
		const struct doctor_lib *l = &f->libs[i];
		_cleanup_free_ char *fix = xasprintf("apt install %s", l->package);

		if (l->there)
			continue;
		if (l->optional)
			buf_addf(&less, "%s%s is not installed (%s): %s",
				 less.n ? "; " : "", l->soname, fix, l->without);
		else
			doctor_found(r, SEV_ERROR, 0, fix, "%s cannot be loaded: %s",
				     l->soname, l->without);
	}
	if (less.n)
		doctor_says(r, "%s", less.p);
}

/* "path:12: expected ..." each: what is wrong is in it, and where. */
static void judge_file(struct doctor_result *r, const struct strv *said, const char *fix)
{
	for (size_t i = 0; i < said->n; i++)
		doctor_found(r, SEV_WARN, 0, fix, "%s", said->v[i]);
}

void doctor_config(const struct doctor_facts *f, struct doctor_result *r)
{
	judge_file(r, &f->config,
		   "edit /etc/ctscope/ctscope.conf, then systemctl reload ctscoped");
}

void doctor_waivers(const struct doctor_facts *f, struct doctor_result *r)
{
	judge_file(r, &f->waivers, "edit /etc/ctscope/waivers.conf");
}

void doctor_kernel(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct {
		enum doctor_answer has;
		const char *what;
	} calls[] = {
		{ f->beneath, "openat2(2) (Linux 5.6): paths are walked piece by piece" },
		{ f->pidfd, "pidfd_open(2) (Linux 5.3): the end of a container is seen "
			    "late" },
	};

	for (size_t i = 0; f->live && i < ARRAY_SIZE(calls); i++)
		if (calls[i].has == DOCTOR_NO)
			doctor_found(r, SEV_WARN, 0, "boot a kernel of Proxmox VE",
				     "this kernel, or what it runs in, has no %s",
				     calls[i].what);
	if (f->cgroup2 == DOCTOR_NO)
		doctor_found(r, SEV_ERROR, 0,
			     "boot with systemd.unified_cgroup_hierarchy=1",
			     "/sys/fs/cgroup is no cgroup v2: containers are not seen");
	if (f->cgroup2 == DOCTOR_UNKNOWN)
		doctor_skipped(r, "there is no /sys/fs/cgroup in it");
}

void doctor_controllers(const struct doctor_facts *f, struct doctor_result *r)
{
	if (!f->controllers_known) {
		doctor_skipped(r, "there is no /sys/fs/cgroup/cgroup.controllers");
		return;
	}
	for (size_t i = 0; i < f->controllers.n; i++)
		doctor_found(r, SEV_WARN, 0,
			     "cat /proc/cmdline: without cgroup_disable= and "
			     "systemd.unified_cgroup_hierarchy=0, then reboot",
			     "no controller %s: what it counts is missing everywhere",
			     f->controllers.v[i]);
}

void doctor_pressure(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->pressure == DOCTOR_UNKNOWN)
		doctor_skipped(r, "there is no /proc/pressure in it");
	if (f->pressure == DOCTOR_NO)
		doctor_found(r, SEV_WARN, 0, "boot with psi=1",
			     "the kernel counts no pressure (PSI is off): who waits for "
			     "what is not known");
}

void doctor_clock(const struct doctor_facts *f, struct doctor_result *r)
{
	uint64_t last = f->store.last_event_real_usec;

	if (doctor_skips(f, r))
		return;
	if (f->now_real_usec < YEAR_2025)
		doctor_found(r, SEV_ERROR, 0, "timedatectl",
			     "the clock stands before 2025: times of events are wrong");
	else if (last > f->now_real_usec + CLOCK_BACK)
		doctor_found(r, SEV_WARN, 0, "timedatectl",
			     "the last event recorded is %ju s ahead of the clock: one "
			     "of the two was wrong",
			     (uintmax_t)((last - f->now_real_usec) / USEC));
}

void doctor_pve(const struct doctor_facts *f, struct doctor_result *r)
{
	if (!f->pve_there && f->live)
		doctor_found(r, SEV_ERROR, 0, NULL,
			     "there is no /etc/pve: this is no Proxmox VE node");
	else if (!f->pve_there)
		doctor_skipped(r, "there is no /etc/pve in it");
	else if (f->pve_problem)
		doctor_found(r, SEV_ERROR, 0, "systemctl status pve-cluster", "%s",
			     f->pve_problem);
	judge_file(r, &f->pve_files, "systemctl status pve-cluster; ls -l /etc/pve/lxc/");
}

void doctor_tasks(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->tasks == DOCTOR_UNKNOWN)
		doctor_skipped(r, "there is no /var/log/pve/tasks");
	if (f->tasks == DOCTOR_NO)
		doctor_found(r, SEV_WARN, 0,
			     f->euid ? "sudo ctscope doctor"
				     : "ls -ld /var/log/pve/tasks",
			     "%s: who started or stopped a container is not told",
			     f->tasks_problem);
}

void doctor_journal(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->journal == DOCTOR_UNKNOWN)
		doctor_skipped(r, "%s", f->journal_problem);
	if (f->journal == DOCTOR_NO)
		doctor_found(r, SEV_WARN, 0, "systemctl status systemd-journald",
			     "%s: messages of the kernel and of units are missing",
			     f->journal_problem);
}

static void judge_process(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_process *p = &f->process;

	if (!p->pid)
		return;
	if (f->user.user && p->uid != f->user.uid)
		doctor_found(r, SEV_WARN, 0, "systemctl restart ctscoped",
			     "the collector (process %d) runs as user %u, not as ctscope",
			     (int)p->pid, (unsigned)p->uid);
	for (size_t i = 0; i < DOCTOR_GROUPS; i++)
		if (p->lacks[i])
			doctor_found(r, SEV_WARN, 0,
				     "systemctl daemon-reload && systemctl restart "
				     "ctscoped",
				     "the collector is not in the group %s: %s",
				     doctor_groups[i],
				     i ? "it cannot read the journal"
				       : "it cannot read /etc/pve");
}

void doctor_account(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_user *u = &f->user;

	if (!u->known && !f->live)
		doctor_skipped(r, "%s", u->problem);
	else if (!u->known)
		doctor_unchecked(r, "%s", u->problem);
	if (!u->known)
		return;
	if (!u->user || !u->group)
		doctor_found(r, SEV_ERROR, 0, "systemd-sysusers",
			     "there is no %s ctscope: the collector cannot be started",
			     u->user ? "group" : "user");
	for (size_t i = 0; i < DOCTOR_GROUPS; i++)
		if (!u->groups[i])
			doctor_found(r, SEV_ERROR, 0, "systemd-sysusers",
				     "there is no group %s: ctscoped.service cannot be "
				     "started",
				     doctor_groups[i]);
	judge_process(f, r);
}

void doctor_reader(const struct doctor_facts *f, struct doctor_result *r)
{
	if (doctor_skips(f, r) || !f->reader.problem)
		return;
	doctor_found(r, SEV_ERROR, 0, "apt install --reinstall ctscope",
		     "%s: %s: nothing inside of a container is read", f->reader.path,
		     f->reader.problem);
}
