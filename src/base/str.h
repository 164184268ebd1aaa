/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "tbytes.h"

/* Out of memory ends the program: every size from outside is bounded before we allocate.
 */
_noreturn_ void oom(void);
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrdup_or_null(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) _printf_(1, 2);
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0);

/*
 * Makes room for one more element of a growing array: `v` and `cap` are lvalues, `n` the
 * number in use. Doubles, so that filling an array is linear.
 */
#define GROW(v, n, cap)                                                                  \
	do {                                                                             \
		if ((n) >= (cap)) {                                                      \
			(cap) = (cap) ? (cap)*2 : 8;                                     \
			(v) = xreallocarray((v), (cap), sizeof(*(v)));                   \
		}                                                                        \
	} while (0)

/* Gives back what a growing array that is complete has too much. */
#define SHRINK(v, n)                                                                     \
	do {                                                                             \
		if (n)                                                                   \
			(v) = xreallocarray((v), (n), sizeof(*(v)));                     \
	} while (0)

/* A growing byte string. p[n] is always a NUL that does not count, so text can be used as
 * a C string. { 0 } is empty (p may be NULL then: use buf_str). */
struct buf {
	char *p;
	size_t n;
	size_t cap;
};

void buf_done(struct buf *b);
void buf_grow(struct buf *b, size_t more); /* of buf_reserve() */
/* room for `more` bytes after n */
static inline void buf_reserve(struct buf *b, size_t more)
{
	if (b->cap <= b->n || more >= b->cap - b->n)
		buf_grow(b, more);
}
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
static inline void buf_addc(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->p[b->n++] = c;
	b->p[b->n] = '\0';
}
void buf_addf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
/* %XX of two hex digits becomes the byte it stands for, all else stays (PVE's comments).
 */
void buf_add_urldecoded(struct buf *b, const char *p, size_t n);
/* Decodes (RFC 4648, padded). False: it is none, and nothing was added. */
bool buf_add_base64(struct buf *b, const char *p, size_t n);
const char *buf_str(const struct buf *b); /* never NULL */

/* A list of owned C strings. */
struct strv {
	char **v;
	size_t n;
	size_t cap;
};

void strv_done(struct strv *s);
void strv_add(struct strv *s, char *owned);
void strv_addn(struct strv *s, const char *p, size_t n); /* a copy */
void strv_sort(struct strv *s);

/*
 * A piece of text that is being parsed: borrowed, not terminated. The takers cut the next
 * piece off the front and return false when nothing is left.
 */
struct span {
	const char *p;
	size_t n;
};

static inline struct span span_of(const char *p, size_t n)
{
	return (struct span){ p, n };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static inline struct tbytes span_tbytes(struct span s)
{
	return (struct tbytes){ (const uint8_t *)s.p, (uint32_t)s.n };
}

static inline struct tbytes tbytes_str(const char *s)
{
	return (struct tbytes){ (const uint8_t *)s, (uint32_t)strlen(s) };
}

bool span_line(struct span *text, struct span *ret);  /* up to '\n', which is eaten */
bool span_field(struct span *line, struct span *ret); /* next word between blanks/tabs */
bool span_cut(struct span *s, char sep, struct span *ret); /* up to sep, or all of it */
/* Next element of a list as PVE writes them: between commas, semicolons or white space.
 */
bool span_list(struct span *list, struct span *ret);
/* Here, so that the length of a text that is written out is known to the compiler. */
static inline bool span_eq(struct span s, const char *str)
{
	return s.n == strlen(str) && (!s.n || memcmp(s.p, str, s.n) == 0);
}

bool span_eq_nocase(struct span s, const char *str); /* ASCII */
bool span_is_digits(struct span s);                  /* [0-9]+ */
struct span span_after_digits(struct span s);        /* what is behind those in front */
static inline bool span_starts(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && (!n || memcmp(s.p, prefix, n) == 0);
}

bool span_ends(struct span s, const char *suffix);
/* cuts the prefix off if there */
static inline bool span_skip(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!span_starts(*s, prefix))
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

struct span span_trim(struct span s);                     /* blanks, tabs, CR, LF */
const char *span_find(struct span s, const char *needle); /* NULL: not in it */
/* What comes after the first of them; p NULL: not in it. */
struct span span_behind(struct span s, const char *needle);
char *span_dup(struct span s);

/* strcmp(), for searches: mostly the first byte tells already. */
static inline int str_cmp(const char *a, const char *b)
{
	int d = (unsigned char)*a - (unsigned char)*b;

	return d ? d : strcmp(a, b);
}

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
uint64_t str_hash(const char *s); /* FNV-1a: not for what a guest may choose */
