/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "val.h"

/*
 * Use of root file systems, as the collector has it: it may not look at a container's
 * root itself, so it asks for many at a time (read/diskwire.h) and keeps what came of it.
 */
#define DISK_MAX_ASKED 64

/* One that is asked for: its init, by number and start time (field 22 of stat). */
struct disk_ask {
	uint32_t vmid;
	pid_t init_pid;
	uint64_t start_ticks;
};

enum disk_why {
	DISK_OK,
	DISK_GONE,    /* that process is not there, is another, or not in lxc/<vmid> */
	DISK_REFUSED, /* its root is of a type that is not asked, or was changed by it */
	DISK_LATE,    /* no answer in time */
	DISK_STUCK,   /* nor at its end: the reader was left behind */
	DISK_BUSY,    /* another reader of it is at work, and hangs */
	DISK_FAILED,
	DISK_N_WHYS
};

/* As statfs(2) has it: bytes, and all 0 but for DISK_OK. */
struct disk_use {
	uint32_t vmid;
	enum disk_why why;
	uint64_t size_bytes, used_bytes, avail_bytes; /* used + avail may be < size */
	uint64_t inodes, inodes_used; /* 0 and 0: it does not count them (btrfs) */
};

/*
 * Is it worth a row? Size, used or available by a thousandth of the size or 16 MiB; inodes
 * or used ones by a thousandth of them. (ZFS has as many inodes as there is room for, and
 * a size of what is left in the pool where no quota says less: both move all the time.)
 */
bool disk_use_changed(const struct disk_use *before, const struct disk_use *now);

/*
 * A row of what was recorded. It holds until the next one of its container and life,
 * though never for longer than DISK_HOLD_USEC; without `known` nothing is known from its
 * time on.
 */
#define DISK_HOLD_USEC (UINT64_C(3720) * 1000000)

struct disk_row {
	uint32_t vmid;
	uint64_t life;
	uint64_t real_usec;
	bool known;
	struct disk_use use; /* vmid and why are not set */
};

struct disk_rows {
	struct disk_row *v;
	size_t n;
};

void disk_rows_done(struct disk_rows *r);

/*
 * The row that says what it was at a time in that life (0: any): NULL, nothing does. Rows
 * of one container, by time.
 */
const struct disk_row *disk_rows_at(const struct disk_rows *r, uint64_t life,
				    uint64_t real_usec);
