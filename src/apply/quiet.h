/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"

/*
 * Removes a file that others find by listing its directory and open thereafter, and who take
 * it for an error when it is gone by then: at a moment at which nobody is between the two. Who
 * lists the directory meanwhile waits for moments, for 20 ms at a time (50 ms the last one)
 * where somebody keeps it open. That one is waited for until 2 s are over; then the file is
 * removed all the same. Where the directory cannot be watched (it takes CAP_SYS_ADMIN) it is removed at
 * once. -ENOENT: it was not there.
 */
int quiet_remove(int rootfd, const char *path, struct err *err);
