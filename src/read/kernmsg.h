/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "val.h"

/*
 * What the kernel's log says about containers: OOM kills (mm/oom_kill.c) and AppArmor
 * denials (security/apparmor/audit.c). Names of processes and of cgroups below a
 * container's own are the guest's, so lines are taken apart from their safe ends. Spans
 * point into the message.
 */
enum kernmsg_kind {
	KERNMSG_NONE,
	KERNMSG_OOM,    /* "oom-kill:constraint=...": whose, and which process */
	KERNMSG_KILLED, /* "... Killed process N (name) ...": its sizes */
	KERNMSG_DENIED, /* apparmor="DENIED" */
};

struct kernmsg {
	enum kernmsg_kind kind;
	uint32_t vmid; /* OOM, DENIED: the container; 0: none */

	/* OOM */
	bool memcg; /* at the limit of a cgroup; else the node had no memory */
	struct span task_cgroup; /* "/lxc/101/ns/x.service" */
	/* OOM, KILLED, DENIED */
	pid_t pid;
	struct span name;
	struct val uid;
	/* KILLED */
	struct val total_vm_bytes, anon_bytes, file_bytes, shmem_bytes;
	int64_t oom_score_adj;
	bool has_score;
	/* DENIED */
	struct span operation, profile, path, requested;
};

/* False: it is nothing of the above. */
bool kernmsg_parse(struct span msg, struct kernmsg *ret);
