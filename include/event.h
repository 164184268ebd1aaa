/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"

/*
 * An event of a container: what happened, when, to which life of it. Shown as a
 * CloudEvents 1.0 object (schemas/event.json); `id`, `type` and the keys of `data` are
 * what users script against.
 */
enum event_type {
	EVENT_NONE, /* the zero value: no event */
	EVENT_PRESTART,
	EVENT_STARTED,
	EVENT_STOPPED,
	EVENT_REBOOTED,
	EVENT_FROZEN,
	EVENT_THAWED,
	EVENT_OOM_KILL,
	EVENT_MEMORY_LIMIT,
	EVENT_PIDS_LIMIT,
	EVENT_PRESSURE,
	EVENT_START_FAILED,
	EVENT_CONFIG_CHANGED,
	EVENT_SNAPSHOT,
	EVENT_BACKUP,
	EVENT_INTERFACE_UP,
	EVENT_INTERFACE_DOWN,
	EVENT_ADDRESS,
	EVENT_DENIED,     /* AppArmor or seccomp refused something */
	EVENT_HOOKSCRIPT, /* a phase of PVE's guest hookscript */
	EVENT_TASK,       /* a task of an admin, about one container */
	EVENT_RECONCILED, /* what was found at start, or where two sources disagree */
	EVENT_COLLECTOR,  /* about the collector itself: started, lost, store trouble */
	EVENT_POSTSTOP,   /* LXC's last hook: what it held is released */
	EVENT_TYPES
};

/* Who saw it. */
enum event_origin {
	ORIGIN_HOOK,
	ORIGIN_CGROUP,
	ORIGIN_KERNEL,
	ORIGIN_CONFIG,
	ORIGIN_TASK,
	ORIGIN_NETWORK,
	ORIGIN_RECORDER,
	ORIGIN_COLLECTOR,
	EVENT_ORIGINS
};

/* Why a container stopped: data.cause of EVENT_STOPPED. */
enum stop_cause {
	CAUSE_UNKNOWN,
	CAUSE_OOM_INIT,
	CAUSE_SIGNAL,
	CAUSE_HALTED_INSIDE,
	CAUSE_REBOOTED_INSIDE,
	CAUSE_ADMIN,
	CAUSE_HOST_SHUTDOWN,
	CAUSE_BACKUP,
	CAUSE_START_FAILED,
	STOP_CAUSES
};

#define EVENT_ID_MAX   64 /* [0-9A-Za-z._-], NUL included */
#define EVENT_NAME_MAX ((size_t)1024)
#define EVENT_DATA_MAX ((size_t)128 << 10) /* of the JSON text */

/*
 * The keys of data, by type. All may be missing; sizes in bytes, times in the unit of
 * their name. Texts that come from a tenant may stand in any string. A task is told by
 * "user" (root@pam), "upid" and "task" (vzstop) wherever one is behind an event.
 *
 *	(of a hook)	hook: pre-start|start-host|stop|post-stop|guest-..., pid,
 *			hook_usec, invocation; of stop: files[]: {name, text, cut}, the
 *			last texts of the cgroup
 *	started		pid, start_ticks, phases[]: {name: prestart|init, usec}: since
 *			the start began; carrier and address follow as events of their own
 *	stopped		cause, certain (false: the likely one, not proved), signal, exit,
 *			user, upid, task, uptime_sec, peak_bytes, oom_kills, evidence[]:
 *			sentences, in the order of their weight
 *	rebooted	from: inside|task, user, upid, task
 *	frozen, thawed	user, upid, task; thawed: duration_usec
 *	oom-kill	victim{pid, name, unit, uid, rss_bytes, anon_bytes, file_bytes,
 *			shmem_bytes, oom_score_adj}, kills (how many this event stands
 *			for), total (of this cgroup), constraint: memcg|node, cgroup,
 *			limit_bytes (null: none), limit_cgroup (whose limit, where it is
 *			one of the guest's own), memory{} as an incident has it
 *	memory-limit	current_bytes, limit_bytes, times, inside (true: it was at a limit
 *			of a cgroup inside that was reached)
 *	pids-limit	current, limit, times, inside
 *	pressure	resource: cpu|io|memory, some_ppm, full_ppm, seconds
 *	start-failed	phase, reason (one line, where one is known), phases[] as above
 *			(failed: true), texts[]: {from, text}, checks[]: {what, ok
 *			(missing: could not be told), text}, user, upid
 *	config-changed	changes[]: {key, old, new, section}, or what: created|removed, and
 *			from, to: the node it came from or went to
 *	(of these three) since, until (RFC 3339), reason: nobody saw it, it was somewhen
 *			between; the time of the event is the likeliest
 *	snapshot	action: create|delete|rollback, snapshot, status, user, upid
 *	backup		phase: begin|end, mode: stop|suspend|snapshot, of its end status (OK,
 *			or why it failed), archive, seconds; user, upid
 *	interface-*	interface (the node's), net (net0), first, since_start_usec,
 *			removed
 *	address		change: added|removed, address, interface (inside), net,
 *			host_interface, first, since_start_usec
 *	denied		by: apparmor|seccomp, operation | syscall, syscall_number, arch,
 *			action: errno|log|kill-process|...; path, process, profile,
 *			requested, error: of the first; times (since the event before),
 *			others (of these, with another path), seconds (these took),
 *			several: true (of more kinds than are told apart), withheld
 *			(lines of any container that the kernel left out meanwhile)
 *	hookscript	phase
 *	task		task, state: begin|end, status, user, upid
 *	reconciled	what, text, of (id of the event it is about); cause and the other
 *			keys of stopped where these are known only now
 *	collector	what: started|stopped|dropped|lost|store-error|store-replaced|
 *			store-full|store-resumed|clock|stale|back (configs
 *			are not read; are read again)|reloaded, text, reason, count
 */

struct event {
	char id[EVENT_ID_MAX]; /* unique for ever: the same event is never stored twice */
	enum event_type type;
	enum event_origin origin;
	bool inferred; /* no source told it: concluded from what was found */
	uint32_t vmid; /* 0: about the node */
	uint64_t life; /* which run of this CTID: grows, may leave out; 0: not known */
	char *name; /* PVE's name at that time: tenant bytes, escape; NULL: not known */
	char boot[37];           /* the kernel's boot id, "" if not known */
	uint64_t time_real_usec; /* CLOCK_REALTIME of what happened */
	uint64_t boot_usec;      /* CLOCK_BOOTTIME of it: order within one boot */
	char *data;   /* JSON text of an object, what the type adds; NULL: none */
	uint64_t seq; /* its place in the store, 1 and up; 0: not stored */
};

struct events {
	struct event *v;
	size_t n;
};

void event_done(struct event *e);
void events_done(struct events *e);

/*
 * From the order in which they were stored to that in which they happened: those of one
 * boot change places by its clock. One whose boot or time is not known stays where it is.
 */
void events_order(struct events *e);

/* "started", "oom-kill", ...; the CloudEvents type is "ctscope.container." before it. */
const char *event_type_name(enum event_type t);
const char *event_origin_name(enum event_origin o); /* "hook", "cgroup", ... */
const char *stop_cause_name(enum stop_cause c);     /* "oom-init", "admin", ... */

/* 0, or -EINVAL: not one of the names. */
int event_type_parse(const char *name, enum event_type *ret);

const char *event_type_help(enum event_type t); /* one line for --help */

/* 0, or -EINVAL: not one of the names. */
int event_origin_parse(const char *name, enum event_origin *ret);
int stop_cause_parse(const char *name, enum stop_cause *ret);

/* Commit at once, fsync included: what an admin asks for tomorrow. The rest in groups. */
bool event_is_lifecycle(enum event_type t);
