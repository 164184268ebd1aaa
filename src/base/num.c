/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"

#include <stdlib.h>

int num_parse_u64(struct span s, uint64_t *ret)
{
	uint64_t n = 0;
	bool fits = true;

	if (!s.n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		fits = fits && !__builtin_mul_overflow(n, 10u, &n) &&
		       !__builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n);
	}
	if (!fits)
		return -ERANGE;
	*ret = n;
	return 0;
}

int num_parse_u32(struct span s, uint32_t *ret)
{
	uint64_t n;
	int r = num_parse_u64(s, &n);

	if (r < 0)
		return r;
	if (n > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)n;
	return 0;
}

int num_parse_i64(struct span s, int64_t *ret)
{
	bool neg = span_skip(&s, "-");
	uint64_t n;
	int r = num_parse_u64(s, &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)INT64_MAX + (neg ? 1 : 0))
		return -ERANGE;
	*ret = neg ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int num_parse_hex(struct span s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!s.n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		uint64_t d;

		if (c >= '0' && c <= '9')
			d = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			d = (uint64_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			d = (uint64_t)(c - 'A') + 10;
		else
			return -EINVAL;
		if (n >> 60)
			return -ERANGE;
		n = n << 4 | d;
	}
	*ret = n;
	return 0;
}

int num_parse_val(struct span s, struct val *ret)
{
	uint64_t n;
	int r;

	if (span_eq(s, "max")) {
		*ret = (struct val){ .kind = VAL_MAX };
		return 0;
	}
	r = num_parse_u64(s, &n);
	if (r < 0)
		return r;
	*ret = val_set(n);
	return 0;
}

int num_parse_fixed(struct span s, unsigned digits, uint64_t *ret)
{
	struct span whole;
	uint64_t n;
	int r;

	if (!span_cut(&s, '.', &whole))
		return -EINVAL;
	r = num_parse_u64(whole, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
	for (unsigned i = 0; i < digits; i++) {
		uint64_t d = i < s.n ? (uint64_t)(s.p[i] - '0') : 0;

		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, d, &n))
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

/* Cuts the digits off the front into *n; from the first one that does not fit they are
 * counted in *lost. */
static bool take_digits(struct span *s, uint64_t *n, bool *full, size_t *taken,
			size_t *lost)
{
	size_t i;

	*lost = 0;
	for (i = 0; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		uint64_t more;

		*full = *full || __builtin_mul_overflow(*n, 10u, &more) ||
			__builtin_add_overflow(more, (uint64_t)(s->p[i] - '0'), &more);
		if (*full)
			(*lost)++;
		else
			*n = more;
	}
	s->p += i;
	s->n -= i;
	*taken = i;
	return i > 0;
}

static int take_exponent(struct span *s, int64_t *shift)
{
	bool neg;
	int64_t e;
	int r;

	if (!span_skip(s, "e") && !span_skip(s, "E"))
		return s->n ? -EINVAL : 0;
	neg = span_skip(s, "-");
	if (!neg)
		span_skip(s, "+");
	if (span_starts(*s, "-"))
		return -EINVAL;
	r = num_parse_i64(*s, &e);
	if (r < 0)
		return r;
	e = MIN(e, INT32_MAX);
	*shift += neg ? -e : e;
	return 0;
}

int num_parse_real(struct span s, unsigned digits, uint64_t *ret)
{
	size_t taken, lost;
	int64_t shift = (int64_t)digits;
	bool full = false;
	uint64_t n = 0;
	int r;

	if (!take_digits(&s, &n, &full, &taken, &lost))
		return -EINVAL;
	shift += (int64_t)lost;
	if (span_skip(&s, ".")) {
		take_digits(&s, &n, &full, &taken, &lost);
		shift -= (int64_t)(taken - lost);
	}
	r = take_exponent(&s, &shift);
	if (r < 0)
		return r;
	if (full && shift > 0) /* a digit that would show was not kept */
		return -ERANGE;
	for (; shift > 0 && n; shift--)
		if (__builtin_mul_overflow(n, 10u, &n))
			return -ERANGE;
	for (; shift < 0 && n; shift++)
		n /= 10;
	*ret = n;
	return 0;
}

uint64_t num_muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 r;

	if (!c)
		return 0;
	r = (unsigned __int128)a * b / c;
	return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

/* The decimal digits, at the end of `d`; where they start. */
static size_t digits(char d[static 20], uint64_t n)
{
	size_t i = 20;

	do
		d[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return i;
}

char *num_path(char *ret, size_t cap, const char *before, uint64_t n, const char *after)
{
	size_t before_n = strlen(before), after_n = strlen(after), at;
	char d[20];

	at = digits(d, n);
	if (before_n + (sizeof(d) - at) + after_n >= cap)
		abort();
	memcpy(ret, before, before_n);
	memcpy(ret + before_n, d + at, sizeof(d) - at);
	memcpy(ret + before_n + (sizeof(d) - at), after, after_n + 1);
	return ret;
}

void num_add(struct buf *b, uint64_t n)
{
	char d[20];
	size_t at = digits(d, n);

	buf_add(b, d + at, sizeof(d) - at);
}
