/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "tbytes.h"

/*
 * A network namespace out of files of /proc/<pid>/net that anybody may read (kernel:
 * net/ipv4/{fib_trie,fib_frontend,igmp}.c, net/ipv6/addrconf.c). Names of interfaces are
 * the guest's: any bytes but blanks and '/'. Parsers are pure and append, at most `max`.
 */
#define PROCNET_NAME_MAX 15

struct procnet_name {
	uint8_t p[PROCNET_NAME_MAX];
	uint8_t n; /* 0: not known */
};

static inline struct tbytes procnet_bytes(const struct procnet_name *name)
{
	return (struct tbytes){ name->n ? name->p : NULL, name->n };
}

struct procnet_addr {
	char text[46]; /* "10.0.0.5", "fd00::5" */
	struct procnet_name interface;
	uint32_t ifindex; /* in that namespace; 0: not known */
};

struct procnet_if {
	struct procnet_name name;
	uint32_t ifindex;
};

/* A route without a gateway: what is on the link. As the kernel has it in memory. */
struct procnet_link {
	struct procnet_name interface;
	uint32_t dst, mask;
};

struct procnet {
	struct procnet_addr *addrs; /* each once */
	size_t n_addrs, cap_addrs;
	struct procnet_if *ifs;
	size_t n_ifs, cap_ifs;
	struct procnet_link *links;
	size_t n_links, cap_links;
};

void procnet_done(struct procnet *p);

/* IPv4 addresses, without those of the loopback and link-local ones; names not known. */
void procnet_parse_fib_trie(struct span text, size_t max, struct procnet *ret);

/* Global IPv6 addresses that are in use, and the interfaces that have any. */
void procnet_parse_if_inet6(struct span text, size_t max, struct procnet *ret);

/* What is on the link, by interface. */
void procnet_parse_route(struct span text, size_t max, struct procnet *ret);

/* Interfaces that speak IPv4. */
void procnet_parse_igmp(struct span text, size_t max, struct procnet *ret);

/* Of each address its interface, by the longest route and the list of interfaces. */
void procnet_name_addrs(struct procnet *p);
