/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/netlink.h"

#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/sys.h"
#include "read/netlink-int.h"

/* libnl 3.7 and the kernel headers of Debian 12 do not name it; uapi since Linux 4.20 */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

#define RECV_SMALL ((size_t)4096)
#define RECV_MAX   ((size_t)4 * 1024 * 1024)
#define MAX_TRIES  4

static __typeof__(nl_socket_alloc) *dl_nl_socket_alloc;
static __typeof__(nl_socket_free) *dl_nl_socket_free;
static __typeof__(nl_socket_get_fd) *dl_nl_socket_get_fd;
static __typeof__(nl_connect) *dl_nl_connect;
static __typeof__(nl_geterror) *dl_nl_geterror;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(nl_socket_alloc), DL_SYM(nl_socket_free), DL_SYM(nl_socket_get_fd),
		DL_SYM(nl_connect),      DL_SYM(nl_geterror),
	};
	static void *handle;

	return dl_load("libnl-3.so.200", syms, ARRAY_SIZE(syms), &handle, err);
}

static const char *name_of(const struct netlink *nl)
{
	return nl->protocol == NETLINK_SOCK_DIAG ? "sock_diag" : "rtnetlink";
}

int netlink_socket_open(struct netlink *nl, struct err *err)
{
	int on = 1, r;

	nl->sk = dl_nl_socket_alloc();
	if (!nl->sk)
		oom();
	r = dl_nl_connect(nl->sk, nl->protocol);
	if (r < 0)
		return err_set(err, -EIO, "open a socket of %s: %s", name_of(nl),
			       dl_nl_geterror(r));
	nl->fd = dl_nl_socket_get_fd(nl->sk);
	/* without it *_TARGET_NETNSID is silently ignored, and the host's own addresses
	 * are the answer */
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return err_set(err, -errno, "%s: no strict checking: %s", name_of(nl),
			       strerror(errno));
	return 0;
}

static void socket_close(struct netlink *nl)
{
	if (nl->sk)
		dl_nl_socket_free(nl->sk);
	nl->sk = NULL;
	nl->fd = -1;
}

static int socket_reopen(struct netlink *nl, struct err *err)
{
	struct err e = { 0 };
	int r;

	socket_close(nl);
	r = netlink_socket_open(nl, &e);
	return r < 0 ? err_set(err, r, "%s", e.msg) : 0; /* keeps the first sentence */
}

struct netlink_request netlink_request(uint16_t type, uint16_t flags, const void *body,
				       size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct netlink_request r = { 0 };

	memcpy(r.p, &h, sizeof(h));
	memcpy(r.p + sizeof(h), body, n);
	r.n = (uint32_t)(sizeof(h) + ((n + 3) & ~(size_t)3));
	return r;
}

void netlink_request_u32(struct netlink_request *r, uint16_t type, uint32_t value)
{
	struct nlattr a = { .nla_len = sizeof(a) + sizeof(value), .nla_type = type };

	if (r->n + a.nla_len > sizeof(r->p))
		abort();
	memcpy(r->p + r->n, &a, sizeof(a));
	memcpy(r->p + r->n + sizeof(a), &value, sizeof(value));
	r->n += a.nla_len;
}

static int send_request(struct netlink *nl, struct netlink_request *rq, struct err *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr h;
	ssize_t r;

	memcpy(&h, rq->p, sizeof(h));
	h.nlmsg_len = rq->n;
	h.nlmsg_seq = ++nl->seq;
	memcpy(rq->p, &h, sizeof(h));
	do
		r = sys_sendto(nl->fd, rq->p, rq->n, &kernel, sizeof(kernel));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, -errno, "ask %s: %s", name_of(nl), strerror(errno));
	return 0;
}

/*
 * One datagram of the answer into nl->in. Whoever is root in a network namespace can send
 * to any port in it: only what the kernel (port 0) sends, with our number, is an answer.
 */
static int receive(struct netlink *nl, struct err *err)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		struct nlmsghdr h;
		ssize_t n;

		buf_reserve(&nl->in, nl->offer_bytes);
		n = sys_recvfrom(nl->fd, nl->in.p, nl->in.cap - 1, MSG_TRUNC, &from,
				 &len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "%s: %s", name_of(nl),
				       strerror(errno));
		if (len != sizeof(from) || from.nl_pid != 0)
			continue;
		if ((size_t)n > nl->in.cap - 1) {
			if ((size_t)n > RECV_MAX)
				return err_set(err, -EFBIG, "%s: a message of %zd bytes",
					       name_of(nl), n);
			buf_reserve(&nl->in, (size_t)n);
			return -EMSGSIZE; /* it is lost: ask again */
		}
		nl->in.n = (size_t)n;
		if (nl->in.n < sizeof(h))
			continue;
		memcpy(&h, nl->in.p, sizeof(h));
		if (h.nlmsg_seq == nl->seq)
			return 0;
	}
}

/* Asks once; `dump`: the answer ends with NLMSG_DONE, not with its first datagram. */
static int ask_once(struct netlink *nl, struct netlink_request *rq, bool dump,
		    const struct netlink_feed *f, struct nl_status *st, struct err *err)
{
	int r = send_request(nl, rq, err);

	while (r == 0) {
		r = receive(nl, err);
		if (r == 0)
			r = f->parse(span_of(nl->in.p, nl->in.n), f->max, f->io, st, err);
		if (r == 0 && (st->done || st->error || !dump))
			break;
	}
	return r;
}

int netlink_ask(struct netlink *nl, struct netlink_request rq, bool dump,
		struct netlink_feed f, bool *ret_torn, struct err *err)
{
	struct nl_status st = { 0 };
	int r = 0, reopened = 0;

	for (unsigned try = 0; try < MAX_TRIES; try++) {
		bool again;

		st = (struct nl_status){ 0 };
		if (try && f.reset)
			f.reset(f.io);
		r = ask_once(nl, &rq, dump, &f, &st, err);
		if (r == 0 && !st.interrupted && st.error != -ENOBUFS)
			break;
		again = r == -ENOBUFS || r == -EMSGSIZE || st.error == -ENOBUFS;
		/* what is left of this answer must not be taken for the next one */
		if (r < 0 || again)
			reopened = socket_reopen(nl, err);
		if (reopened < 0)
			return reopened;
		if (!again && (r < 0 || st.error))
			break;
	}
	if (r < 0)
		return r == -EMSGSIZE
			       ? err_set(err, r, "%s: messages keep growing", name_of(nl))
			       : r;
	if (st.error)
		return err_set(err, st.error, "%s: %s", name_of(nl), strerror(-st.error));
	*ret_torn = st.interrupted;
	return 0;
}

static int identify_self(struct netlink *nl, struct err *err)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st) < 0)
		return err_set(err, -errno, "/proc/self/ns/net: %s", strerror(errno));
	nl->self_ino = st.st_ino;
	nl->self_dev = st.st_dev;
	return 0;
}

int netlink_open(struct netlink **ret, struct err *err)
{
	struct netlink *nl;
	int r = load(err);

	if (r < 0)
		return r;
	nl = xcalloc(1, sizeof(*nl));
	nl->fd = -1;
	nl->offer_bytes = RECV_SMALL;
	r = netlink_socket_open(nl, err);
	if (r == 0)
		r = identify_self(nl, err);
	if (r < 0) {
		netlink_close(nl);
		return r;
	}
	*ret = nl;
	return 0;
}

void netlink_side_by_side(struct netlink *nl)
{
	nl->side_by_side = true;
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	socket_close(nl);
	buf_done(&nl->in);
	free(nl);
}
