/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/text.h"

#include <time.h>

#include "base/clock.h"

size_t text_utf8_next(struct tbytes t, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t c = t.p[0];
	size_t n = c < 0x80   ? 1
		   : c < 0xc2 ? 0
		   : c < 0xe0 ? 2
		   : c < 0xf0 ? 3
		   : c < 0xf5 ? 4
			      : 0;
	uint32_t cp;

	if (n == 0 || n > t.n)
		return 0;
	cp = n == 1 ? c : (uint32_t)(c & (0x7f >> n));
	for (size_t i = 1; i < n; i++) {
		if ((t.p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (t.p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret = cp;
	return n;
}

void text_utf8_put(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_addc(out, (char)cp);
	} else if (cp < 0x800) {
		buf_addc(out, (char)(0xc0 | cp >> 6));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_addc(out, (char)(0xe0 | cp >> 12));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | cp >> 18));
		buf_addc(out, (char)(0x80 | (cp >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (cp & 0x3f)));
	}
}

bool text_is_utf8(struct tbytes t)
{
	while (t.n) {
		uint32_t cp;
		size_t n = text_utf8_next(t, &cp);

		if (!n)
			return false;
		t.p += n;
		t.n -= (uint32_t)n;
	}
	return true;
}

/* Steers the terminal, or shows text in another order or not at all. */
static bool is_hidden(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) ||
	       (cp >= 0x200b && cp <= 0x200f) || cp == 0x061c || cp == 0xfeff ||
	       cp == 0x2028 || cp == 0x2029 || (cp >= 0x2060 && cp <= 0x2064) ||
	       cp == 0x00ad || cp == 0x180e || (cp >= 0xfff9 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe0fff);
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

void text_escape(struct buf *out, struct tbytes t, bool lines)
{
	while (t.n) {
		uint32_t cp = 0;
		size_t n = text_utf8_next(t, &cp);

		if (!n)
			buf_addf(out, "\\x%02x", t.p[0]);
		else if (lines && cp == '\n')
			buf_addc(out, '\n');
		else if (lines && cp == '\t')
			buf_adds(out, "    ");
		else if (is_control(cp))
			buf_addf(out, "\\x%02x", cp);
		else if (is_hidden(cp))
			buf_addf(out, "\\u{%04x}", cp);
		else
			buf_add(out, t.p, n);
		n = n ? n : 1;
		t.p += n;
		t.n -= (uint32_t)n;
	}
}

static void put_json_escape(struct buf *out, uint32_t cp)
{
	if (cp > 0xffff) {
		cp -= 0x10000;
		buf_addf(out, "\\u%04x", 0xd800 + (cp >> 10));
		cp = 0xdc00 + (cp & 0x3ff);
	}
	buf_addf(out, "\\u%04x", cp);
}

void text_json_safe(struct buf *out, struct tbytes t)
{
	while (t.n) {
		uint32_t cp = 0;
		size_t n = text_utf8_next(t, &cp);

		/* newlines and tabs outside of strings are the document's own */
		if (n && cp >= 0x20 && (is_control(cp) || is_hidden(cp)))
			put_json_escape(out, cp);
		else
			buf_add(out, t.p, n ? n : 1);
		n = n ? n : 1;
		t.p += n;
		t.n -= (uint32_t)n;
	}
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(const struct range *r, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].first && cp <= r[i].last)
			return true;
	return false;
}

/* East Asian wide and emoji blocks, and the combining blocks, of Unicode, by block. */
static unsigned cp_width(uint32_t cp)
{
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
		{ 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },
		{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
		{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
		{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};
	static const struct range combining[] = {
		{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
		{ 0x064b, 0x065f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	};

	if (cp < 0x300)
		return 1;
	if (in_ranges(combining, ARRAY_SIZE(combining), cp))
		return 0;
	return in_ranges(wide, ARRAY_SIZE(wide), cp) ? 2 : 1;
}

size_t text_width(struct tbytes t)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct tbytes e;
	size_t width = 0;

	text_escape(&b, t, false);
	e = (struct tbytes){ (const uint8_t *)buf_str(&b), (uint32_t)b.n };
	while (e.n) {
		uint32_t cp = 0;
		size_t n = text_utf8_next(e, &cp);

		n = n ? n : 1;
		width += cp_width(cp);
		e.p += n;
		e.n -= (uint32_t)n;
	}
	return width;
}

void text_size(struct buf *out, uint64_t bytes)
{
	static const char unit[] = "KMGTPE";
	uint64_t div = 1024, tenths;
	size_t u = 0;

	if (bytes < 1024) {
		buf_addf(out, "%ju", (uintmax_t)bytes);
		return;
	}
	while (bytes / div >= 1024) {
		div *= 1024;
		u++;
	}
	tenths = (uint64_t)(((unsigned __int128)bytes * 10 + div / 2) / div);
	if (tenths >= 10240 && unit[u + 1]) { /* 1023.96K rounds to 1.0M */
		tenths = 10;
		u++;
	}
	buf_addf(out, "%ju.%ju%c", (uintmax_t)(tenths / 10), (uintmax_t)(tenths % 10),
		 unit[u]);
}

void text_duration(struct buf *out, uint64_t s)
{
	uint64_t d = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;

	if (d)
		buf_addf(out, "%jud %juh", (uintmax_t)d, (uintmax_t)h);
	else if (h)
		buf_addf(out, "%juh %jum", (uintmax_t)h, (uintmax_t)m);
	else if (m)
		buf_addf(out, "%jum %jus", (uintmax_t)m, (uintmax_t)(s % 60));
	else
		buf_addf(out, "%jus", (uintmax_t)s);
}

void text_stamp(struct buf *out, uint64_t real_usec)
{
	time_t t = (time_t)(real_usec / USEC_PER_SEC);
	struct tm tm;
	char s[64];

	if (!localtime_r(&t, &tm) || !strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S", &tm))
		buf_addf(out, "@%jd", (intmax_t)t);
	else
		buf_adds(out, s);
}

void text_rfc3339(struct buf *out, uint64_t real_usec)
{
	time_t t = (time_t)(real_usec / USEC_PER_SEC);
	struct tm tm;
	char s[64];

	if (!gmtime_r(&t, &tm) || !strftime(s, sizeof(s), "%Y-%m-%dT%H:%M:%S", &tm))
		buf_addf(out, "@%jd", (intmax_t)t);
	else
		buf_addf(out, "%s.%03uZ", s, (unsigned)(real_usec / 1000 % 1000));
}
