/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "guestread.h"

/*
 * The one place where a path below a container's root is opened (tests/check-layers looks
 * after that). What is here works on descriptors alone: no path is walked twice.
 */
struct guest_root {
	int root;      /* O_PATH of the guest's root directory */
	int mountinfo; /* of the guest's init */
	int self;      /* O_PATH of our own /proc/self/fd, taken before anything else */
	uint64_t
		until_mono_usec; /* a walk that is not done by then is given up; 0: none */
};

struct guest_how {
	bool cross;    /* into mounts of types that this machine's kernel serves alone */
	bool any_last; /* and the last component may be one of any type: not looked into */
	bool nofollow; /* a symlink as the last component is what is wanted */
};

/*
 * An O_PATH descriptor of what the path leads to: nothing of the guest is asked by that,
 * no driver and no server of a file system, only directories are looked up. *ret_error is
 * the errno of what failed.
 *
 * Without `cross` the kernel resolves it: openat2(2) with RESOLVE_IN_ROOT (the root is
 * never left, by no "..", no link, no rename), RESOLVE_NO_MAGICLINKS (links into /proc
 * are not followed), RESOLVE_NO_XDEV (nothing that is mounted is entered). With it, where
 * that meets a mount, component by component: the text of each link is read and put in
 * front of what is left, ".." is the directory we came from, and a mount is entered when
 * it is of a type that may be, which is asked of the mount that is held. Component by
 * component it goes also where renames elsewhere keep the kernel from resolving a "..":
 * it counts those of the whole machine, so another guest could see to that.
 */
enum guestread_why guest_open(const struct guest_root *g, const char *path,
			      const struct guest_how *how, int *ret, int *ret_error);

/*
 * Opens for reading what an O_PATH descriptor holds, by our own procfs. It has to be of
 * the kind (S_IFREG, S_IFDIR) and afterwards the same that it was. Never waits for a
 * writer or for the holder of a lease: GUESTREAD_BUSY then.
 */
enum guestread_why guest_reopen(const struct guest_root *g, int fd, uint32_t kind,
				struct guestread_stat *ret_st, int *ret, int *ret_error);

/* statx(2) of a descriptor, or of an entry of a directory (not followed): 0, -errno. No
 * server of a file system is asked. *ret_mount_root may be NULL. */
int guest_stat(int fd, const char *name, struct guestread_stat *ret,
	       bool *ret_mount_root);

/*
 * Is the file system that holds the root one that may be asked? GUESTREAD_CHROOT: it is a
 * directory in the container, which init has made its own root since.
 */
enum guestread_why guest_check_root(const struct guest_root *g, int *ret_error);

enum guestread_why guest_why(int error); /* of a positive or negative errno */
