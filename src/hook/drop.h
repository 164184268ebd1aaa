/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * The spool below the root directory `rootfd`, see spool.h: to be opened before anything
 * is gathered. False: there is none that may be used, or it is full (which is counted in
 * it): nothing is left to do. Nothing here says anything: there is nobody to tell.
 */
bool drop_open(int rootfd);

/* Puts an event into it, all of it or nothing. Once. */
void drop_event(const char *id, const struct iovec *iov, int iovcnt);

/*
 * The deadline came, wherever we are: from the signal's handler. An event that is written
 * as a whole gets its name; one that is not is counted, also where the spool below `rootfd`
 * was not open yet (-1: there is no root either). One to ten system calls.
 */
void drop_give_up(int rootfd);
