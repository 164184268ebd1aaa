/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netif.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "read/netlink.h"
#include "read/nlparse.h"

/*
 * What the files of read/netlink.h share: netlink.c has the socket and asks,
 * netlink-dump.c knows the questions, netlink-guest.c the namespaces of containers. For
 * nobody else.
 */
#define NETLINK_RECV_BYTES ((size_t)64 * 1024)

struct nl_sock;

/*
 * libnl makes and binds the socket. Messages are sent and received on its descriptor
 * directly: nl_recv() peeks and allocates for every datagram, which doubles the cost of
 * asking a thousand containers.
 */
struct netlink {
	int protocol; /* NETLINK_ROUTE (0), NETLINK_SOCK_DIAG */
	struct nl_sock *sk;
	int fd;
	uint32_t seq;
	/*
	 * As much as was ever offered is what the kernel allocates for a piece of a dump:
	 * a page is enough for a container and much cheaper than 32 KiB for each.
	 */
	size_t offer_bytes;
	struct buf in; /* of the last receive */
	bool side_by_side;
	/* the namespace that this socket is in */
	ino_t self_ino;
	dev_t self_dev;
};

/* Requests: a header, a struct of the kind, attributes of 32 bits. */
struct netlink_request {
	_Alignas(uint32_t) uint8_t p[128];
	uint32_t n;
};

/* Where the messages of an answer go. */
struct netlink_feed {
	int (*parse)(struct span bytes, size_t max, void *io, struct nl_status *st,
		     struct err *err);
	void (*reset)(void *io);
	size_t max;
	void *io;
};

int netlink_socket_open(struct netlink *nl, struct err *err);

struct netlink_request netlink_request(uint16_t type, uint16_t flags, const void *body,
				       size_t n);
void netlink_request_u32(struct netlink_request *r, uint16_t type, uint32_t value);

/*
 * Asks until the answer is whole: a dump during which something changed is made again
 * (NLM_F_DUMP_INTR), and one that lost messages on a new socket (ENOBUFS). *ret_torn
 * when it still was not whole at the last try.
 */
int netlink_ask(struct netlink *nl, struct netlink_request rq, bool dump,
		struct netlink_feed f, bool *ret_torn, struct err *err);

/* `attr`: NETNSA_PID or NETNSA_FD. Absent: no id was ever assigned to that namespace. */
int netlink_read_nsid(struct netlink *nl, uint16_t attr, uint32_t value, struct val *ret,
		      struct err *err);

/* Dumps; nsid absent: of the socket's own namespace. */
int netlink_dump_links(struct netlink *nl, struct val nsid, bool stats, size_t max,
		       struct netifs *ret, struct err *err);
int netlink_dump_addrs(struct netlink *nl, struct val nsid, size_t max,
		       struct netaddrs *ret, struct err *err);

/* The main table of one family, appended. That there is no such table is no error. */
int netlink_dump_routes(struct netlink *nl, uint8_t family, size_t max,
			struct netroutes *io, struct err *err);

/* The name of one interface of that namespace; "" where it is gone by now. Owned. */
char *netlink_read_name(struct netlink *nl, struct val nsid, uint32_t ifindex);

/*
 * /proc/<init> and the network namespace it is in. The descriptors hold on to that very
 * process and that namespace: once the start time was right nothing that comes after can
 * speak of another one, even where the pid or the id is used again.
 */
struct netlink_target {
	int proc, ns;
	bool shares_host;
};

/* `ticks`: field 22 of /proc/<init>/stat. -ESRCH: gone, or another process by now. */
int netlink_target_open(const struct netlink *nl, pid_t init, uint64_t ticks,
			struct netlink_target *ret, struct err *err);
bool netlink_target_is_same(const struct netlink_target *t, uint64_t ticks);
void netlink_target_done(struct netlink_target *t);
