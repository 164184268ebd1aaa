/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

_noreturn_ void oom(void)
{
	static const char msg[] = "ctscope: out of memory\n";

	(void)!write(STDERR_FILENO, msg, sizeof(msg) - 1);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		oom();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		oom();
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size ? size : 1);
	if (!p)
		oom();
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrdup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *p;

	if (vasprintf(&p, fmt, ap) < 0)
		oom();
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = xvasprintf(fmt, ap);
	va_end(ap);
	return p;
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void buf_grow(struct buf *b, size_t more)
{
	size_t need = b->n + more + 1;
	size_t cap = b->cap ? b->cap : 64;

	if (need < b->n)
		oom();
	while (cap < need)
		cap *= 2;
	b->p = xreallocarray(b->p, cap, 1);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	buf_reserve(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (r < 0)
		oom();
	buf_reserve(b, (size_t)r);
	va_start(ap, fmt);
	vsnprintf(b->p + b->n, (size_t)r + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)r;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void buf_add_urldecoded(struct buf *b, const char *p, size_t n)
{
	buf_reserve(b, n);
	for (size_t i = 0; i < n; i++) {
		int hi = p[i] == '%' && n - i > 2 ? hex_digit(p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(p[i + 2]) : -1;

		if (lo < 0) {
			buf_addc(b, p[i]);
			continue;
		}
		buf_addc(b, (char)(hi << 4 | lo));
		i += 2;
	}
}

static int base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool buf_add_base64(struct buf *b, const char *p, size_t n)
{
	size_t start = b->n, pad = 0;
	uint32_t bits = 0;

	while (pad < 2 && pad < n && p[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; n % 4 == 0 && i < n; i++) {
		int v = i >= n - pad ? 0 : base64_value(p[i]);

		if (v < 0)
			break;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 < 3)
			continue;
		for (size_t k = 0; k < 3 - (i + 1 == n ? pad : 0); k++)
			buf_addc(b, (char)(bits >> (16 - 8 * k) & 0xff));
		if (i + 1 == n)
			return true;
	}
	if (b->p)
		b->p[start] = '\0';
	b->n = start;
	return n == 0;
}

const char *buf_str(const struct buf *b)
{
	return b->p ? b->p : "";
}

void strv_done(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}

void strv_add(struct strv *s, char *owned)
{
	GROW(s->v, s->n, s->cap);
	s->v[s->n++] = owned;
}

void strv_addn(struct strv *s, const char *p, size_t n)
{
	strv_add(s, xstrndup(p, n));
}

static int cmp_str(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), cmp_str);
}

bool span_line(struct span *text, struct span *ret)
{
	return span_cut(text, '\n', ret);
}

bool span_field(struct span *line, struct span *ret)
{
	size_t i = 0, start;

	if (!line->n) {
		*ret = *line;
		return false;
	}
	while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t'))
		i++;
	start = i;
	while (i < line->n && line->p[i] != ' ' && line->p[i] != '\t')
		i++;
	*ret = span_of(line->p + start, i - start);
	line->p += i;
	line->n -= i;
	return ret->n > 0;
}

bool span_cut(struct span *s, char sep, struct span *ret)
{
	const char *at;
	size_t used;

	if (!s->n)
		return false;
	at = memchr(s->p, sep, s->n);
	*ret = span_of(s->p, at ? (size_t)(at - s->p) : s->n);
	used = at ? ret->n + 1 : ret->n;
	s->p += used;
	s->n -= used;
	return true;
}

static bool parts_list(char c)
{
	return c == ',' || c == ';' || c == ' ' || (c >= '\t' && c <= '\r');
}

bool span_list(struct span *list, struct span *ret)
{
	size_t i = 0, start;

	if (!list->n) {
		*ret = *list;
		return false;
	}
	while (i < list->n && parts_list(list->p[i]))
		i++;
	start = i;
	while (i < list->n && !parts_list(list->p[i]))
		i++;
	*ret = span_of(list->p + start, i - start);
	list->p += i;
	list->n -= i;
	return ret->n > 0;
}

bool span_is_digits(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

struct span span_after_digits(struct span s)
{
	while (s.n && s.p[0] >= '0' && s.p[0] <= '9')
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

bool span_eq_nocase(struct span s, const char *str)
{
	return s.n == strlen(str) && (!s.n || strncasecmp(s.p, str, s.n) == 0);
}

bool span_ends(struct span s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && (!n || memcmp(s.p + s.n - n, suffix, n) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

const char *span_find(struct span s, const char *needle)
{
	return s.n ? memmem(s.p, s.n, needle, strlen(needle)) : NULL;
}

struct span span_behind(struct span s, const char *needle)
{
	const char *hit = span_find(s, needle);

	if (!hit)
		return (struct span){ 0 };
	hit += strlen(needle);
	return span_of(hit, s.n - (size_t)(hit - s.p));
}

char *span_dup(struct span s)
{
	return xstrndup(s.p, s.n);
}

bool str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	return span_ends(span_str(s), suffix);
}

uint64_t str_hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}
