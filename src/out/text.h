/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "tbytes.h"

/*
 * The one way tenant bytes become text, the same for a terminal and for a pipe: valid
 * UTF-8 stays, everything that steers a terminal or hides text does not. C0, DEL, C1 and
 * bytes that are not UTF-8 become \xNN, bidi and zero-width controls \u{NNNN}; a
 * backslash stays a backslash. With `lines` a '\n' is kept and '\t' becomes blanks (for
 * text that is shown as a paragraph), else both are escaped.
 */
void text_escape(struct buf *out, struct tbytes t, bool lines);

/*
 * The same for the inside of a JSON document that is valid already: what steers or hides
 * becomes \uNNNN, so that the document says the same and is safe to look at.
 */
void text_json_safe(struct buf *out, struct tbytes t);

/* Is it whole, valid UTF-8 (no surrogates, no overlong forms)? */
bool text_is_utf8(struct tbytes t);

/* Columns the escaped text takes on a terminal (own table, no locale). */
size_t text_width(struct tbytes t);

/*
 * Decodes one UTF-8 character at t.p: its length in bytes, *ret the code point; 0 when
 * the byte there starts no valid character. t.n > 0.
 */
size_t text_utf8_next(struct tbytes t, uint32_t *ret);

/* Appends the code point as UTF-8. */
void text_utf8_put(struct buf *out, uint32_t cp);

/* "17.3G": 1024-based, one decimal and a letter, plain bytes below 1024, as pct df does.
 */
void text_size(struct buf *out, uint64_t bytes);

/* "12d 3h", "3h 5m", "5m 7s", "7s". */
void text_duration(struct buf *out, uint64_t seconds);

/* Local time "2026-11-20 23:57:22" of the node. */
void text_stamp(struct buf *out, uint64_t real_usec);

/* RFC 3339 in UTC, milliseconds: "2026-11-20T23:57:22.123Z". */
void text_rfc3339(struct buf *out, uint64_t real_usec);
