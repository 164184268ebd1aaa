/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blockname.h"
#include "hostpath.h"
#include "mount.h"
#include "base/str.h"
#include "pveconf.h"
#include "rule/mounttree.h"
#include "storagecfg.h"

/*
 * The mounts of a container: what its config names (rootfs, mpN, lxc.mount.entry) joined
 * with what its init has mounted. Pure. What a guest mounted itself is told apart from
 * what PVE did for it: a mount that lies over another hides it, and a source is only
 * taken for the volume's where the kind of file system is one that no guest can forge.
 */
enum ctmount_origin {
	CTMOUNT_CONFIG, /* rootfs, mpN */
	CTMOUNT_ENTRY,  /* a raw lxc.mount.entry */
	CTMOUNT_GUEST,  /* none of these: the guest's own, or LXC's */
};

struct ctmount {
	enum ctmount_origin origin;
	const struct pve_mp *mp; /* CTMOUNT_CONFIG; of the config, borrowed */
	char key[8];             /* "rootfs", "mp0"; "" else */
	/* as pct df has it: the config's text. Of others what the mount says it is of. */
	struct tbytes volume;
	struct tbytes path; /* inside the container */
	struct volume vol;  /* of volume, by storage.cfg; of a guest's mount nothing */
	enum mount_type
		type; /* MOUNT_BIND of a directory of an NFS too: see mount->fstype */
	const struct mount
		*mount; /* NULL: it is not mounted, or nothing is known of that */
	const struct blockname *device; /* that it is on; NULL: none, or not asked for */
	const struct mount *over;       /* what lies over it; NULL: a path leads to it */
	enum answer same;    /* is what is mounted first there what the config names? */
	bool missing;        /* the container runs and it is not mounted */
	enum answer on_node; /* of a directory of the node: is it there */
	bool ro; /* mounted so, or the file system is; not mounted: the config's */
	bool in_backup;
	bool may_hang; /* asking for its size may: see mount_may_hang() */
	bool repeated; /* CTMOUNT_GUEST: of a file system that a row before is of */
	enum answer snapshots; /* by the storage; a guest's own: no */
	struct val size_bytes; /* size= of the config */
	/*
	 * Where the node has it mounted, or its directory: for one that is stopped. NULL:
	 * nowhere, or not known.
	 */
	char *host_path;
	const struct mount *host_mount; /* that this path lies on; NULL: not known */
	char *path_text, *volume_text;  /* what path and volume point into, if owned */
};

struct ctmounts {
	struct ctmount
		*v; /* rootfs, mpN by number, entries, guest's in the kernel's order */
	size_t n;
	size_t n_more;  /* of the guest's own that were left out */
	bool truncated; /* not all of the mounts were looked at */
};

/* Of the guest's own so many are kept. */
#define CTMOUNTS_MAX_GUEST 256

struct mountjoin {
	uint32_t vmid;
	const struct pveconf *conf;      /* with its `typed` part */
	const struct storages *storages; /* NULL: not known */
	const struct mounttree
		*inside;              /* of the running container; NULL: it is stopped */
	const struct mounttree *host; /* of the node; NULL: not known */
	/*
	 * Where links of the node lead, for paths of the config. Without it a directory
	 * that is not where its path says may be behind a link: its `same` is unknown.
	 */
	const struct hostpaths *links;
	/* What devices are of. Without it raw files and RBD images have no `same`. */
	const struct blocknames *devices;
};

/* All that is borrowed has to stay as long as *ret is used. */
void mountjoin(const struct mountjoin *in, struct ctmounts *ret);
void ctmounts_done(struct ctmounts *c);

/* The path whose entry in `links` would tell more of this one; NULL: none would. */
const char *mountjoin_link(const struct ctmount *c);

/* The mount whose device in `devices` would tell more of this one; NULL: none would. */
const struct mount *mountjoin_device(const struct ctmount *c);

/* A path of a config: one slash in front, none doubled, none at the end. */
char *mountjoin_path(const char *mp);

/*
 * What statfs(2) says in PVE's terms. What does not fit, or makes no sense (a FUSE server
 * says what it likes), is absent.
 */
void fsuse_of(const struct fscount *n, struct fsuse *ret);

/* pct's `Use%`, in millionths: used of size; absent where size is none or 0. */
struct val fsuse_ppm(struct val used, struct val size);
