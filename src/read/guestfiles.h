/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "read/guestask.h"
#include "read/hostlog.h"
#include "read/textlog.h"

/*
 * Text files inside a container that are read as logs: its syslog, files that were named,
 * and those that a pattern found. Here is which they are and the first reading of them;
 * guestgrow.h has how they go on.
 */
#define GUESTLOG_MAX_FILES 64 /* at a time; of a pattern the newest */
#define GUESTLOG_MAX_NAMED 60 /* names and patterns; beside those of a syslog */

#define GUESTFILES_MSEC 1000                  /* for one request */
#define GUESTFILES_SOME ((uint32_t)256 << 10) /* bytes, where not all of it is wanted */

/* A file inside, and how far it was read. */
struct guestfile {
	char *path;
	char *rotated; /* what it is called when it was renamed; NULL: not known */
	enum log_source source;
	bool before; /* it is one that was rotated: for the first reading only */
	bool other;  /* read only if the one before in the list is not there */
	bool named;  /* by the caller, not found by a pattern: its absence is told */
	bool told;
	bool absent; /* it was not there: all of it is new when it comes */
	struct guestread_cursor cursor;
	struct guestread_cursor old; /* of the file that had its name before */
	struct textlog text;
	struct buf part; /* a line without an end yet */
};

struct guestpattern {
	char *dir;
	const char *pattern; /* borrowed */
	bool told, bound_told;
};

struct guestfiles {
	struct guestask *ask; /* borrowed */
	bool follow;          /* they are to be read on: a line without an end is kept */
	bool following;       /* the first reading is over */
	bool polling;         /* and they are read on */
	struct guestfile *v;
	size_t n, cap;
	struct guestpattern *patterns;
	size_t n_patterns, cap_patterns;
	unsigned polls;
	unsigned late; /* so many polls one after the other */
	bool told;
};

void guestfiles_done(struct guestfiles *g);

/* /var/log/syslog and the one before or, where there is none, messages and that. */
void guestfiles_add_syslog(struct guestfiles *g);

/* A path inside, its last component may be a shell pattern. Borrowed. */
void guestfiles_add(struct guestfiles *g, const char *path);

/* Appends the end of each that is wanted. As guestlog_lines(). */
void guestfiles_read(struct guestfiles *g, const struct guestread_target *target,
		     const struct log_want *want, struct loglines *ret,
		     struct guestlog_said *said);

/* ---- for guestgrow.c ---- */

/* What patterns find that is not known yet becomes files. */
void guestfiles_list(struct guestfiles *g, const struct guestread_target *target,
		     struct guestlog_said *said);

/* Is it of no use, as the first choice is there? */
bool guestfiles_is_other(const struct guestfiles *g, const struct guestfile *f);

/* The lines that are complete; `end`: all of it, it does not go on. */
void guestfile_take(struct guestfile *f, const struct guestread_answer *a, bool end,
		    struct loglines *ret);

/* Why it cannot be read, once; that it is absent only of one that was named. */
void guestfile_say(struct guestfile *f, const struct guestread_answer *a,
		   struct guestlog_said *said);

void guestfile_cut_first_line(struct tbytes *t);
