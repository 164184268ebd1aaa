/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <spool.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The file that makes LXC run our hook for every container of the node (facts:
 * pve-node.md 3.7, 3.8), and what else on the node decides whether it is run.
 */
#define DROPIN_DIR    "usr/share/lxc/config/common.conf.d"
#define DROPIN_NAME   "50-ctscope.conf"
#define DROPIN_PATH   DROPIN_DIR "/" DROPIN_NAME
#define DROPIN_COMMON "usr/share/lxc/config/common.conf"

/* The hooks we are run by, and their keys ("lxc.hook.stop"). */
#define DROPIN_HOOKS 4
extern const enum hook_type dropin_hooks[DROPIN_HOOKS];
extern const char *const dropin_keys[DROPIN_HOOKS];

/*
 * The text for this program: an absolute path of [A-Za-z0-9/._+-], since it is put into a
 * shell command. -EINVAL with the sentence.
 */
int dropin_text(const char *program, struct buf *ret, struct err *err);

/*
 * Whether LXC and the shell take the text as it is meant: comments, and each of the four
 * hooks once with exactly our command. An error in it would stop every container of the
 * node from starting. 0, or -EINVAL with the line.
 */
int dropin_check(struct span text, const char *program, struct err *err);

struct dropin {
	bool present;
	bool current;         /* it is the text of this version for `program` */
	unsigned broken_line; /* that LXC takes for an error: nothing starts; 0: none */
	char *program;        /* which it names; NULL: none that could be found */
	/* since when it is as it is: a package gives it an older mtime, a copy no ctime
	 */
	uint64_t ctime_real_usec, mtime_real_usec;
};

void dropin_done(struct dropin *d);

/* Not there is no error: !present. */
int dropin_read(int rootfd, struct dropin *ret, struct err *err);

/* Whether a value of lxc.hook.* is our command, for that program; NULL: for any. */
bool dropin_runs(struct span value, const char *program);

/*
 * What in LXC's own files keeps the drop-in from working for all: no include of the
 * directory, a later file that clears hooks, another hook version. A sentence each.
 */
int dropin_obstacles(int rootfd, struct strv *ret, struct err *err);

/*
 * Does what LXC was given for the last start of a container (var/lib/lxc/<vmid>/config)
 * lead to the directory of the drop-in, through whatever it includes? Below 0: a file on the
 * way cannot be read.
 */
int dropin_reached(int rootfd, uint32_t vmid, bool *ret, struct err *err);
