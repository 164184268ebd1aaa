/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * /var/log/vzdump/lxc-<vmid>.log: the last backup of one guest, or the one that is at
 * work now; written as it goes on and overwritten by the next (facts: pve-node.md 6.4,
 * 7.3).
 */
struct vzdump_log {
	uint64_t begun_real_usec; /* 0: not known */
	char mode[16];            /* "stop", "suspend", "snapshot"; "": not said yet */
	bool ended, failed;
	uint64_t ended_real_usec; /* 0: not known */
	char *error;              /* why it failed; NULL: not said */
	char *archive;            /* file or volume; NULL: not said */
};

void vzdump_log_done(struct vzdump_log *l);

/* Pure. Times are local to this machine, as PVE writes them. */
void vzdump_log_parse(struct span text, uint32_t vmid, struct vzdump_log *ret);

/* -ENOENT: there is none; -EACCES: we may not. */
int vzdump_log_read(int rootfd, uint32_t vmid, struct vzdump_log *ret, struct err *err);
