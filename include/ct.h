/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgstat.h"
#include "mount.h"
#include "val.h"

struct pveconf;

/*
 * PVE knows two states, running and stopped, by the command socket of lxc-start; we tell
 * apart what hides behind "running".
 */
enum ct_state {
	CT_UNKNOWN, /* a container of another node, or the kernel could not be read */
	CT_STOPPED,
	CT_STARTING, /* the monitor is there, no init yet (a hook may be at work) */
	CT_RUNNING,
	CT_FREEZING, /* asked to freeze, some of its processes still run */
	CT_FROZEN,
	CT_STOPPING, /* init is gone or dying, the monitor still cleans up */
};

/* An address inside the container, "10.0.0.5/24" or "fd00::5/64", without link-local and
 * lo. */
struct ct_addr {
	char *ifname; /* as the guest named it: tenant bytes, escape */
	char *address;
};

/*
 * One container of the cluster: what its config says joined with what the kernel says.
 * What was not asked for (struct facts_want) is absent.
 */
struct ct {
	uint32_t vmid;
	char *node;           /* whose container it is; NULL: not known */
	bool here;            /* it is this node's */
	struct pveconf *conf; /* NULL: not readable, see error */
	char *error; /* one sentence: what is wrong with this row; NULL: nothing */
	char *name;  /* PVE's `name`: hostname or CT<vmid>, blanks removed */

	enum ct_state state;
	pid_t monitor_pid;         /* lxc-start, 0: none */
	pid_t init_pid;            /* host pid of the container's PID 1, 0: none */
	uint64_t init_start_ticks; /* field 22 of /proc/<init>/stat: with init_pid the
				      identity */
	struct val uptime_sec;
	uint64_t cpus_centi; /* ct_cpus_centi(), once the config is read; 0: it is not */

	struct cg_cpu cpu;
	struct cg_memory memory;
	struct cg_io io;
	struct cg_pids pids;
	struct cg_pressure pressure;
	struct cg_cpuset cpuset;

	struct val cpu_ppm; /* use of the CPUs it may use over facts.interval_usec, in
			       millionths of one of its own `cpus` (PVE's cpu) */
	uint64_t cpu_interval_usec; /* between the two readings for the two above and
				       below */
	struct val cpu_used_usec;   /* CPU time in that interval, of one CPU */
	struct val netin_bytes,
		netout_bytes; /* of the host-side veths, towards / from the guest */
	struct val disk_bytes, disk_max_bytes; /* PVE's disk, maxdisk: root file system */
	struct fscount disk_count;             /* of the same; total_bytes 0: not known */
	struct val rootfs_size_bytes; /* size= of rootfs; absent: not said, not valid */
	struct ct_addr *addrs;
	size_t n_addrs;
	bool addrs_known; /* they were read: none means none */

	struct val broadcast_age_sec; /* of another node: its figures are this old */

	char *task; /* type of a task of PVE that is at work on it ("vzdump"); NULL: of
			   none that is known, or it was not looked for */
	char *pool; /* NULL: in none */
	char *ha_state; /* HA manager's state of service ct:<vmid>, NULL: not an HA
			   resource */
};

void ct_done(struct ct *ct);
const char *ct_state_name(enum ct_state s); /* "running", "stopped", ... */

/*
 * PVE's formulas over config and kernel (facts: pve-node.md 4.3). `host_cpus` as in
 * struct facts.
 */
uint64_t ct_maxmem_bytes(const struct ct *ct);  /* memory or 512, in MiB */
uint64_t ct_maxswap_bytes(const struct ct *ct); /* swap or 0 */
/*
 * It runs, its config has `cores`, and no cpuset (which was read) keeps it to them: this
 * kernel has the controller elsewhere. Then it may run on all CPUs of the node.
 */
bool ct_cores_are_free(const struct ct *ct);
uint64_t ct_cpus_centi(const struct ct *ct,
		       unsigned host_cpus);   /* cores, cpulimit or all, x 100 */
struct val ct_mem_bytes(const struct ct *ct); /* memory.current - file of memory.stat */
struct val
ct_diskread_bytes(const struct ct *ct); /* PVE's sum over every line of io.stat */
struct val ct_diskwrite_bytes(const struct ct *ct);
bool ct_is_template(const struct ct *ct);

/*
 * Does its config give it a user namespace of its own? That is an lxc.idmap with a value (an
 * empty one takes those before it away) or, where there is no such line at all,
 * unprivileged: 1 (facts: pve-node.md 3.3, 3.5).
 */
bool ct_is_unprivileged(const struct ct *ct);
