/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"
#include "val.h"

/*
 * The mounts of a process (kernel: Documentation/filesystems/proc.rst, 3.5). Paths and
 * sources are bytes that the mounter chose, a guest too, decoded ("\040" is a blank).
 * Which file system it is, its number and whether it is read-only say the kernel; the
 * source of a mount without a device is whatever its mounter wrote there.
 */
struct mount {
	uint32_t id, parent_id; /* the root's parent is not among them */
	uint32_t major, minor;  /* of the file system; 0:n: it has no device */
	struct tbytes
		root; /* what of the file system is mounted: "/" all of it; NFS: of the server */
	struct tbytes point;     /* as the process sees it, absolute */
	struct tbytes fstype;    /* "ext4", "fuse.sshfs" */
	struct tbytes source;    /* "/dev/mapper/pve-vm--101--disk--0"; may be empty */
	struct tbytes super;     /* options of the file system, as they are written */
	uint32_t shared, master; /* peer groups of propagation, 0: none */
	bool ro;                 /* this mount of it */
	bool super_ro;           /* the file system */
	bool nosuid, nodev, noexec, noatime;
	bool deleted; /* what is mounted was removed since: a bind mount's directory */
};

/* In the order of the kernel, which is not that of the tree. */
struct mounts {
	struct mount *v;
	size_t n;
	bool truncated; /* there are more: a bound was reached */
	size_t n_bad;   /* lines that were no mount: left out */
	char *text;     /* what the texts point into */
};

void mounts_done(struct mounts *m);

/* What it is of: a word for each kind of file system that an admin tells apart. */
enum mount_type {
	MOUNT_OTHER, /* none of these */
	MOUNT_BLOCK, /* on a device: LVM, RBD, a raw file by a loop device, a disk */
	MOUNT_ZFS,
	MOUNT_BTRFS,
	MOUNT_DIR,  /* a directory of a storage */
	MOUNT_BIND, /* a directory or file of the node */
	MOUNT_NFS,
	MOUNT_CIFS,
	MOUNT_CEPH,
	MOUNT_FUSE,
	MOUNT_TMPFS,
	MOUNT_OVERLAY,
	MOUNT_IMAGE,  /* squashfs, iso9660: read-only, always full */
	MOUNT_PSEUDO, /* proc, sysfs, cgroup, devices, lxcfs: it stores nothing */
	MOUNT_TYPES,
};

const char *mount_type_name(enum mount_type t); /* "block", "zfs", ... */

/* By the kernel's name of the file system; MOUNT_DIR and MOUNT_BIND are none. */
enum mount_type mount_fstype(struct tbytes fstype);

/*
 * Whoever serves it may never answer: a network, or a process of user space. Asking it
 * for its size may last for ever.
 */
bool mount_may_hang(struct tbytes fstype);

/* Of statfs(2), in bytes. files 0: it does not count them (btrfs). */
struct fscount {
	uint64_t total_bytes, free_bytes, avail_bytes, files, files_free;
};

/*
 * The same as PVE has it: size is all of it, used what is not free, avail what a user may
 * have, so that used and avail may be less than size.
 */
struct fsuse {
	struct val size_bytes, used_bytes, avail_bytes;
	struct val inodes, inodes_used;
};
