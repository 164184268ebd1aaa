/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "val.h"

/*
 * Reads a JSON text of PVE (the only reader of JSON, through jansson). Values are looked
 * at, never changed; everything a value points to lives until jsonin_done(). A question
 * that does not fit the value (the key of an array, the number of an object, anything of
 * NULL) has the answer "not there", so that a chain of them needs one check at its end.
 */
#define JSONIN_MAX_BYTES ((size_t)8 << 20)
#define JSONIN_MAX_DEPTH 64

struct jval; /* a value inside the document */

struct jsonin {
	const struct jval *root;
};

/*
 * -EBADMSG: not JSON, cut off, deeper than JSONIN_MAX_DEPTH; the sentence has line and
 * column. -EFBIG: more than JSONIN_MAX_BYTES. -ENOENT: libjansson is missing.
 * A key that is there twice has its last value.
 */
int jsonin_parse(const char *p, size_t n, struct jsonin *ret, struct err *err);
void jsonin_done(struct jsonin *j);

bool jval_is_object(const struct jval *v);
bool jval_is_array(const struct jval *v);
bool jval_is_null(const struct jval *v);

/* NULL: no such key, or not an object. */
const struct jval *jval_get(const struct jval *v, const char *key);

/* Elements of an array, members of an object, else 0. */
size_t jval_count(const struct jval *v);
const struct jval *jval_at(const struct jval *array, size_t i);

/*
 * Walks the members of an object in the order of the text: start with *iter NULL; false:
 * no more.
 */
bool jval_next(const struct jval *object, void **iter, struct span *ret_key,
	       const struct jval **ret);

/* The text of a string; it may hold any character, NUL too (then jval_dup ends early). */
bool jval_span(const struct jval *v, struct span *ret);
char *jval_dup(const struct jval *v); /* owned; NULL: not a string */

/*
 * Whole numbers. Perl writes a number as text now and then: "12" is 12 too. False also
 * for what is negative (u64), a fraction, or too large.
 */
bool jval_u64(const struct jval *v, uint64_t *ret);
struct val jval_val(const struct jval *v); /* absent: no such number */
bool jval_i64(const struct jval *v, int64_t *ret);

/* A number that may have a fraction, x 10^digits, the rest cut off; negative: false. */
bool jval_fixed(const struct jval *v, unsigned digits, uint64_t *ret);

/* true, false, and Perl's 1, 0, "1", "0", "". */
bool jval_bool(const struct jval *v, bool *ret);
