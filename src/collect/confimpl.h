/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "collect/confsrc.h"
#include "collect/conftell.h"
#include "read/pvefs.h"

#include <cluster.h>

/* What confsrc.c (what is known of the configs) and confpoll.c (reading them) share. */
#define CONF_MAX_LEFT 3 /* readers that hang, at the same time */

struct confsrc {
	struct conf *v; /* by vmid */
	size_t n, cap, stored_bytes;
	struct pveconf parsed; /* the one that was asked for last; vmid 0: none */
	struct pvefs_server server;
	bool asked;          /* it has not answered yet */
	struct pvefs answer; /* filled bit by bit */
	struct loop_io *io, *timer;
	bool full, began, kicked, quorate, quorum_known;
	bool baseline; /* the store holds all of them */
	bool partial;  /* of this reading: not all came, or not all could be read */
	char *version; /* what .version says of guests */
	struct vmlist guests; /* of all nodes, as of the last full reading */
	uint64_t full_boot_usec;
	uint64_t good_real_usec, good_boot_usec; /* all that is known was so then */
	uint64_t marked_boot_usec;
	uint64_t last_known_usec; /* of the store: when a collector ran last */
	uint64_t replaced; /* writer_stat.replaced when the store was last filled */
	struct collector *c;

	/* trouble */
	char trouble[128];
	uint64_t retry_boot_usec, retry_usec;
	pid_t left[CONF_MAX_LEFT]; /* readers that were killed and did not end */
};

/* What the store knew. NULL: there is none. */
void confsrc_load(struct confsrc *s, struct db *db);

/* Until when it was so, with the next transaction. */
void confsrc_mark(struct confsrc *s);

/* Of s->answer: the node's name and its quorum. */
void confsrc_take_local(struct confsrc *s);

/*
 * Of s->answer: the configs. What came is taken, also where the rest is missing
 * (`whole` is false). Only a directory that was read to its end says that a file is no
 * more.
 */
void confsrc_take(struct confsrc *s, bool whole);

/* What was waited for: the end of a backup's log. */
void confsrc_settle(struct confsrc *s);

void conf_done(struct conf *f);
