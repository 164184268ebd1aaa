/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <diskuse.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What the collector asks of `guest-read serve` and what comes back, over a socket of
 * packets: one of each. Numbers in the machine's byte order, behind a head with a magic
 * number, a version, the length of all and the number of records. Both sides check all of
 * it.
 */
#define DISKWIRE_MAX_REQUEST 1048 /* bytes of DISK_MAX_ASKED */
#define DISKWIRE_MAX_ANSWER  3096

/* Below /: root's directory, so that nobody else can put another one there. */
#define DISKWIRE_SOCKET "run/ctscope-reader.sock"

/* Appends it. -EINVAL, -E2BIG: one that nobody may make. */
int diskwire_put_request(struct buf *b, const struct disk_ask *v, size_t n,
			 struct err *err);

/*
 * *ret_n of at most DISK_MAX_ASKED. -EBADMSG: it is none, or of another version; -E2BIG:
 * of too many; -EINVAL: of a container that cannot be, or of one twice.
 */
int diskwire_parse_request(struct span text, struct disk_ask ret[DISK_MAX_ASKED],
			   size_t *ret_n, struct err *err);

/* error: a positive errno, the request was refused for it; then n is 0. */
void diskwire_put_answer(struct buf *b, const struct disk_use *v, size_t n, int error);

/*
 * *ret_error: as above. A record that says more than can be (more used than there is) is
 * DISK_FAILED. -EBADMSG: not what the other side writes.
 */
int diskwire_parse_answer(struct span text, struct disk_use ret[DISK_MAX_ASKED],
			  size_t *ret_n, int *ret_error, struct err *err);
