/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "netsock.h"
#include "read/netlink.h"
#include "read/nlparse.h"
#include "read/procs.h"

/*
 * The sockets of a container, by sock_diag (kernel: Documentation/networking, net/core/
 * sock_diag.c, net/ipv4/inet_diag.c, net/unix/diag.c): names come with their length, so
 * that none can forge another one, as they can in the text of /proc/net/unix.
 */
enum {
	SOCKDIAG_MAX = 1024,         /* kept of one protocol, family and kind */
	SOCKDIAG_MAX_SEEN = 1 << 16, /* of such a one: then the dump is broken off */
	SOCKDIAG_FDS = 1 << 18,      /* descriptors looked at, of all processes */
	SOCKDIAG_FDS_LEAST = 256,    /* and of each however many these are */
	SOCKDIAG_FDS_MOST = 1 << 14,
};

enum sockdiag_which { SOCKDIAG_LISTENING, SOCKDIAG_CONNECTED };

/*
 * Messages of a dump of `proto` (the messages themselves do not tell TCP from UDP);
 * as the parsers of read/nlparse.h: appends to *io until io->n is `max`, counts what
 * comes then in io->more. What is not of the kind that is asked for is passed over.
 * -EINVAL: a message or attribute that is cut off or too small. -ENOSPC: *st has counted
 * more messages than SOCKDIAG_MAX_SEEN; it is no use to read on.
 */
int sockdiag_parse(struct span bytes, enum netsock_proto proto, enum sockdiag_which which,
		   size_t max, struct netsocks *io, struct nl_status *st,
		   struct err *err);

/* A link below /proc/<pid>/fd or ns: "socket:[12345]", and nothing else. */
bool sockdiag_parse_link(struct span text, const char *what, uint32_t *ret_inode);

/*
 * Reads them all in a child that entered the network namespace of the container and
 * nothing else of it, within a second; `connected`: those too that have a peer. The
 * process is checked by its start time (field 22 of /proc/<init>/stat) and its cgroup
 * before, by its start time after. -ESRCH: it is another one by now, or gone.
 * What could not be had in time is missing, marked `torn`.
 *
 * *ret_own false: the container uses the network namespace of this process; nothing was
 * read then.
 */
int sockdiag_read(const struct netlink *nl, uint32_t vmid, pid_t init,
		  uint64_t start_ticks, bool connected, struct netsocks *ret,
		  bool *ret_own, struct err *err);

/*
 * Looks through the descriptors of these processes, in a child with a deadline of a
 * second, and notes who holds which socket. The links below /proc/<pid>/fd are only
 * looked at, not followed: nothing of the guest is opened. What is not found out is
 * counted. `init`: whose network namespace the sockets are of.
 */
int sockdiag_read_owners(int rootfd, const struct procs *p, pid_t init,
			 struct netsocks *io, struct err *err);

/* Whose sockets they are, given pairs of a socket and an index into p->v. Pure. */
struct sockdiag_held {
	uint32_t inode, proc;
};
void sockdiag_join(const struct procs *p, struct sockdiag_held *pairs, size_t n,
		   struct netsocks *io);
