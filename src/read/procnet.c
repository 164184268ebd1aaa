/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/procnet.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/num.h"

void procnet_done(struct procnet *p)
{
	free(p->addrs);
	free(p->ifs);
	free(p->links);
	*p = (struct procnet){ 0 };
}

static bool name_of(struct span s, struct procnet_name *ret)
{
	struct procnet_name n = { .n = (uint8_t)s.n };

	if (!s.n || s.n > PROCNET_NAME_MAX)
		return false;
	memcpy(n.p, s.p, s.n);
	*ret = n;
	return true;
}

static bool same_name(const struct procnet_name *a, const struct procnet_name *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static void add_addr(struct procnet *p, size_t max, const struct procnet_addr *a)
{
	for (size_t i = 0; i < p->n_addrs; i++)
		if (str_eq(p->addrs[i].text, a->text))
			return;
	if (p->n_addrs >= max)
		return;
	GROW(p->addrs, p->n_addrs, p->cap_addrs);
	p->addrs[p->n_addrs++] = *a;
}

static void add_if(struct procnet *p, size_t max, const struct procnet_name *name,
		   uint32_t ifindex)
{
	for (size_t i = 0; i < p->n_ifs; i++)
		if (p->ifs[i].ifindex == ifindex)
			return;
	if (!ifindex || p->n_ifs >= max)
		return;
	GROW(p->ifs, p->n_ifs, p->cap_ifs);
	p->ifs[p->n_ifs++] = (struct procnet_if){ *name, ifindex };
}

static bool wanted4(struct span s)
{
	return s.n && s.n < INET_ADDRSTRLEN && !span_starts(s, "127.") &&
	       !span_starts(s, "169.254.") && !span_starts(s, "0.");
}

/*
 *	   |-- 10.99.0.5
 *	      /32 host LOCAL
 * The table `local` has each address of the namespace so; `main` has them not.
 */
void procnet_parse_fib_trie(struct span text, size_t max, struct procnet *ret)
{
	struct span line, word, addr = { 0 };

	while (span_line(&text, &line)) {
		if (!span_field(&line, &word))
			continue;
		if (span_eq(word, "|--")) {
			addr = span_trim(line);
		} else if (span_eq(word, "/32") &&
			   span_eq(span_trim(line), "host LOCAL") && wanted4(addr)) {
			struct procnet_addr a = { 0 };

			memcpy(a.text, addr.p, addr.n);
			add_addr(ret, max, &a);
		}
	}
}

static bool hex16(struct span s, uint8_t ret[16])
{
	uint64_t n;

	if (s.n != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		if (num_parse_hex(span_of(s.p + 2 * i, 2), &n) < 0)
			return false;
		ret[i] = (uint8_t)n;
	}
	return true;
}

#define FLAG_DADFAILED 0x08
#define FLAG_TENTATIVE 0x40

/* "fd000099...05 02 40 00 80     eth0": address, ifindex, prefix, scope (0: global),
 * flags */
void procnet_parse_if_inet6(struct span text, size_t max, struct procnet *ret)
{
	struct span line, f[6];
	uint64_t ifindex, flags;
	uint8_t bytes[16];

	while (span_line(&text, &line)) {
		struct procnet_addr a = { 0 };
		size_t n = 0;

		while (n < ARRAY_SIZE(f) && span_field(&line, &f[n]))
			n++;
		if (n < ARRAY_SIZE(f) || !hex16(f[0], bytes) ||
		    num_parse_hex(f[1], &ifindex) < 0 || ifindex > UINT32_MAX ||
		    num_parse_hex(f[4], &flags) < 0 || !name_of(f[5], &a.interface))
			continue;
		a.ifindex = (uint32_t)ifindex;
		add_if(ret, max, &a.interface, a.ifindex);
		if (span_eq(f[3], "00") && !(flags & (FLAG_DADFAILED | FLAG_TENTATIVE)) &&
		    inet_ntop(AF_INET6, bytes, a.text, sizeof(a.text)))
			add_addr(ret, max, &a);
	}
}

static bool hex32(struct span s, uint32_t *ret)
{
	uint64_t n;

	if (s.n != 8 || num_parse_hex(s, &n) < 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* "eth0 0000630A 00000000 0001 0 0 0 00FFFFFF ...": name, destination, gateway, flags,
 * references, uses, metric, mask */
void procnet_parse_route(struct span text, size_t max, struct procnet *ret)
{
	struct span line, f[8];
	uint32_t gateway;

	while (span_line(&text, &line) && ret->n_links < max) {
		struct procnet_link l = { 0 };
		size_t n = 0;

		while (n < ARRAY_SIZE(f) && span_field(&line, &f[n]))
			n++;
		if (n < ARRAY_SIZE(f) || !name_of(f[0], &l.interface) ||
		    !hex32(f[1], &l.dst) || !hex32(f[2], &gateway) || gateway ||
		    !hex32(f[7], &l.mask) || !l.mask)
			continue;
		GROW(ret->links, ret->n_links, ret->cap_links);
		ret->links[ret->n_links++] = l;
	}
}

/* "2<tab>eth0      :     1      V3"; lines of groups begin with a tab. */
void procnet_parse_igmp(struct span text, size_t max, struct procnet *ret)
{
	struct procnet_name name;
	struct span line, word;
	uint32_t ifindex;

	while (span_line(&text, &line)) {
		if (!line.n || line.p[0] == '\t' || !span_cut(&line, '\t', &word) ||
		    num_parse_u32(word, &ifindex) < 0 || !span_cut(&line, ':', &word))
			continue;
		if (name_of(span_trim(word), &name))
			add_if(ret, max, &name, ifindex);
	}
}

static const struct procnet_link *link_of(const struct procnet *p, const char *text)
{
	const struct procnet_link *best = NULL;
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return NULL;
	for (size_t i = 0; i < p->n_links; i++) {
		const struct procnet_link *l = &p->links[i];

		if ((a.s_addr & l->mask) == l->dst &&
		    (!best || ntohl(l->mask) > ntohl(best->mask)))
			best = l;
	}
	return best;
}

void procnet_name_addrs(struct procnet *p)
{
	for (size_t i = 0; i < p->n_addrs; i++) {
		struct procnet_addr *a = &p->addrs[i];
		const struct procnet_link *l =
			a->interface.n ? NULL : link_of(p, a->text);

		if (l)
			a->interface = l->interface;
		for (size_t k = 0; !a->ifindex && a->interface.n && k < p->n_ifs; k++)
			if (same_name(&p->ifs[k].name, &a->interface))
				a->ifindex = p->ifs[k].ifindex;
	}
}
