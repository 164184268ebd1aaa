/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "jobcfg.h"

/* replication.cfg (facts: pve-node.md 7.6); -EFBIG only. */
int replication_parse(const char *p, size_t n, struct replication_jobs *ret,
		      struct err *err);

/* pve-replication-state.json; an empty file: nothing replicated yet. -EBADMSG: not it. */
int replication_state_parse(const char *p, size_t n, struct replication_states *ret,
			    struct err *err);

/* Below var/lib/pve-manager. -ENOENT: this node has replicated nothing. */
int replication_state_read(int rootfd, struct replication_states *ret, struct err *err);
