/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>

#include "cli/app.h"
#include "read/dropin.h"

/*
 * What there is to say about our hooks on this node: the drop-in, the program, the
 * spool, what hinders them, and for each container whether it reports.
 */
enum hooks_have {
	HOOKS_UNKNOWN, /* starting, or its monitor did not answer and its times are not
			  known */
	HOOKS_NONE,
	HOOKS_SOME,
	HOOKS_ALL,
};

struct hooks_row {
	const struct ct *ct;
	bool runs;   /* it has a monitor: `have` is about that */
	bool silent; /* it was asked and did not answer, or was not asked any more */
	enum hooks_have have;
	bool by_monitor;  /* the monitor said it, else it follows from the times */
	unsigned reports; /* a bit for each of dropin_hooks[], by_monitor only */
	unsigned cleared; /* those that lines of its configuration take away */
	char *note;
};

struct hooks_view {
	struct dropin dropin;
	uint64_t since_real_usec; /* the drop-in is as it is */
	char *program;            /* that the drop-in names, else the one of this build */
	char *program_problem;    /* NULL: it can be run */
	char *spool_problem;      /* NULL: hooks can write there */
	struct val waiting;       /* events in the spool; absent: it could not be read */
	uint64_t dropped;         /* since the collector last asked */
	struct strv obstacles;
	struct facts facts;
	int facts_result; /* of facts_read(): below 0 there are none, and */
	struct err facts_err;
	struct hooks_row *rows; /* by vmid */
	size_t n_rows;
};

void hooks_view_done(struct hooks_view *v);

/* Why the program cannot be the hook; NULL: it can. */
char *hooks_program_problem(const struct app *app, const char *program);

/* Says nothing: what could not be read is in *ret. -errno: not even the drop-in. */
int hooks_view_gather(const struct app *app, struct hooks_view *ret, struct err *err);

/* EXIT_FINE, or the exit code: the sentence is out. Without a Proxmox node no rows. */
int hooks_view_read(const struct app *app, struct hooks_view *ret);

/* Something of it keeps events from being told. */
bool hooks_view_is_broken(const struct hooks_view *v);
