/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include <facts.h>
#include "tbytes.h"

/*
 * /proc of the host (kernel: Documentation/filesystems/proc.rst). Every path is below the
 * root fd. -ENOENT and -ESRCH: the process is gone.
 */

/* /proc/<pid>/stat. comm is what the process calls itself: any byte may be in it. */
struct proc_stat {
	pid_t pid, ppid;
	pid_t session; /* 0: none that we can see */
	char state;    /* R S D T Z X I */
	bool execed;   /* since it was forked: the kernel's word, by PF_FORKNOEXEC */
	struct tbytes comm;
	uint64_t utime_ticks, stime_ticks, start_ticks; /* since boot for start */
	uint64_t threads, rss_pages;
};

/* Parsed from the last ')' on: comm may hold newlines, blanks and brackets. */
int procfs_parse_stat(struct span text, struct proc_stat *ret);

/*
 * Reads proc/<pid>/stat into `buf` (1 KiB is enough; comm points into it) and parses it.
 */
int procfs_read_stat(int rootfd, pid_t pid, char *buf, size_t cap, struct proc_stat *ret,
		     struct err *err);

/*
 * The cgroup v2 path of a process ("/lxc/101/ns/init.scope") out of /proc/<pid>/cgroup:
 * its "0::" line, whatever v1 lines stand around it. Tenant bytes. -ENOENT: no such line.
 */
int procfs_parse_cgroup(struct span text, struct span *ret);

/* Is that path lxc/<vmid> or below it? lxc/10 is not lxc/101. */
bool procfs_cgroup_is_ct(struct span cgroup, uint32_t vmid);

/* Children of a process by /proc/<pid>/task/<pid>/children; -ENOENT: kernel has none. */
int procfs_read_children(int rootfd, pid_t pid, pid_t *pids, size_t max, size_t *ret_n,
			 struct err *err);

/*
 * Last number of the NSpid line of /proc/<pid>/status: the pid in the innermost pid
 * namespace. *ret_depth is how many namespaces the line tells of (1: the host's only).
 */
int procfs_parse_nspid(struct span status, pid_t *ret, unsigned *ret_depth);

/* CPUs, memory, uptime of the host. What is not there stays absent. */
int procfs_read_host(int rootfd, struct host *ret, struct err *err);
int procfs_parse_uptime(struct span text, struct val *ret_centisec);
int procfs_parse_meminfo(struct span text, struct host *ret);
unsigned procfs_parse_cpuinfo(struct span text); /* number of `processor` lines */
int procfs_parse_cpulist(struct span text, unsigned *ret); /* "0-3,8": how many */

/*
 * Byte counters of the host's network devices, /proc/net/dev. `each` is called for every
 * line; rx and tx are as the device counts them.
 */
typedef void procfs_dev_fn(struct span name, uint64_t rx_bytes, uint64_t tx_bytes,
			   void *arg);
void procfs_parse_net_dev(struct span text, procfs_dev_fn *each, void *arg);

/* "veth101i0" -> 101, the host side of a container's netN. False: no such name. */
bool procfs_veth_vmid(struct span name, uint32_t *ret_vmid);
