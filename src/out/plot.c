/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/plot.h"

#include "base/num.h"
#include "out/text.h"

/* How many of the steps from the bottom on are filled; 0: no data. */
static uint64_t steps_of(const struct plot *p, size_t i, unsigned per_line)
{
	uint64_t all = (uint64_t)p->height * per_line, steps;

	if (i >= p->n || p->v[i].kind != VAL_SET)
		return 0;
	steps = num_muldiv(MIN(p->v[i].n, p->top), all, p->top ? p->top : 1);
	return MAX(steps, (uint64_t)1);
}

/* How many of this line's steps are filled. */
static unsigned in_line(const struct plot *p, size_t i, unsigned per_line, unsigned line)
{
	uint64_t steps = steps_of(p, i, per_line);
	uint64_t below = (uint64_t)(p->height - 1 - line) * per_line;

	return (unsigned)MIN(num_sub(steps, below), (uint64_t)per_line);
}

static void braille(struct buf *out, const struct plot *p, size_t i, unsigned line)
{
	/* by filled steps, from the bottom: dots 7 3 2 1 and 8 6 5 4 */
	static const uint8_t left[] = { 0, 0x40, 0x44, 0x46, 0x47 };
	static const uint8_t right[] = { 0, 0x80, 0xa0, 0xb0, 0xb8 };
	uint32_t dots = left[in_line(p, i, 4, line)] | right[in_line(p, i + 1, 4, line)];

	if (dots)
		text_utf8_put(out, 0x2800 + dots);
	else
		buf_addc(out, ' ');
}

void plot_line(struct buf *out, const struct plot *p, unsigned line)
{
	for (size_t i = 0; i < p->n; i += plot_values(p->ascii)) {
		if (p->ascii)
			buf_addc(out, " .#"[in_line(p, i, 2, line)]);
		else
			braille(out, p, i, line);
	}
}
