/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the rtnetlink readers say, as plain lines for tests/live/test-network.sh; records
 * the dumps of tests/fixtures/netlink; measures the reader against the bare system calls.
 *
 *	netprobe links | vlans | rate NAME | guest PID | addrs PID
 *	netprobe record links|addrs|routes|vlans|qdiscs|classes|filters [NAME] >FILE
 *	netprobe bench PID...
 *	netprobe hold N		N processes in new network namespaces; prints their pids
 *				and keeps them until its output is closed
 *	netprobe forge		is what another process sends us taken for an answer?
 */
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "out/text.h"
#include "read/netlink.h"
#include "read/procfs.h"

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "netprobe: %s: %s\n", what, err->msg);
	exit(1);
}

static void put_name(struct tbytes t)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, t, false);
	printf("%s", buf_str(&b));
}

static void print_links(const struct netifs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct netif *n = &l->v[i];
		struct netdev_id id = netdev_parse_name(netif_name(n));
		_cleanup_free_ char *mac = netif_mac_text(n->mac, n->mac_n);

		printf("link ");
		put_name(netif_name(n));
		printf(" index=%u kind=%s slave=%s master=%u peer=%u nsid=%s%ju mac=%s "
		       "mtu=%u "
		       "state=%s up=%d carrier=%d stats=%d rx=%ju tx=%ju vmid=%u net=%u "
		       "role=%d vlan_filtering=%d\n",
		       n->ifindex, n->kind, n->slave_kind, n->master, n->link,
		       n->link_netnsid.kind == VAL_SET ? "" : "none",
		       (uintmax_t)n->link_netnsid.n, mac ? mac : "", n->mtu,
		       netif_operstate_name(n->operstate), n->up, n->carrier,
		       n->has_stats, (uintmax_t)n->stats.rx_bytes,
		       (uintmax_t)n->stats.tx_bytes, id.vmid, id.net, (int)id.role,
		       (int)n->vlan_filtering.kind);
	}
	printf("links %zu more %ju torn %d\n", l->n, (uintmax_t)l->more, l->torn);
}

static void do_links(struct netlink *nl)
{
	_cleanup_(netifs_done) struct netifs l = { 0 };
	struct err err = { 0 };

	if (netlink_read_links(nl, true, &l, &err) < 0)
		die("links", &err);
	print_links(&l);
}

static void do_vlans(struct netlink *nl)
{
	_cleanup_(netvlans_done) struct netvlans l = { 0 };
	struct err err = { 0 };

	if (netlink_read_bridge_vlans(nl, &l, &err) < 0)
		die("vlans", &err);
	for (size_t i = 0; i < l.n; i++)
		printf("vlan index=%u master=%u %u-%u pvid=%d untagged=%d\n",
		       l.v[i].ifindex, l.v[i].master, l.v[i].first, l.v[i].last,
		       l.v[i].pvid, l.v[i].untagged);
	printf("vlans %zu\n", l.n);
}

static void do_rate(struct netlink *nl, const char *name)
{
	struct netrate rate = { 0 };
	struct err err = { 0 };

	if (netlink_read_rate(nl, if_nametoindex(name), &rate, &err) < 0)
		die("rate", &err);
	printf("rate to=%ju%s from=%ju%s\n", (uintmax_t)rate.to_guest_bytes_per_sec.n,
	       rate.to_guest_bytes_per_sec.kind == VAL_SET ? "" : "(none)",
	       (uintmax_t)rate.from_guest_bytes_per_sec.n,
	       rate.from_guest_bytes_per_sec.kind == VAL_SET ? "" : "(none)");
}

static uint64_t ticks_of(pid_t pid)
{
	struct proc_stat st = { 0 };
	struct err err = { 0 };
	char text[1024];
	int root;

	if (fs_open_root("/", &root, &err) < 0 ||
	    procfs_read_stat(root, pid, text, sizeof(text), &st, &err) < 0)
		die("stat", &err);
	close(root);
	return st.start_ticks;
}

static void do_guest(struct netlink *nl, pid_t pid)
{
	_cleanup_(netguest_done) struct netguest g = { 0 };
	struct err err = { 0 };

	if (netlink_read_guest(nl, pid, ticks_of(pid), true, &g, &err) < 0)
		die("guest", &err);
	printf("guest known=%d shares_host=%d entered=%d routes_known=%d\n", g.known,
	       g.shares_host, g.entered, g.routes_known);
	print_links(&g.links);
	for (size_t i = 0; i < g.addrs.n; i++) {
		const struct netaddr *a = &g.addrs.v[i];
		_cleanup_free_ char *t = netaddr_text(a->family, a->addr);

		printf("addr index=%u %s/%u scope=%u dynamic=%d dadfailed=%d\n",
		       a->ifindex, t, a->prefix_len, a->scope, a->dynamic, a->dad_failed);
	}
	printf("addrs %zu more %ju\n", g.addrs.n, (uintmax_t)g.addrs.more);
	for (size_t i = 0; i < g.routes.n; i++) {
		const struct netroute *t = &g.routes.v[i];
		_cleanup_free_ char *dst = netaddr_text(t->family, t->dst);
		_cleanup_free_ char *gw = netaddr_text(t->gw_family, t->gw);

		printf("route %s/%u via %s dev %u table %u hops %u\n", dst, t->dst_len,
		       t->has_gw ? gw : "-", t->oif, t->table, t->n_hops);
	}
	printf("routes %zu more %ju\n", g.routes.n, (uintmax_t)g.routes.more);
}

static int read_addrs(struct netlink *nl, pid_t pid, bool print)
{
	struct ct_addr *v = NULL;
	struct err err = { 0 };
	bool known = false;
	size_t n = 0;
	struct val nsid = { 0 }, own = { 0 };
	int r = netlink_guest_addrs(nl, pid, &v, &n, &known, &nsid, &err);

	if (r == 0 && netlink_own_nsid(nl, &own, NULL) == 0 && own.kind == VAL_SET &&
	    nsid.kind == VAL_SET && own.n == nsid.n)
		known = false;
	if (r < 0 && print)
		die("addrs", &err);
	if (print)
		printf("addrs %zu known=%d\n", n, known);
	for (size_t i = 0; i < n; i++) {
		if (print) {
			put_name(tbytes_str(v[i].ifname));
			printf(" %s\n", v[i].address);
		}
		free(v[i].ifname);
		free(v[i].address);
	}
	free(v);
	return r;
}

/* Bare system calls: recorder and floor. */

static int raw_socket(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, 12, &on, sizeof(on)) < 0) {
		perror("netlink");
		exit(1);
	}
	return fd;
}

struct raw {
	_Alignas(struct nlmsghdr) uint8_t p[64];
	uint32_t n;
};

static struct raw raw_request(uint16_t type, uint16_t flags, const void *body, size_t n,
			      uint16_t attr, uint32_t value)
{
	struct nlattr a = { .nla_len = 8, .nla_type = attr };
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct raw r = { .n = (uint32_t)(sizeof(h) + ((n + 3) & ~3UL)) };

	memcpy(r.p + sizeof(h), body, n);
	if (attr) {
		memcpy(r.p + r.n, &a, sizeof(a));
		memcpy(r.p + r.n + sizeof(a), &value, sizeof(value));
		r.n += 8;
	}
	h.nlmsg_len = r.n;
	memcpy(r.p, &h, sizeof(h));
	return r;
}

static char in[1 << 16];

static bool raw_is_done(size_t n, struct nlmsghdr *h)
{
	for (size_t at = 0; at + sizeof(*h) <= n; at += (h->nlmsg_len + 3U) & ~3U) {
		memcpy(h, in + at, sizeof(*h));
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return true;
	}
	return false;
}

static void do_record(const char *what, const char *name)
{
	int index = name ? (int)if_nametoindex(name) : 0;
	struct ifinfomsg li = { 0 }, br = { .ifi_family = AF_BRIDGE };
	struct ifaddrmsg ad = { 0 };
	struct rtmsg rt = { 0 };
	struct tcmsg tc = { .tcm_ifindex = index };
	struct tcmsg fi = { .tcm_ifindex = index, .tcm_parent = 0xffff0000 };
	const struct {
		const char *what;
		struct raw rq;
	} kinds[] = {
		{ "links", raw_request(RTM_GETLINK, NLM_F_DUMP, &li, sizeof(li), 0, 0) },
		{ "addrs", raw_request(RTM_GETADDR, NLM_F_DUMP, &ad, sizeof(ad), 0, 0) },
		{ "routes",
		  raw_request(RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt), 0, 0) },
		{ "vlans",
		  raw_request(RTM_GETLINK, NLM_F_DUMP, &br, sizeof(br), IFLA_EXT_MASK,
			      RTEXT_FILTER_BRVLAN_COMPRESSED | RTEXT_FILTER_SKIP_STATS) },
		{ "qdiscs",
		  raw_request(RTM_GETQDISC, NLM_F_DUMP, &tc, sizeof(tc), 0, 0) },
		{ "classes",
		  raw_request(RTM_GETTCLASS, NLM_F_DUMP, &tc, sizeof(tc), 0, 0) },
		{ "filters",
		  raw_request(RTM_GETTFILTER, NLM_F_DUMP, &fi, sizeof(fi), 0, 0) },
	};
	int fd = raw_socket();
	struct nlmsghdr h;
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!str_eq(kinds[i].what, what))
			continue;
		if (send(fd, kinds[i].rq.p, kinds[i].rq.n, 0) < 0)
			perror("send");
		do {
			n = recv(fd, in, sizeof(in), 0);
			if (n > 0)
				fwrite(in, 1, (size_t)n, stdout);
		} while (n > 0 && !raw_is_done((size_t)n, &h));
	}
	close(fd);
}

static void floor_one(int fd, pid_t pid)
{
	struct rtgenmsg gen = { 0 };
	struct ifaddrmsg ad = { 0 };
	struct raw rq =
		raw_request(RTM_GETNSID, 0, &gen, sizeof(gen), NETNSA_PID, (uint32_t)pid);
	struct nlmsghdr h;
	uint32_t id;
	ssize_t n;

	if (send(fd, rq.p, rq.n, 0) < 0 || recv(fd, in, sizeof(in), 0) < 28)
		exit(1);
	memcpy(&id, in + sizeof(h) + 4 + 4, sizeof(id));
	rq = raw_request(RTM_GETADDR, NLM_F_DUMP, &ad, sizeof(ad), IFA_TARGET_NETNSID,
			 id);
	if (send(fd, rq.p, rq.n, 0) < 0)
		exit(1);
	do
		n = recv(fd, in, sizeof(in), 0);
	while (n > 0 && !raw_is_done((size_t)n, &h));
}

static void do_bench(struct netlink *nl, int n, char **pids)
{
	_cleanup_free_ pid_t *v = xcalloc((size_t)n, sizeof(*v));
	uint64_t best[2] = { UINT64_MAX, UINT64_MAX };
	int fd = raw_socket();

	for (int i = 0; i < n; i++) {
		uint32_t u = 0;

		num_parse_u32(span_str(pids[i]), &u);
		v[i] = (pid_t)u;
	}
	for (int round = 0; round < 11; round++) {
		uint64_t t0 = clock_mono_usec(), t1, t2;

		for (int i = 0; i < n; i++)
			floor_one(fd, v[i]);
		t1 = clock_mono_usec();
		for (int i = 0; i < n; i++)
			read_addrs(nl, v[i], false);
		t2 = clock_mono_usec();
		best[0] = MIN(best[0], t1 - t0);
		best[1] = MIN(best[1], t2 - t1);
	}
	printf("bench %d namespaces: floor %ju us, reader %ju us (best of 11)\n", n,
	       (uintmax_t)best[0], (uintmax_t)best[1]);
	close(fd);
}

static void do_hold(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int p[2];
		char c;
		pid_t pid;

		if (pipe(p) < 0)
			exit(1);
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (unshare(CLONE_NEWNET) < 0 || write(p[1], "x", 1) != 1)
				_exit(1);
			pause();
			_exit(0);
		}
		if (pid < 0 || read(p[0], &c, 1) != 1)
			exit(1);
		close(p[0]);
		close(p[1]);
		printf("%d\n", (int)pid);
	}
	fflush(stdout);
	/* until nobody reads the pids any more; the processes end with this one */
	poll(&(struct pollfd){ .fd = STDOUT_FILENO }, 1, -1);
}

/* The port of the reader's socket: the only netlink socket that is open. */
static uint32_t port_of_reader(void)
{
	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_nl sa = { 0 };
		socklen_t len = sizeof(sa);

		if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
		    sa.nl_family == AF_NETLINK)
			return sa.nl_pid;
	}
	return 0;
}

/*
 * Root of a network namespace may send to any port in it: answers lie in the reader's
 * socket before it asks, with every number that it may be about to use.
 */
static void do_forge(struct netlink *nl)
{
	static const char name[16] = "forged0";
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port_of_reader() };
	_cleanup_(netifs_done) struct netifs l = { 0 };
	struct ifinfomsg m = { .ifi_index = 666 };
	struct nlattr a = { sizeof(a) + sizeof(name), IFLA_IFNAME };
	struct err err = { 0 };
	int fd = raw_socket(), sent = 0;

	for (uint32_t seq = 1; seq < 32; seq++) {
		struct nlmsghdr h = { 52, RTM_NEWLINK, NLM_F_MULTI, seq, 0 };
		struct nlmsghdr done = { 20, NLMSG_DONE, NLM_F_MULTI, seq, 0 };
		uint8_t p[72] = { 0 };

		memcpy(p, &h, 16);
		memcpy(p + 16, &m, 16);
		memcpy(p + 32, &a, 4);
		memcpy(p + 36, name, 16);
		memcpy(p + 52, &done, 16);
		sent += sendto(fd, p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&to,
			       sizeof(to)) == sizeof(p);
	}
	close(fd);
	if (netlink_read_links(nl, false, &l, &err) < 0)
		die("links", &err);
	printf("forge: %d sent, %s\n", sent,
	       netifs_find_name(&l, "forged0") ? "believed" : "not believed");
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : NULL;
	struct netlink *nl = NULL;
	struct err err = { 0 };
	uint32_t n = 0;

	if (str_eq(cmd, "record")) {
		do_record(arg ? arg : "", argc > 3 ? argv[3] : NULL);
		return 0;
	}
	if (arg)
		num_parse_u32(span_str(arg), &n);
	if (str_eq(cmd, "hold")) {
		do_hold(n);
		return 0;
	}
	if (netlink_open(&nl, &err) < 0)
		die("open", &err);
	if (str_eq(cmd, "links"))
		do_links(nl);
	else if (str_eq(cmd, "vlans"))
		do_vlans(nl);
	else if (str_eq(cmd, "rate") && arg)
		do_rate(nl, arg);
	else if (str_eq(cmd, "guest") && arg)
		do_guest(nl, (pid_t)n);
	else if (str_eq(cmd, "addrs") && arg)
		read_addrs(nl, (pid_t)n, true);
	else if (str_eq(cmd, "forge"))
		do_forge(nl);
	else if (str_eq(cmd, "bench") && arg)
		do_bench(nl, argc - 2, argv + 2);
	else
		return 2;
	netlink_close(nl);
	return 0;
}
