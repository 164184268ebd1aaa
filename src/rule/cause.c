/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/cause.h"

#include <signal.h>
#include <stdio.h>

#include "base/str.h"

const char *cause_signal_name(int sig, char buf[16])
{
	static const struct {
		int sig;
		const char *name;
	} names[] = {
		{ SIGHUP, "SIGHUP" },   { SIGINT, "SIGINT" },   { SIGQUIT, "SIGQUIT" },
		{ SIGILL, "SIGILL" },   { SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" },
		{ SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },   { SIGKILL, "SIGKILL" },
		{ SIGUSR1, "SIGUSR1" }, { SIGSEGV, "SIGSEGV" }, { SIGUSR2, "SIGUSR2" },
		{ SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" },
		{ SIGSYS, "SIGSYS" },   { SIGXCPU, "SIGXCPU" }, { SIGPWR, "SIGPWR" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].sig == sig)
			return names[i].name;
	snprintf(buf, 16, "signal %d", sig);
	return buf;
}

bool cause_task_stops(const char *type)
{
	static const char *const types[] = {
		"vzstop",    "vzshutdown", "vzreboot",   "vzsuspend", "vzmigrate",
		"vzdestroy", "vzrollback", "hastop",     "hamigrate", "stopall",
		"vzrestore", "migrateall", "suspendall",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(types[i], type))
			return true;
	return false;
}

static bool killed_by(const struct stop_evidence *ev, int sig)
{
	return ev->exit == INIT_EXIT_SIGNAL && ev->exit_value == sig;
}

/*
 * reboot(2) in a pid namespace ends its init with SIGHUP (restart) or SIGINT (halt,
 * power off) as the status that its parent sees (kernel/pid_namespace.c,
 * zap_pid_ns_processes()); LXC tells them apart by just that. Who is not the parent sees
 * what init itself did: code 0 when it made the call (systemd), SIGKILL when another
 * process did (busybox), which is also what a kill from outside looks like.
 */
static bool rebooted(const struct stop_evidence *ev)
{
	return ev->hook_reboot || ev->reboot_file || killed_by(ev, SIGHUP);
}

static bool by_oom(const struct stop_evidence *ev, struct stop_verdict *v)
{
	bool kills = ev->oom_kills.kind == VAL_SET && ev->oom_kills.n;

	if (ev->oom_victim_init) {
		v->cause = CAUSE_OOM_INIT;
		snprintf(v->why, sizeof(v->why),
			 "the kernel's OOM killer chose the container's init");
		return true;
	}
	if (!kills || (ev->exit != INIT_EXIT_UNKNOWN && !killed_by(ev, SIGKILL)))
		return false;
	/* an admin's kill ends init with the same signal; a task tells of that */
	if (ev->exit == INIT_EXIT_UNKNOWN && (ev->task.type || rebooted(ev)))
		return false;
	if (ev->task.type)
		return false;
	v->cause = CAUSE_OOM_INIT;
	v->weak = true;
	snprintf(v->why, sizeof(v->why),
		 "init was killed as the OOM killer was at work in the container (%ju "
		 "kill%s just before); no kernel message names the victim",
		 (uintmax_t)ev->oom_kills.n, ev->oom_kills.n == 1 ? "" : "s");
	return true;
}

static bool by_task(const struct stop_evidence *ev, struct stop_verdict *v)
{
	if (ev->backup == BACKUP_STOP ||
	    (ev->backup == BACKUP_MODE_UNKNOWN && !ev->task.type)) {
		v->cause = CAUSE_BACKUP;
		v->weak = ev->backup != BACKUP_STOP;
		snprintf(v->why, sizeof(v->why), "a backup %s at work on it%s",
			 v->weak ? "was" : "in stop mode was",
			 v->weak ? "; its mode could not be read" : "");
		return true;
	}
	if (!ev->task.type || (ev->task.all && (ev->node_down || ev->node_booted)))
		return false;
	v->cause = CAUSE_ADMIN;
	snprintf(v->why, sizeof(v->why), "task %.24s of %.64s", ev->task.type,
		 ev->task.user ? ev->task.user : "?");
	return true;
}

static bool by_node(const struct stop_evidence *ev, struct stop_verdict *v)
{
	if (!ev->node_down && !ev->node_booted)
		return false;
	v->cause = CAUSE_HOST_SHUTDOWN;
	v->weak = !ev->node_down;
	snprintf(
		v->why, sizeof(v->why), "%s",
		ev->node_down ? "the node was shutting down"
		: ev->task.type
			? "stopall was the last that was done to all before the node was "
			  "booted anew"
			: "the node was booted anew: whether it went down in order "
			  "or not was not seen");
	return true;
}

/* What systemd said of the unit: by no task of PVE. */
static bool by_unit(const struct stop_evidence *ev, struct stop_verdict *v)
{
	if (rebooted(ev))
		return false;
	if (ev->unit_stop) {
		v->cause = CAUSE_ADMIN;
		snprintf(v->why, sizeof(v->why),
			 "systemd was told to stop its unit, and no task was at work");
		return true;
	}
	if (!ev->monitor)
		return false;
	v->cause = CAUSE_SIGNAL;
	snprintf(v->why, sizeof(v->why),
		 "its monitor (lxc-start) was %.32s: init is killed when that ends",
		 ev->monitor);
	return true;
}

/* What init's own end says, the strongest first. */
static void by_exit(const struct stop_evidence *ev, struct stop_verdict *v)
{
	char buf[16];

	if (rebooted(ev)) {
		v->cause = CAUSE_REBOOTED_INSIDE;
		snprintf(v->why, sizeof(v->why),
			 "reboot(2) was called inside and no "
			 "task was at work");
	} else if (ev->crash && ev->exit == INIT_EXIT_UNKNOWN) {
		v->cause = CAUSE_SIGNAL;
		snprintf(v->why, sizeof(v->why),
			 "init crashed: the kernel's message names it (%s)",
			 cause_signal_name(ev->crash, buf));
	} else if ((killed_by(ev, SIGKILL) || ev->exit == INIT_EXIT_UNKNOWN) &&
		   ev->emptied) {
		v->cause = CAUSE_HALTED_INSIDE;
		v->weak = true;
		snprintf(v->why, sizeof(v->why),
			 "all other processes had ended before init did: it was shut "
			 "down inside, and no task was at work");
	} else if (killed_by(ev, SIGKILL)) {
		v->cause = CAUSE_SIGNAL;
		v->weak = true;
		snprintf(v->why, sizeof(v->why),
			 "init was killed with SIGKILL and no task was at work: by "
			 "somebody outside, or by a process inside that called "
			 "reboot(2)");
	} else if (killed_by(ev, SIGINT)) {
		v->cause = CAUSE_HALTED_INSIDE;
		snprintf(v->why, sizeof(v->why),
			 "it was powered off or halted inside and no task was at work");
	} else if (ev->exit == INIT_EXIT_CODE) {
		v->cause = CAUSE_HALTED_INSIDE;
		snprintf(v->why, sizeof(v->why), "init ended by itself with code %d",
			 ev->exit_value);
	} else if (ev->exit == INIT_EXIT_SIGNAL) {
		v->cause = CAUSE_SIGNAL;
		snprintf(v->why, sizeof(v->why),
			 "init was killed with %s and no task was at work",
			 cause_signal_name(ev->exit_value, buf));
	} else {
		v->cause = CAUSE_UNKNOWN;
		v->weak = true;
		snprintf(v->why, sizeof(v->why),
			 "no task was at work, and how init ended was not seen%s",
			 ev->hook ? " (powered off inside, or killed)" : "");
	}
}

void cause_decide(const struct stop_evidence *ev, struct stop_verdict *ret)
{
	struct stop_verdict v = { .rebooted = rebooted(ev) };

	if (ev->start_failed) {
		v.cause = CAUSE_START_FAILED;
		v.rebooted = false;
		snprintf(v.why, sizeof(v.why), "the start failed before init could run");
	} else if (!by_oom(ev, &v) && !by_task(ev, &v) && !by_node(ev, &v) &&
		   !by_unit(ev, &v)) {
		by_exit(ev, &v);
	}
	*ret = v;
}
