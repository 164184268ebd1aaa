/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/resolvconf.h"

#include <stdio.h>

#include "netif.h"

static void add(struct guestnet_list *l, struct span s)
{
	if (l->n < GUESTNET_LIST)
		l->v[l->n++] = span_tbytes(s);
	else
		l->more++;
}

static void add_words(struct guestnet_list *l, struct span rest)
{
	struct span word;

	while (span_field(&rest, &word))
		if (word.n)
			add(l, word);
}

/* "fe80::1%eth0" is one, too. */
static bool is_address(struct span s)
{
	uint8_t family, addr[16], len;
	struct span ip = { 0 };
	char text[64];

	span_cut(&s, '%', &ip);
	if (!ip.n || ip.n >= sizeof(text) || memchr(ip.p, '/', ip.n) ||
	    memchr(ip.p, '\0', ip.n))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)ip.n, ip.p);
	return netaddr_parse(text, &family, addr, &len) == 0;
}

static void take_nameserver(struct span rest, struct resolver *r)
{
	struct span word;

	if (!span_field(&rest, &word) || !word.n)
		return;
	add(&r->nameservers, word);
	r->bad_nameservers += !is_address(word);
}

static void take_search(struct span rest, struct resolver *r)
{
	r->search = (struct guestnet_list){ 0 };
	add_words(&r->search, rest);
}

static void take_domain(struct span rest, struct resolver *r)
{
	struct span word;

	r->search = (struct guestnet_list){ 0 };
	if (span_field(&rest, &word) && word.n)
		add(&r->search, word);
}

static void take_options(struct span rest, struct resolver *r)
{
	add_words(&r->options, rest);
}

static const struct {
	const char *key;
	void (*take)(struct span rest, struct resolver *r);
} keys[] = {
	{ "nameserver", take_nameserver },
	{ "search", take_search },
	{ "domain", take_domain },
	{ "options", take_options },
};

void resolvconf_parse(struct span text, struct resolver *ret)
{
	struct resolver r = { 0 };
	struct span line;

	while (span_line(&text, &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			struct span rest = line;

			if (!span_skip(&rest, keys[i].key) || !rest.n ||
			    (rest.p[0] != ' ' && rest.p[0] != '\t'))
				continue;
			keys[i].take(rest, &r);
			break;
		}
	}
	*ret = r;
}
