/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>

#include "out/cell.h"
#include "out/json.h"

/* A container as `list` and `status` show it: the row behind their columns. */
struct ctrow {
	const struct ct *ct;
	const struct facts *facts;
	struct strv addresses; /* texts of ct->addrs */
	char *notes;           /* what stands out, one line; NULL: nothing */
	bool alarm;            /* a note is about something wrong */
};

void ctrow_init(struct ctrow *r, const struct facts *f, const struct ct *ct);
/* The same without the notes, which are of the table only. */
void ctrow_init_json(struct ctrow *r, const struct facts *f, const struct ct *ct);
void ctrow_done(struct ctrow *r);

#define CTROW_COLS 37
extern const struct col ctrow_cols[CTROW_COLS];

bool ct_is_up(const struct ct *ct); /* it has an init: running or frozen */

/*
 * PVE's keys of status/current (facts: pve-node.md 4.3) and what goes with them, into
 * the open object.
 */
void ctrow_json(struct jw *w, const struct ctrow *r);

/* "running", "stopped": PVE's two states. */
const char *ct_pve_status(const struct ct *ct);
