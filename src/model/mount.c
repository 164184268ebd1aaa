/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount.h"

#include <stdlib.h>
#include <string.h>

void mounts_done(struct mounts *m)
{
	free(m->v);
	free(m->text);
	*m = (struct mounts){ 0 };
}

const char *mount_type_name(enum mount_type t)
{
	static const char *const names[MOUNT_TYPES] = {
		[MOUNT_OTHER] = "other", [MOUNT_BLOCK] = "block",
		[MOUNT_ZFS] = "zfs",     [MOUNT_BTRFS] = "btrfs",
		[MOUNT_DIR] = "dir",     [MOUNT_BIND] = "bind",
		[MOUNT_NFS] = "nfs",     [MOUNT_CIFS] = "cifs",
		[MOUNT_CEPH] = "ceph",   [MOUNT_FUSE] = "fuse",
		[MOUNT_TMPFS] = "tmpfs", [MOUNT_OVERLAY] = "overlay",
		[MOUNT_IMAGE] = "image", [MOUNT_PSEUDO] = "pseudo",
	};

	return names[t];
}

/* clang-format off */
static const struct {
	const char *fstype;
	enum mount_type type;
	bool may_hang;
} fstypes[] = {
	{ "ext4", MOUNT_BLOCK, false },        { "ext3", MOUNT_BLOCK, false },
	{ "ext2", MOUNT_BLOCK, false },        { "xfs", MOUNT_BLOCK, false },
	{ "f2fs", MOUNT_BLOCK, false },        { "vfat", MOUNT_BLOCK, false },
	{ "exfat", MOUNT_BLOCK, false },       { "ntfs3", MOUNT_BLOCK, false },
	{ "jfs", MOUNT_BLOCK, false },         { "reiserfs", MOUNT_BLOCK, false },
	{ "bcachefs", MOUNT_BLOCK, false },    { "nilfs2", MOUNT_BLOCK, false },
	{ "zfs", MOUNT_ZFS, false },           { "btrfs", MOUNT_BTRFS, false },
	{ "nfs", MOUNT_NFS, true },            { "nfs4", MOUNT_NFS, true },
	{ "cifs", MOUNT_CIFS, true },          { "smb3", MOUNT_CIFS, true },
	{ "ceph", MOUNT_CEPH, true },          { "fuse", MOUNT_FUSE, true },
	{ "fuseblk", MOUNT_FUSE, true },       { "virtiofs", MOUNT_OTHER, true },
	{ "9p", MOUNT_OTHER, true },           { "afs", MOUNT_OTHER, true },
	{ "coda", MOUNT_OTHER, true },         { "orangefs", MOUNT_OTHER, true },
	{ "gfs2", MOUNT_OTHER, true },         { "ocfs2", MOUNT_OTHER, true },
	{ "tmpfs", MOUNT_TMPFS, false },       { "overlay", MOUNT_OVERLAY, false },
	{ "squashfs", MOUNT_IMAGE, false },    { "iso9660", MOUNT_IMAGE, false },
	{ "udf", MOUNT_IMAGE, false },         { "erofs", MOUNT_IMAGE, false },
	{ "proc", MOUNT_PSEUDO, false },       { "sysfs", MOUNT_PSEUDO, false },
	{ "cgroup", MOUNT_PSEUDO, false },     { "cgroup2", MOUNT_PSEUDO, false },
	{ "devpts", MOUNT_PSEUDO, false },     { "devtmpfs", MOUNT_PSEUDO, false },
	{ "mqueue", MOUNT_PSEUDO, false },     { "hugetlbfs", MOUNT_PSEUDO, false },
	{ "securityfs", MOUNT_PSEUDO, false }, { "debugfs", MOUNT_PSEUDO, false },
	{ "tracefs", MOUNT_PSEUDO, false },    { "pstore", MOUNT_PSEUDO, false },
	{ "bpf", MOUNT_PSEUDO, false },        { "configfs", MOUNT_PSEUDO, false },
	{ "fusectl", MOUNT_PSEUDO, false },    { "binfmt_misc", MOUNT_PSEUDO, false },
	{ "autofs", MOUNT_PSEUDO, true },      { "ramfs", MOUNT_PSEUDO, false },
	{ "rootfs", MOUNT_PSEUDO, false },     { "nsfs", MOUNT_PSEUDO, false },
	{ "rpc_pipefs", MOUNT_PSEUDO, false }, { "nfsd", MOUNT_PSEUDO, false },
	{ "efivarfs", MOUNT_PSEUDO, false },   { "selinuxfs", MOUNT_PSEUDO, false },
	{ "fuse.lxcfs", MOUNT_PSEUDO, true },
	/* snapd and rootless Docker in a container, which cannot mount the real ones */
	{ "fuse.snapfuse", MOUNT_IMAGE, true }, { "fuse.squashfuse", MOUNT_IMAGE, true },
	{ "fuse.squashfuse_ll", MOUNT_IMAGE, true },
	{ "fuse.fuse-overlayfs", MOUNT_OVERLAY, true },
};
/* clang-format on */

static bool is(struct tbytes t, const char *s)
{
	return t.n == strlen(s) && (!t.n || memcmp(t.p, s, t.n) == 0);
}

static size_t find(struct tbytes fstype)
{
	for (size_t i = 0; i < sizeof(fstypes) / sizeof(*fstypes); i++)
		if (is(fstype, fstypes[i].fstype))
			return i;
	return SIZE_MAX;
}

/* "fuse.sshfs": what comes after the dot is the server's own word for itself. */
static bool is_fuse(struct tbytes fstype)
{
	return fstype.n > 5 && memcmp(fstype.p, "fuse.", 5) == 0;
}

enum mount_type mount_fstype(struct tbytes fstype)
{
	size_t i = find(fstype);

	if (i != SIZE_MAX)
		return fstypes[i].type;
	return is_fuse(fstype) ? MOUNT_FUSE : MOUNT_OTHER;
}

/* A file system that nobody knows is one that may. */
bool mount_may_hang(struct tbytes fstype)
{
	size_t i = find(fstype);

	return i == SIZE_MAX || fstypes[i].may_hang;
}
