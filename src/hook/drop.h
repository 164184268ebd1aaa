/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * Puts an event into the spool below the root directory `rootfd`, see spool.h. Does all
 * of it or nothing, and says nothing: there is nobody to tell.
 */
void drop_event(int rootfd, const char *id, const struct iovec *iov, int iovcnt);
