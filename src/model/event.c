/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <event.h>

#include <errno.h>
#include <spool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char *const type_names[EVENT_TYPES] = {
	[EVENT_NONE] = "none",
	[EVENT_PRESTART] = "prestart",
	[EVENT_STARTED] = "started",
	[EVENT_STOPPED] = "stopped",
	[EVENT_REBOOTED] = "rebooted",
	[EVENT_FROZEN] = "frozen",
	[EVENT_THAWED] = "thawed",
	[EVENT_OOM_KILL] = "oom-kill",
	[EVENT_MEMORY_LIMIT] = "memory-limit",
	[EVENT_PIDS_LIMIT] = "pids-limit",
	[EVENT_PRESSURE] = "pressure",
	[EVENT_START_FAILED] = "start-failed",
	[EVENT_CONFIG_CHANGED] = "config-changed",
	[EVENT_SNAPSHOT] = "snapshot",
	[EVENT_BACKUP] = "backup",
	[EVENT_INTERFACE_UP] = "interface-up",
	[EVENT_INTERFACE_DOWN] = "interface-down",
	[EVENT_ADDRESS] = "address",
	[EVENT_DENIED] = "denied",
	[EVENT_HOOKSCRIPT] = "hookscript",
	[EVENT_TASK] = "task",
	[EVENT_RECONCILED] = "reconciled",
	[EVENT_COLLECTOR] = "collector",
	[EVENT_POSTSTOP] = "poststop",
};

static const char *const type_help[EVENT_TYPES] = {
	[EVENT_NONE] = "",
	[EVENT_PRESTART] = "a start begins",
	[EVENT_STARTED] = "its init runs; how long each phase of the start took",
	[EVENT_STOPPED] = "it stopped, with the cause and the evidence for it",
	[EVENT_REBOOTED] = "it was stopped and started again",
	[EVENT_FROZEN] = "its processes are stopped by the freezer",
	[EVENT_THAWED] = "its processes go on",
	[EVENT_OOM_KILL] = "the kernel killed a process for lack of memory",
	[EVENT_MEMORY_LIMIT] = "at its memory limit, reclaiming",
	[EVENT_PIDS_LIMIT] = "a fork failed at its limit of processes",
	[EVENT_PRESSURE] = "waits for CPU, disk or memory, sustained",
	[EVENT_START_FAILED] = "a start failed: the phase, and what is known",
	[EVENT_CONFIG_CHANGED] = "its configuration was changed, key by key",
	[EVENT_SNAPSHOT] = "a snapshot was made, removed, rolled back to",
	[EVENT_BACKUP] = "a backup began or ended",
	[EVENT_INTERFACE_UP] = "a network interface of it came up",
	[EVENT_INTERFACE_DOWN] = "a network interface of it went down",
	[EVENT_ADDRESS] = "an address inside was added or removed",
	[EVENT_DENIED] = "AppArmor or seccomp refused it something",
	[EVENT_HOOKSCRIPT] = "a phase of PVE's guest hookscript",
	[EVENT_TASK] = "a task of an admin about it",
	[EVENT_RECONCILED] = "found to be so, though no source told it",
	[EVENT_COLLECTOR] = "about the collector itself",
	[EVENT_POSTSTOP] = "what it held is released: the last hook of LXC",
};

static const char *const origin_names[EVENT_ORIGINS] = {
	[ORIGIN_HOOK] = "hook",         [ORIGIN_CGROUP] = "cgroup",
	[ORIGIN_KERNEL] = "kernel",     [ORIGIN_CONFIG] = "config",
	[ORIGIN_TASK] = "task",         [ORIGIN_NETWORK] = "network",
	[ORIGIN_RECORDER] = "recorder", [ORIGIN_COLLECTOR] = "collector",
};

static const char *const cause_names[STOP_CAUSES] = {
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_OOM_INIT] = "oom-init",
	[CAUSE_SIGNAL] = "signal",
	[CAUSE_HALTED_INSIDE] = "halted-inside",
	[CAUSE_REBOOTED_INSIDE] = "rebooted-inside",
	[CAUSE_ADMIN] = "admin",
	[CAUSE_HOST_SHUTDOWN] = "host-shutdown",
	[CAUSE_BACKUP] = "backup",
	[CAUSE_START_FAILED] = "start-failed",
};

static const char *const hook_names[HOOK_TYPES] = {
	[HOOK_NONE] = "none",
	[HOOK_PRE_START] = "pre-start",
	[HOOK_START_HOST] = "start-host",
	[HOOK_STOP] = "stop",
	[HOOK_POST_STOP] = "post-stop",
	[HOOK_GUEST_PRE_START] = "guest-pre-start",
	[HOOK_GUEST_POST_START] = "guest-post-start",
	[HOOK_GUEST_PRE_STOP] = "guest-pre-stop",
	[HOOK_GUEST_POST_STOP] = "guest-post-stop",
};

const char *event_type_name(enum event_type t)
{
	return t < EVENT_TYPES ? type_names[t] : "unknown";
}

const char *event_origin_name(enum event_origin o)
{
	return o < EVENT_ORIGINS ? origin_names[o] : "unknown";
}

const char *stop_cause_name(enum stop_cause c)
{
	return c < STOP_CAUSES ? cause_names[c] : "unknown";
}

const char *hook_type_name(enum hook_type t)
{
	return t < HOOK_TYPES ? hook_names[t] : "unknown";
}

const char *event_type_help(enum event_type t)
{
	return t < EVENT_TYPES ? type_help[t] : "";
}

/* The index of a name from `first` on, or -EINVAL. */
static int index_of(const char *const *names, int first, int n, const char *name)
{
	for (int i = first; i < n; i++)
		if (str_eq(names[i], name))
			return i;
	return -EINVAL;
}

int event_type_parse(const char *name, enum event_type *ret)
{
	int i = index_of(type_names, EVENT_NONE + 1, EVENT_TYPES, name);

	if (i < 0)
		return i;
	*ret = (enum event_type)i;
	return 0;
}

int event_origin_parse(const char *name, enum event_origin *ret)
{
	int i = index_of(origin_names, 0, EVENT_ORIGINS, name);

	if (i < 0)
		return i;
	*ret = (enum event_origin)i;
	return 0;
}

int stop_cause_parse(const char *name, enum stop_cause *ret)
{
	int i = index_of(cause_names, 0, STOP_CAUSES, name);

	if (i < 0)
		return i;
	*ret = (enum stop_cause)i;
	return 0;
}

bool event_is_lifecycle(enum event_type t)
{
	switch (t) {
	case EVENT_PRESTART:
	case EVENT_POSTSTOP:
	case EVENT_HOOKSCRIPT: /* a file of a hook, never dropped */
	case EVENT_STARTED:
	case EVENT_STOPPED:
	case EVENT_REBOOTED:
	case EVENT_START_FAILED:
	case EVENT_OOM_KILL:
	case EVENT_FROZEN:
	case EVENT_THAWED:
	case EVENT_RECONCILED:
		return true;
	default:
		return false;
	}
}

void event_done(struct event *e)
{
	free(e->name);
	free(e->data);
	*e = (struct event){ 0 };
}

void events_done(struct events *e)
{
	for (size_t i = 0; i < e->n; i++)
		event_done(&e->v[i]);
	free(e->v);
	*e = (struct events){ 0 };
}

struct place {
	struct event e;
	size_t at;
};

static int by_boot(const struct place *a, const struct place *b)
{
	return strncmp(a->e.boot, b->e.boot, sizeof(a->e.boot));
}

static int by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	int c = by_boot(a, b);

	return c ? c : (a->at > b->at) - (a->at < b->at);
}

static int by_clock(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	int c = by_boot(a, b);

	if (!c)
		c = (a->e.boot_usec > b->e.boot_usec) - (a->e.boot_usec < b->e.boot_usec);
	return c ? c : by_place(x, y);
}

void events_order(struct events *e)
{
	struct place *v = xcalloc(e->n, sizeof(*v));
	size_t *places = xcalloc(e->n, sizeof(*places));
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		if (*e->v[i].boot && e->v[i].boot_usec)
			v[n++] = (struct place){ e->v[i], i };
	qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 0; i < n; i++)
		places[i] = v[i].at;
	qsort(v, n, sizeof(*v), by_clock);
	for (size_t i = 0; i < n; i++)
		e->v[places[i]] = v[i].e;
	free(places);
	free(v);
}
