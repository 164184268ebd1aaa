/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>

#include "cli/app.h"
#include "mount.h"
#include "rule/mountjoin.h"

/* A mount of a container with its size: a row of `df`. */
enum dfstate {
	DF_UNKNOWN, /* not asked: of a copy of a node, or the node has it not mounted */
	DF_OK,
	DF_STALE,   /* whoever serves it does not answer */
	DF_SKIPPED, /* not asked, as another of the container does not answer */
	DF_FAILED,  /* `error` says why */
};

struct dfct;

struct dfrow {
	const struct dfct *of;
	const struct ctmount *m;
	enum dfstate state;
	struct fsuse use;
	bool asked;   /* its size is wanted */
	bool by_node; /* the node is being asked: guest-read only where that fails */
	bool by_host; /* so is a directory of the node: nobody else, until that is known */
	bool late;    /* asked with those that may hang */
	char *error;  /* NULL: nothing */
	char *note;   /* what stands out, one line; NULL: nothing */
	bool alarm;
};

struct dfct {
	const struct ct *ct;
	bool up; /* its mounts are known: it runs */
	struct mounts inside;
	struct mounttree tree;
	struct ctmounts mounts;
	size_t first_row, n_rows; /* of the data */
};

struct dfdata {
	struct facts facts;
	struct storages storages;
	bool storages_known;
	struct mounts host;
	struct mounttree host_tree;
	bool host_known;
	struct blocknames devices;
	struct dfct *cts;
	size_t n_cts;
	struct dfrow *rows;
	size_t n_rows;
};

/*
 * Of one container (arg) or all of this node (NULL). `all`: of all of them also what is
 * in no one's config and of this machine's memory or an image (dfrow_is_minor()); else
 * that has no size. What does not answer costs a second
 * at most, whatever hangs and however many. EXIT_FINE, or the exit code to return: the
 * sentence is out then.
 */
int dfdata_read(const struct app *app, const char *arg, bool all, struct dfdata *ret);
void dfdata_done(struct dfdata *d);

/* A tmpfs, overlay or image of the guest's own, or a file system that is there again. */
bool dfrow_is_minor(const struct dfrow *r);

/* False: an image, or a file system that nobody can write to, is full by its nature. */
bool dfrow_can_fill(const struct dfrow *r);

/*
 * The next of rootfs and mpN in its config that PVE cannot read, from *at on: those have
 * no row. NULL: there is none.
 */
const struct pveconf_item *dfct_invalid(const struct dfct *c, size_t *at);

/* Its size as it is shown: of the file system, else size= of the config. */
struct val dfrow_size(const struct dfrow *r);
