/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/ha.h"
#include "read/sectionconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every id and every key is there once, and is found. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sc_kind kind = { 0 };
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	_cleanup_(ha_done) struct ha h = { 0 };
	struct err err = { 0 };

	if (sectionconf_parse((const char *)data, size, &kind, &c, &err) < 0)
		return 0;
	for (size_t i = 0; i < c.n; i++) {
		const struct sc_section *s = &c.v[i];

		if (!*s->type || !*s->id || sectionconf_find(&c, s->id) != s)
			abort();
		for (size_t k = 0; k < s->n_props; k++)
			if (!*s->props[k].key ||
			    sc_prop(s, s->props[k].key) != &s->props[k])
				abort();
	}
	ha_parse_resources((const char *)data, size, &h.resources, &err);
	ha_parse_rules((const char *)data, size, &h.rules, &err);
	return 0;
}
