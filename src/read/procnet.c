/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/procnet.h"

#include <arpa/inet.h>

#include "base/num.h"

static void add_once(struct strv *l, size_t max, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], text))
			return;
	if (l->n < max)
		strv_add(l, xstrdup(text));
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
void procnet_parse_fib_trie(struct span text, size_t max, struct strv *ret)
{
	struct span line, word, addr = { 0 };

	while (span_line(&text, &line)) {
		if (!span_field(&line, &word))
			continue;
		if (span_eq(word, "|--")) {
			addr = span_trim(line);
		} else if (span_eq(word, "/32") &&
			   span_eq(span_trim(line), "host LOCAL") && wanted4(addr)) {
			_cleanup_free_ char *copy = span_dup(addr);

			add_once(ret, max, copy);
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

/* "fd000099...05 02 40 00 80     eth0": address, ifindex, prefix, scope (0: global) */
void procnet_parse_if_inet6(struct span text, size_t max, struct strv *ret)
{
	char copy[INET6_ADDRSTRLEN];
	struct span line, addr, word;
	uint8_t bytes[16];

	while (span_line(&text, &line)) {
		if (!span_field(&line, &addr) || !span_field(&line, &word) ||
		    !span_field(&line, &word) || !span_field(&line, &word) ||
		    !span_eq(word, "00") || !hex16(addr, bytes))
			continue;
		if (inet_ntop(AF_INET6, bytes, copy, sizeof(copy)))
			add_once(ret, max, copy);
	}
}
