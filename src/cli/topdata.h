/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <top.h>

#include "base/err.h"
#include "cli/app.h"

/*
 * The figures behind `top`: from the ring when a collector writes it, else sampled here;
 * for the past what is in memory, the ring, then the minutes of the store.
 */
#define TOPDATA_RING "run/ctscope/ring"

struct topdata;

/* Reads configs and limits. Prints what goes wrong; an exit code. */
int topdata_open(const struct app *app, struct topdata **ret);
void topdata_close(struct topdata *d); /* NULL is fine */

/* Takes what is new: samples, states, and every ten seconds the configs. */
int topdata_tick(struct topdata *d, struct err *err);

/* Does the collector feed it, so that rates are there at once? */
bool topdata_has_collector(const struct topdata *d);

/*
 * The picture for this state of the screen, sorted and filtered. *ret borrows from `d`
 * until the next call of anything here.
 */
void topdata_frame(struct topdata *d, const struct topnav *nav, uint64_t now_real_usec,
		   struct topframe *ret);

/* Inside of nav->unit, now: borrowed as above; *ret_note: why there are none. */
void topdata_units(struct topdata *d, const struct topnav *nav,
		   const struct topunit **ret, size_t *ret_n, const char **ret_note);
