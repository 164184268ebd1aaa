/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"

/*
 * A PVE task (facts: pve-node.md 6.1, 6.2). Every text comes out of a log file of the
 * node: no C0 byte but possibly others that steer a terminal, so it is escaped on its way
 * out as everything is.
 */
struct upid {
	char *text; /* as written, trailing colon included: also the name of its log */
	char *node;
	uint32_t pid;
	uint64_t pstart_ticks; /* field 22 of /proc/<pid>/stat: with pid the identity */
	uint64_t start_real_usec;
	char *type; /* "vzstart", "vzdump", "startall", ...: open set */
	char *id;   /* mostly a VMID; "": none (several guests, or the node) */
	char *user; /* "root@pam", or a token "ops@ldap!ci" */
};

enum task_state {
	TASK_UNKNOWN, /* believed running, but neither process nor log could be read */
	TASK_RUNNING,
	TASK_OK,
	TASK_WARNINGS,
	TASK_ERROR,
	TASK_UNEXPECTED, /* it ended without a final line: killed, node crashed, disk full
			  */
};

struct task {
	struct upid upid;
	enum task_state state;
	char *status; /* as PVE has it: "OK", "WARNINGS: 1", the error message,
			 "unexpected status"; NULL: it runs, or not known */
	struct val noticed_real_usec; /* the index's end time: when PVE noticed */
	struct val end_real_usec; /* nearer to the end: the last change of the log when
				     that is earlier; absent: running, or not known */
	bool indexed;             /* it is in index or index.1 */
};

/* Newest start first. */
struct tasks {
	struct task *v;
	size_t n;
	size_t bad_lines; /* lines of the index files that are no task */
	bool cut; /* an index was larger than what is read: older ones are missing */
};

void upid_done(struct upid *u);
void task_done(struct task *t);
void tasks_done(struct tasks *t);

/* "running", "ok", "warnings", "error", "unexpected", "unknown". */
const char *task_state_name(enum task_state s);
