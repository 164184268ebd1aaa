/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"

/* Where a line comes from. */
enum log_source {
	LOG_TASK,        /* /var/log/pve/tasks: PVE's tasks about the container */
	LOG_STDERR,      /* /run/pve/ct-<id>.stderr: lxc-start of the last start */
	LOG_WARNINGS,    /* /run/pve/ct-<id>.warnings: of PVE's pre-start hook */
	LOG_VZDUMP,      /* /var/log/vzdump/lxc-<id>.log: the last backup */
	LOG_REPLICATION, /* /var/log/pve/replicate/<id>-<n>: the last run of each job */
	LOG_FIREWALL,    /* /var/log/pve-firewall.log */
	LOG_UNIT,        /* journal: pve-container@<id>.service */
	LOG_HOOK,        /* journal: PVE's LXC hooks */
	LOG_PVE,         /* journal: pct, pvedaemon, pvestatd, ... where they name it */
	LOG_KERNEL,      /* journal: OOM kills, AppArmor, its network devices */
	LOG_CONSOLE,     /* what lxc.console.logfile names: its console, on the node */
	LOG_GUEST,       /* inside: its journal */
	LOG_SYSLOG,      /* inside: /var/log/syslog, or messages */
	LOG_FILE,        /* inside: what --file names */
	LOG_SOURCES      /* how many there are */
};

/* What the time of a line is worth: many sources write none. */
enum log_time_kind {
	LOG_TIME_NONE,
	LOG_TIME_EXACT,
	LOG_TIME_NOT_BEFORE, /* the line is that old or younger: its task started then */
	LOG_TIME_NOT_AFTER,  /* that old or older: the file was last written then */
};

/* syslog's priorities, and one more than their numbers. */
enum log_level {
	LOG_LEVEL_NONE, /* the source has none */
	LOG_LEVEL_EMERG,
	LOG_LEVEL_ALERT,
	LOG_LEVEL_CRIT,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

struct logline {
	uint64_t time_real_usec;
	enum log_time_kind time_kind;
	enum log_source source;
	enum log_level level;
	const char *origin; /* UPID, syslog identifier, replication job; NULL: none.
			       Untrusted text, borrowed from the list */
	const char *unit;   /* LOG_GUEST: the unit inside; NULL: none. As origin */
	uint32_t pid;       /* LOG_GUEST: as the container counts; 0: none */
	struct tbytes text; /* without line end; borrowed from the list */
};

/*
 * Lines and what they point into. Every line has room for one source of truth only: its
 * text is never rewritten.
 */
struct loglines {
	struct logline *v;
	size_t n, cap;
	char **store; /* the memory that the lines borrow */
	size_t n_store, cap_store;
	bool cut; /* a bound was met: older lines of some source are missing */
};

void loglines_done(struct loglines *l);

/* A copy that lives as long as the list. */
struct tbytes loglines_keep(struct loglines *l, const void *p, size_t n);
const char *loglines_keep_str(struct loglines *l, const char *s);

/* The list owns `p` (malloc) from now on. */
void loglines_own(struct loglines *l, char *p);

/* Appends a line whose texts already live in the list. */
void loglines_add(struct loglines *l, struct logline line);

/* Turns the lines from `start` on round. */
void loglines_reverse(struct loglines *l, size_t start);

/* By time; lines of the same time keep their order, a source's order is never changed. */
void loglines_sort(struct loglines *l);

/*
 * Drops lines of `from` that `same` has too, word for word and at about that time: a
 * backup writes its log twice, and the copy with a time on every line is the better one;
 * a syslog has what the journal has.
 */
void loglines_drop_repeats(struct loglines *l, enum log_source from,
			   enum log_source same);

/* Keeps the last `max` lines. */
void loglines_tail(struct loglines *l, size_t max);

/* "task", "stderr", "replication", "kernel", ...: also what --source takes. */
const char *log_source_name(enum log_source s);
const char *log_source_help(enum log_source s);
/* Is it read from the journal? --source journal names all of these. */
bool log_source_is_journal(enum log_source s);
/* Is it read inside the container, by guest-read? --source inside names all of these. */
bool log_source_is_inside(enum log_source s);
/* "exact", "not-before", "not-after"; NULL: none. */
const char *log_time_kind_name(enum log_time_kind k);
/* "error" (and what is worse), "warning", "notice", "info", "debug"; NULL: none. */
const char *log_level_name(enum log_level l);
/* LOG_LEVEL_NONE from 8 on. */
enum log_level log_level_of(uint32_t priority);
/*
 * What journalctl -p takes: a name or number is that level and what is worse, "a..b" what is
 * between the two, in either order. "error" and "warn" are err and warning, too. *from is
 * the worst. -EINVAL: none of that.
 */
int log_levels_parse(const char *text, enum log_level *ret_from, enum log_level *ret_to);
