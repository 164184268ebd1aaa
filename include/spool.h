/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tbytes.h"
#include "val.h"

/*
 * What a hook wrote into /run/ctscope/spool/: one file an event, named by its id. A
 * claim: it says what LXC told the hook, and the kernel may know better.
 *
 *	ctscope-hook 1
 *	vmid 101
 *	type stop
 *	...
 *	file cpu.stat 213
 *	<213 bytes>
 *	end
 *
 * Lines "KEY VALUE" in any order, each key once, an unknown key is skipped; then the
 * files the hook could still read, each with its length and a newline after it ("cut"
 * behind the length: there was more); then "end", without which the file is torn.
 *
 * The names. An event is first written as ".<id>" and renamed when it is complete: a dot
 * file is one that is being written, or what a killed hook left. The id is
 * <boot>-<real>-<random><size>: microseconds of CLOCK_BOOTTIME (13 hex digits), of
 * CLOCK_REALTIME (14), 6 random digits, 2 of the file's size in KiB, rounded up: how full
 * the directory is can be told from the names alone. /run lives as long as the boot, so
 *the order of the names is the order of the events, whatever is done to the wall clock.
 *"dropped" has one byte for each event that found no room (enum spool_drop).
 *
 * The directory. Made at boot (tmpfiles.d) or by the collector: mode 0770, owner root or
 * whoever owns /run/ctscope, group ctscope. A hook writes only there: neither of the two
 * may be a symlink, a mount point or writable for everyone. It gives its files that
 * directory's group and mode 0640: what reads them needs the group, what unlinks them
 * too (the directory is writable for the group), nobody else sees them.
 */
#define SPOOL_PATH "run/ctscope/spool" /* below the root */

enum hook_type {
	HOOK_NONE,
	HOOK_PRE_START, /* LXC's */
	HOOK_START_HOST,
	HOOK_STOP,
	HOOK_POST_STOP,
	HOOK_GUEST_PRE_START, /* the phases of PVE's guest hookscript */
	HOOK_GUEST_POST_START,
	HOOK_GUEST_PRE_STOP,
	HOOK_GUEST_POST_STOP,
	HOOK_TYPES
};

#define SPOOL_MAX_FILE   ((size_t)64 << 10) /* of one event, all of it */
#define SPOOL_MAX_TOTAL  ((size_t)4 << 20)  /* of the directory: beyond, hooks drop */
#define SPOOL_MAX_EVENTS ((size_t)8192)     /* files in it, likewise */
#define SPOOL_MAX_DROPPED                                                                \
	((size_t)64                                                                      \
	 << 10) /* bytes of "dropped": no more is counted                     \
			    */
#define SPOOL_ID_MAX    48
#define SPOOL_ID_DIGITS 37 /* all ids are so long */
#define SPOOL_DROPPED   "dropped"

/* A byte of "dropped": why an event was not written. */
enum spool_drop {
	SPOOL_DROP_FULL = 'f',  /* too many bytes or files in the spool: no collector */
	SPOOL_DROP_WRITE = 'w', /* the file could not be written (no space in /run) */
	SPOOL_DROP_LATE = 'l',  /* its deadline came first: an overloaded node */
};

struct spool_file {
	struct tbytes name; /* "cpu.stat", "ns/memory.events.local" */
	struct tbytes text;
	bool cut; /* there was more of it */
};

#define SPOOL_FILES 24

struct spool_event {
	char id[SPOOL_ID_MAX]; /* the file's name */
	enum hook_type type;
	uint32_t vmid;
	bool reboot;            /* LXC_TARGET=reboot */
	pid_t pid;              /* LXC_PID: init on the host; 0: not told */
	struct val start_ticks; /* of that process */
	pid_t hook_pid, parent_pid;
	pid_t monitor_pid;  /* the parent's parent: lxc-start; 0: not told */
	uint64_t real_usec; /* CLOCK_REALTIME, CLOCK_BOOTTIME when the hook began */
	uint64_t boot_usec;
	uint64_t took_usec;       /* until all of it was read */
	struct tbytes invocation; /* systemd's INVOCATION_ID, 32 hex digits or empty */
	struct spool_file files[SPOOL_FILES];
	size_t n_files;
};

const char *hook_type_name(enum hook_type t); /* "pre-start", "guest-pre-start", ... */
