/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/devallow.h"

#include <string.h>

#include "base/macros.h"

bool devallow_parse(const struct pveconf_lxc *l, struct devallow *ret)
{
	struct span s = span_of(l->value, l->value_n), word;
	struct devallow d = { .open = true };

	if (!span_field(&s, &word) || word.n != 1 || !strchr("abc", word.p[0]))
		return false;
	d.type = word.p[0];
	d.any = d.type == 'a';
	if (span_field(&s, &d.minor)) {
		if (!span_cut(&d.minor, ':', &d.major))
			return false;
		d.any |= span_eq(d.major, "*") && span_eq(d.minor, "*");
		if (span_field(&s, &word))
			d.open = memchr(word.p, 'r', word.n) ||
				 memchr(word.p, 'w', word.n);
	} else if (d.type != 'a') {
		return false;
	}
	*ret = d;
	return true;
}

bool devallow_is_memory(const struct devallow *d)
{
	static const char *const minors[] = { "*", "1", "2", "4" };

	if (d->type != 'c' || (!span_eq(d->major, "*") && !span_eq(d->major, "1")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++)
		if (span_eq(d->minor, minors[i]))
			return true;
	return false;
}
