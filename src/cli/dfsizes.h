/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/dfdata.h"
#include "read/hostfs.h"
#include "read/rootstat.h"

/*
 * The sizes of the rows whose `asked` is set: of a root by its init, of a directory of the
 * node by the node, of all else by guest-read. What does not answer is waited for once: the
 * roots are asked from dfsizes_begin() on, while the mounts are read, and guest-read is at
 * work beside them.
 */
struct dfsizes {
	const struct app *app;
	struct dfdata *d;
	struct rootstat *roots; /* of the facts' containers */
	struct rootstat_job job;
	struct hostfs_job host; /* of host_v, which is of host_rows */
	struct hostfs *host_v;
	struct dfrow **host_rows;
	struct asked *asked; /* of the data's containers: how that went so far */
	struct buf program;
};

/* As soon as the facts are there. */
void dfsizes_begin(const struct app *app, struct dfdata *d, struct dfsizes *ret);

/* Now and then, until the rows are there. */
void dfsizes_step(struct dfsizes *s);

/* Fills `state`, `use` and `error` of the rows, and ends it. */
void dfsizes_finish(struct dfsizes *s);
