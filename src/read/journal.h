/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "logline.h"
#include "read/hostlog.h"

/*
 * The node's journal (libsystemd's sd-journal, loaded on first use): lines of the
 * container's unit and hooks, of PVE's daemons where they name it, of the kernel where it
 * does. Found by the journal's own indexes, never by reading all of it.
 */
struct journal;

/*
 * `live`: the journal of this machine; else the directory var/log/journal (or
 * run/log/journal) below the root. -ENOENT: there is none, or no libsystemd.
 */
int journal_open(int rootfd, bool live, struct journal **ret, struct err *err);
void journal_free(struct journal *j);

/* Appends what is wanted, oldest first; `sources` (LOG_SOURCES flags) says of which. */
int journal_lines(struct journal *j, const struct log_want *want,
		  const bool sources[LOG_SOURCES], struct loglines *ret, struct err *err);

/* For following: to poll, and then what came since the last call. */
int journal_fd(struct journal *j);
int journal_follow(struct journal *j, const struct log_want *want,
		   const bool sources[LOG_SOURCES], struct loglines *ret,
		   struct err *err);

/*
 * What the node's kernel and systemd say, those since the last call, from `since` on at
 * the first: for a handle of its own. At most `max` entries in one call.
 *
 * LOG_KERNEL: the kernel's own messages. What a program wrote into /dev/kmsg has the
 * transport of the kernel, too, but never its facility (0). With `audit` (auditd runs and
 * takes them from the kernel's log) audit's records of AppArmor and seccomp as journald
 * heard them. Cut at the first newline: behind it only a name from a guest can stand.
 *
 * LOG_UNIT: what systemd itself (_PID=1) says of units pve-container@..., `origin`: that
 * unit is told to stop ("stop" is the text), or its main process, the container's
 * monitor, ended ("killed 9", "exited 1").
 */
int journal_follow_kernel(struct journal *j, uint64_t since_real_usec, bool audit,
			  size_t max, struct loglines *ret, struct err *err);
