/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"
#include "val.h"

/*
 * Sockets of a network namespace as sock_diag gives them (kernel: include/uapi/linux/
 * {sock_diag,inet_diag,unix_diag}.h), and who holds them. Addresses are in network byte
 * order, an IPv4 one in the first four bytes.
 */
enum netsock_proto { NETSOCK_TCP, NETSOCK_UDP, NETSOCK_RAW, NETSOCK_UNIX };

enum { NETSOCK_NAME_MAX = 108 };

/* States of the kernel (include/net/tcp_states.h); those of UDP, raw and unix are some of
 * them. */
enum netsock_state {
	NETSOCK_ESTABLISHED = 1,
	NETSOCK_SYN_SENT,
	NETSOCK_SYN_RECV,
	NETSOCK_FIN_WAIT1,
	NETSOCK_FIN_WAIT2,
	NETSOCK_TIME_WAIT,
	NETSOCK_CLOSE, /* UDP, raw, unix datagrams: not connected */
	NETSOCK_CLOSE_WAIT,
	NETSOCK_LAST_ACK,
	NETSOCK_LISTEN,
	NETSOCK_CLOSING,
	NETSOCK_NEW_SYN_RECV,
};

struct netsock {
	enum netsock_proto proto;
	uint8_t family; /* AF_INET, AF_INET6, AF_UNIX */
	uint8_t state;  /* enum netsock_state */
	uint8_t type;   /* of AF_UNIX: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	uint8_t addr[16], peer[16];
	uint16_t port; /* of raw sockets: the IP protocol */
	uint16_t peer_port;
	uint32_t ifindex;  /* it is bound to that device; 0: to none */
	struct val v6only; /* of AF_INET6 that is not connected; 0: IPv4 as well */
	uint32_t inode;    /* 0: no process has it any more, or not yet */
	uint64_t cookie;   /* the kernel's name for it; 0: none */
	struct val uid;    /* of the node */
	struct val recv_q, send_q; /* bytes; of a listening one: waiting connections and
				      how many may */
	uint8_t name[NETSOCK_NAME_MAX]; /* of AF_UNIX, the guest's bytes: a path, or with
					   a NUL in front an abstract name */
	uint8_t name_n;                 /* 0: it has none */
	uint32_t peer_inode;            /* of AF_UNIX, 0: none */
	/* into netsocks.held: the owners of it; none where nobody was found */
	size_t first_held, n_held;
};

/* A process that holds one of them. */
struct netsock_owner {
	int32_t pid;       /* of the host */
	int32_t ct_pid;    /* inside the container, 0: not known */
	uint32_t uid;      /* of the node */
	struct val ct_uid; /* inside the container */
	char *comm;        /* what it calls itself: tenant bytes */
	uint32_t comm_n;
	char *unit;              /* tenant bytes; NULL: in none */
	char *nested;            /* container inside the container, tenant bytes; NULL */
	const char *nested_kind; /* "docker", ...; static */
};

/*
 * Several, first those that wait for somebody (netsock_listens()). `more`: so many
 * further ones were not kept (`more_atleast`: there may be more than that). `torn`: they
 * could not be read as a whole, one may be missing.
 */
struct netsocks {
	struct netsock *v;
	size_t n, cap;
	uint64_t more;
	bool more_atleast, torn;
	bool connected_known;         /* connected ones were asked for, too */
	bool known[NETSOCK_UNIX + 1]; /* the kernel has an answer for that protocol */

	struct netsock_owner *owners;
	size_t n_owners;
	uint32_t *held; /* indices into owners */
	size_t n_held;
	bool owners_known;   /* the processes were looked through */
	uint64_t procs_left; /* but for so many, or not to the end of their descriptors */
	uint64_t nested_ns;  /* further network namespaces that its processes are in */
};

void netsocks_done(struct netsocks *l);

/* Does it wait for whoever comes: listening, or receiving without a peer? */
bool netsock_listens(const struct netsock *s);

const char *netsock_proto_name(const struct netsock *s); /* "tcp", "udp", "raw", "unix" */
const char *netsock_type_name(const struct netsock *s);  /* of unix: "stream", ... */
const char *
netsock_state_name(const struct netsock *s); /* "listen", "established", ... */

static inline struct tbytes netsock_name(const struct netsock *s)
{
	return (struct tbytes){ s->name, s->name_n };
}

/*
 * "10.0.0.5:22", "[fd00::5]:22", "*:22" for both families of it; of the peer likewise.
 * Owned; of a unix socket NULL.
 */
char *netsock_addr_text(const struct netsock *s);
char *netsock_peer_text(const struct netsock *s); /* NULL: it has none */

/* By what is listening, protocol, address and port: as they are shown. */
int netsock_cmp(const struct netsock *a, const struct netsock *b);
