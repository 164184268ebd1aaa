/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netsock.h"

#include <sys/socket.h>

#include "base/num.h"
#include "base/str.h"
#include "netif.h"

void netsocks_done(struct netsocks *l)
{
	for (size_t i = 0; i < l->n_owners; i++) {
		free(l->owners[i].comm);
		free(l->owners[i].unit);
		free(l->owners[i].nested);
	}
	free(l->owners);
	free(l->held);
	free(l->v);
	*l = (struct netsocks){ 0 };
}

bool netsock_listens(const struct netsock *s)
{
	if (s->proto == NETSOCK_UNIX && s->type == SOCK_DGRAM)
		return s->state == NETSOCK_CLOSE && s->name_n;
	if (s->proto == NETSOCK_UDP || s->proto == NETSOCK_RAW)
		return s->state == NETSOCK_CLOSE;
	return s->state == NETSOCK_LISTEN;
}

const char *netsock_proto_name(const struct netsock *s)
{
	static const char *const names[] = {
		[NETSOCK_TCP] = "tcp",
		[NETSOCK_UDP] = "udp",
		[NETSOCK_RAW] = "raw",
		[NETSOCK_UNIX] = "unix",
	};

	return names[s->proto];
}

const char *netsock_type_name(const struct netsock *s)
{
	switch (s->type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_SEQPACKET:
		return "seqpacket";
	}
	return NULL;
}

const char *netsock_state_name(const struct netsock *s)
{
	static const char *const names[] = {
		[NETSOCK_ESTABLISHED] = "established",
		[NETSOCK_SYN_SENT] = "syn-sent",
		[NETSOCK_SYN_RECV] = "syn-recv",
		[NETSOCK_FIN_WAIT1] = "fin-wait-1",
		[NETSOCK_FIN_WAIT2] = "fin-wait-2",
		[NETSOCK_TIME_WAIT] = "time-wait",
		[NETSOCK_CLOSE] = "unconnected",
		[NETSOCK_CLOSE_WAIT] = "close-wait",
		[NETSOCK_LAST_ACK] = "last-ack",
		[NETSOCK_LISTEN] = "listen",
		[NETSOCK_CLOSING] = "closing",
		[NETSOCK_NEW_SYN_RECV] = "syn-recv",
	};

	return s->state < ARRAY_SIZE(names) ? names[s->state] : NULL;
}

static bool is_any(const uint8_t addr[16])
{
	static const uint8_t zero[16];

	return memcmp(addr, zero, sizeof(zero)) == 0;
}

static char *endpoint(uint8_t family, const uint8_t addr[16], bool both, uint16_t port)
{
	_cleanup_free_ char *ip = both ? xstrdup("*") : netaddr_text(family, addr);
	struct buf b = { 0 };

	buf_addf(&b, !both && family == AF_INET6 ? "[%s]:" : "%s:", ip);
	if (port)
		num_add(&b, port);
	else
		buf_addc(&b, '*');
	return b.p;
}

char *netsock_addr_text(const struct netsock *s)
{
	if (s->proto == NETSOCK_UNIX)
		return NULL;
	return endpoint(s->family, s->addr,
			is_any(s->addr) && s->v6only.kind == VAL_SET && !s->v6only.n,
			s->port);
}

char *netsock_peer_text(const struct netsock *s)
{
	if (s->proto == NETSOCK_UNIX || (is_any(s->peer) && !s->peer_port))
		return NULL;
	return endpoint(s->family, s->peer, false, s->peer_port);
}

static int cmp_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int netsock_cmp(const struct netsock *a, const struct netsock *b)
{
	int r = cmp_u64(!netsock_listens(a), !netsock_listens(b));

	if (!r)
		r = cmp_u64(a->proto, b->proto);
	if (!r)
		r = cmp_u64(a->port, b->port);
	if (!r)
		r = cmp_u64(a->family, b->family);
	if (!r)
		r = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (!r)
		r = memcmp(a->name, b->name, sizeof(a->name));
	if (!r)
		r = memcmp(a->peer, b->peer, sizeof(a->peer));
	if (!r)
		r = cmp_u64(a->peer_port, b->peer_port);
	return r ? r : cmp_u64(a->cookie, b->cookie);
}
