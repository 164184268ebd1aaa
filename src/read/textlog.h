/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "logline.h"

enum textlog_zone { TEXTLOG_ZONE_UNKNOWN, TEXTLOG_ZONE_OURS, TEXTLOG_ZONE_FIXED };

/*
 * Text logs of a container: /var/log/syslog and messages as rsyslog, syslog-ng and
 * busybox write them, and whatever a program has, its lines with a time in front or
 * without.
 *
 * A time is taken in the forms "2026-11-20T03:12:24.5+01:00" (also with a blank, without
 * a fraction or a zone), "Nov 20 03:12:24" (RFC 3164), "2026/11/20 03:12:24", these in
 * [ ], and "[20/Nov/2026:03:12:24 +0100]" behind the address and the users of an access
 * log. What has no zone is of the container's, which may be another than ours: the
 * file's own time tells, when that is the one of its last line. Where that does
 * not fit, no line without a zone gets a time of its own: its text is kept whole, and it
 * was written before the file's time (LOG_TIME_NOT_AFTER). The same for lines without a
 * time in front; behind one with a time they are not older than that (NOT_BEFORE).
 */
struct textlog {
	enum log_source source;   /* LOG_SYSLOG: behind the time are host and program */
	const char *origin;       /* of each line, where no program is named; or NULL */
	uint64_t mtime_real_usec; /* of the file; 0: not known */
	/* private: kept from one piece of a file to the next; { 0 } at its beginning */
	struct {
		enum textlog_zone kind;
		int32_t east_sec;
	} zone;
	uint64_t last_real_usec; /* of the line before, if it had one; else 0 */
};

/* Appends copies of the lines, of each 16 KiB and how many bytes it has more. Pure. */
void textlog_parse(struct textlog *t, struct span text, struct loglines *ret);
