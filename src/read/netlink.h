/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "ct.h"
#include "netif.h"

/*
 * Live network facts, by rtnetlink. One socket, one receive buffer: not for several
 * threads. The namespace is the one that the caller was in at netlink_open().
 *
 * Errors: -ENOENT libnl-3 is not installed; -ESRCH the process is gone: ordinary. What
 * keeps changing while it is read (four times over) is given all the same, marked `torn`.
 */
struct netlink;

enum {
	NETLINK_MAX_LINKS = 1 << 18, /* of the node */
	NETLINK_GUEST_LINKS = 64,    /* kept of one container: the rest is counted */
	NETLINK_GUEST_ADDRS = 256,
	NETLINK_GUEST_ROUTES = 64,
};

int netlink_open(struct netlink **ret, struct err *err);
void netlink_close(struct netlink *nl); /* NULL is fine */

/*
 * Another thread asks at the same time: nothing is asked that would have the two wait for
 * each other. It takes a question more for each container.
 */
void netlink_side_by_side(struct netlink *nl);

/*
 * The addresses inside the container whose init is `init` (host pid), without entering
 * it: global scope, without lo, link-local ones and those that failed duplicate
 * detection; at most 64. The array and its texts are the caller's.
 *
 * *ret_known false: there is no answer (the container uses the node's own network, or its
 * namespace has no id yet and could not be entered). `init` must be checked by the caller
 * after the call (same start time in /proc/<init>/stat) before the answer is believed: a
 * pid can be used again.
 *
 * *ret_nsid: the id of the namespace that was asked; absent: it had none. Where it is
 * what netlink_own_nsid() says afterwards the addresses are the node's own: it may get an
 * id at any time, and then keeps it, so one look behind all containers is enough.
 */
int netlink_guest_addrs(struct netlink *nl, pid_t init, struct ct_addr **ret,
			size_t *ret_n, bool *ret_known, struct val *ret_nsid,
			struct err *err);

/* The id that the socket's own namespace has for itself; absent: none. */
int netlink_own_nsid(struct netlink *nl, struct val *ret, struct err *err);

/* All links of the node, in one dump. Statistics cost about as much as all the rest. */
int netlink_read_links(struct netlink *nl, bool stats, struct netifs *ret,
		       struct err *err);

/*
 * The counters of all links of the node and nothing else: a third of the cost. *io is
 * used again (what it holds is forgotten, its memory is not): nothing is allocated once
 * it is large enough. Torn: keep the earlier reading.
 */
int netlink_read_stats(struct netlink *nl, struct netstats *io, struct err *err);

/* The VLANs on all bridge ports of the node (empty: no bridge filters VLANs). */
int netlink_read_bridge_vlans(struct netlink *nl, struct netvlans *ret, struct err *err);

/* The rate limits on one device of the node. */
int netlink_read_rate(struct netlink *nl, uint32_t ifindex, struct netrate *ret,
		      struct err *err);

/*
 * Links, addresses and routes inside the container. `start_ticks` (field 22 of
 * /proc/<init>/stat) is compared before and after: -ESRCH where it is another process by
 * then. Links and addresses come by the id of the namespace; where it has none, and for
 * routes, a child enters the namespace (and nothing else of the container), for at most
 * one second. Only the routes missing is no error (routes_known).
 */
int netlink_read_guest(struct netlink *nl, pid_t init, uint64_t start_ticks, bool routes,
		       struct netguest *ret, struct err *err);
