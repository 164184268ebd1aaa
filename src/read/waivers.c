/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/waivers.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"

#define MAX_WARNINGS 100

struct parse {
	const char *name;
	uint32_t line;
	struct strv *warnings;
};

static _printf_(2, 3) void complain(const struct parse *p, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	if (p->warnings->n >= MAX_WARNINGS)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	strv_add(p->warnings, xasprintf("%s:%u: %s", p->name, p->line, msg));
}

static bool digits(struct span s, size_t at, size_t n, uint32_t *ret)
{
	struct span part = span_of(s.p + at, n);

	return span_is_digits(part) && num_parse_u32(part, ret) == 0;
}

static uint32_t days_of(uint32_t year, uint32_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool waiver_parse_day(struct span s, uint32_t *ret)
{
	uint32_t y, m, d;

	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !digits(s, 0, 4, &y) ||
	    !digits(s, 5, 2, &m) || !digits(s, 8, 2, &d))
		return false;
	if (m < 1 || m > 12 || d < 1 || d > days_of(y, m))
		return false;
	*ret = (y * 100 + m) * 100 + d;
	return true;
}

/* Rule ids: lower-case letters, digits and dashes; keys have '_' and '.', too. */
static bool is_name(struct span s, bool key)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		    (key && (c == '_' || c == '.')))
			continue;
		return false;
	}
	return s.n > 0;
}

/* What the first letters of a word are, for a sentence about it. */
static int shown(struct span s)
{
	return (int)MIN(s.n, (size_t)80);
}

static bool take_rule(const struct parse *p, struct span word, struct span *rule,
		      struct span *key)
{
	*key = word;
	span_cut(key, '/', rule);
	if (is_name(*rule, false) && (rule->n == word.n || is_name(*key, true)))
		return true;
	complain(
		p,
		"expected the id of a rule, not \"%.*s\": see ctscope audit --list-rules",
		shown(word), word.p);
	return false;
}

static bool take_vmid(const struct parse *p, struct span word, uint32_t *ret)
{
	*ret = 0;
	if (span_eq(word, "*"))
		return true;
	if (word.n >= 3 && word.n <= 9 && word.p[0] != '0' &&
	    num_parse_u32(word, ret) == 0)
		return true;
	complain(p, "expected a container ID or *, not \"%.*s\"", shown(word), word.p);
	return false;
}

static bool take_day(const struct parse *p, struct span word, uint32_t *ret)
{
	if (waiver_parse_day(word, ret))
		return true;
	complain(p, "expected the last day as YYYY-MM-DD, not \"%.*s\"", shown(word),
		 word.p);
	return false;
}

static void take_line(const struct parse *p, struct span line, struct waivers *ret)
{
	struct span word, rule, key, reason;
	struct waiver w = { .line = p->line };

	line = span_trim(line);
	if (!span_field(&line, &word) || word.p[0] == '#')
		return;
	if (!take_rule(p, word, &rule, &key))
		return;
	if (!span_field(&line, &word)) {
		complain(p, "expected RULE CTID UNTIL REASON");
		return;
	}
	if (!take_vmid(p, word, &w.vmid))
		return;
	if (!span_field(&line, &word)) {
		complain(p, "a last day and a reason are missing");
		return;
	}
	if (!take_day(p, word, &w.until))
		return;
	reason = span_trim(line);
	if (!reason.n || memchr(reason.p, '\0', reason.n)) {
		complain(p, reason.n ? "the reason holds a NUL"
				     : "a reason is missing: why is it waived?");
		return;
	}
	w.rule = span_dup(rule);
	w.key = key.n ? span_dup(key) : NULL;
	w.reason = span_dup(reason);
	GROW(ret->v, ret->n, ret->cap);
	ret->v[ret->n++] = w;
}

void waivers_parse(struct span text, const char *name, struct waivers *ret,
		   struct strv *warnings)
{
	struct parse p = { .name = name, .warnings = warnings };
	struct waivers w = { .name = xstrdup(name) };
	struct span line;

	span_skip(&text, "\xef\xbb\xbf");
	while (span_line(&text, &line)) {
		p.line++;
		take_line(&p, line, &w);
	}
	*ret = w;
}

int waivers_read(int rootfd, const char *path, const char *name, struct waivers *ret,
		 struct strv *warnings, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r;

	*ret = (struct waivers){ 0 };
	r = fs_read_file(rootfd, path, WAIVERS_MAX_BYTES, &text, err);
	if (r == 0)
		waivers_parse(span_of(buf_str(&text), text.n), name, ret, warnings);
	return r;
}
