/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The readers of read/sockdiag.h: who asks is a child that may be left behind. */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "read/netlink-int.h"
#include "read/procfs.h"
#include "read/sockdiag.h"

#define CHILD_USEC USEC_PER_SEC
#define ANSWER_MAX ((size_t)16 << 20)
#define BIT(state) (1U << (state))

/* What is asked for, in this order: what came in time before is shown all the same. */
static const struct kind {
	enum netsock_proto proto;
	uint8_t family, ipproto;
	uint32_t listening, connected; /* states */
} kinds[] = {
	{ NETSOCK_TCP, AF_INET, IPPROTO_TCP, BIT(NETSOCK_LISTEN),
	  0x1fff & ~(BIT(NETSOCK_LISTEN) | BIT(NETSOCK_CLOSE)) },
	{ NETSOCK_TCP, AF_INET6, IPPROTO_TCP, BIT(NETSOCK_LISTEN),
	  0x1fff & ~(BIT(NETSOCK_LISTEN) | BIT(NETSOCK_CLOSE)) },
	{ NETSOCK_UDP, AF_INET, IPPROTO_UDP, BIT(NETSOCK_CLOSE),
	  BIT(NETSOCK_ESTABLISHED) },
	{ NETSOCK_UDP, AF_INET6, IPPROTO_UDP, BIT(NETSOCK_CLOSE),
	  BIT(NETSOCK_ESTABLISHED) },
	{ NETSOCK_RAW, AF_INET, IPPROTO_RAW, BIT(NETSOCK_CLOSE),
	  BIT(NETSOCK_ESTABLISHED) },
	{ NETSOCK_RAW, AF_INET6, IPPROTO_RAW, BIT(NETSOCK_CLOSE),
	  BIT(NETSOCK_ESTABLISHED) },
	/* a datagram socket with a name is in the state CLOSE */
	{ NETSOCK_UNIX, AF_UNIX, 0, BIT(NETSOCK_LISTEN) | BIT(NETSOCK_CLOSE),
	  BIT(NETSOCK_ESTABLISHED) },
};

static struct netlink_request request(const struct kind *k, enum sockdiag_which which)
{
	uint32_t states = which == SOCKDIAG_LISTENING ? k->listening : k->connected;
	struct unix_diag_req u = {
		.sdiag_family = AF_UNIX,
		.udiag_states = states,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN |
			      UDIAG_SHOW_UID,
	};
	struct inet_diag_req_v2 i = {
		.sdiag_family = k->family,
		.sdiag_protocol = k->ipproto,
		.pad = k->proto == NETSOCK_RAW ? IPPROTO_RAW : 0, /* inet_diag_req_raw */
		.idiag_states = states,
	};

	if (k->proto == NETSOCK_UNIX)
		return netlink_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &u, sizeof(u));
	return netlink_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &i, sizeof(i));
}

struct sink {
	const struct kind *kind;
	enum sockdiag_which which;
	struct netsocks l;
};

static int feed(struct span bytes, size_t max, void *io, struct nl_status *st,
		struct err *err)
{
	struct sink *k = io;

	return sockdiag_parse(bytes, k->kind->proto, k->which, max, &k->l, st, err);
}

static void reset(void *io)
{
	struct sink *k = io;

	netsocks_done(&k->l);
}

/* What the child writes for each: this, then the sockets. Both ends are this program. */
struct block {
	uint32_t kind, which;
	int32_t error;
	uint64_t n, more;
	bool atleast, torn;
};

struct visit {
	int ns;
	bool connected;
};

static int ask(struct netlink *nl, uint32_t kind, enum sockdiag_which which, int out)
{
	struct sink k = { .kind = &kinds[kind], .which = which };
	struct netlink_feed f = { feed, reset, SOCKDIAG_MAX, &k };
	struct block b = { .kind = kind, .which = which };
	int r = netlink_ask(nl, request(k.kind, which), true, f, &b.torn, NULL);

	b.atleast = r == -ENOSPC;
	b.error = b.atleast ? 0 : r;
	b.n = b.error ? 0 : k.l.n;
	b.more = b.error ? 0 : k.l.more;
	r = fs_write_all(out, &b, sizeof(b));
	if (r == 0)
		r = fs_write_all(out, k.l.v, b.n * sizeof(*k.l.v));
	netsocks_done(&k.l);
	return r;
}

/*
 * Only the network namespace is entered: no file, no program and no pid of the container
 * is in reach of this process, nor it in theirs.
 */
static int visit_child(int out, void *arg)
{
	const struct visit *v = arg;
	struct netlink nl = { .protocol = NETLINK_SOCK_DIAG,
			      .fd = -1,
			      .offer_bytes = NETLINK_RECV_BYTES };
	int r;

	if (setns(v->ns, CLONE_NEWNET) < 0)
		return -errno;
	r = netlink_socket_open(&nl, NULL);
	for (uint32_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = ask(&nl, i, SOCKDIAG_LISTENING, out);
	for (uint32_t i = 0; r == 0 && v->connected && i < ARRAY_SIZE(kinds); i++)
		r = ask(&nl, i, SOCKDIAG_CONNECTED, out);
	return r;
}

static bool take(struct span *s, void *ret, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(ret, s->p, n);
	s->p += n;
	s->n -= n;
	return true;
}

/* Whole blocks; the number of them, or -EPROTO. */
static int take_blocks(struct span s, struct netsocks *io)
{
	struct block b;
	int n = 0;

	while (take(&s, &b, sizeof(b))) {
		if (b.kind >= ARRAY_SIZE(kinds) || b.n > SOCKDIAG_MAX)
			return -EPROTO;
		if (b.n * sizeof(*io->v) > s.n)
			break; /* it was stopped while it wrote this one */
		io->v = xreallocarray(io->v, io->n + b.n + 1, sizeof(*io->v));
		take(&s, io->v + io->n, b.n * sizeof(*io->v));
		io->n += b.n;
		io->cap = io->n + 1;
		io->more += b.more;
		io->more_atleast |= b.atleast;
		io->torn |= b.torn;
		if (!b.error)
			io->known[kinds[b.kind].proto] = true;
		n++;
	}
	return n;
}

static int cmp(const void *a, const void *b)
{
	return netsock_cmp(a, b);
}

/* A dump has one twice where another one in front of it went away meanwhile. */
static void sort_unique(struct netsocks *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), cmp);
	for (size_t i = 0; i < l->n; i++)
		if (!n || !l->v[i].cookie || netsock_cmp(&l->v[n - 1], &l->v[i]) != 0)
			l->v[n++] = l->v[i];
	l->n = n;
}

static int visit(int ns, bool connected, struct netsocks *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf answer = { 0 };
	_cleanup_(netsocks_done) struct netsocks l = { 0 };
	int want = (int)ARRAY_SIZE(kinds) * (connected ? 2 : 1), n;
	struct visit arg = { ns, connected };
	struct guard g = { 0 };
	bool any = false;
	int r = guard_start(visit_child, &arg, CHILD_USEC, &g, err);

	if (r < 0)
		return r;
	r = guard_collect(&g, ANSWER_MAX, &answer, err);
	n = take_blocks(span_of(buf_str(&answer), answer.n), &l);
	if (n < 0)
		return err_set(err, n, "sock_diag: an answer that is none");
	for (size_t i = 0; i < ARRAY_SIZE(l.known); i++)
		any |= l.known[i];
	if (!any)
		return r < 0 ? err_wrap(err, r, "enter a network namespace")
			     : err_set(err, -EOPNOTSUPP, "the kernel has no sock_diag");
	l.torn |= n < want;
	l.connected_known = connected && n == want;
	sort_unique(&l);
	*ret = l;
	l = (struct netsocks){ 0 };
	return 0;
}

static bool is_of_container(const struct netlink_target *t, uint32_t vmid)
{
	struct span path;
	char buf[16384];
	size_t n;

	return fs_read_small(t->proc, "cgroup", buf, sizeof(buf), &n, NULL) == 0 &&
	       procfs_parse_cgroup(span_of(buf, n), &path) == 0 &&
	       procfs_cgroup_is_ct(path, vmid);
}

int sockdiag_read(const struct netlink *nl, uint32_t vmid, pid_t init, uint64_t ticks,
		  bool connected, struct netsocks *ret, bool *ret_own, struct err *err)
{
	_cleanup_(netlink_target_done) struct netlink_target t = { .proc = -1, .ns = -1 };
	struct netsocks l = { 0 };
	int r = netlink_target_open(nl, init, ticks, &t, err);

	if (r == 0 && !is_of_container(&t, vmid))
		r = err_set(err, -ESRCH, "process %d is not of the container", (int)init);
	if (r < 0)
		return r;
	if (!t.shares_host)
		r = visit(t.ns, connected, &l, err);
	if (r == 0 && !netlink_target_is_same(&t, ticks))
		r = err_set(err, -ESRCH, "process %d ended meanwhile", (int)init);
	if (r < 0) {
		netsocks_done(&l);
		return r;
	}
	*ret = l;
	*ret_own = !t.shares_host;
	return 0;
}

/* Who holds them */

struct look {
	int proc; /* directory fd of /proc */
	const struct procs *p;
};

/* What the child writes for each process: this, then the inodes. */
struct looked {
	uint32_t proc, n;
	uint32_t ns; /* inode of its network namespace, 0: not known */
	bool cut;
};

struct fds {
	int dir;
	size_t left;
	uint32_t *v;
	size_t n, cap;
};

/* The inode that a link stands for. */
static bool read_link(int dir, const char *name, const char *what, uint32_t *ret)
{
	char text[64]; /* of a longer one the end is missing: it is none */
	ssize_t n = readlinkat(dir, name, text, sizeof(text));

	return n > 0 && sockdiag_parse_link(span_of(text, (size_t)n), what, ret);
}

static int one_fd(const char *name, void *arg)
{
	struct fds *f = arg;
	uint32_t inode;

	if (!f->left)
		return -EFBIG;
	f->left--;
	if (read_link(f->dir, name, "socket", &inode)) {
		GROW(f->v, f->n, f->cap);
		f->v[f->n++] = inode;
	}
	return 0;
}

/* /proc/<pid> of that very process, or -1. */
static int open_process(int proc, const struct proc *p)
{
	_cleanup_close_ int dir = -1;
	struct proc_stat st;
	char name[16], text[1024];
	size_t n;

	snprintf(name, sizeof(name), "%d", (int)p->pid);
	if (fs_open(proc, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, &dir, NULL) < 0 ||
	    fs_read_small(dir, "stat", text, sizeof(text), &n, NULL) < 0 ||
	    procfs_parse_stat(span_of(text, n), &st) < 0 ||
	    st.start_ticks != p->start_ticks)
		return -1;
	return take_fd(&dir);
}

static void look_at(const struct look *l, uint32_t i, struct fds *f, struct looked *ret)
{
	_cleanup_close_ int dir = open_process(l->proc, &l->p->v[i]);
	int r;

	*ret = (struct looked){ .proc = i };
	f->n = 0;
	if (dir < 0)
		return;
	read_link(dir, "ns/net", "net", &ret->ns);
	r = fs_open(dir, "fd", O_RDONLY | O_DIRECTORY, &f->dir, NULL);
	if (r < 0)
		return; /* it has ended: it holds none any more */
	ret->cut = fs_each(f->dir, ".", one_fd, f, NULL) == -EFBIG;
	close(f->dir);
	ret->n = (uint32_t)f->n;
}

/*
 * The budget is shared out: a few processes with a million descriptors each must not
 * leave none for the others.
 */
static size_t share(size_t left, size_t procs)
{
	size_t each = left / procs;

	return MIN(MAX(each, (size_t)SOCKDIAG_FDS_LEAST), (size_t)SOCKDIAG_FDS_MOST);
}

static int look_child(int out, void *arg)
{
	const struct look *l = arg;
	size_t budget = SOCKDIAG_FDS;
	struct fds f = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->p->n; i++) {
		size_t mine = share(budget, l->p->n - i);
		struct looked head;

		f.left = mine;
		look_at(l, (uint32_t)i, &f, &head);
		budget -= MIN(budget, mine - f.left);
		r = fs_write_all(out, &head, sizeof(head));
		if (r == 0)
			r = fs_write_all(out, f.v, f.n * sizeof(*f.v));
	}
	free(f.v);
	return r;
}

struct pairs {
	struct sockdiag_held *v;
	size_t n, cap;
	uint32_t *ns; /* of every process */
};

/* How many processes were looked at to the end. */
static size_t take_looked(struct span s, size_t n_procs, struct pairs *io)
{
	struct looked h;
	size_t whole = 0;

	while (take(&s, &h, sizeof(h))) {
		if (h.proc >= n_procs || h.n > s.n / sizeof(uint32_t))
			break;
		for (uint32_t i = 0; i < h.n; i++) {
			struct sockdiag_held pair = { .proc = h.proc };

			take(&s, &pair.inode, sizeof(pair.inode));
			GROW(io->v, io->n, io->cap);
			io->v[io->n++] = pair;
		}
		io->ns[h.proc] = h.ns;
		whole += !h.cut;
	}
	return whole;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Network namespaces besides that of init. */
static uint64_t count_others(const struct procs *p, pid_t init, uint32_t *ns)
{
	uint32_t own = 0, last = 0;
	uint64_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].pid == init)
			own = ns[i];
	if (!own)
		return 0;
	qsort(ns, p->n, sizeof(*ns), cmp_u32);
	for (size_t i = 0; i < p->n; i++) {
		n += ns[i] && ns[i] != own && ns[i] != last;
		last = ns[i];
	}
	return n;
}

int sockdiag_read_owners(int rootfd, const struct procs *p, pid_t init,
			 struct netsocks *io, struct err *err)
{
	_cleanup_(buf_done) struct buf answer = { 0 };
	_cleanup_close_ int proc = -1;
	struct pairs pairs = { 0 };
	struct look look = { .p = p };
	struct guard g = { 0 };
	int r = fs_open(rootfd, "proc", O_PATH | O_DIRECTORY, &proc, err);

	look.proc = proc;
	if (r == 0)
		r = guard_start(look_child, &look, CHILD_USEC, &g, err);
	if (r < 0)
		return r;
	/* what came before the deadline is as good as if it were all */
	(void)guard_collect(&g, ANSWER_MAX, &answer, NULL);
	pairs.ns = xcalloc(p->n ? p->n : 1, sizeof(*pairs.ns));
	io->procs_left = p->left_out + p->n -
			 take_looked(span_of(buf_str(&answer), answer.n), p->n, &pairs);
	io->nested_ns = count_others(p, init, pairs.ns);
	sockdiag_join(p, pairs.v, pairs.n, io);
	free(pairs.v);
	free(pairs.ns);
	return 0;
}
