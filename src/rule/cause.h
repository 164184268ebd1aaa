/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <event.h>
#include <stdbool.h>
#include <stdint.h>

#include "val.h"

/*
 * Why did a container stop? Pure: from what was seen of its end to one of the causes of
 * event.h. What was not seen is not made up: then it is CAUSE_UNKNOWN.
 */

/* How init ended, where the kernel tells one who is not its parent (PIDFD_GET_INFO with
 * the exit code, Linux 6.15). */
enum init_exit {
	INIT_EXIT_UNKNOWN, /* the kernel does not say */
	INIT_EXIT_CODE,
	INIT_EXIT_SIGNAL,
};

/* The task that was at work on the container (facts: pve-node.md 6.2), not owned. */
struct stop_task {
	const char *type, *user, *upid; /* type NULL: there was none */
	bool all;                       /* of the whole node: stopall, migrateall */
};

enum backup_mode { BACKUP_NONE, BACKUP_MODE_UNKNOWN, BACKUP_LIVE, BACKUP_STOP };

struct stop_evidence {
	enum init_exit exit;
	int exit_value; /* the code, or the signal */

	bool hook;        /* LXC's stop hook came */
	bool hook_reboot; /* with LXC_TARGET=reboot */
	bool reboot_file; /* /var/lib/lxc/N/reboot was there: PVE starts it again */

	bool oom_victim_init;    /* the kernel's message named init */
	struct val oom_kills;    /* kills in the cgroup just before the end */
	struct stop_task task;   /* that stops a container */
	enum backup_mode backup; /* of a vzdump task that runs for it */
	struct stop_task dump;   /* that task */
	bool unit_stop;          /* systemd was told to stop its unit */
	const char *monitor; /* its monitor was killed: "killed 9"; NULL: it was not */
	int crash;           /* init's fault that the kernel told of: a signal, or 0 */
	bool node_down;      /* the node is shutting down */
	bool node_booted;    /* found after the node was booted anew */
	bool start_failed;   /* init never got to run its own program */
	bool emptied;        /* all other processes of it had ended before init did */
};

struct stop_verdict {
	enum stop_cause cause;
	bool rebooted; /* it comes back by itself: an event `rebooted`, not `stopped` */
	bool weak;     /* the likely one, but what was seen does not prove it */
	char why[160]; /* one sentence, no tenant bytes but the user's name */
};

void cause_decide(const struct stop_evidence *ev, struct stop_verdict *ret);

/* Does a task of that type end a container, by its own meaning? */
bool cause_task_stops(const char *type);

/* "SIGKILL", ...; "signal 42" is written into buf of 16. */
const char *cause_signal_name(int sig, char buf[16]);
