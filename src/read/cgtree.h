/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "cgstat.h"
#include "tbytes.h"

/*
 * The cgroups that a guest makes below its own one (kernel: cgroup-v2.rst; the guest owns
 * lxc/<id>/ns and everything in it). Names are tenant bytes, the number and depth of them
 * is up to the guest, they come and go while we read.
 */
enum cgkind {
	CGK_OTHER,
	CGK_ROOT,    /* the container itself: lxc/<id> with ns */
	CGK_SLICE,   /* x.slice */
	CGK_UNIT,    /* x.service, x.mount, x.socket, x.scope: a systemd unit */
	CGK_ATTACH,  /* .lxc: who came in by lxc-attach (pct enter, pct exec) */
	CGK_DOCKER,  /* docker-<64 hex>.scope, docker/<64 hex> */
	CGK_PODMAN,  /* libpod-<64 hex>.scope */
	CGK_CRI,     /* cri-containerd-<hex>.scope, crio-<hex>.scope: Kubernetes */
	CGK_LXC,     /* lxc.payload.NAME, lxc/NAME: LXC or Incus inside */
	CGK_MACHINE, /* machine-NAME.scope, NAME of machine.slice: nspawn, libvirt */
};

const char *cgkind_name(enum cgkind k); /* "slice", "unit", "docker", ... */
bool cgkind_is_container(enum cgkind k);

struct cgnode {
	size_t parent; /* index, SIZE_MAX: the root */
	unsigned depth;
	char *name; /* of the directory, tenant bytes; NULL: the root */
	enum cgkind kind;
	struct tbytes label; /* into name: the unit, 12 digits of a container id, ... */
	uint64_t more;       /* directories right below it that are not in the tree */
	bool gone;           /* it was removed while we read: numbers absent */

	/* by cgtree_read_stats() */
	struct cg_cpu cpu;
	struct cg_memory memory;
	struct cg_pids pids;
	struct val rbytes, wbytes; /* sums over io.stat, as PVE adds them */
};

struct cgtree {
	struct cgnode *v; /* parents come before their children; v[0] is the root */
	size_t n;
	bool has_ns;       /* there is an inner cgroup ns: the same node as the root */
	uint64_t left_out; /* cgroups below the root that are not in the tree */
	bool left_out_atleast; /* there may be more than that */
};

void cgtree_done(struct cgtree *t);

struct cgtree_limits {
	size_t nodes;    /* 0: 256 */
	unsigned depth;  /* below the root, 0: 4 */
	size_t per_node; /* directories taken of one directory, 0: 64 */
};

/*
 * Lists the tree below a directory fd of lxc/<id> (or of its copy); the inner "ns" is
 * taken as the same node as the root. By directory fds and single names only; a directory
 * that vanishes stays in the list as gone. -ENOENT, -ENODEV: the root itself is gone.
 */
int cgtree_list(int dir, const struct cgtree_limits *lim, struct cgtree *ret,
		struct err *err);

/* O_PATH fd of a node; -ENOENT, -ENODEV when it is gone. */
int cgtree_open(int dir, const struct cgtree *t, size_t i, int *ret);

/* Fills the numbers of every node; one that is gone keeps absent values. */
int cgtree_read_stats(int dir, struct cgtree *t, struct err *err);

/* What a name of a cgroup means; `parent` is the name above it ("" for none). */
enum cgkind cgtree_kind(struct span name, struct span parent, struct span *ret_label);

/*
 * Whose process it is by its cgroup path relative to lxc/<id>/ns
 * ("system.slice/docker-...scope", "" for ns itself). Spans point into the path.
 */
struct cgwhere {
	struct span unit; /* innermost unit, within the nested container; n 0: none */
	struct span container; /* outermost nested container's short name; n 0: none */
	enum cgkind container_kind;
	bool attached; /* came in by lxc-attach (pct enter, pct exec) */
};

void cgtree_where(struct span path, struct cgwhere *ret);
