/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "val.h"

/*
 * What the kernel's log says about containers: OOM kills (mm/oom_kill.c), AppArmor
 * denials (security/apparmor/audit.c), system calls that seccomp stopped
 * (kernel/auditsc.c, audit_seccomp()). Names of processes and of cgroups below a
 * container's own are the guest's, so lines are taken apart from their safe ends, and a
 * line is told by how it begins: what a guest has in one never stands there. Spans point
 * into the message.
 */
enum kernmsg_kind {
	KERNMSG_NONE,
	KERNMSG_OOM,    /* "oom-kill:constraint=...": whose, and which process */
	KERNMSG_KILLED, /* "... Killed process N (name) ...": its sizes */
	KERNMSG_DENIED, /* apparmor="DENIED", or a system call that seccomp stopped */
	KERNMSG_FORK,  /* a fork was refused: at the limit of vmid or of a cgroup in it */
	KERNMSG_CRASH, /* a process died of a fault that it did not handle */
	/* the kernel left out so many lines of audit: 10 in 5 s are printed of all */
	KERNMSG_SUPPRESSED,
};

enum denied_by { DENIED_APPARMOR, DENIED_SECCOMP };

struct kernmsg {
	enum kernmsg_kind kind;
	uint32_t vmid; /* OOM, DENIED: the container; 0: none */

	/* OOM */
	bool memcg; /* at the limit of a cgroup; else the node had no memory */
	struct span task_cgroup; /* "/lxc/101/ns/x.service" */
	struct span oom_cgroup;  /* whose limit it was; empty: the node's memory */
	/* OOM, KILLED, DENIED */
	pid_t pid;
	struct span name;
	struct val uid;
	/* KILLED */
	struct val total_vm_bytes, anon_bytes, file_bytes, shmem_bytes;
	int64_t oom_score_adj;
	bool has_score;
	/* DENIED: vmid 0 where the line does not name it, pid does. A text that the
	 * kernel had to write in hex is `..._hex`: kernmsg_text() */
	enum denied_by by;
	struct span operation, profile, path, requested, error;
	bool name_hex, path_hex;
	struct val syscall, arch,
		action; /* seccomp: number, AUDIT_ARCH_*, SECCOMP_RET_* */
	/* CRASH: pid, name */
	int signal;
	/* SUPPRESSED */
	uint64_t lines;
};

/* False: it is nothing of the above. */
bool kernmsg_parse(struct span msg, struct kernmsg *ret);

/* A text of the message as the bytes that it stands for; hex: it is written in hex. */
char *kernmsg_text(struct span s, bool hex);

/* "errno", "kill", "log", ... : what seccomp did, by its SECCOMP_RET_* value. */
const char *kernmsg_seccomp_action(uint64_t code);
