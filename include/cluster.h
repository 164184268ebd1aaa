/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"
#include "warns.h"

/*
 * What the cluster file system says of the cluster as a whole (facts: pve-node.md 2.3,
 * 7.7, 7.8, 8): which guest is where, which nodes there are, pools, HA.
 */

enum guest_type { GUEST_OTHER, GUEST_LXC, GUEST_QEMU };

/* One guest of /etc/pve/.vmlist. */
struct vmlist_entry {
	uint32_t vmid;
	enum guest_type type;
	char *node;
	char *type_name;  /* "lxc", "qemu", "openvz", ... */
	uint64_t version; /* grows with every write to the guest's file */
	bool usable; /* 100..999999999: pmxcfs lists others too, PVE's tools refuse them
		      */
};

struct vmlist {
	struct vmlist_entry *v; /* by vmid */
	size_t n;
	uint64_t version;
	struct warns warns;
};

void vmlist_done(struct vmlist *l);
const struct vmlist_entry *vmlist_find(const struct vmlist *l, uint32_t vmid);

/* One node of /etc/pve/.members. */
struct member {
	char *name;
	char *ip;          /* NULL: never seen */
	struct val id;     /* absent: not said */
	struct val online; /* 1 or 0 */
};

struct members {
	char *nodename;
	uint64_t version;
	bool clustered;     /* false: a node on its own, nothing below is set */
	char *cluster_name; /* NULL: not said */
	struct val quorate; /* 1 or 0 */
	struct member *v;   /* by name */
	size_t n;
};

void members_done(struct members *m);

struct cfs_file_version {
	char *name;
	uint64_t version;
};

/*
 * /etc/pve/.version: counters that grow when something changes. Another `starttime` means
 * that pmxcfs was restarted and no counter can be compared with an older one.
 */
struct cfs_version {
	uint64_t starttime; /* seconds since 1970; 0: not said */
	uint64_t clinfo, vmlist;
	struct cfs_file_version
		*files; /* by name; kvstore entries as "kvstore/<node>/<key>" */
	size_t n_files;
};

void cfs_version_done(struct cfs_version *v);
/* Counter of a file such as "storage.cfg"; 0: not in the list. */
uint64_t cfs_version_of(const struct cfs_version *v, const char *name);

/* A guest's line of /etc/pve/.rrd: what its node broadcast last. "U" is absent. */
struct rrd_guest {
	uint32_t vmid;
	char *name;   /* guest's choice: escape */
	char *status; /* "running", "stopped" */
	bool is_template;
	struct val uptime_sec, ctime_sec; /* ctime: when it was sent */
	struct val cpus_centi;            /* x 100 */
	struct val cpu_ppm;               /* millionths of `cpus` */
	struct val maxmem_bytes, mem_bytes, maxdisk_bytes, disk_bytes;
	struct val netin_bytes, netout_bytes, diskread_bytes, diskwrite_bytes;
	struct val memhost_bytes; /* from here: PVE 9 only; pressure in hundredths of % */
	struct val cpu_some_centi, cpu_full_centi, io_some_centi, io_full_centi;
	struct val memory_some_centi, memory_full_centi;
};

void rrd_guest_done(struct rrd_guest *g);

/* An entry of /etc/pve/.clusterlog, newest first in the file. */
struct clusterlog_entry {
	uint64_t uid, time_sec, pri, pid;
	char *tag, *node, *user, *msg;
};

struct clusterlog {
	struct clusterlog_entry *v;
	size_t n;
	struct warns warns;
};

void clusterlog_done(struct clusterlog *l);

/* A pool of /etc/pve/user.cfg. */
struct pool {
	char *name;      /* "a", "a/b", "a/b/c" */
	char *comment;   /* decoded; NULL: none. An administrator's text: escape */
	uint32_t *vmids; /* its own members, ascending; those of nested pools are not in
			    it */
	size_t n_vmids;
	char **storages;
	size_t n_storages;
};

struct pool_member {
	uint32_t vmid;
	uint32_t pool; /* index into pools.v */
};

struct pools {
	struct pool *v; /* by name */
	size_t n;
	struct pool_member *members; /* by vmid: a guest is in one pool only */
	size_t n_members;
	struct warns warns;
};

void pools_done(struct pools *p);
/* The name of the pool the guest is in, NULL: in none. */
const char *pools_of(const struct pools *p, uint32_t vmid);
const struct pool *pools_find(const struct pools *p, const char *name);

/* A section of /etc/pve/ha/resources.cfg. */
struct ha_resource {
	char *sid;     /* "ct:100", "vm:200" */
	uint32_t vmid; /* 0: not a guest */
	bool is_ct;
	char *state;   /* requested: started (also when not said), stopped, disabled,
			  ignored */
	char *group;   /* PVE 7, 8; NULL: none */
	char *comment; /* decoded; NULL: none */
	uint64_t max_restart, max_relocate; /* 1 when not said */
	bool failback;                      /* PVE 9; true when not said */
	uint32_t line;
};

struct ha_resources {
	struct ha_resource *v; /* by sid */
	size_t n;
	struct warns warns;
};

/* What the HA manager does with a service (ha/manager_status). */
struct ha_service {
	char *sid;
	uint32_t vmid; /* 0: not a guest */
	bool is_ct;
	char *state;  /* stopped, request_stop, started, fence, recovery, migrate, error,
			 ... */
	char *node;   /* NULL: not said */
	char *target; /* where it is being moved to; NULL: nowhere */
	struct val running;
};

struct ha_node {
	char *name;
	char *state; /* online, maintenance, unknown, fence, gone */
};

struct ha_status {
	char *master_node;    /* NULL: none */
	uint64_t time_sec;    /* when the manager wrote it; 0: not said */
	struct ha_service *v; /* by sid */
	size_t n;
	struct ha_node *nodes; /* by name */
	size_t n_nodes;
};

struct ha_prop {
	char *key;
	char *value; /* NULL: a flag without a value */
};

/* A rule of ha/rules.cfg (PVE 9) or a group of ha/groups.cfg (7, 8), as text. */
struct ha_rule {
	char *type; /* "node-affinity", "resource-affinity", "group" */
	char *id;
	struct ha_prop *props;
	size_t n_props;
	uint32_t line;
};

struct ha_rules {
	struct ha_rule *v;
	size_t n;
	struct warns warns;
};

/* { 0 } where the node has no HA: then nothing is an HA resource. */
struct ha {
	struct ha_resources resources;
	struct ha_status status;
	struct ha_rules rules;
};

void ha_resources_done(struct ha_resources *r);
void ha_status_done(struct ha_status *s);
void ha_rules_done(struct ha_rules *r);
void ha_done(struct ha *h);

/*
 * The state of service ct:<vmid> as PVE shows it: the manager's, "ignored", or "queued"
 * where it is a resource that the manager has not taken up yet. NULL: not an HA resource.
 */
const char *ha_state_of(const struct ha *h, uint32_t vmid);
const struct ha_resource *ha_resource_of(const struct ha *h, uint32_t vmid);
const struct ha_service *ha_service_of(const struct ha *h, uint32_t vmid);
