/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvedescr.h"

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

/* %XX to bytes, everything else stays. In place: the result is never longer. */
static size_t uri_unescape(char *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		int hi = p[i] == '%' && i + 2 < n ? hex_digit(p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(p[i + 2]) : -1;

		if (lo >= 0) {
			p[out++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			p[out++] = p[i];
		}
	}
	return out;
}

/* How many bytes a character that begins with this byte claims to have. */
static size_t utf8_claim(uint8_t c)
{
	static const struct {
		uint8_t from;
		uint8_t n;
	} leads[] = { { 0xff, 13 }, { 0xfe, 7 }, { 0xfc, 6 }, { 0xf8, 5 },
		      { 0xf0, 4 },  { 0xe0, 3 }, { 0xc0, 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
		if (c >= leads[i].from)
			return leads[i].n;
	return 1;
}

/* Is what stands there one character that Unicode has? n is its claim, all there. */
static bool utf8_good(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t cp;

	if (n > 4 || (n == 1 && *p >= 0x80))
		return false;
	cp = n == 1 ? *p : *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (p[i] & 0x3fu);
	return cp >= least[n] && cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
}

/*
 * Decodes UTF-8 as Perl does: what a lead byte claims and the continuation bytes that are
 * really there are one character, or one U+FFFD. Perl also lets surrogates and numbers
 * beyond Unicode through, which no JSON can carry: U+FFFD here.
 */
static void add_utf8(struct buf *b, const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;

	for (size_t i = 0; i < n;) {
		size_t claim = utf8_claim(p[i]), have = 1;

		while (have < claim && i + have < n && (p[i + have] & 0xc0) == 0x80)
			have++;
		if (have == claim && utf8_good(p + i, have))
			buf_add(b, p + i, have);
		else
			buf_adds(b, "\xef\xbf\xbd");
		i += have;
	}
}

void pvedescr_add(struct buf *b, char *text, size_t n)
{
	add_utf8(b, text, uri_unescape(text, n));
}
