/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>

#include "cli/app.h"
#include "cli/ctvolume.h"
#include "cli/logask.h"
#include "read/guestread.h"
#include "logline.h"

/*
 * What the container itself logged: as it runs or, of one that is stopped, from its volume;
 * and the words about what of it is not to be had. A copy of a node has none.
 */
struct loginside {
	const struct app *app;
	const struct logask *ask; /* borrowed */
	uint32_t vmid;
	bool has_console; /* what is printed on it is kept */
	enum ct_state state;
	struct guestread_target target; /* init_pid 0: it does not run */
	struct ctvolume volume;         /* of one that is stopped */
	bool has_journal;               /* one was read: a syslog is much the same */
	bool ran;                       /* it did at the last look, while following */
	struct guestlog *log;
};

/* What was seen of it. */
void loginside_is(struct loginside *l, const struct ct *ct);
void loginside_done(struct loginside *l);

/* Appends what is wanted, and says what there is to say. */
void loginside_read(struct loginside *l, const struct log_want *want,
		    struct loglines *ret);

/*
 * Appends what came since, as it runs: one that is stopped is looked for again each time.
 * What it said at its end, after the last look, is in its volume. began_real_usec: of one
 * that is started later what it says from then on is new.
 */
void loginside_follow(struct loginside *l, const struct log_want *want,
		      uint64_t began_real_usec, struct loglines *ret);
