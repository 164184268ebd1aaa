/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/num.h"
#include "out/netsockview.h"
#include "read/procfs.h"
#include "read/sockdiag.h"

/* Messages as the kernel writes them. */

static size_t begin(struct buf *b, uint16_t type, const void *body, size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_MULTI };
	size_t at = b->n;

	buf_add(b, &h, sizeof(h));
	buf_add(b, body, n);
	return at;
}

static void end(struct buf *b, size_t at)
{
	uint32_t n = (uint32_t)(b->n - at);

	memcpy(b->p + at, &n, sizeof(n));
	while (b->n % 4)
		buf_addc(b, '\0');
}

static void attr(struct buf *b, uint16_t type, const void *p, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type };

	while (b->n % 4)
		buf_addc(b, '\0');
	buf_add(b, &a, sizeof(a));
	buf_add(b, p, n);
}

static struct inet_diag_msg inet(uint8_t state, const char *src, uint16_t port,
				 const char *dst, uint16_t peer)
{
	uint8_t family = strchr(src, ':') ? AF_INET6 : AF_INET;
	struct inet_diag_msg m = {
		.idiag_family = family,
		.idiag_state = state,
		.id = { .idiag_sport = htons(port),
			.idiag_dport = htons(peer),
			.idiag_cookie = { port, 7 } },
		.idiag_uid = 100033,
		.idiag_inode = 5000U + port,
		.idiag_rqueue = 3,
		.idiag_wqueue = 128,
	};

	CHECK(inet_pton(family, src, m.id.idiag_src) == 1, "%s", src);
	CHECK(!dst || inet_pton(family, dst, m.id.idiag_dst) == 1, "%s", dst);
	return m;
}

static void put_inet(struct buf *b, struct inet_diag_msg m, int v6only)
{
	size_t at = begin(b, SOCK_DIAG_BY_FAMILY, &m, sizeof(m));
	uint8_t only = (uint8_t)v6only, shut = 0;

	attr(b, INET_DIAG_SHUTDOWN, &shut, 1);
	if (v6only >= 0)
		attr(b, INET_DIAG_SKV6ONLY, &only, 1);
	end(b, at);
}

static void put_unix(struct buf *b, uint8_t type, uint8_t state, const char *name,
		     size_t n, uint32_t ino)
{
	struct unix_diag_msg m = { .udiag_family = AF_UNIX,
				   .udiag_type = type,
				   .udiag_state = state,
				   .udiag_ino = ino,
				   .udiag_cookie = { ino, 0 } };
	struct unix_diag_rqlen q = { 1, 4096 };
	size_t at = begin(b, SOCK_DIAG_BY_FAMILY, &m, sizeof(m));
	uint32_t peer = 77, uid = 100000;

	if (name)
		attr(b, UNIX_DIAG_NAME, name, n);
	attr(b, UNIX_DIAG_PEER, &peer, 4);
	attr(b, UNIX_DIAG_RQLEN, &q, sizeof(q));
	attr(b, 7, &uid, 4);
	end(b, at);
}

static struct netsocks parse(const struct buf *b, enum netsock_proto proto,
			     enum sockdiag_which which, size_t max)
{
	struct netsocks l = { 0 };
	struct nl_status st = { 0 };
	struct err err = { 0 };

	CHECK(sockdiag_parse(span_of(buf_str(b), b->n), proto, which, max, &l, &st,
			     &err) == 0,
	      "%s", err.msg);
	return l;
}

static void a_listening_socket_has_address_user_and_queue(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(netsocks_done) struct netsocks l = { 0 };
	_cleanup_free_ char *text = NULL;

	put_inet(&b, inet(NETSOCK_LISTEN, "127.0.0.1", 25, NULL, 0), -1);
	l = parse(&b, NETSOCK_TCP, SOCKDIAG_LISTENING, 9);
	CHECK(l.n == 1, "%zu", l.n);
	if (l.n != 1)
		return;
	text = netsock_addr_text(&l.v[0]);
	CHECK_STR(text, "127.0.0.1:25");
	CHECK(netsock_peer_text(&l.v[0]) == NULL, "nobody is there");
	CHECK_U64(l.v[0].inode, 5025);
	CHECK_U64(l.v[0].uid.n, 100033);
	CHECK_U64(l.v[0].recv_q.n, 3);
	CHECK_U64(l.v[0].send_q.n, 128);
	CHECK(l.v[0].cookie == (7ULL << 32 | 25), "%ju", (uintmax_t)l.v[0].cookie);
	CHECK_STR(netsock_state_name(&l.v[0]), "listen");
	CHECK_STR(netsock_proto_name(&l.v[0]), "tcp");
}

static void a_star_is_for_both_families_only(void)
{
	static const struct {
		const char *addr;
		int v6only;
		const char *want;
	} cases[] = {
		{ "0.0.0.0", -1, "0.0.0.0:80" },  { "::", 0, "*:80" },
		{ "::", 1, "[::]:80" },           { "::", -1, "[::]:80" },
		{ "fd00::5", 0, "[fd00::5]:80" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		_cleanup_(netsocks_done) struct netsocks l = { 0 };
		_cleanup_free_ char *text = NULL;

		put_inet(&b, inet(NETSOCK_LISTEN, cases[i].addr, 80, NULL, 0),
			 cases[i].v6only);
		l = parse(&b, NETSOCK_TCP, SOCKDIAG_LISTENING, 9);
		text = l.n ? netsock_addr_text(&l.v[0]) : NULL;
		CHECK_STR(text, cases[i].want);
	}
}

static void connected_and_waiting_ones_are_told_apart(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(netsocks_done) struct netsocks l = { 0 }, c = { 0 }, u = { 0 };
	struct inet_diag_msg gone =
		inet(NETSOCK_TIME_WAIT, "10.0.0.5", 80, "10.0.0.9", 41000);
	_cleanup_free_ char *peer = NULL;

	gone.idiag_inode = gone.idiag_uid = 0;
	put_inet(&b, inet(NETSOCK_LISTEN, "::", 80, NULL, 0), 0);
	put_inet(&b, inet(NETSOCK_ESTABLISHED, "10.0.0.5", 80, "10.0.0.9", 40000), -1);
	put_inet(&b, gone, -1);
	put_inet(&b, inet(NETSOCK_CLOSE, "0.0.0.0", 68, NULL, 0), -1);
	l = parse(&b, NETSOCK_TCP, SOCKDIAG_LISTENING, 9);
	c = parse(&b, NETSOCK_TCP, SOCKDIAG_CONNECTED, 9);
	u = parse(&b, NETSOCK_UDP, SOCKDIAG_LISTENING, 9);
	CHECK(l.n == 1 && l.v[0].state == NETSOCK_LISTEN, "%zu", l.n);
	CHECK(c.n == 2, "%zu", c.n);
	CHECK(u.n == 1 && u.v[0].port == 68, "UDP without a peer: %zu", u.n);
	if (c.n != 2)
		return;
	peer = netsock_peer_text(&c.v[0]);
	CHECK_STR(peer, "10.0.0.9:40000");
	CHECK(c.v[1].uid.kind == VAL_ABSENT, "nobody's any more, not root's");
}

static void unix_names_are_bytes_of_a_length(void)
{
	static const char forged[] = "\0x\n5-fake 1\xff";
	char path[108];
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(netsocks_done) struct netsocks l = { 0 };

	memset(path, 'p', sizeof(path));
	put_unix(&b, SOCK_STREAM, NETSOCK_LISTEN, "/run/x.sock", 12, 1);
	put_unix(&b, SOCK_STREAM, NETSOCK_LISTEN, forged, sizeof(forged) - 1, 2);
	put_unix(&b, SOCK_SEQPACKET, NETSOCK_LISTEN, path, sizeof(path), 3);
	put_unix(&b, SOCK_DGRAM, NETSOCK_CLOSE, "/dev/log", 9, 4);
	put_unix(&b, SOCK_DGRAM, NETSOCK_CLOSE, NULL, 0, 5);
	put_unix(&b, SOCK_STREAM, NETSOCK_LISTEN, "", 0, 6);
	l = parse(&b, NETSOCK_UNIX, SOCKDIAG_LISTENING, 9);
	CHECK(l.n == 5, "%zu", l.n);
	if (l.n != 5)
		return;
	CHECK(l.v[0].name_n == 11 && memcmp(l.v[0].name, "/run/x.sock", 11) == 0,
	      "without its NUL: %u", l.v[0].name_n);
	CHECK(l.v[1].name_n == sizeof(forged) - 1 &&
		      memcmp(l.v[1].name, forged, sizeof(forged) - 1) == 0,
	      "abstract, all of it: %u", l.v[1].name_n);
	CHECK(l.v[2].name_n == 108, "the longest: %u", l.v[2].name_n);
	CHECK_STR(netsock_type_name(&l.v[2]), "seqpacket");
	CHECK(l.v[3].inode == 4 && l.v[4].inode == 6, "no unnamed datagram socket");
	CHECK(l.v[4].name_n == 0, "no name");
	CHECK_U64(l.v[0].peer_inode, 77);
	CHECK_U64(l.v[0].send_q.n, 4096);
	CHECK_U64(l.v[0].uid.n, 100000);
}

static void what_is_above_the_bound_is_counted(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(netsocks_done) struct netsocks l = { 0 };
	struct nl_status st = { 0 };

	for (uint16_t i = 1; i <= 5; i++)
		put_inet(&b, inet(NETSOCK_LISTEN, "0.0.0.0", i, NULL, 0), -1);
	l = parse(&b, NETSOCK_TCP, SOCKDIAG_LISTENING, 2);
	CHECK(l.n == 2 && l.more == 3, "n %zu more %ju", l.n, (uintmax_t)l.more);
	st.messages = SOCKDIAG_MAX_SEEN;
	CHECK(sockdiag_parse(span_of(b.p, b.n), NETSOCK_TCP, SOCKDIAG_LISTENING, 2, &l,
			     &st, NULL) == -ENOSPC,
	      "no end of them");
}

static void the_kernels_answers_are_data(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct netsocks l = { 0 };
	struct nl_status st = { 0 };
	int32_t code = -ENOENT;

	end(&b, begin(&b, NLMSG_ERROR, &code, sizeof(code)));
	CHECK(sockdiag_parse(span_of(b.p, b.n), NETSOCK_RAW, SOCKDIAG_LISTENING, 9, &l,
			     &st, NULL) == 0,
	      "no handler is no fault of the message");
	CHECK(st.error == -ENOENT && l.n == 0, "%d", st.error);
	st = (struct nl_status){ 0 };
	CHECK(sockdiag_parse(span_of("", 0), NETSOCK_RAW, SOCKDIAG_LISTENING, 9, &l, &st,
			     NULL) == 0 &&
		      !st.done,
	      "nothing is nothing");
}

static void cut_off_is_an_error_and_never_more(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	put_inet(&b, inet(NETSOCK_LISTEN, "::", 80, NULL, 0), 0);
	put_unix(&b, SOCK_STREAM, NETSOCK_LISTEN, "/run/x.sock", 12, 1);
	for (size_t n = 0; n < b.n; n++)
		for (unsigned k = 0; k < 2; k++) {
			_cleanup_(netsocks_done) struct netsocks l = { 0 };
			/* a copy of its own size: what is read beyond is seen */
			_cleanup_free_ char *copy = xmalloc(n + 1);
			struct nl_status st = { 0 };

			memcpy(copy, b.p, n);
			if (n > 20 && k)
				copy[n - 1 - n % 19] ^= (char)(n * 37);
			sockdiag_parse(span_of(copy, n), k ? NETSOCK_UNIX : NETSOCK_TCP,
				       SOCKDIAG_LISTENING, 9, &l, &st, NULL);
		}
}

static void only_a_socket_is_a_socket(void)
{
	static const char *const no[] = {
		"",
		"socket:[]",
		"socket:[0]",
		"socket:[12",
		"socket:[12] (deleted)",
		"socket:[12]x]",
		"socket:[4294967296]",
		"socket:[-1]",
		"/tmp/socket:[12]",
		"pipe:[12]",
		"Socket:[12]",
		"net:[12]",
	};
	uint32_t inode = 7;

	CHECK(sockdiag_parse_link(span_str("socket:[12]"), "socket", &inode) &&
		      inode == 12,
	      "%u", inode);
	CHECK(sockdiag_parse_link(span_str("socket:[4294967295]"), "socket", &inode) &&
		      inode == UINT32_MAX,
	      "%u", inode);
	CHECK(sockdiag_parse_link(span_str("net:[4026531840]"), "net", &inode) &&
		      inode == 4026531840U,
	      "%u", inode);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		CHECK(!sockdiag_parse_link(span_str(no[i]), "socket", &inode), "%s",
		      no[i]);
}

static void sockets_get_their_processes(void)
{
	static char master[] = "nginx", php[] = "php-fpm", cgroup[] = "nginx.service";
	struct proc procs[] = {
		{ .pid = 900,
		  .ct_pid = 90,
		  .comm = master,
		  .comm_n = 5,
		  .where = { .unit = { cgroup, sizeof(cgroup) - 1 } } },
		{ .pid = 901, .comm = master, .comm_n = 5 },
		{ .pid = 950,
		  .comm = php,
		  .comm_n = 7,
		  .where = { .container = { cgroup, 5 }, .container_kind = CGK_DOCKER } },
	};
	struct procs p = { .v = procs, .n = 3 };
	struct sockdiag_held pairs[] = {
		{ 30, 2 }, { 10, 1 }, { 10, 0 }, { 10, 0 }, { 99, 2 }, { 10, 7 },
	};
	_cleanup_(netsocks_done) struct netsocks l = { 0 };

	l.v = xcalloc(4, sizeof(*l.v));
	l.n = 4;
	l.v[0].inode = 10;
	l.v[1].inode = 20;
	l.v[2].inode = 30;
	sockdiag_join(&p, pairs, ARRAY_SIZE(pairs), &l);
	CHECK(l.owners_known && l.n_owners == 3, "%zu", l.n_owners);
	CHECK(l.v[0].n_held == 2, "shared by two, the one nobody knows left out: %zu",
	      l.v[0].n_held);
	CHECK(l.v[1].n_held == 0, "nobody was found: %zu", l.v[1].n_held);
	CHECK(l.v[3].n_held == 0, "an inode of 0 is no inode: %zu", l.v[3].n_held);
	if (l.v[0].n_held != 2 || l.v[2].n_held != 1)
		return;
	CHECK(l.owners[l.held[l.v[0].first_held]].pid == 900, "the first of them");
	CHECK_STR(l.owners[l.held[l.v[0].first_held]].unit, "nginx.service");
	CHECK(l.owners[l.held[l.v[2].first_held]].pid == 950, "php");
	CHECK_STR(l.owners[l.held[l.v[2].first_held]].nested_kind, "docker");
	CHECK(l.owners[l.held[l.v[2].first_held]].unit == NULL, "no unit");
}

/* This very process: it knows what it holds. */
static void descriptors_of_a_process_are_looked_through(void)
{
	_cleanup_close_ int root = -1, s = socket(AF_UNIX, SOCK_STREAM, 0);
	_cleanup_(netsocks_done) struct netsocks l = { 0 };
	struct proc self = { .pid = getpid(), .comm = NULL };
	struct procs p = { .v = &self, .n = 1 };
	struct proc_stat st = { 0 };
	struct err err = { 0 };
	struct stat sb;
	char text[1024];

	CHECK(fs_open_root("/", &root, &err) == 0, "%s", err.msg);
	CHECK(s >= 0 && fstat(s, &sb) == 0, "socket");
	CHECK(procfs_read_stat(root, getpid(), text, sizeof(text), &st, &err) == 0, "%s",
	      err.msg);
	self.start_ticks = st.start_ticks;
	l.v = xcalloc(1, sizeof(*l.v));
	l.n = 1;
	l.v[0].inode = (uint32_t)sb.st_ino;
	CHECK(sockdiag_read_owners(root, &p, getpid(), &l, &err) == 0, "%s", err.msg);
	CHECK(l.v[0].n_held == 1, "%zu", l.v[0].n_held);
	CHECK_U64(l.procs_left, 0);
	CHECK_U64(l.nested_ns, 0);
	netsocks_done(&l);
	/* the same pid, another process */
	self.start_ticks++;
	l.v = xcalloc(1, sizeof(*l.v));
	l.n = 1;
	l.v[0].inode = (uint32_t)sb.st_ino;
	CHECK(sockdiag_read_owners(root, &p, getpid(), &l, &err) == 0, "%s", err.msg);
	CHECK(l.v[0].n_held == 0, "not its socket");
}

static void they_are_shown_in_one_order(void)
{
	struct netsock a = { .proto = NETSOCK_TCP, .state = NETSOCK_LISTEN, .port = 80 };
	struct netsock b = { .proto = NETSOCK_UDP, .state = NETSOCK_CLOSE, .port = 53 };
	struct netsock c = { .proto = NETSOCK_TCP,
			     .state = NETSOCK_ESTABLISHED,
			     .port = 22 };

	CHECK(netsock_cmp(&a, &b) < 0 && netsock_cmp(&b, &a) > 0, "TCP first");
	CHECK(netsock_cmp(&b, &c) < 0, "what listens first");
	CHECK(netsock_cmp(&a, &a) == 0, "itself");
}

static char *page_of(const struct netsocks *l)
{
	struct table_opts o = { 0 };
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	netsocks_print(f, &o, l);
	fclose(f);
	return text;
}

static void a_page_has_a_line_for_each_process(void)
{
	static char nginx[] = "ng\x1b[2Jinx", init[] = "systemd";
	struct netsock_owner owners[] = {
		{ .pid = 800, .ct_pid = 1, .comm = init, .comm_n = 7 },
		{ .pid = 900, .ct_pid = 90, .comm = nginx, .comm_n = 9, .unit = init },
		{ .pid = 901, .ct_pid = 91, .comm = nginx, .comm_n = 9 },
	};
	uint32_t held[] = { 0, 1, 2, 1, 2 };
	struct netsock v[] = {
		{ .family = AF_INET, .state = NETSOCK_LISTEN, .port = 80, .n_held = 3 },
		{ .family = AF_INET6,
		  .state = NETSOCK_LISTEN,
		  .port = 443,
		  .n_held = 2,
		  .first_held = 3,
		  .v6only = { .kind = VAL_SET } },
		{ .family = AF_INET, .state = NETSOCK_LISTEN, .port = 22 },
		{ .proto = NETSOCK_UDP,
		  .family = AF_INET,
		  .state = NETSOCK_CLOSE,
		  .port = 68 },
		{ .proto = NETSOCK_UNIX,
		  .family = AF_UNIX,
		  .state = NETSOCK_LISTEN,
		  .type = SOCK_STREAM },
		{ .family = AF_INET, .state = NETSOCK_ESTABLISHED, .port = 22 },
	};
	struct netsocks l = { .v = v,
			      .n = ARRAY_SIZE(v),
			      .owners = owners,
			      .n_owners = 3,
			      .held = held,
			      .n_held = 5,
			      .owners_known = true,
			      .more = 7,
			      .nested_ns = 2 };
	_cleanup_free_ char *text = page_of(&l);

	CHECK_STR(text, "\nListening inside\n"
			"  ng\\x1b[2Jinx (900 and 2 more, systemd): tcp 0.0.0.0:80\n"
			"  ng\\x1b[2Jinx (900 and 1 more, systemd): tcp *:443\n"
			"  no process found: tcp 0.0.0.0:22, udp 0.0.0.0:68\n"
			"  1 unix socket (--sockets)\n"
			"  and 7 more sockets\n"
			"  its processes are in 2 more network namespaces, not shown\n");
}

static void a_page_without_sockets_says_so(void)
{
	struct netsocks l = { .owners_known = true };
	_cleanup_free_ char *text = page_of(&l);

	CHECK_STR(text, "\nListening inside\n  none\n");
}

static void a_page_ends_somewhere(void)
{
	struct netsock *v = xcalloc(3000, sizeof(*v));
	struct netsocks l = { .v = v, .n = 3000, .owners_known = true };
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < l.n; i++)
		v[i] = (struct netsock){ .family = AF_INET,
					 .state = NETSOCK_LISTEN,
					 .port = (uint16_t)(i + 1) };
	text = page_of(&l);
	CHECK(strlen(text) < 2000 && strstr(text, "and 2976 more"), "%s", text);
	free(v);
}

int main(void)
{
	RUN(a_listening_socket_has_address_user_and_queue);
	RUN(a_star_is_for_both_families_only);
	RUN(connected_and_waiting_ones_are_told_apart);
	RUN(unix_names_are_bytes_of_a_length);
	RUN(what_is_above_the_bound_is_counted);
	RUN(the_kernels_answers_are_data);
	RUN(cut_off_is_an_error_and_never_more);
	RUN(only_a_socket_is_a_socket);
	RUN(sockets_get_their_processes);
	RUN(descriptors_of_a_process_are_looked_through);
	RUN(they_are_shown_in_one_order);
	RUN(a_page_has_a_line_for_each_process);
	RUN(a_page_without_sockets_says_so);
	RUN(a_page_ends_somewhere);
	return DONE();
}
