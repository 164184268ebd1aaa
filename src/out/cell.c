/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/cell.h"

#include "out/text.h"

static struct cell number(enum cell_kind kind, uint64_t n)
{
	return (struct cell){ .kind = kind, .n = n };
}

struct cell cell_int(uint64_t n)
{
	return number(CELL_INT, n);
}

struct cell cell_bytes(uint64_t n)
{
	return number(CELL_BYTES, n);
}

struct cell cell_seconds(uint64_t n)
{
	return number(CELL_SECONDS, n);
}

struct cell cell_stamp(uint64_t real_usec)
{
	return number(CELL_STAMP, real_usec);
}

struct cell cell_ppm(uint64_t ppm)
{
	return number(CELL_PPM, ppm);
}

struct cell cell_bool(bool b)
{
	return (struct cell){ .kind = CELL_BOOL, .flag = b };
}

struct cell cell_str(const char *s)
{
	return (struct cell){ .kind = s ? CELL_STR : CELL_ABSENT, .s = s };
}

struct cell cell_text(struct tbytes t)
{
	return (struct cell){ .kind = t.p ? CELL_TEXT : CELL_ABSENT, .t = t };
}

struct cell cell_owned(char *s)
{
	return (struct cell){ .kind = s ? CELL_OWNED : CELL_ABSENT, .owned = s };
}

struct cell cell_strs(const struct strv *s)
{
	return (struct cell){ .kind = s && s->n ? CELL_STRS : CELL_ABSENT, .strs = s };
}

struct cell cell_val(struct val v, enum cell_kind kind)
{
	if (v.kind == VAL_ABSENT)
		return (struct cell){ 0 };
	if (v.kind == VAL_MAX)
		return (struct cell){ .kind = CELL_NULL };
	return number(kind, v.n);
}

void cell_done(struct cell *c)
{
	free(c->owned);
	*c = (struct cell){ 0 };
}

static void print_strs(struct buf *out, const struct strv *s)
{
	if (!s->n)
		buf_addc(out, '-');
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_addc(out, ',');
		text_escape(out, tbytes_str(s->v[i]), false);
	}
}

void cell_print(struct buf *out, const struct cell *c, bool exact_bytes)
{
	switch (c->kind) {
	case CELL_ABSENT:
		buf_addc(out, '-');
		break;
	case CELL_NULL:
		buf_adds(out, "max");
		break;
	case CELL_INT:
		buf_addf(out, "%ju", (uintmax_t)c->n);
		break;
	case CELL_BYTES:
		if (exact_bytes)
			buf_addf(out, "%ju", (uintmax_t)c->n);
		else
			text_size(out, c->n);
		break;
	case CELL_SECONDS:
		text_duration(out, c->n);
		break;
	case CELL_STAMP:
		text_stamp(out, c->n);
		break;
	case CELL_PPM: {
		uint64_t tenths = (c->n + 500) / 1000;

		buf_addf(out, "%ju.%ju", (uintmax_t)(tenths / 10),
			 (uintmax_t)(tenths % 10));
		break;
	}
	case CELL_CENTI:
		buf_addf(out, "%ju.%02ju", (uintmax_t)(c->n / 100),
			 (uintmax_t)(c->n % 100));
		break;
	case CELL_BOOL:
		buf_adds(out, c->flag ? "yes" : "no");
		break;
	case CELL_STR:
		text_escape(out, tbytes_str(c->s), false);
		break;
	case CELL_TEXT:
		text_escape(out, c->t, false);
		break;
	case CELL_OWNED:
		text_escape(out, tbytes_str(c->owned), false);
		break;
	case CELL_STRS:
		print_strs(out, c->strs);
		break;
	}
}
