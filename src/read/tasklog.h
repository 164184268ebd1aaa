/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "logline.h"
#include "task.h"

/* PVE's task list and task logs (facts: pve-node.md 6.1, 6.2; observed.md 38). */

/*
 * UPID:<node>:<pid>:<pstart>:<starttime>:<type>:<id>:<user>: and nothing around it; pid
 * and starttime 8, pstart 8 or 9 hex digits. -EINVAL otherwise.
 */
int upid_parse(struct span s, struct upid *ret);

/* Is `id` exactly that number (101, never 1010 or 0101)? */
bool upid_is_about(const struct upid *u, uint32_t vmid);

/*
 * Lines of `index`/`index.1` ("UPID ENDHEX STATUS") or, with `active`, of `active` ("UPID
 * 0", "UPID 1 ENDHEX STATUS"), appended in file order. Lines that are none are counted.
 * In a file that was cut at its start, `cut_front` drops the first piece of a line.
 */
int taskindex_parse(struct span text, bool active, bool cut_front, struct tasks *ret);

struct tasks_want {
	uint32_t vmid; /* tasks with that id; 0: of every id */
	bool several;  /* also those of no id: startall, stopall, vzdump of several guests
			*/
	const char *type; /* only that type; NULL: all */
};

/*
 * active, index and index.1 of /var/log/pve/tasks below the root, joined by UPID, newest
 * start first. A rotation in between loses and doubles nothing. A task believed to run
 * is TASK_RUNNING only when its process is there with the same start time; else the last
 * line of its log says how it ended. -ENOENT: this node has no task list.
 */
int tasks_read(int rootfd, const struct tasks_want *want, struct tasks *ret,
	       struct err *err);

/* Is the process of that task still there? 1, 0, or a negative errno: not known. */
int task_alive(int rootfd, const struct upid *u);

/* "var/log/pve/tasks/<X>/<UPID>". */
void tasklog_path(const struct upid *u, struct buf *ret);

/* How a log ends. `message` points into the text. */
struct tasklog_end {
	enum task_state state; /* TASK_UNEXPECTED: no final line */
	struct tbytes message; /* the last line after "TASK ERROR: " or as a whole */
	size_t body_n;         /* bytes before the final line */
};

void tasklog_parse_end(struct span text, struct tasklog_end *ret);

struct tasklog {
	struct buf text; /* the last `max` bytes, from the start of a line */
	bool cut;        /* there was more in front of it */
	uint64_t mtime_real_usec;
	uint64_t size_bytes;
	struct tasklog_end end;
};

void tasklog_done(struct tasklog *l);

#define TASKLOG_MAX ((size_t)1 << 20)

/* -ENOENT: the log is gone (PVE deletes old ones) or was never written. */
int tasklog_read(int rootfd, const struct upid *u, size_t max, struct tasklog *ret,
		 struct err *err);

/*
 * The part of a vzdump log that is about one guest: from "Starting Backup of VM <id>" to
 * what is said of its end, or only its error line. False: it is not in it.
 */
bool tasklog_vzdump_section(struct span text, uint32_t vmid, struct span *ret);

struct log_want;

/*
 * The container's tasks as lines: a header (type, user, status), the log's lines, the
 * final line at the time of the end. Newest tasks first are read until `want` is full.
 */
int tasklog_lines(int rootfd, const struct log_want *want, struct loglines *ret,
		  struct err *err);

/* Level of a line of a task's log: its "ERROR: ", "WARN: ", ... */
enum log_level tasklog_level(struct span line);

/* "vzstart by root@pam: OK", the line that stands for a task. */
void tasklog_header(const struct task *t, struct buf *ret, enum log_level *ret_level);
