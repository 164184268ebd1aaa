/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include <guestread.h>

/*
 * The form in which a request and its answers travel between two programs of this
 * package on one machine: numbers in its byte order, every text and every record behind
 * its length, a version in front. Both sides check all of it.
 *
 *   request: head, then for each item a fixed part, the path and a NUL, the pattern and a
 *            NUL
 *   answers: records in the order of the items, each a fixed part and its data; in front
 *            marks may stand that say how far it is (waits, goes on, opened), the mark
 *            "end" is the last
 */
#define GUESTWIRE_MAX_REQUEST ((size_t)2 << 20)

/* Appends it. -EINVAL, -ENAMETOOLONG, -E2BIG: a request that nobody may make. */
int guestwire_put_request(struct buf *b, const struct guestread_request *req,
			  struct err *err);

/*
 * Paths and patterns point into the text, which has to stay; `v` of *ret is owned by the
 * caller (free()). -EBADMSG: it is none, or of another version.
 */
int guestwire_parse_request(struct span text, struct guestread_request *ret,
			    struct err *err);

/* The next record: `a` as it stands. */
void guestwire_put_answer(struct buf *b, uint32_t index,
			  const struct guestread_answer *a);

/* Marks: what they say is in struct guestread_answers. */
void guestwire_put_waits(struct buf *b);
void guestwire_put_goes_on(struct buf *b);
void guestwire_put_opened(struct buf *b);
void guestwire_put_failed(struct buf *b, int error); /* a positive errno */
void guestwire_put_end(struct buf *b);

/* Of answers that may go on: has it opened all that it reads? */
bool guestwire_is_opened(struct span answers);

/*
 * The answers to a request of `n_items`, as far as they came: a text that breaks off is
 * no error, what is missing is GUESTREAD_NO_ANSWER. `bytes` has to be that of malloc();
 * *ret takes it over, on failure too. -EBADMSG: not what guest-read writes.
 */
int guestwire_take_answers(char *bytes, size_t n, size_t n_items,
			   struct guestread_answers *ret, struct err *err);

/* The mark of a cursor: of the last up to 64 of these bytes. */
#define GUESTWIRE_MARK_BYTES 64
uint64_t guestwire_mark(const void *p, size_t n);

/* Does the name fit the pattern: * ? [a-z] [!a-z], bytes, no escapes. Linear in practice:
 * at most name x pattern steps. */
bool guestwire_match(const char *pattern, struct span name);
