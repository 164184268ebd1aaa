/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "read/guestask.h"
#include "read/hostlog.h"

/*
 * The journal inside a container, page by page: an answer of guest-read holds so many
 * entries (GUESTREAD_MAX_ENTRIES), the newest of the time that was asked for.
 */
#define GUESTPAGES_IDS 8192

struct guestpages {
	struct guestask *ask; /* borrowed */
	const char *unit;     /* only that one; NULL: all. Borrowed */
	bool polling;
	unsigned late; /* so many polls one after the other */
	bool told;
	uint64_t newest_real_usec;    /* of the entries that were given */
	uint64_t first_real_usec;     /* to here went the first reading */
	uint64_t ids[GUESTPAGES_IDS]; /* the last ones that were given: a ring */
	size_t n_ids;
};

/* As guestlog_lines(). */
void guestpages_read(struct guestpages *g, const struct guestread_target *target,
		     const struct log_want *want, struct loglines *ret,
		     struct guestlog_said *said);

/* As guestlog_poll(): what came since either was called last. */
void guestpages_poll(struct guestpages *g, const struct guestread_target *target,
		     const struct log_want *want, uint64_t now_real_usec,
		     struct loglines *ret, struct guestlog_said *said);
