/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/netlink.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "base/sys.h"
#include "read/nlparse.h"
#include "read/procfs.h"

/* libnl 3.7 and the kernel headers of Debian 12 do not name it; uapi since Linux 4.20 */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

#define RECV_BYTES ((size_t)64 * 1024)
#define RECV_SMALL ((size_t)4096)
#define RECV_MAX   ((size_t)4 * 1024 * 1024)
#define MAX_TRIES  4
#define GUEST_LIST 64 /* addresses of a container in a list */
#define CHILD_USEC USEC_PER_SEC

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

/*
 * libnl makes and binds the socket. Messages are sent and received on its descriptor
 * directly: nl_recv() peeks and allocates for every datagram, which doubles the cost of
 * asking a thousand containers.
 */
struct netlink {
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

static int socket_open(struct netlink *nl, struct err *err)
{
	int on = 1, r;

	nl->sk = dl_nl_socket_alloc();
	if (!nl->sk)
		oom();
	r = dl_nl_connect(nl->sk, NETLINK_ROUTE);
	if (r < 0)
		return err_set(err, -EIO, "open an rtnetlink socket: %s",
			       dl_nl_geterror(r));
	nl->fd = dl_nl_socket_get_fd(nl->sk);
	/* without it *_TARGET_NETNSID is silently ignored, and the host's own addresses
	 * are the answer */
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return err_set(err, -errno, "rtnetlink: no strict checking: %s",
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
	r = socket_open(nl, &e);
	return r < 0 ? err_set(err, r, "%s", e.msg) : 0; /* keeps the first sentence */
}

/* Requests: a header, a struct of the kind, attributes of 32 bits. */
struct request {
	_Alignas(struct nlmsghdr) uint8_t p[128];
	uint32_t n;
};

static struct request request(uint16_t type, uint16_t flags, const void *body, size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct request r = { 0 };

	memcpy(r.p, &h, sizeof(h));
	memcpy(r.p + sizeof(h), body, n);
	r.n = (uint32_t)(sizeof(h) + ((n + 3) & ~(size_t)3));
	return r;
}

static void request_u32(struct request *r, uint16_t type, uint32_t value)
{
	struct nlattr a = { .nla_len = sizeof(a) + sizeof(value), .nla_type = type };

	if (r->n + a.nla_len > sizeof(r->p))
		abort();
	memcpy(r->p + r->n, &a, sizeof(a));
	memcpy(r->p + r->n + sizeof(a), &value, sizeof(value));
	r->n += a.nla_len;
}

static int send_request(struct netlink *nl, struct request *rq, struct err *err)
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
		return err_set(err, -errno, "ask rtnetlink: %s", strerror(errno));
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
			return err_set(err, -errno, "rtnetlink: %s", strerror(errno));
		if (len != sizeof(from) || from.nl_pid != 0)
			continue;
		if ((size_t)n > nl->in.cap - 1) {
			if ((size_t)n > RECV_MAX)
				return err_set(err, -EFBIG,
					       "rtnetlink: a message of %zd bytes", n);
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

/* Where the messages of an answer go. */
struct feed {
	int (*parse)(struct span bytes, size_t max, void *io, struct nl_status *st,
		     struct err *err);
	void (*reset)(void *io);
	size_t max;
	void *io;
};

#define FEED(name, type)                                                                 \
	static int parse_##name(struct span bytes, size_t max, void *io,                 \
				struct nl_status *st, struct err *err)                   \
	{                                                                                \
		return netlink_parse_##name(bytes, max, (struct type *)io, st, err);     \
	}                                                                                \
	static void reset_##name(void *io)                                               \
	{                                                                                \
		type##_done(io);                                                         \
	}                                                                                \
	static struct feed feed_##name(struct type *io, size_t max)                      \
	{                                                                                \
		return (struct feed){ parse_##name, reset_##name, max, io };             \
	}

FEED(links, netifs)
FEED(addrs, netaddrs)
FEED(routes, netroutes)
FEED(bridge_vlans, netvlans)
FEED(qdiscs, netqdiscs)

/* Asks once; `dump`: the answer ends with NLMSG_DONE, not with its first datagram. */
static int ask_once(struct netlink *nl, struct request *rq, bool dump,
		    const struct feed *f, struct nl_status *st, struct err *err)
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

/*
 * Asks until the answer is whole: a dump during which something changed is made again
 * (NLM_F_DUMP_INTR), and one that lost messages on a new socket (ENOBUFS). *ret_torn
 * when it still was not whole at the last try.
 */
static int ask(struct netlink *nl, struct request rq, bool dump, struct feed f,
	       bool *ret_torn, struct err *err)
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
			       ? err_set(err, r, "rtnetlink: messages keep growing")
			       : r;
	if (st.error)
		return err_set(err, st.error, "rtnetlink: %s", strerror(-st.error));
	*ret_torn = st.interrupted;
	return 0;
}

/* Namespace ids */

static int parse_nsid(struct span bytes, size_t max, void *io, struct nl_status *st,
		      struct err *err)
{
	(void)max;
	return netlink_parse_nsid(bytes, io, st, err);
}

/* `attr`: NETNSA_PID or NETNSA_FD. Absent: no id was ever assigned to that namespace. */
static int read_nsid(struct netlink *nl, uint16_t attr, uint32_t value, struct val *ret,
		     struct err *err)
{
	struct rtgenmsg gen = { .rtgen_family = AF_UNSPEC };
	struct request rq = request(RTM_GETNSID, 0, &gen, sizeof(gen));
	struct val id = { 0 };
	bool torn;
	int r;

	request_u32(&rq, attr, value);
	r = ask(nl, rq, false, (struct feed){ parse_nsid, NULL, 1, &id }, &torn, err);
	if (r < 0)
		return r;
	*ret = id;
	return 0;
}

/* Dumps; nsid absent: of the socket's own namespace. */

static int dump_links(struct netlink *nl, struct val nsid, bool stats, size_t max,
		      struct netifs *ret, struct err *err)
{
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	struct request rq = request(RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m));
	struct netifs l = { 0 };
	int r;

	if (!stats)
		request_u32(&rq, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nsid.kind == VAL_SET)
		request_u32(&rq, IFLA_TARGET_NETNSID, (uint32_t)nsid.n);
	r = ask(nl, rq, true, feed_links(&l, max), &l.torn, err);
	if (r < 0) {
		netifs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

static int dump_family(struct netlink *nl, uint8_t family, struct val nsid, size_t max,
		       struct netaddrs *ret, struct err *err)
{
	struct ifaddrmsg m = { .ifa_family = family };
	struct request rq = request(RTM_GETADDR, NLM_F_DUMP, &m, sizeof(m));
	struct netaddrs l = { 0 };
	int r;

	if (nsid.kind == VAL_SET)
		request_u32(&rq, IFA_TARGET_NETNSID, (uint32_t)nsid.n);
	r = ask(nl, rq, true, feed_addrs(&l, max), &l.torn, err);
	if (r < 0) {
		netaddrs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/*
 * A dump of all families takes the kernel's one lock on everything that is configured of
 * networks (rtnl); those of one family have not needed it since Linux 6.9. A kernel
 * without IPv6 answers with what it has instead.
 */
static int dump_addrs(struct netlink *nl, struct val nsid, size_t max,
		      struct netaddrs *ret, struct err *err)
{
	struct netaddrs l = { 0 }, six = { 0 };
	int r;

	if (!nl->side_by_side)
		return dump_family(nl, AF_UNSPEC, nsid, max, ret, err);
	r = dump_family(nl, AF_INET, nsid, max, &l, err);
	if (r == 0)
		r = dump_family(nl, AF_INET6, nsid, max, &six, err);
	for (size_t i = 0; r == 0 && i < six.n; i++) {
		if (six.v[i].family != AF_INET6)
			continue;
		if (l.n >= max) {
			l.more++;
			continue;
		}
		GROW(l.v, l.n, l.cap);
		l.v[l.n++] = six.v[i];
	}
	l.more += six.more;
	l.torn |= six.torn;
	netaddrs_done(&six);
	if (r < 0) {
		netaddrs_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/* The main table of one family, appended. That there is no such table is no error. */
static int dump_routes(struct netlink *nl, uint8_t family, size_t max,
		       struct netroutes *io, struct err *err)
{
	struct rtmsg m = { .rtm_family = family, .rtm_table = RT_TABLE_MAIN };
	struct request rq = request(RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	struct netroutes l = { 0 };
	int r;

	r = ask(nl, rq, true, feed_routes(&l, max), &l.torn, err);
	if (r == -ENOENT)
		r = 0;
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		GROW(io->v, io->n, io->cap);
		io->v[io->n++] = l.v[i];
	}
	io->more += l.more;
	io->torn |= l.torn;
	netroutes_done(&l);
	return r;
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
	r = socket_open(nl, err);
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

int netlink_read_links(struct netlink *nl, bool stats, struct netifs *ret,
		       struct err *err)
{
	nl->offer_bytes = RECV_BYTES;
	return dump_links(nl, (struct val){ 0 }, stats, NETLINK_MAX_LINKS, ret, err);
}

static int parse_stats(struct span bytes, size_t max, void *io, struct nl_status *st,
		       struct err *err)
{
	return netlink_parse_stats(bytes, max, io, st, err);
}

static void reset_stats(void *io)
{
	struct netstats *l = io;

	l->n = 0;
	l->more = 0;
}

int netlink_read_stats(struct netlink *nl, struct netstats *io, struct err *err)
{
	struct if_stats_msg m = {
		.family = AF_UNSPEC,
		.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64),
	};
	struct feed f = { parse_stats, reset_stats, NETLINK_MAX_LINKS, io };

	reset_stats(io);
	io->torn = false;
	return ask(nl, request(RTM_GETSTATS, NLM_F_DUMP, &m, sizeof(m)), true, f,
		   &io->torn, err);
}

int netlink_read_bridge_vlans(struct netlink *nl, struct netvlans *ret, struct err *err)
{
	struct ifinfomsg m = { .ifi_family = AF_BRIDGE };
	struct request rq = request(RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m));
	struct netvlans l = { 0 };
	int r;

	nl->offer_bytes = RECV_BYTES;
	request_u32(&rq, IFLA_EXT_MASK,
		    RTEXT_FILTER_BRVLAN_COMPRESSED | RTEXT_FILTER_SKIP_STATS);
	r = ask(nl, rq, true, feed_bridge_vlans(&l, NETLINK_MAX_LINKS), &l.torn, err);
	if (r < 0) {
		netvlans_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

static int dump_qdiscs(struct netlink *nl, uint16_t type, uint32_t ifindex,
		       uint32_t parent, struct netqdiscs *io, struct err *err)
{
	struct tcmsg m = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = parent,
	};

	return ask(nl, request(type, NLM_F_DUMP, &m, sizeof(m)), true,
		   feed_qdiscs(io, 1024), &io->torn, err);
}

static void first_rate(const struct netqdiscs *l, struct val *rate, struct val *drops)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].rate_bytes_per_sec.kind != VAL_SET)
			continue;
		*rate = l->v[i].rate_bytes_per_sec;
		*drops = l->v[i].drops;
		return;
	}
}

int netlink_read_rate(struct netlink *nl, uint32_t ifindex, struct netrate *ret,
		      struct err *err)
{
	_cleanup_(netqdiscs_done) struct netqdiscs classes = { 0 };
	_cleanup_(netqdiscs_done) struct netqdiscs filters = { 0 };
	struct netrate rate = { 0 };
	int r;

	r = dump_qdiscs(nl, RTM_GETTCLASS, ifindex, 0, &classes, err);
	if (r == 0)
		r = dump_qdiscs(nl, RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_INGRESS, 0),
				&filters, err);
	if (r < 0)
		return r;
	first_rate(&classes, &rate.to_guest_bytes_per_sec, &rate.to_guest_drops);
	first_rate(&filters, &rate.from_guest_bytes_per_sec, &rate.from_guest_drops);
	*ret = rate;
	return 0;
}

/* Inside a container */

/*
 * /proc/<init> and the network namespace it is in. The descriptors hold on to that very
 * process and that namespace: once the start time was right nothing that comes after can
 * speak of another one, even where the pid or the id is used again.
 */
struct target {
	int proc, ns;
	bool shares_host;
};

static void target_done(struct target *t)
{
	cleanup_close(&t->proc);
	cleanup_close(&t->ns);
}

static int start_ticks(int proc, uint64_t *ret)
{
	struct proc_stat st;
	char text[1024];
	size_t n;
	int r = fs_read_small(proc, "stat", text, sizeof(text), &n, NULL);

	if (r == 0)
		r = procfs_parse_stat(span_of(text, n), &st);
	if (r == 0)
		*ret = st.start_ticks;
	return r;
}

static bool is_same_process(const struct target *t, uint64_t ticks)
{
	uint64_t now;

	return start_ticks(t->proc, &now) == 0 && now == ticks;
}

static int target_open(const struct netlink *nl, pid_t init, uint64_t ticks,
		       struct target *ret, struct err *err)
{
	struct target t = { .proc = -1, .ns = -1 };
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)init);
	t.proc = open(path, O_DIRECTORY | O_CLOEXEC);
	if (t.proc < 0)
		return err_set(err, -ESRCH, "%s: %s", path, strerror(errno));
	if (!is_same_process(&t, ticks)) {
		target_done(&t);
		return err_set(err, -ESRCH, "%s is another process by now", path);
	}
	t.ns = openat(t.proc, "ns/net", O_RDONLY | O_CLOEXEC);
	if (t.ns < 0 || fstat(t.ns, &st) < 0) {
		int r = errno == ENOENT ? -ESRCH : -errno;

		target_done(&t);
		return err_set(err, r, "%s/ns/net: %s", path, strerror(-r));
	}
	t.shares_host = st.st_ino == nl->self_ino && st.st_dev == nl->self_dev;
	*ret = t;
	return 0;
}

/* The one who asks is a child that entered the namespace, and what it is to bring. */
struct visit {
	int ns;
	bool links, routes;
};

/* What the child writes: this, then the records. Both ends are this program. */
struct visit_answer {
	uint64_t n_links, more_links, n_addrs, more_addrs, n_routes, more_routes;
	bool links_torn, addrs_torn, routes_torn, routes_known;
};

static int visit_read(struct netlink *nl, const struct visit *v, struct netguest *g)
{
	struct val here = { 0 };
	int r = 0;

	if (v->links)
		r = dump_links(nl, here, true, NETLINK_GUEST_LINKS, &g->links, NULL);
	if (v->links && r == 0)
		r = dump_addrs(nl, here, NETLINK_GUEST_ADDRS, &g->addrs, NULL);
	if (r == 0 && v->routes)
		g->routes_known = dump_routes(nl, AF_INET, NETLINK_GUEST_ROUTES,
					      &g->routes, NULL) == 0 &&
				  dump_routes(nl, AF_INET6, NETLINK_GUEST_ROUTES,
					      &g->routes, NULL) == 0;
	return r;
}

static int visit_write(int out, const struct netguest *g)
{
	struct visit_answer a = { 0 };
	int r;

	a.n_links = g->links.n;
	a.more_links = g->links.more;
	a.links_torn = g->links.torn;
	a.n_addrs = g->addrs.n;
	a.more_addrs = g->addrs.more;
	a.addrs_torn = g->addrs.torn;
	a.n_routes = g->routes.n;
	a.more_routes = g->routes.more;
	a.routes_torn = g->routes.torn;
	a.routes_known = g->routes_known;
	r = fs_write_all(out, &a, sizeof(a));
	if (r == 0)
		r = fs_write_all(out, g->links.v, g->links.n * sizeof(*g->links.v));
	if (r == 0)
		r = fs_write_all(out, g->addrs.v, g->addrs.n * sizeof(*g->addrs.v));
	if (r == 0)
		r = fs_write_all(out, g->routes.v, g->routes.n * sizeof(*g->routes.v));
	return r;
}

/*
 * Only the network namespace is entered: no file, no program and no pid of the container
 * is in reach of this process, nor it in theirs.
 */
static int visit_child(int out, void *arg)
{
	const struct visit *v = arg;
	struct netlink nl = { .fd = -1, .offer_bytes = RECV_BYTES };
	struct netguest g = { 0 };
	int r;

	if (setns(v->ns, CLONE_NEWNET) < 0)
		return -errno;
	r = socket_open(&nl, NULL);
	if (r == 0)
		r = visit_read(&nl, v, &g);
	if (r == 0)
		r = visit_write(out, &g);
	return r;
}

/* Cuts n records of that size off the front of the answer. */
static int take_records(struct span *s, uint64_t n, size_t size, void *ret)
{
	if (n > s->n / size)
		return -EPROTO;
	if (n)
		memcpy(ret, s->p, n * size);
	s->p += n * size;
	s->n -= n * size;
	return 0;
}

#define TAKE(list, count)                                                                \
	({                                                                               \
		(list).v = (count) ? xcalloc((count), sizeof(*(list).v)) : NULL;         \
		(list).n = (list).cap = (count);                                         \
		take_records(&s, (count), sizeof(*(list).v), (list).v);                  \
	})

static int visit_parse(struct span s, struct netguest *ret)
{
	struct visit_answer a;
	struct netguest g = { 0 };
	int r;

	if (take_records(&s, 1, sizeof(a), &a) < 0 || a.n_links > NETLINK_GUEST_LINKS ||
	    a.n_addrs > NETLINK_GUEST_ADDRS ||
	    a.n_routes > 2 * (uint64_t)NETLINK_GUEST_ROUTES)
		return -EPROTO;
	r = TAKE(g.links, a.n_links);
	if (r == 0)
		r = TAKE(g.addrs, a.n_addrs);
	if (r == 0)
		r = TAKE(g.routes, a.n_routes);
	if (r < 0) {
		netguest_done(&g);
		return r;
	}
	g.links.more = a.more_links;
	g.links.torn = a.links_torn;
	g.addrs.more = a.more_addrs;
	g.addrs.torn = a.addrs_torn;
	g.routes.more = a.more_routes;
	g.routes.torn = a.routes_torn;
	g.routes_known = a.routes_known;
	*ret = g;
	return 0;
}

/* The default route of IPv6 comes last in a dump; it is what is looked for first. */
static void defaults_first(struct netroutes *l)
{
	_cleanup_free_ struct netroute *sorted = xcalloc(l->n, sizeof(*sorted));
	size_t n = 0;

	for (unsigned others = 0; others < 2; others++)
		for (size_t i = 0; i < l->n; i++)
			if ((l->v[i].dst_len != 0) == others)
				sorted[n++] = l->v[i];
	if (n)
		memcpy(l->v, sorted, n * sizeof(*sorted));
}

static int visit(const struct visit *v, struct netguest *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf answer = { 0 };
	struct visit arg = *v;
	struct guard g = { 0 };
	int r = guard_start(visit_child, &arg, CHILD_USEC, &g, err);

	if (r == 0)
		r = guard_collect(&g, (size_t)1 << 20, &answer, err);
	if (r == 0)
		r = visit_parse(span_of(buf_str(&answer), answer.n), ret);
	if (r < 0)
		return err_wrap(err, r, "enter a network namespace");
	return 0;
}

/* Links and addresses by the id; *ret_known false: the namespace has none. */
static int read_by_nsid(struct netlink *nl, const struct target *t, struct netguest *io,
			struct err *err)
{
	int r = read_nsid(nl, NETNSA_FD, (uint32_t)t->ns, &io->nsid, err);

	if (r < 0 || io->nsid.kind != VAL_SET)
		return r;
	r = dump_links(nl, io->nsid, true, NETLINK_GUEST_LINKS, &io->links, err);
	if (r == 0)
		r = dump_addrs(nl, io->nsid, NETLINK_GUEST_ADDRS, &io->addrs, err);
	io->known = r == 0;
	return r;
}

/* By a child what could not be had from here. */
static int read_by_visit(const struct target *t, bool routes, struct netguest *io,
			 struct err *err)
{
	struct visit v = { .ns = t->ns, .links = !io->known, .routes = routes };
	struct netguest g = { 0 };
	int r;

	if (!v.links && !v.routes)
		return 0;
	r = visit(&v, &g, err);
	if (r < 0)
		return io->known ? 0 : r; /* only the routes are missing then */
	if (v.links) {
		io->links = g.links;
		io->addrs = g.addrs;
		io->known = io->entered = true;
	}
	io->routes = g.routes;
	defaults_first(&io->routes);
	io->routes_known = g.routes_known;
	return 0;
}

int netlink_read_guest(struct netlink *nl, pid_t init, uint64_t ticks, bool routes,
		       struct netguest *ret, struct err *err)
{
	_cleanup_(target_done) struct target t = { .proc = -1, .ns = -1 };
	struct netguest g = { 0 };
	int r = target_open(nl, init, ticks, &t, err);

	if (r < 0)
		return r;
	g.shares_host = t.shares_host;
	if (!t.shares_host) {
		r = read_by_nsid(nl, &t, &g, err);
		if (r == 0)
			r = read_by_visit(&t, routes, &g, err);
	}
	if (r == 0 && !is_same_process(&t, ticks))
		r = err_set(err, -ESRCH, "process %d ended meanwhile", (int)init);
	if (r < 0) {
		netguest_done(&g);
		return r;
	}
	*ret = g;
	return 0;
}

/* The addresses of a container for a list of a thousand */

static bool is_listed(const struct netaddr *a)
{
	/* lo is number 1 in every network namespace */
	return a->ifindex != 1 && !a->link_scope && !a->dad_failed;
}

/* The name of one interface of that namespace; "" where it is gone by now. */
static char *read_name(struct netlink *nl, struct val nsid, uint32_t ifindex)
{
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct request rq = request(RTM_GETLINK, 0, &m, sizeof(m));
	_cleanup_(netifs_done) struct netifs l = { 0 };

	request_u32(&rq, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	request_u32(&rq, IFLA_TARGET_NETNSID, (uint32_t)nsid.n);
	if (ask(nl, rq, false, feed_links(&l, 1), &l.torn, NULL) < 0 || l.n == 0)
		return xstrdup("");
	return xstrndup((const char *)l.v[0].name, l.v[0].name_n);
}

/*
 * IPv4 addresses carry a label, which is the interface's name (up to a colon); IPv6 ones
 * do not, but mostly share the interface. Only what is left is asked for.
 */
static char *name_of(struct netlink *nl, struct val nsid, const struct netaddrs *l,
		     uint32_t ifindex)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct netaddr *a = &l->v[i];
		struct span label = { (const char *)a->label, a->label_n }, name;

		if (a->ifindex == ifindex && label.n && span_cut(&label, ':', &name))
			return span_dup(name);
	}
	return nsid.kind == VAL_SET ? read_name(nl, nsid, ifindex) : xstrdup("");
}

static void list_addrs(struct netlink *nl, struct val nsid, const struct netaddrs *l,
		       struct ct_addr **ret, size_t *ret_n)
{
	struct ct_addr *v = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < l->n && n < GUEST_LIST; i++) {
		const struct netaddr *a = &l->v[i];
		struct buf text = { 0 };

		if (!is_listed(a))
			continue;
		text.p = netaddr_text(a->family, a->addr);
		text.n = strlen(text.p);
		text.cap = text.n + 1;
		buf_addc(&text, '/');
		num_add(&text, a->prefix_len);
		GROW(v, n, cap);
		v[n].ifname = name_of(nl, nsid, l, a->ifindex);
		v[n].address = text.p;
		n++;
	}
	*ret = v;
	*ret_n = n;
}

/* Rare: a container whose interfaces all have no peer in the node (phys, macvlan). */
static int addrs_by_visit(const struct netlink *nl, pid_t init, struct netguest *ret,
			  bool *ret_known, struct err *err)
{
	_cleanup_(target_done) struct target t = { .proc = -1, .ns = -1 };
	uint64_t ticks;
	char path[32];
	int proc, r;

	snprintf(path, sizeof(path), "/proc/%d", (int)init);
	proc = open(path, O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return err_set(err, -ESRCH, "%s: %s", path, strerror(errno));
	r = start_ticks(proc, &ticks);
	close(proc);
	if (r == 0)
		r = target_open(nl, init, ticks, &t, err);
	if (r < 0)
		return r;
	*ret_known = !t.shares_host;
	return t.shares_host ? 0 : read_by_visit(&t, false, ret, err);
}

int netlink_own_nsid(struct netlink *nl, struct val *ret, struct err *err)
{
	return read_nsid(nl, NETNSA_PID, (uint32_t)getpid(), ret, err);
}

int netlink_guest_addrs(struct netlink *nl, pid_t init, struct ct_addr **ret,
			size_t *ret_n, bool *ret_known, struct val *ret_nsid,
			struct err *err)
{
	_cleanup_(netguest_done) struct netguest g = { 0 };
	bool known = true;
	int r = read_nsid(nl, NETNSA_PID, (uint32_t)init, &g.nsid, err);

	if (r == 0 && g.nsid.kind == VAL_SET) {
		r = dump_addrs(nl, g.nsid, NETLINK_GUEST_ADDRS, &g.addrs, err);
	} else if (r == 0) {
		r = addrs_by_visit(nl, init, &g, &known, err);
	}
	if (r < 0)
		return r;
	*ret = NULL;
	*ret_n = 0;
	*ret_nsid = g.nsid;
	*ret_known = known && !g.addrs.torn;
	if (*ret_known)
		list_addrs(nl, g.nsid, &g.addrs, ret, ret_n);
	return 0;
}
