/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/lxcconf.h"

static struct span trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static struct span unquote(struct span s)
{
	if (s.n > 1 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return span_of(s.p + 1, s.n - 2);
	return s;
}

bool lxcconf_next(struct span *text, unsigned *line, struct lxcconf_item *ret)
{
	struct span s, key;

	while (span_line(text, &s)) {
		++*line;
		s = trim(s);
		if (!span_starts(s, "lxc."))
			continue;
		*ret = (struct lxcconf_item){ .line = *line };
		ret->broken = !memchr(s.p, '=', s.n);
		if (span_cut(&s, '=', &key))
			ret->key = trim(key);
		if (!ret->broken)
			ret->value = unquote(trim(s));
		return true;
	}
	return false;
}
