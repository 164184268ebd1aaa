/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "logline.h"
#include "read/hostlog.h"

/*
 * Log files and tasks of one container as they grow: everything that hostlog.h and
 * tasklog.h read. (The journal has a cursor of its own.)
 */
struct logfollow;

/*
 * From here on: what is in the files now is not new. `sources` (LOG_SOURCES flags) says
 * which; those of the journal are ignored. `want` is borrowed.
 */
struct logfollow *logfollow_new(int rootfd, const struct log_want *want,
				const bool *sources);
void logfollow_free(struct logfollow *f);

/*
 * Appends what came since the last call, whole lines only. A file that was replaced or
 * became shorter is read from its start. What cannot be read now is tried again at the
 * next call.
 */
void logfollow_poll(struct logfollow *f, struct loglines *ret);
