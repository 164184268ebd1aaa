/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"

/*
 * The property strings of a guest configuration: "key=value,key=value". Texts are
 * terminated copies owned by the struct; one that holds a NUL byte (no tool of PVE writes
 * that) ends there. A property that is not in the string is NULL, absent or false.
 */

/* One property as it is written; booleans are normalised ("yes" is on). */
struct pve_prop {
	const char *key;
	const char *value;
	bool is_bool;
	bool on;
};

#define PVE_PROPS_MAX 20

struct pve_props {
	struct pve_prop v[PVE_PROPS_MAX]; /* in the order of the string */
	size_t n;
	char *text; /* what the pointers point into */
};

/* netN */
struct pve_net {
	uint32_t n;    /* of netN */
	uint32_t line; /* of the config */
	struct pve_props props;
	const char *name; /* inside the container; never NULL */
	const char *bridge, *hwaddr, *ip, *gw, *ip6, *gw6, *trunks;
	const char *rate; /* megabytes per second, a decimal fraction */
	struct val mtu, tag;
	bool firewall, link_down, host_managed;
};

enum pve_mp_type { PVE_MP_VOLUME, PVE_MP_DEVICE, PVE_MP_BIND };

/* "u:1000:1000:1": ids of the container to ids on the disk. */
struct pve_idmap {
	char type; /* 'u' or 'g' */
	uint64_t ct, disk, count;
};

/* rootfs and mpN */
struct pve_mp {
	bool rootfs;   /* then n is 0 and mp is "/" */
	uint32_t n;    /* of mpN */
	uint32_t line; /* of the config */
	struct pve_props props;
	enum pve_mp_type type;    /* by the first bytes of volume */
	const char *volume;       /* never NULL */
	const char *mp;           /* never NULL: the path inside */
	struct val size_bytes;    /* as PVE last wrote it; absent: not said */
	const char *mountoptions; /* "discard;noatime" */
	bool idmap_passthrough;
	struct pve_idmap *idmap;
	size_t n_idmap;
	bool ro, quota, shared, backup, keepattrs;
	bool replicate;  /* true where it is not said */
	bool backup_set; /* backup is in the string */
	bool acl_set, acl;
};

/* devN */
struct pve_dev {
	uint32_t n;
	uint32_t line;
	struct pve_props props;
	const char *path; /* NULL: the string is valid, the start will fail */
	const char *mode; /* "0660" */
	struct val uid, gid;
	bool deny_write;
};

struct pve_features {
	uint32_t line; /* 0: the key is absent or not valid */
	struct pve_props props;
	const char *mount; /* "nfs;cifs" */
	bool nesting, keyctl, fuse, mknod, force_rw_sys;
};

/* One name of the pending section's `delete:`. */
struct pve_delete {
	char *key;
	bool force; /* written "!key": the volume goes too */
};

/* What of the live section is valid, parsed once; by number. rootfs first of mps. */
struct pve_typed {
	struct pve_net *nets;
	size_t n_nets;
	struct pve_mp *mps;
	size_t n_mps;
	struct pve_dev *devs;
	size_t n_devs;
	struct pve_features features;
};

void pve_props_done(struct pve_props *p);
void pve_net_done(struct pve_net *n);
void pve_mp_done(struct pve_mp *m);
void pve_dev_done(struct pve_dev *d);
void pve_features_done(struct pve_features *f);
void pve_typed_done(struct pve_typed *t);

const char *pve_mp_type_name(enum pve_mp_type t); /* "volume", "device", "bind" */

/* In every backup? rootfs always, a volume with backup=1, nothing else. */
bool pve_mp_in_backup(const struct pve_mp *m);
