/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvedescr.h"

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

void pvedescr_add(struct buf *b, struct span text)
{
	_cleanup_(buf_done) struct buf raw = { 0 };

	if (!text.n)
		return;
	if (!memchr(text.p, '%', text.n)) {
		add_utf8(b, text.p, text.n);
		return;
	}
	buf_add_urldecoded(&raw, text.p, text.n);
	add_utf8(b, raw.p, raw.n);
}
