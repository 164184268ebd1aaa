/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pveconf.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

char *pveconf_lxc_text(const struct pveconf_lxc *l, uint32_t *ret_n)
{
	size_t n = 0, quoted = l->quote != '\0';
	char *p = xmalloc(l->value_n + 3);

	if (quoted)
		p[n++] = l->quote;
	memcpy(p + n, l->value, l->value_n);
	n += l->value_n;
	if (quoted)
		p[n++] = l->quote;
	p[n] = '\0';
	*ret_n = (uint32_t)n;
	return p;
}

static int cmp_key(const void *key, const void *item)
{
	return str_cmp(key, ((const struct pveconf_item *)item)->key);
}

const struct pveconf_item *pveconf_item(const struct pveconf_section *s, const char *key)
{
	if (!s->n_items)
		return NULL;
	return bsearch(key, s->items, s->n_items, sizeof(*s->items), cmp_key);
}

const char *pveconf_str(const struct pveconf_section *s, const char *key)
{
	const struct pveconf_item *i = pveconf_item(s, key);

	return i ? i->value : NULL;
}

struct tbytes pveconf_bytes(const struct pveconf_section *s, const char *key)
{
	const struct pveconf_item *i = pveconf_item(s, key);

	if (!i)
		return (struct tbytes){ 0 };
	return (struct tbytes){ (const uint8_t *)i->value, i->value_n };
}

struct val pveconf_u64(const struct pveconf_section *s, const char *key)
{
	const struct pveconf_item *i = pveconf_item(s, key);

	if (!i || i->kind == PVECONF_TEXT)
		return (struct val){ 0 };
	return val_set(i->number);
}

bool pveconf_bool(const struct pveconf_section *s, const char *key, bool otherwise)
{
	const struct pveconf_item *i = pveconf_item(s, key);

	return i && i->kind == PVECONF_BOOL ? i->number != 0 : otherwise;
}

static int cmp_name(const void *name, const void *section)
{
	return strcmp(name, ((const struct pveconf_section *)section)->name);
}

const struct pveconf_section *pveconf_snapshot(const struct pveconf *c, const char *name)
{
	if (!c->n_snapshots)
		return NULL;
	return bsearch(name, c->snapshots, c->n_snapshots, sizeof(*c->snapshots),
		       cmp_name);
}

/* "net07" is another key than net7 and means nothing to PVE. */
bool pveconf_numbered(const char *key, const char *prefix, uint32_t *ret)
{
	size_t n = strlen(prefix);
	uint32_t v = 0;

	if (strncmp(key, prefix, n) != 0 || !key[n] || (key[n] == '0' && key[n + 1]))
		return false;
	for (const char *p = key + n; *p; p++) {
		if (*p < '0' || *p > '9' || v > 99999)
			return false;
		v = v * 10 + (uint32_t)(*p - '0');
	}
	*ret = v;
	return true;
}

uint32_t pveconf_slots(const char *prefix)
{
	static const struct {
		const char *prefix;
		uint32_t n;
	} slots[] = { { "net", 32 }, { "mp", 256 }, { "dev", 256 }, { "unused", 256 } };

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		if (strcmp(prefix, slots[i].prefix) == 0)
			return slots[i].n;
	return 0;
}

/* Index of the first item whose key is not before `key`. */
static size_t lower_bound(const struct pveconf_section *s, const char *key)
{
	size_t lo = 0, hi = s->n_items;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->items[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* One of many: by name, so that ten thousand mpN of no meaning cost nothing. */
static const struct pveconf_item *next_of_many(const struct pveconf_section *s,
					       const char *prefix, uint32_t *at)
{
	size_t len = strlen(prefix);
	char key[16];

	for (uint32_t n = *at; n < pveconf_slots(prefix); n++) {
		const struct pveconf_item *i;
		size_t end = len;

		memcpy(key, prefix, len);
		if (n >= 100)
			key[end++] = (char)('0' + n / 100);
		if (n >= 10)
			key[end++] = (char)('0' + n / 10 % 10);
		key[end++] = (char)('0' + n % 10);
		key[end] = '\0';
		i = pveconf_item(s, key);
		if (i) {
			*at = n;
			return i;
		}
	}
	return NULL;
}

static const struct pveconf_item *next_of_few(const struct pveconf_item *items, size_t n,
					      const char *prefix, uint32_t *at)
{
	const struct pveconf_item *best = NULL;
	uint32_t least = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t v;

		if (!pveconf_numbered(items[i].key, prefix, &v) || v < *at ||
		    v >= pveconf_slots(prefix) || (best && v >= least))
			continue;
		best = &items[i];
		least = v;
	}
	if (best)
		*at = least;
	return best;
}

const struct pveconf_item *pveconf_next(const struct pveconf_section *s,
					const char *prefix, uint32_t *at, uint32_t *ret_n)
{
	const struct pveconf_item *i;
	size_t from = lower_bound(s, prefix), n = 0, len = strlen(prefix);

	if (!pveconf_slots(prefix))
		return NULL;
	while (n <= 16 && from + n < s->n_items &&
	       strncmp(s->items[from + n].key, prefix, len) == 0)
		n++;
	if (!n)
		return NULL;
	i = n <= 16 ? next_of_few(s->items + from, n, prefix, at)
		    : next_of_many(s, prefix, at);
	if (i)
		*ret_n = (*at)++;
	return i;
}

void pveconf_done(struct pveconf *c)
{
	pve_typed_done(&c->typed);
	free(c->snapshots);
	free(c->warnings);
	for (size_t i = 0; i < PVECONF_OWNED; i++)
		free(c->owned[i]);
	*c = (struct pveconf){ 0 };
}
