/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "idmap.h"
#include "read/cgtree.h"
#include "tbytes.h"
#include "val.h"

/*
 * The processes of one container (kernel: Documentation/filesystems/proc.rst). Everything
 * a process can write (comm, cmdline, its cgroup's name) is tenant bytes.
 */
struct proc {
	pid_t pid;            /* of the host */
	pid_t ct_pid;         /* inside the container, 0: not known */
	pid_t ppid;           /* of the host */
	uint32_t uid;         /* effective, of the host */
	struct val ct_uid;    /* inside the container, absent: not mapped */
	char state;           /* R S D T t Z X I */
	uint64_t start_ticks; /* since boot: with pid the identity */
	uint64_t utime_ticks, stime_ticks;
	uint64_t threads;
	struct val rss_bytes, swap_bytes; /* absent: no memory of its own (a zombie) */
	char *comm;
	uint32_t comm_n;
	char *cmdline; /* arguments with a NUL after each, at most 4 KiB; NULL: not read
			*/
	uint32_t cmdline_n;
	bool cmdline_cut;     /* there is more */
	char *cgroup;         /* path relative to lxc/<id>/ns, "" for ns itself */
	struct cgwhere where; /* into cgroup */
};

struct procs {
	struct proc *v; /* by pid */
	size_t n;
	uint64_t left_out;     /* processes that were seen and not read: over the bound */
	uint64_t cgroups_left; /* cgroups that were not looked into: over the bounds */
	bool cmdline_timeout;  /* some process's memory did not answer: comm only */
};

void procs_done(struct procs *p);

struct procs_opts {
	uint32_t vmid;
	pid_t init_pid; /* whose uid_map is the container's; 0: not known */
	size_t max;     /* processes, 0: 4096 */
	bool cmdline;   /* read the command lines, under guard */
	uint64_t cmdline_timeout_usec; /* per attempt, 0: 300 ms */
};

/*
 * Reads all of them: pids of the cgroups below `cgdir` (lxc/<id>), or, where these are
 * too many to look into, of all of /proc; then what /proc says of each process through
 * one directory fd held over all its files, so that a reused pid is noticed; its cgroup
 * must still be the container's. A process that ends meanwhile is left out. Command lines
 * are read by a process of their own with a deadline, because the memory they lie in
 * belongs to the guest and may never answer.
 */
int procs_read(int rootfd, int cgdir, const struct procs_opts *o, struct procs *ret,
	       struct err *err);

/* What we take from /proc/<pid>/status. Unknown lines are skipped. */
struct proc_status {
	uint32_t uid;   /* effective */
	pid_t nspid[8]; /* host first; in each pid namespace further in */
	unsigned n_nspid;
	struct val rss_bytes, swap_bytes;
	uint64_t threads;
};

/* -EINVAL: no Uid line, or a number that is none. */
int procs_parse_status(struct span text, struct proc_status *ret);

/* uid_map or gid_map. -EINVAL: not three numbers a line, or more lines than there can be. */
int procs_parse_idmap(struct span text, struct idmap *ret);
struct val idmap_inside(const struct idmap *m, uint32_t outside);

/*
 * The pieces of procs_read(), for who reads other files of the same processes.
 *
 * Host pids of the cgroups below `cgdir`, sorted, each once: claims, for a number can be
 * another process's by the time it is used. *ret_left: cgroups not looked into.
 */
struct pidlist {
	pid_t *v;
	size_t n, cap;
};

void pidlist_done(struct pidlist *p);
int procs_list(int rootfd, int cgdir, struct pidlist *ret, uint64_t *ret_left,
	       struct err *err);

/*
 * A directory fd of /proc/<pid> stands for the process that has the number now: reads
 * through it fail when that one has ended, whoever has the number then.
 */
int procs_open(int proc, pid_t pid, int *ret);

/* Its cgroup as in struct proc, owned. -ESRCH: not a process of that container. */
int procs_read_cgroup(int dir, uint32_t vmid, char **ret, size_t *ret_n);

/*
 * Whole lines of its status. What is longer than usual counts against *left, which
 * begins as PROCS_STATUS_TOTAL: lines may be missing when that is used up.
 */
#define PROCS_STATUS_TOTAL ((size_t)32 << 20)
int procs_read_status(int dir, size_t *left, struct buf *ret);
