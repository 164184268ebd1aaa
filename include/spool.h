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
 *claim: it says what LXC told the hook, and the kernel may know better.
 *
 *	ctscope-hook 1
 *	vmid 101
 *	type stop
 *	...
 *	file cpu.stat 213
 *	<213 bytes>
 *
 * Lines "KEY VALUE" first, then the files the hook could still read, each with its
 *length.
 */
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

#define SPOOL_MAX_FILE  ((size_t)64 << 10) /* of one event, all of it */
#define SPOOL_MAX_TOTAL ((size_t)4 << 20)  /* of the directory: beyond, hooks drop */
#define SPOOL_ID_MAX    48

struct spool_file {
	struct tbytes name; /* "cpu.stat" */
	struct tbytes text;
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
	uint64_t real_usec; /* CLOCK_REALTIME, CLOCK_BOOTTIME when the hook began */
	uint64_t boot_usec;
	uint64_t took_usec;       /* until the file was written */
	struct tbytes invocation; /* systemd's INVOCATION_ID, 32 hex digits or empty */
	struct spool_file files[SPOOL_FILES];
	size_t n_files;
};

const char *hook_type_name(enum hook_type t); /* "pre-start", "guest-pre-start", ... */
