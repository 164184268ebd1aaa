/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>
#include <settings.h>

#include "cli/app.h"
#include "read/blockdev.h"
#include "read/controllers.h"
#include "rule/disktrend.h"
#include "rule/usage.h"

/* One host-side interface of the container: the counters are the guest's view, in = to
 * it. */
struct usage_net {
	uint32_t n; /* of netN */
	char host[24];
	char *ifname; /* its name inside, by the config; NULL: not known */
	uint64_t in_bytes, out_bytes;
	struct val in_delta_bytes, out_delta_bytes; /* over the interval */
};

#define USAGE_TRENDS 2 /* over a day, over a week */

/* All that `usage` shows of one container. */
struct usage {
	struct facts facts;
	struct ct *ct; /* facts.cts[0] */
	struct controllers ctl;
	struct settings settings;
	uint64_t limit_centi;   /* CPUs it can use at most */
	uint64_t interval_usec; /* that was measured; 0: no rates */
	bool ended;             /* it stopped while it was measured */
	struct cg_cpu cpu_delta;
	struct cg_io io_delta; /* by the lines of ct->io */
	struct blockdevs devs;
	struct io_true io_all, io_now;
	bool *io_counted; /* by the lines of ct->io */
	struct usage_net *nets;
	size_t n_nets;
	struct mem_split mem;
	struct disk_trend trends[USAGE_TRENDS];
	size_t n_trends; /* 0: nothing can be said */
	struct alerts alerts;
};

/* The collector's last second where one runs and that says enough, else a second. */
#define USAGE_RECORDED UINT64_MAX

/*
 * Reads it, twice with `interval_usec` between (0: once), and prints what goes wrong. An
 * exit code.
 */
int usage_read(const struct app *app, const char *ctid, uint64_t interval_usec,
	       struct usage *ret);
void usage_done(struct usage *u);

/* When its root file system will be full, by what the collector recorded of it. */
void usage_read_disk(const struct app *app, struct usage *u);

/* It has an init: there is something to measure. */
bool usage_is_up(const struct usage *u);

void usage_print_text(const struct app *app, const struct usage *u);
int usage_print_json(const struct app *app, const struct usage *u);

/* usage --tree */
struct usage_tree_opts {
	const char *sort;
	uint64_t interval_usec;
};

#define USAGE_TREE_COLS 14
extern const struct col usage_tree_cols[USAGE_TREE_COLS];
int usage_tree(struct app *app, const char *ctid, const struct usage_tree_opts *o);
