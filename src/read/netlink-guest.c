/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "read/netlink-int.h"
#include "read/procfs.h"

#define GUEST_LIST 64 /* addresses of a container in a list */
#define CHILD_USEC USEC_PER_SEC

void netlink_target_done(struct netlink_target *t)
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

bool netlink_target_is_same(const struct netlink_target *t, uint64_t ticks)
{
	uint64_t now;

	return start_ticks(t->proc, &now) == 0 && now == ticks;
}

int netlink_target_open(const struct netlink *nl, pid_t init, uint64_t ticks,
			struct netlink_target *ret, struct err *err)
{
	struct netlink_target t = { .proc = -1, .ns = -1 };
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)init);
	t.proc = open(path, O_DIRECTORY | O_CLOEXEC);
	if (t.proc < 0)
		return err_set(err, -ESRCH, "%s: %s", path, strerror(errno));
	if (!netlink_target_is_same(&t, ticks)) {
		netlink_target_done(&t);
		return err_set(err, -ESRCH, "%s is another process by now", path);
	}
	t.ns = openat(t.proc, "ns/net", O_RDONLY | O_CLOEXEC);
	if (t.ns < 0 || fstat(t.ns, &st) < 0) {
		int r = errno == ENOENT ? -ESRCH : -errno;

		netlink_target_done(&t);
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
		r = netlink_dump_links(nl, here, true, NETLINK_GUEST_LINKS, &g->links,
				       NULL);
	if (v->links && r == 0)
		r = netlink_dump_addrs(nl, here, NETLINK_GUEST_ADDRS, &g->addrs, NULL);
	if (r == 0 && v->routes)
		g->routes_known = netlink_dump_routes(nl, AF_INET, NETLINK_GUEST_ROUTES,
						      &g->routes, NULL) == 0 &&
				  netlink_dump_routes(nl, AF_INET6, NETLINK_GUEST_ROUTES,
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
	struct netlink nl = { .fd = -1, .offer_bytes = NETLINK_RECV_BYTES };
	struct netguest g = { 0 };
	int r;

	if (setns(v->ns, CLONE_NEWNET) < 0)
		return -errno;
	r = netlink_socket_open(&nl, NULL);
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
static int read_by_nsid(struct netlink *nl, const struct netlink_target *t,
			struct netguest *io, struct err *err)
{
	int r = netlink_read_nsid(nl, NETNSA_FD, (uint32_t)t->ns, &io->nsid, err);

	if (r < 0 || io->nsid.kind != VAL_SET)
		return r;
	r = netlink_dump_links(nl, io->nsid, true, NETLINK_GUEST_LINKS, &io->links, err);
	if (r == 0)
		r = netlink_dump_addrs(nl, io->nsid, NETLINK_GUEST_ADDRS, &io->addrs,
				       err);
	io->known = r == 0;
	return r;
}

/* By a child what could not be had from here. */
static int read_by_visit(const struct netlink_target *t, bool routes, struct netguest *io,
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
	_cleanup_(netlink_target_done) struct netlink_target t = { .proc = -1, .ns = -1 };
	struct netguest g = { 0 };
	int r = netlink_target_open(nl, init, ticks, &t, err);

	if (r < 0)
		return r;
	g.shares_host = t.shares_host;
	if (!t.shares_host) {
		r = read_by_nsid(nl, &t, &g, err);
		if (r == 0)
			r = read_by_visit(&t, routes, &g, err);
	}
	if (r == 0 && !netlink_target_is_same(&t, ticks))
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
	return nsid.kind == VAL_SET ? netlink_read_name(nl, nsid, ifindex) : xstrdup("");
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
	_cleanup_(netlink_target_done) struct netlink_target t = { .proc = -1, .ns = -1 };
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
		r = netlink_target_open(nl, init, ticks, &t, err);
	if (r < 0)
		return r;
	*ret_known = !t.shares_host;
	return t.shares_host ? 0 : read_by_visit(&t, false, ret, err);
}

int netlink_guest_addrs(struct netlink *nl, pid_t init, struct ct_addr **ret,
			size_t *ret_n, bool *ret_known, struct val *ret_nsid,
			struct err *err)
{
	_cleanup_(netguest_done) struct netguest g = { 0 };
	bool known = true;
	int r = netlink_read_nsid(nl, NETNSA_PID, (uint32_t)init, &g.nsid, err);

	if (r == 0 && g.nsid.kind == VAL_SET) {
		r = netlink_dump_addrs(nl, g.nsid, NETLINK_GUEST_ADDRS, &g.addrs, err);
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
