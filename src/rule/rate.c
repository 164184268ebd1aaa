/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rate.h"

#include "base/clock.h"
#include "base/num.h"

static bool has(const struct sample *s, enum metric m)
{
	return s->have >> m & 1;
}

struct val rate_gauge(const struct sample *s, enum metric m)
{
	return has(s, m) ? val_set(s->v[m]) : (struct val){ 0 };
}

struct val rate_delta(const struct sample *a, const struct sample *b, enum metric m)
{
	if (!has(a, m) || !has(b, m) || b->boot_usec <= a->boot_usec || b->v[m] < a->v[m])
		return (struct val){ 0 };
	return val_set(b->v[m] - a->v[m]);
}

struct val rate_per_sec(const struct sample *a, const struct sample *b, enum metric m)
{
	struct val d = rate_delta(a, b, m);

	if (d.kind == VAL_SET)
		d.n = num_muldiv(d.n, USEC_PER_SEC, b->boot_usec - a->boot_usec);
	return d;
}

size_t rate_since(const struct sample *v, size_t n, uint64_t span_usec)
{
	uint64_t last, least = span_usec - span_usec / 10;
	size_t i;

	if (n < 2)
		return SIZE_MAX;
	last = v[n - 1].boot_usec;
	for (i = n - 2; i > 0 && num_sub(last, v[i].boot_usec) < least; i--)
		;
	if (last <= v[i].boot_usec || last - v[i].boot_usec > 3 * span_usec)
		return SIZE_MAX;
	return i;
}
