/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "read/guestread.h"

/*
 * Asking guest-read for what a container logs, and saying in sentences what cannot be had.
 * Nothing here knows what is asked for.
 */
struct guestask {
	int rootfd;
	struct buf program;    /* the path of guest-read */
	struct strv away_told; /* keys of mounts that are not there */
};

void guestask_init(struct guestask *a, int rootfd);
void guestask_done(struct guestask *a);

/* What came of a reading besides its lines. */
struct guestlog_said {
	struct strv notes; /* a sentence for what could not be read. They may hold bytes
			      that the caller named: escape */
	bool has_journal, has_syslog, has_file; /* there is one */
	bool gone; /* the container does not run (any more) */
};

void guestlog_said_done(struct guestlog_said *s);

/* One request; errors as those of guestread_ask(). *ret has what came, also after an error. */
int guestask_items(const struct guestask *a, const struct guestread_target *target,
		   struct guestread_item *items, size_t n, uint32_t msec,
		   struct guestread_answers *ret, struct err *err);

/* May an answer be of another mount than the one where its path begins? */
bool guestask_crosses(const struct guestread_target *t);

/* Is it on a mount that is not there? Then what is found in its place is not it; that is
 * said once for each mount. */
bool guestask_is_away(struct guestask *a, const struct guestread_target *t,
		      const char *path, struct guestlog_said *said);

/* Takes over the note, which is said unless *told; that is true afterwards. */
void guestask_say(struct guestlog_said *said, bool *told, char *note);

/* What came of a whole request that failed with r. */
void guestask_say_failed(const struct guestread_target *t, struct guestlog_said *said,
			 bool *told, const char *what, int r, const struct err *err);

/*
 * While a container is followed: is it one that starts, or a node that is busy for a
 * moment? *late counts those that came too late one after the other: the caller zeroes it
 * when one comes.
 */
bool guestask_may_pass(unsigned *late, int r);
