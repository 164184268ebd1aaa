/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "logline.h"
#include "read/guestfiles.h"

/*
 * Logs from inside a container, by guest-read, of one that runs or, where its target says
 * so, from the volume of one that is stopped: its journal (LOG_GUEST), its
 * /var/log/syslog or, where it has none, /var/log/messages, each with the one before
 * (LOG_SYSLOG), and files that are named (LOG_FILE): a path inside, its last component
 * may be a shell pattern. Nothing of it is opened here.
 */
struct guestlog;

/*
 * `sources` says which of the three. `files` and `unit` (of the journal; NULL: all) are
 * borrowed. `follow`: guestlog_poll() comes later, so a line without an end is kept for it.
 */
struct guestlog *guestlog_new(int rootfd, const bool sources[LOG_SOURCES],
			      const struct strv *files, const char *unit, bool follow);
void guestlog_free(struct guestlog *g);

/*
 * Appends what is wanted, oldest first within each source. What cannot be had is said in
 * *said. `cut` of *ret: older lines may be missing, because one bound or another was met.
 */
void guestlog_lines(struct guestlog *g, const struct guestread_target *target,
		    const struct log_want *want, struct loglines *ret,
		    struct guestlog_said *said);

/*
 * What came since the last call of either; whole lines only. A file that was rotated, cut
 * or exchanged is read from its beginning, one that was renamed is not read twice. The
 * notes of each kind come once.
 */
void guestlog_poll(struct guestlog *g, const struct guestread_target *target,
		   const struct log_want *want, uint64_t now_real_usec,
		   struct loglines *ret, struct guestlog_said *said);
