/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/netsockview.h"

#include <sys/socket.h>

#include "base/num.h"
#include "out/netviewimpl.h"
#include "out/text.h"

#define MAX_GROUPS 64 /* a page: --sockets and --json have all of it */
#define MAX_SHOWN  24

/*
 * Of several that hold it, one: what systemd passes on it holds, too, so rather another
 * than the first process of the container, and else the one with the lowest pid.
 */
static const struct netsock_owner *main_owner(const struct netsocks *l,
					      const struct netsock *s)
{
	const struct netsock_owner *first = NULL;

	for (size_t i = 0; i < s->n_held; i++) {
		const struct netsock_owner *o = &l->owners[l->held[s->first_held + i]];

		if (o->ct_pid != 1)
			return o;
		first = first ? first : o;
	}
	return first;
}

static struct tbytes comm_of(const struct netsock_owner *o)
{
	return (struct tbytes){ (const uint8_t *)o->comm, o->comm_n };
}

/* Not escaped: "docker:3f2a8c0d9b1e/x.service". */
static void put_unit(struct buf *b, const struct netsock_owner *o)
{
	if (o->nested)
		buf_addf(b, "%s:%s%s", o->nested_kind, o->nested, o->unit ? "/" : "");
	if (o->unit)
		buf_adds(b, o->unit);
}

/* A path as it is, an abstract name with '@' in the place of its NUL; not escaped. */
static void put_name(struct buf *b, const struct netsock *s)
{
	size_t skip = s->name_n && !s->name[0];

	if (skip)
		buf_addc(b, '@');
	buf_add(b, s->name + skip, s->name_n - skip);
}

static void put_addr(struct buf *b, const struct netsock *s)
{
	_cleanup_free_ char *text = netsock_addr_text(s);

	if (text)
		buf_adds(b, text);
	else
		put_name(b, s);
}

/* ---- the page ---- */

struct group {
	const struct netsocks *l;
	const struct netsock_owner *owner;
	size_t n_held;
	struct buf line;
	size_t n;
};

static void begin_group(struct group *g, const struct netsock *s)
{
	_cleanup_(buf_done) struct buf unit = { 0 };

	g->owner = main_owner(g->l, s);
	g->n_held = s->n_held;
	g->n = g->line.n = 0;
	if (!g->owner) {
		buf_adds(&g->line, g->l->owners_known ? "no process found:" : "sockets:");
		return;
	}
	text_escape(&g->line, comm_of(g->owner), false);
	buf_addf(&g->line, " (%d", g->owner->pid);
	if (g->n_held > 1)
		buf_addf(&g->line, " and %zu more", g->n_held - 1);
	put_unit(&unit, g->owner);
	if (unit.n) {
		buf_adds(&g->line, ", ");
		text_escape(&g->line,
			    (struct tbytes){ (const uint8_t *)unit.p, (uint32_t)unit.n },
			    false);
	}
	buf_adds(&g->line, "):");
}

static bool is_in_group(const struct group *g, const struct netsock *s)
{
	return s->n_held == g->n_held && main_owner(g->l, s) == g->owner;
}

static void add_to_group(struct group *g, const struct netsock *s)
{
	if (g->n++ >= MAX_SHOWN)
		return;
	buf_addf(&g->line, "%s %s ", g->n > 1 ? "," : "", netsock_proto_name(s));
	put_addr(&g->line, s);
}

static void end_group(FILE *f, const struct table_opts *o, struct group *g)
{
	if (g->n > MAX_SHOWN)
		buf_addf(&g->line, " and %zu more", g->n - MAX_SHOWN);
	fputs("  ", f);
	netview_put_wrapped(f, o, buf_str(&g->line), 2, 6);
}

static bool is_on_page(const struct netsock *s)
{
	return s->proto != NETSOCK_UNIX && netsock_listens(s);
}

/* How many sockets there was no room for. */
static size_t print_groups(FILE *f, const struct table_opts *o, const struct netsocks *l)
{
	_cleanup_free_ bool *done = xcalloc(l->n + 1, sizeof(*done));
	struct group g = { .l = l };
	size_t groups = 0, left = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (done[i] || !is_on_page(&l->v[i]))
			continue;
		if (groups++ >= MAX_GROUPS) {
			left++;
			continue;
		}
		begin_group(&g, &l->v[i]);
		for (size_t k = i; k < l->n; k++) {
			if (done[k] || !is_on_page(&l->v[k]) ||
			    !is_in_group(&g, &l->v[k]))
				continue;
			done[k] = true;
			add_to_group(&g, &l->v[k]);
		}
		end_group(f, o, &g);
	}
	buf_done(&g.line);
	return left;
}

static size_t count_unix(const struct netsocks *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->v[i].proto == NETSOCK_UNIX && netsock_listens(&l->v[i]);
	return n;
}

/* What is missing, so that nobody takes it for all. */
static void print_gaps(FILE *f, const struct netsocks *l)
{
	if (l->more)
		fprintf(f, "  and %s%ju more sockets\n",
			l->more_atleast ? "at least " : "", (uintmax_t)l->more);
	else if (l->more_atleast)
		fputs("  and more sockets: there are too many\n", f);
	if (l->torn)
		fputs("  not all could be read in time\n", f);
	if (l->procs_left)
		fprintf(f,
			"  %ju processes were not looked through: a socket may be theirs\n",
			(uintmax_t)l->procs_left);
	if (l->nested_ns)
		fprintf(f,
			"  its processes are in %ju more network namespaces, not shown\n",
			(uintmax_t)l->nested_ns);
}

void netsocks_print(FILE *f, const struct table_opts *o, const struct netsocks *l)
{
	size_t n_unix = count_unix(l), left;
	bool any = n_unix;

	for (size_t i = 0; i < l->n && !any; i++)
		any = is_on_page(&l->v[i]);
	fputs("\nListening inside\n", f);
	left = print_groups(f, o, l);
	if (left)
		fprintf(f, "  and %zu more of other processes (--sockets)\n", left);
	if (n_unix)
		fprintf(f, "  %zu unix socket%s (--sockets)\n", n_unix,
			n_unix == 1 ? "" : "s");
	if (!any && !l->torn)
		fputs("  none\n", f);
	print_gaps(f, l);
}

/* ---- JSON ---- */

static void json_owner(struct jw *w, const struct netsock_owner *o)
{
	jw_obj(w, NULL);
	jw_int(w, "pid", (uint64_t)o->pid);
	if (o->ct_pid)
		jw_int(w, "cpid", (uint64_t)o->ct_pid);
	jw_text(w, "name", comm_of(o));
	if (o->unit)
		jw_text(w, "unit", tbytes_str(o->unit));
	if (o->nested) {
		jw_obj(w, "nested");
		jw_str(w, "kind", o->nested_kind);
		jw_text(w, "name", tbytes_str(o->nested));
		jw_end(w);
	}
	jw_end(w);
}

static bool has_peer(const struct netsock *s)
{
	_cleanup_free_ char *text = netsock_peer_text(s);

	return text != NULL;
}

static void json_endpoint(struct jw *w, const struct netsock *s)
{
	_cleanup_free_ char *ip = netaddr_text(s->family, s->addr);
	_cleanup_free_ char *peer = NULL;

	jw_str(w, "address", ip);
	if (s->proto == NETSOCK_RAW)
		jw_int(w, "ip_protocol", s->port);
	else if (s->port)
		jw_int(w, "port", s->port);
	if (s->v6only.kind == VAL_SET)
		jw_bool(w, "v6only", s->v6only.n != 0);
	if (!has_peer(s))
		return;
	peer = netaddr_text(s->family, s->peer);
	jw_obj(w, "peer");
	jw_str(w, "address", peer);
	if (s->proto != NETSOCK_RAW)
		jw_int(w, "port", s->peer_port);
	jw_end(w);
}

static void json_unix(struct jw *w, const struct netsock *s)
{
	struct tbytes name = netsock_name(s);

	jw_str(w, "type", netsock_type_name(s));
	if (name.n && name.p[0])
		jw_text(w, "path", name);
	else if (name.n)
		jw_text(w, "abstract", (struct tbytes){ name.p + 1, name.n - 1 });
	if (s->peer_inode)
		jw_int(w, "peer_inode", s->peer_inode);
}

static const char *family_name(const struct netsock *s)
{
	return s->family == AF_INET ? "inet" : s->family == AF_INET6 ? "inet6" : "unix";
}

static void json_socket(struct jw *w, const struct netsocks *l, const struct netsock *s,
			const struct netifs *links)
{
	const struct netif *dev = links ? netifs_find(links, s->ifindex) : NULL;

	jw_obj(w, NULL);
	jw_str(w, "protocol", netsock_proto_name(s));
	jw_str(w, "family", family_name(s));
	jw_str(w, "state", netsock_state_name(s));
	if (s->proto == NETSOCK_UNIX)
		json_unix(w, s);
	else
		json_endpoint(w, s);
	if (dev)
		jw_text(w, "device", netif_name(dev));
	if (s->inode)
		jw_int(w, "inode", s->inode);
	jw_val(w, "host_uid", s->uid);
	jw_val(w, "recv_q", s->recv_q);
	jw_val(w, "send_q", s->send_q);
	if (l->owners_known) {
		jw_arr(w, "processes");
		for (size_t i = 0; i < s->n_held; i++)
			json_owner(w, &l->owners[l->held[s->first_held + i]]);
		jw_end(w);
	}
	jw_end(w);
}

static void json_list(struct jw *w, const char *key, const struct netsocks *l,
		      bool listening, const struct netifs *links)
{
	jw_arr(w, key);
	for (size_t i = 0; i < l->n; i++)
		if (netsock_listens(&l->v[i]) == listening)
			json_socket(w, l, &l->v[i], links);
	jw_end(w);
}

void netsocks_json(struct jw *w, const struct netsocks *l, const struct netifs *links)
{
	jw_obj(w, "sockets");
	json_list(w, "listening", l, true, links);
	if (l->connected_known)
		json_list(w, "connected", l, false, links);
	if (l->more)
		jw_int(w, "more", l->more);
	if (l->more_atleast || l->torn)
		jw_bool(w, "incomplete", true);
	if (l->procs_left)
		jw_int(w, "processes_left_out", l->procs_left);
	if (l->nested_ns)
		jw_int(w, "other_namespaces", l->nested_ns);
	jw_end(w);
}

/* ---- the table ---- */

#define GET(name) static void get_##name(const void *row, struct cell *ret)
#define ROW       ((const struct netsock_row *)row)
#define SOCK      (ROW->s)

/* With its bytes; a NUL in it would be the end of an owned string. */
static struct cell cell_bytes_of(struct buf *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->p[i])
			b->p[i] = '@';
	return cell_owned(take_ptr(b->p));
}

GET(proto)
{
	*ret = cell_str(netsock_proto_name(SOCK));
}

GET(type)
{
	if (SOCK->proto == NETSOCK_UNIX)
		*ret = cell_str(netsock_type_name(SOCK));
}

GET(state)
{
	*ret = cell_str(netsock_state_name(SOCK));
}

GET(address)
{
	struct buf b = { 0 };

	put_addr(&b, SOCK);
	*ret = cell_bytes_of(&b);
}

GET(peer)
{
	*ret = cell_owned(netsock_peer_text(SOCK));
}

GET(pid)
{
	const struct netsock_owner *o = main_owner(ROW->all, SOCK);

	if (o)
		*ret = cell_int((uint64_t)o->pid);
}

GET(cpid)
{
	const struct netsock_owner *o = main_owner(ROW->all, SOCK);

	if (o && o->ct_pid)
		*ret = cell_int((uint64_t)o->ct_pid);
}

GET(holders)
{
	if (ROW->all->owners_known)
		*ret = cell_int(SOCK->n_held);
}

GET(unit)
{
	const struct netsock_owner *o = main_owner(ROW->all, SOCK);
	struct buf b = { 0 };

	if (!o)
		return;
	put_unit(&b, o);
	*ret = cell_owned(b.p);
}

GET(process)
{
	const struct netsock_owner *o = main_owner(ROW->all, SOCK);

	if (o)
		*ret = cell_text(comm_of(o));
}

GET(recv_q)
{
	*ret = cell_val(SOCK->recv_q, CELL_INT);
}

GET(send_q)
{
	*ret = cell_val(SOCK->send_q, CELL_INT);
}

GET(host_uid)
{
	*ret = cell_val(SOCK->uid, CELL_INT);
}

GET(device)
{
	const struct netif *d =
		ROW->links ? netifs_find(ROW->links, SOCK->ifindex) : NULL;

	if (d)
		*ret = cell_text(netif_name(d));
}

const struct col netsock_cols[NETSOCK_NCOLS] = {
	{ .heading = "PROTO", .help = "tcp, udp, raw or unix", .get = get_proto },
	{ .heading = "STATE",
	  .help = "listen, established, ...; of UDP unconnected",
	  .get = get_state },
	{ .heading = "ADDRESS",
	  .help = "address and port; path, or @ and an abstract name",
	  .shrink = true,
	  .get = get_address },
	{ .heading = "PEER", .help = "the other end", .get = get_peer },
	{ .heading = "PID",
	  .help = "process that has it, on the node",
	  .right = true,
	  .get = get_pid },
	{ .heading = "UNIT",
	  .help = "systemd unit or nested container of it",
	  .shrink = true,
	  .get = get_unit },
	{ .heading = "PROCESS", .help = "what it calls itself", .get = get_process },
	{ .heading = "CPID",
	  .help = "process inside the container",
	  .right = true,
	  .hidden = true,
	  .get = get_cpid },
	{ .heading = "HOLDERS",
	  .help = "how many processes have it",
	  .right = true,
	  .hidden = true,
	  .get = get_holders },
	{ .heading = "TYPE",
	  .help = "of unix: stream, dgram, seqpacket",
	  .hidden = true,
	  .get = get_type },
	{ .heading = "RECVQ",
	  .help = "bytes waiting; of a listening one connections",
	  .right = true,
	  .hidden = true,
	  .get = get_recv_q },
	{ .heading = "SENDQ",
	  .help = "bytes to send; of a listening one how many may wait",
	  .right = true,
	  .hidden = true,
	  .get = get_send_q },
	{ .heading = "HOSTUID",
	  .help = "user ID on the node",
	  .right = true,
	  .hidden = true,
	  .get = get_host_uid },
	{ .heading = "DEVICE",
	  .help = "interface that it is bound to",
	  .hidden = true,
	  .get = get_device },
};
