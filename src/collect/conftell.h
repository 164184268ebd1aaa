/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pveconf.h>

#include "collect/collector.h"
#include "collect/confdiff.h"

/* One container's config, as it was last seen. */
struct conf {
	uint32_t vmid;
	char digest[41]; /* of `text`; "": it is read again whatever it is */
	bool locked;     /* PVE's lock: backup or snapshot */
	char *text;      /* of the file, any bytes: parsed it is four times as large */
	size_t text_n;
	char *name;
	size_t stored_bytes;
	uint64_t since_real_usec; /* not read since then; 0: it is up to date */
	uint64_t n_told;          /* for ids */
	bool seen;                /* in this reading */
	bool unknown;             /* it is there, and was never read */
	bool creating;            /* it began with PVE's lock: create */
	bool backing_up;
	uint64_t backup_end_boot_usec; /* its end is told then at the latest; 0: none */
	uint64_t backup_told_real_usec, rollback_told_real_usec; /* last */
	uint64_t begun_by, ended_by,
		rolled_back_by; /* hashes of tasks they were told by */
};

/*
 * When something changed: just now, or at some time between two, of which the later one
 * is the best guess. `reason`: why nobody saw it.
 */
struct conf_when {
	uint64_t since_real_usec, until_real_usec; /* 0: now */
	const char *reason;
};

/* other: the node it came from or went to; NULL: none. */
void conftell_file(struct collector *c, struct conf *f, const struct conf_when *w,
		   bool created, const char *other);

/*
 * A backup whose lock is gone: its end with what the log says of it, as soon as that is
 * there, or now (`at_last`).
 */
void conftell_backup_end(struct collector *c, struct conf *f, bool at_last);

/* A task that ended: unless it was told by the config's lock since it began. */
void conftell_rolled_back(struct collector *c, struct conf *f, const struct pveconf *now,
			  const struct ended_task *t);
void conftell_backed_up(struct collector *c, struct conf *f, const struct ended_task *t);

void conftell_changes(struct collector *c, struct conf *f, const struct conf_when *w,
		      const struct pveconf *old, const struct pveconf *new);

/* Nobody saw it for a while, and it is what it was: what may have happened all the same. */
void conftell_same(struct collector *c, struct conf *f, const struct conf_when *w,
		   const struct pveconf *now);
