/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "cgstat.h"

/*
 * Block devices by number: what they are called and what lies below them, out of sysfs
 * (kernel: Documentation/ABI/stable/sysfs-block) without running a program.
 */
struct blockid {
	uint32_t major, minor;
};

struct blockdev {
	struct blockid
		id; /* a whole disk: the kernel counts I/O per disk, not partition */
	char *name; /* the kernel's: "dm-4", "sda", "loop0"; NULL: not known */
	/*
	 * What an admin calls it; NULL: nothing but its name. LVM "pve/vm-101-disk-0",
	 * other device mapper names as they are, RBD "pool/image", loop devices the
	 * backing file.
	 */
	char *label;
	struct blockid *lower; /* directly below it, no partitions */
	size_t n_lower;
	bool lower_known; /* they could be read: none means none */
};

struct blockdevs {
	struct blockdev *v;
	size_t n;
};

void blockdevs_done(struct blockdevs *d);

/*
 * The devices of io.stat and everything below them (at most 512). Where sysfs has none of
 * them (the copy of a node), names come from proc/diskstats and nothing is known of what
 * is below. Never fails for a device that is gone: it has no name then.
 */
int blockdev_read(int rootfd, const struct cg_io *io, struct blockdevs *ret,
		  struct err *err);

/* NULL: not among them. */
const struct blockdev *blockdev_find(const struct blockdevs *d, struct blockid id);

/*
 * Adds labels from a mountinfo text ("253:4 ... /dev/mapper/pve-vm--101--disk--0"), for
 * devices that have none. The text must not come from a mount namespace that a guest
 * writes: take the monitor's.
 */
void blockdev_label_mounts(struct blockdevs *d, struct span mountinfo);

/* proc/diskstats: calls back with number and name of each line. */
typedef void blockdev_each_fn(struct blockid id, struct span name, void *arg);
void blockdev_parse_diskstats(struct span text, blockdev_each_fn *each, void *arg);

/*
 * "pve-vm--101--disk--0" -> "pve/vm-101-disk-0", "pve-data-tpool" -> "pve/data (tpool)":
 * how LVM writes names for device mapper. NULL: not of that form.
 */
char *blockdev_lvm_name(struct span dm_name);

/*
 * PVE adds up every line of io.stat. A thin volume's read is in the lines of the volume,
 * the pool, its data device and the disk, so the sum is four times what was read. Counted
 * once is: every device that no listed device lies on, and of a lower device what exceeds
 * the sum of those directly on it, where those lie on nothing else (a file system on
 * another partition of the same disk).
 */
enum io_true_method {
	IO_TRUE_UNKNOWN, /* how the devices are stacked is not known: no number */
	IO_TRUE_SINGLE,  /* at most one line has a number other than 0: that is it */
	IO_TRUE_STACK,   /* by the stacking in sysfs */
};

struct io_true {
	enum io_true_method method;
	struct val rbytes, wbytes;
};

const char *io_true_method_name(enum io_true_method m); /* "unknown" "single" "stack" */

/*
 * Pure. `counted` (may be NULL) is an array of io->n: does the line count (not only as
 * the lower end of another)? For deltas pass the differences as an io of their own.
 */
void blockdev_true(const struct cg_io *io, const struct blockdevs *devs,
		   struct io_true *ret, bool *counted);
