/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/sockdiag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "base/num.h"
#include "read/nlwalk.h"

/* uapi since Linux 5.3, in the headers of Debian 12; older kernels leave it out */
#define ATTR_UNIX_UID 7

struct sink {
	enum netsock_proto proto;
	enum sockdiag_which which;
	struct netsocks *l;
};

static bool is_wanted(const struct sink *k, const struct netsock *s)
{
	bool listens = netsock_listens(s);

	if (k->which == SOCKDIAG_LISTENING)
		return listens;
	return !listens && s->state != NETSOCK_CLOSE;
}

static int inet_attrs(struct span body, struct netsock *s)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&body, &a)) > 0) {
		if (a.type == INET_DIAG_SKV6ONLY)
			r = nlwalk_val(a.v, 1, &s->v6only);
		if (r < 0)
			break;
	}
	return r;
}

/* 0: not one of those that were asked for. */
static int inet_message(struct span body, enum netsock_proto proto, struct netsock *ret)
{
	struct inet_diag_msg m;
	struct netsock s = { .proto = proto };
	size_t n;
	int r = nlwalk_get(body, &m, sizeof(m));

	if (r < 0)
		return r;
	if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
		return 0;
	nlwalk_cut(&body, sizeof(m));
	n = m.idiag_family == AF_INET6 ? 16 : 4;
	s.family = m.idiag_family;
	s.state = m.idiag_state;
	memcpy(s.addr, m.id.idiag_src, n);
	memcpy(s.peer, m.id.idiag_dst, n);
	s.port = ntohs(m.id.idiag_sport);
	s.peer_port = ntohs(m.id.idiag_dport);
	s.ifindex = m.id.idiag_if;
	s.inode = m.idiag_inode;
	s.cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0];
	/* what has no inode is nobody's any more: the user is then given as 0 */
	if (s.inode)
		s.uid = val_set(m.idiag_uid);
	s.recv_q = val_set(m.idiag_rqueue);
	s.send_q = val_set(m.idiag_wqueue);
	r = inet_attrs(body, &s);
	if (r < 0)
		return r;
	*ret = s;
	return 1;
}

/* A path comes with its NUL, an abstract name begins with one and is as long as it says. */
static void take_name(struct span v, struct netsock *s)
{
	size_t n = MIN(v.n, sizeof(s->name));

	if (n && v.p[0])
		n = strnlen(v.p, n);
	memcpy(s->name, v.p, n);
	s->name_n = (uint8_t)n;
}

static int unix_attr(struct nlwalk_attr a, struct netsock *s)
{
	struct unix_diag_rqlen q;
	int r;

	switch (a.type) {
	case UNIX_DIAG_NAME:
		take_name(a.v, s);
		return 0;
	case UNIX_DIAG_PEER:
		return nlwalk_get(a.v, &s->peer_inode, 4);
	case UNIX_DIAG_RQLEN:
		r = nlwalk_get(a.v, &q, sizeof(q));
		if (r < 0)
			return r;
		s->recv_q = val_set(q.udiag_rqueue);
		s->send_q = val_set(q.udiag_wqueue);
		return 0;
	case ATTR_UNIX_UID:
		return nlwalk_val(a.v, 4, &s->uid);
	}
	return 0;
}

static int unix_message(struct span body, struct netsock *ret)
{
	struct unix_diag_msg m;
	struct netsock s = { .proto = NETSOCK_UNIX, .family = AF_UNIX };
	struct nlwalk_attr a;
	int r = nlwalk_get(body, &m, sizeof(m));

	if (r < 0)
		return r;
	if (m.udiag_family != AF_UNIX)
		return 0;
	nlwalk_cut(&body, sizeof(m));
	s.type = m.udiag_type;
	s.state = m.udiag_state;
	s.inode = m.udiag_ino;
	s.cookie = (uint64_t)m.udiag_cookie[1] << 32 | m.udiag_cookie[0];
	while ((r = nlwalk_next(&body, &a)) > 0) {
		r = unix_attr(a, &s);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	*ret = s;
	return 1;
}

static int one_socket(uint16_t type, struct span body, size_t max, void *io)
{
	const struct sink *k = io;
	struct netsocks *l = k->l;
	struct netsock s;
	int r;

	if (type != SOCK_DIAG_BY_FAMILY)
		return 0;
	r = k->proto == NETSOCK_UNIX ? unix_message(body, &s)
				     : inet_message(body, k->proto, &s);
	if (r < 0)
		return r;
	if (r == 0 || !is_wanted(k, &s))
		return 0;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	if (s.cookie == UINT64_MAX) /* INET_DIAG_NOCOOKIE twice */
		s.cookie = 0;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = s;
	return 0;
}

int sockdiag_parse(struct span bytes, enum netsock_proto proto, enum sockdiag_which which,
		   size_t max, struct netsocks *io, struct nl_status *st, struct err *err)
{
	struct sink k = { proto, which, io };
	int r = nlwalk_messages(bytes, one_socket, max, &k, st, NULL);

	if (r < 0)
		return err_set(err, r, "sock_diag: a message is cut off, or too short");
	if (st->messages > SOCKDIAG_MAX_SEEN)
		return err_set(err, -ENOSPC, "sock_diag: too many sockets");
	return 0;
}

bool sockdiag_parse_link(struct span text, const char *what, uint32_t *ret_inode)
{
	uint32_t inode;

	/* what is a file begins with '/' whatever it is called */
	if (!span_skip(&text, what) || !span_skip(&text, ":[") || !span_ends(text, "]"))
		return false;
	text.n--;
	if (num_parse_u32(text, &inode) < 0 || !inode)
		return false;
	*ret_inode = inode;
	return true;
}

/* Who holds them */

static int cmp_pair(const void *a, const void *b)
{
	const struct sockdiag_held *x = a, *y = b;

	if (x->inode != y->inode)
		return (x->inode > y->inode) - (x->inode < y->inode);
	return (x->proc > y->proc) - (x->proc < y->proc);
}

static void add_owner(const struct proc *p, struct netsocks *io, size_t *cap)
{
	struct netsock_owner o = {
		.pid = p->pid,
		.ct_pid = p->ct_pid,
		.uid = p->uid,
		.ct_uid = p->ct_uid,
		.comm = xstrndup(p->comm ? p->comm : "", p->comm_n),
		.comm_n = p->comm_n,
	};

	if (p->where.unit.n)
		o.unit = span_dup(p->where.unit);
	if (p->where.container.n) {
		o.nested = span_dup(p->where.container);
		o.nested_kind = cgkind_name(p->where.container_kind);
	}
	GROW(io->owners, io->n_owners, *cap);
	io->owners[io->n_owners++] = o;
}

/* The pairs of one socket lie one after the other: the first of them. */
static size_t lower_bound(const struct sockdiag_held *v, size_t n, uint32_t inode)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].inode < inode)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The index among the owners of each process that is one, made when it first is. */
struct owner_map {
	const struct procs *p;
	uint32_t *of; /* owner + 1, 0: none yet */
	size_t cap;
};

static uint32_t owner_of(struct owner_map *m, uint32_t proc, struct netsocks *io)
{
	if (!m->of[proc]) {
		add_owner(&m->p->v[proc], io, &m->cap);
		m->of[proc] = (uint32_t)io->n_owners;
	}
	return m->of[proc] - 1;
}

void sockdiag_join(const struct procs *p, struct sockdiag_held *pairs, size_t n,
		   struct netsocks *io)
{
	_cleanup_free_ uint32_t *of = xcalloc(p->n ? p->n : 1, sizeof(*of));
	struct owner_map m = { .p = p, .of = of };
	size_t cap = 0;

	if (n)
		qsort(pairs, n, sizeof(*pairs), cmp_pair);
	for (size_t i = 0; i < io->n; i++) {
		struct netsock *s = &io->v[i];
		size_t k = s->inode ? lower_bound(pairs, n, s->inode) : n;

		s->first_held = io->n_held;
		for (; k < n && pairs[k].inode == s->inode; k++) {
			/* one process may have it more than once */
			if (pairs[k].proc >= p->n ||
			    (k && cmp_pair(&pairs[k - 1], &pairs[k]) == 0))
				continue;
			GROW(io->held, io->n_held, cap);
			io->held[io->n_held++] = owner_of(&m, pairs[k].proc, io);
		}
		s->n_held = io->n_held - s->first_held;
	}
	io->owners_known = true;
}
