/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spool.h>

#include "base/err.h"
#include "base/str.h"

/*
 * The spool of the hooks, see spool.h. `dirfd` is the directory itself
 * (fs_open(rootfd, SPOOL_PATH, O_RDONLY | O_DIRECTORY)). Root writes there, yet nothing
 * is believed: names, sizes and contents are checked, and what is no event is refused.
 */

/*
 * One event out of a whole file; the texts of *ret point into `text`, the id is left
 * empty. -EINVAL with the sentence: not an event (an unknown version, a CTID that is
 * none, a key twice, a torn file).
 */
int spool_parse(struct span text, struct spool_event *ret, struct err *err);

/* Whether a file name is the id of an event. */
bool spool_is_id(const char *name);

/* When it was made, by CLOCK_BOOTTIME. False: it is no id. */
bool spool_id_time(const char *name, uint64_t *ret_boot_usec);

struct spool_list {
	struct strv ids;  /* oldest first */
	size_t n_writing; /* dot files: being written, or left by a killed hook */
	size_t n_foreign; /* what no hook made */
	bool more;        /* the directory holds more than was looked at */
};

void spool_list_done(struct spool_list *l);

/* The events that wait. Bounded: 65,536 names are looked at. */
int spool_list(int dirfd, struct spool_list *ret, struct err *err);

/*
 * Reads one event; *text is filled and has to live as long as *ret. -ENOENT: it is gone;
 * -EINVAL: not an event and never will be one: count it, remove it; others: try again.
 */
int spool_read(int dirfd, const char *id, struct buf *text, struct spool_event *ret,
	       struct err *err);

/* The event is stored. That it is gone already is fine. */
int spool_remove(int dirfd, const char *id, struct err *err);

/*
 * Removes what hooks left that were killed while they wrote: dot files of an event that
 * began more than a minute before now_boot_usec (CLOCK_BOOTTIME). *ret_n of them.
 */
int spool_sweep(int dirfd, uint64_t now_boot_usec, size_t *ret_n, struct err *err);

struct spool_dropped {
	uint64_t full, write, late; /* enum spool_drop */
	uint64_t other;
	bool at_least; /* the file was full: there may have been more */
};

/*
 * How many events hooks had to drop since this was last asked; asking begins anew. What
 * a hook adds in the very moment of asking may be missed.
 */
int spool_take_dropped(int dirfd, struct spool_dropped *ret, struct err *err);
