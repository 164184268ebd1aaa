/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "logline.h"

/* Log files of the node that are about one container (facts: pve-node.md 6.3, 6.4). */

/* Which lines are wanted. */
struct log_want {
	uint32_t vmid;
	uint64_t since_real_usec; /* 0: from the beginning */
	uint64_t until_real_usec; /* 0: to the end */
	const char *console;      /* path of LOG_CONSOLE; NULL: it has none */
	size_t max_lines;         /* of each source the newest so many; 0: all */
	/* Is this text wanted (--grep)? NULL: every one. */
	bool (*match)(void *arg, struct tbytes text);
	void *match_arg;
	/*
	 * Only lines of these levels, the worst first; both LOG_LEVEL_NONE: every line. One
	 * without a level counts as info, as what programs print does for systemd; of
	 * LOG_STDERR as an error, for lxc-start writes nothing else there.
	 */
	enum log_level from_level, to_level;
	/* Of LOG_SOURCES: one without a level was left out because it counts as info. NULL:
	 * nobody asks. */
	bool *unlevelled;
};

/* Are there lines that are not wanted, whatever their time is? Then those that are wanted
 * may be anywhere. */
bool log_want_chooses(const struct log_want *w);

/* Level and text alone; and with its time: does the line belong to what is wanted? */
bool log_want_says(const struct log_want *w, const struct logline *line);
bool log_want_has(const struct log_want *w, const struct logline *line);

/*
 * Does a line of PVE's own programs name that guest ("CT 101", "lxc/101", "ct:101", a
 * UPID with that id, ...)? 101 is never found in 1010 or 5101.
 */
bool log_names_guest(struct span text, uint32_t vmid);

/*
 * Pure parsers: they append lines whose texts are copies. `mtime` is the last change of
 * the file, for lines that have no time of their own. Times without zone are local time
 * of this process's zone; the debug form of stderr is UTC.
 */
void stderrlog_parse(struct span text, uint64_t mtime_real_usec, struct loglines *ret);
void warningslog_parse(struct span text, uint64_t mtime_real_usec, struct loglines *ret);
void vzdumplog_parse(struct span text, uint64_t mtime_real_usec, struct loglines *ret);
void replicationlog_parse(struct span text, const char *job, uint64_t mtime_real_usec,
			  struct loglines *ret);
/* Only the lines of that VMID. */
void firewalllog_parse(struct span text, uint32_t vmid, struct loglines *ret);

/*
 * "2026-11-20 03:12:24" in local time at the front of *s, cut off with the blank after
 * it. False and *s as it was: none there.
 */
bool log_stamp_cut(struct span *s, uint64_t *ret_real_usec);

/*
 * Reads one of LOG_STDERR, LOG_WARNINGS, LOG_VZDUMP, LOG_REPLICATION, LOG_FIREWALL,
 * LOG_CONSOLE: the last bytes of the file(s), what `want` asks of them. A file that is not there is no
 * error. A rotation in between neither doubles nor loses a line.
 */
int hostlog_lines(int rootfd, enum log_source source, const struct log_want *want,
		  struct loglines *ret, struct err *err);

/*
 * One of the files behind a source: path below the root, the job where it is of one, and
 * what logrotate calls the one before it (of days before that, compressed ones are not
 * read); NULL: it is not rotated.
 */
struct log_file {
	char *path, *job, *rotated;
	enum log_source source;
};

struct log_files {
	struct log_file *v;
	size_t n, cap;
};

void log_file_done(struct log_file *f);
void log_files_done(struct log_files *f);

/* The files of a source that are there or may come, appended to *ret. */
int log_files_list(int rootfd, enum log_source source, const struct log_want *want,
		   struct log_files *ret, struct err *err);

/* The parser of that source over text that is whole lines. */
void log_file_parse(const struct log_file *f, struct span text, uint32_t vmid,
		    uint64_t mtime_real_usec, struct loglines *ret);

/* Drops the lines from `start` on that are not wanted, then all but the newest. */
void log_keep_wanted(struct loglines *l, size_t start, const struct log_want *w);
