/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "out/cell.h"
#include "val.h"

/*
 * Writes the JSON of one command (design: one object, "schema", "node", "time", then the
 * data). What is below an array directly under the top is written as it comes, so memory
 * does not grow with the number of containers; an object under the top is collected with
 * jansson first, so that a key which is set again takes the place of the former. Jansson
 * also spells what needs escapes or rounding.
 *
 *	jw_new(f, "ctscope.list/1", node, now, &w, err)
 *	jw_arr(w, "containers");
 *		jw_obj(w, NULL);		an element has no key
 *			jw_int(w, "vmid", 101);
 *		jw_end(w);
 *	jw_end(w);
 *	jw_free(w)				ends the document with a newline
 *
 * Tenant bytes that are not UTF-8 become {"b64": "..."}. Absent values write nothing.
 */
struct jw;

/* node may be NULL (not a Proxmox node). */
int jw_new(FILE *f, const char *schema, const char *node, uint64_t time_real_usec,
	   struct jw **ret, struct err *err);

/* Opens the "container" of a document that is about one; name NULL: not known. */
void jw_container(struct jw *w, uint32_t vmid, const char *name);

/* One object on a line of its own, without the envelope: for streams (logs -f). */
int jw_new_line(FILE *f, struct jw **ret, struct err *err);

/*
 * Ends the document. 0, or what writing it failed with (-EPIPE, -ENOSPC; -ELIBACC:
 * libjansson is missing).
 */
int jw_free(struct jw *w);

void jw_obj(struct jw *w, const char *key);
void jw_arr(struct jw *w, const char *key);
void jw_end(struct jw *w);

void jw_int(struct jw *w, const char *key, uint64_t n);
void jw_sint(struct jw *w, const char *key, int64_t n);
void jw_bool(struct jw *w, const char *key, bool b);
void jw_null(struct jw *w, const char *key);
void jw_val(struct jw *w, const char *key, struct val v); /* absent, null, number */
void jw_ratio(struct jw *w, const char *key, uint64_t n,
	      uint64_t per); /* n / per as a real */
/* Decimal digits that no uint64_t holds: a real; as text where that does not hold them
 * either. */
void jw_digits(struct jw *w, const char *key, const char *digits);
void jw_str(struct jw *w, const char *key, const char *s);    /* NULL: nothing */
void jw_text(struct jw *w, const char *key, struct tbytes t); /* p NULL: nothing */
void jw_stamp(struct jw *w, const char *key, uint64_t real_usec);
void jw_cell(struct jw *w, const char *key, const struct cell *c);

/*
 * Puts the members of the JSON object `text` into the open object, but for those whose
 * key is among `taken`. -EBADMSG: it is no object, or deeper than JW_MERGE_DEPTH; nothing
 * was written then.
 */
#define JW_MERGE_DEPTH 32
int jw_merge(struct jw *w, struct span text, const char *const *taken, size_t n_taken);

/* Every column of the description that has a key, for one row, into the open object. */
void jw_cols(struct jw *w, const struct col *cols, size_t n, const void *row);
