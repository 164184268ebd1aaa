/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/netdata.h"
#include "cli/netfw.h"
#include "cli/opts.h"
#include "out/json.h"
#include "out/netsockview.h"
#include "out/netview.h"
#include "pveconf.h"
#include "read/cgroup.h"
#include "read/guestnet.h"
#include "read/netlink.h"
#include "read/procfs.h"
#include "read/procs.h"
#include "read/pveprop.h"
#include "read/sockdiag.h"
#include "rule/network.h"

#define CLUSTER_FW "etc/pve/firewall/cluster.fw"
/* pve-firewall makes it while it filters by iptables, which needs the extra bridges */
#define NFT_OFF     "run/proxmox-nftables-firewall-force-disable"
#define NET_DEV_MAX ((size_t)16 << 20)

struct network_opts {
	uint64_t interval_usec;
	bool sockets;
};

#define O(field) offsetof(struct network_opts, field)
static const struct opt opts[] = {
	{ "interval", 'i', OPT_DURATION, "SECONDS",
	  "count again after that time and show the rates too", O(interval_usec) },
	{ "sockets", 's', OPT_FLAG, NULL,
	  "the sockets alone, one a row: listening, connected, unix ones too",
	  O(sockets) },
};
#undef O

/* The valid netN of all containers: what the claims borrow from. */
struct nets {
	struct pve_net *v;
	size_t n, cap;
};

static void nets_done(struct nets *l)
{
	for (size_t i = 0; i < l->n; i++)
		pve_net_done(&l->v[i]);
	free(l->v);
	*l = (struct nets){ 0 };
}

/* ---- what all containers claim ---- */

static bool parse_mac(const char *text, uint8_t mac[6])
{
	struct span rest = span_str(text), part;
	uint64_t byte;

	for (size_t i = 0; i < 6; i++) {
		if (!span_cut(&rest, ':', &part) || part.n != 2 ||
		    num_parse_hex(part, &byte) < 0)
			return false;
		mac[i] = (uint8_t)byte;
	}
	return rest.n == 0;
}

static struct net_claim claim_of(const struct ct *ct, const struct pve_net *net)
{
	return (struct net_claim){
		.vmid = ct->vmid,
		.net = net->n,
		.ct_name = ct->name ? ct->name : "",
		.bridge = net->bridge,
		.tag = (uint32_t)val_or(net->tag, 0),
	};
}

static void claim_addr(struct net_claims *l, size_t first, struct net_claim c,
		       const char *text)
{
	uint8_t len;

	if (text && netaddr_parse(text, &c.family, c.addr, &len) == 0)
		network_claim(l, first, c);
}

static void claim_net(const struct ct *ct, const struct pve_net *net,
		      struct net_claims *l, size_t first)
{
	struct net_claim c = claim_of(ct, net);

	if (net->hwaddr && parse_mac(net->hwaddr, c.mac)) {
		c.has_mac = true;
		network_claim(l, first, c);
	}
	c = claim_of(ct, net);
	if (net->link_down)
		return; /* an address behind a cut wire is in nobody's way */
	claim_addr(l, first, c, net->ip);
	claim_addr(l, first, c, net->ip6);
	c.actual = true;
	for (size_t i = 0; ct->addrs_known && i < ct->n_addrs; i++)
		if (str_eq(ct->addrs[i].ifname, net->name))
			claim_addr(l, first, c, ct->addrs[i].address);
}

static void claim_ct(const struct ct *ct, struct nets *nets, struct net_claims *l)
{
	const struct pveconf_item *item;
	size_t first = l->n;
	uint32_t at = 0, n;

	while ((item = pveconf_next(&ct->conf->main, "net", &at, &n))) {
		struct pve_net net = { 0 };

		if (pve_net_parse(span_of(item->value, item->value_n), &net, NULL) < 0)
			continue;
		net.n = n;
		GROW(nets->v, nets->n, nets->cap);
		nets->v[nets->n++] = net;
		claim_net(ct, &nets->v[nets->n - 1], l, first);
	}
}

/* A template never runs; its MAC address is made anew in every clone. */
static void read_claims(const struct facts *all, struct nets *nets, struct net_claims *l)
{
	for (size_t i = 0; i < all->n_cts; i++)
		if (all->cts[i].here && all->cts[i].conf && !ct_is_template(&all->cts[i]))
			claim_ct(&all->cts[i], nets, l);
}

/* ---- devices ---- */

static int read_host(struct netlink *nl, struct netview *v, struct err *err)
{
	int r = netlink_read_links(nl, true, &v->host, err);

	if (r < 0)
		return r;
	v->host_known = true;
	v->vlans_known = netdata_read_vlans(nl, &v->host, &v->vlans);
	return 0;
}

static void read_guest(struct netlink *nl, const struct ct *ct, struct netview *v)
{
	struct err err = { 0 };

	if (!ct->init_pid)
		return;
	if (netlink_read_guest(nl, ct->init_pid, ct->init_start_ticks, true, &v->guest,
			       &err) < 0)
		v->guest_error = xstrdup(err.msg);
}

/* Who holds them; that it is not found out is told by what is printed. */
static void read_owners(const struct app *app, const struct ct *ct, struct netsocks *l)
{
	_cleanup_(procs_done) struct procs procs = { 0 };
	struct procs_opts o = { .vmid = ct->vmid, .init_pid = ct->init_pid };
	_cleanup_close_ int dir = -1;

	if (cg_open(app->rootfd, ct->vmid, &dir, NULL) == 0 &&
	    procs_read(app->rootfd, dir, &o, &procs, NULL) == 0)
		(void)sockdiag_read_owners(app->rootfd, &procs, ct->init_pid, l, NULL);
}

static void read_sockets(const struct app *app, const struct netlink *nl,
			 const struct ct *ct, const struct network_opts *o,
			 struct netview *v)
{
	struct err err = { 0 };

	if (!ct->init_pid)
		return;
	if (sockdiag_read(nl, ct->vmid, ct->init_pid, ct->init_start_ticks, o->sockets,
			  &v->socks, &v->socks_known, &err) < 0)
		v->socks_error = xstrdup(err.msg);
	else if (v->socks_known)
		read_owners(app, ct, &v->socks);
}

static void read_inside(const struct app *app, const struct ct *ct, struct guestnet *ret,
			struct netview *v)
{
	struct guestread_target t = { ct->vmid, ct->init_pid, ct->init_start_ticks };
	struct err err = { 0 };

	if (guestnet_read(app->rootfd, &t, ret, &err) < 0)
		v->files_error = xstrdup(err.msg);
	else if (ret->resolver_error)
		v->files_error = xasprintf("/etc/resolv.conf: %s", ret->resolver_error);
}

/* What files inside say, and those of the node about it; `ret` has to outlive *v. */
static void read_files(const struct app *app, const struct ct *ct, struct guestnet *ret,
		       struct netview *v)
{
	struct err err = { 0 };

	if (!ct->init_pid || (app->table.columns && !app->json))
		return;
	if (app->live)
		read_inside(app, ct, ret, v);
	if (ct->conf &&
	    guestnet_read_host(app->rootfd, ct->vmid, ct->conf, ret, &err) < 0 &&
	    !v->files_error)
		v->files_error = xstrdup(err.msg);
	if (ret->resolver_known)
		v->resolver = &ret->resolver;
	if (ret->leases_known || ret->leases.n)
		v->leases = &ret->leases;
}

static int read_live(struct netlink *nl, const struct ct *ct, uint64_t interval_usec,
		     struct netview *v, struct err *err)
{
	_cleanup_(netifs_done) struct netifs earlier = { 0 };
	uint64_t start = 0;
	int r = 0;

	if (interval_usec) {
		r = netlink_read_links(nl, true, &earlier, err);
		start = clock_mono_usec();
		if (r == 0)
			clock_sleep_usec(interval_usec);
	}
	if (r == 0)
		r = read_host(nl, v, err);
	if (r < 0)
		return r;
	interval_usec = interval_usec ? clock_mono_usec() - start : 0;
	read_guest(nl, ct, v);
	network_join(v);
	netdata_read_rates(nl, v);
	if (interval_usec)
		network_speed(v, &earlier, interval_usec);
	return 0;
}

/* In a copy of a node there are only the byte counters. */
static void take_counters(struct span name, uint64_t rx, uint64_t tx, void *arg)
{
	struct netdev_id id = netdev_parse_name(span_tbytes(name));
	struct netview *v = arg;

	for (size_t k = 0; k < v->n_ifaces; k++) {
		if (id.role != NETDEV_VETH || id.vmid != v->vmid ||
		    id.net != v->ifaces[k].n)
			continue;
		v->ifaces[k].netin_bytes = val_set(tx);
		v->ifaces[k].netout_bytes = val_set(rx);
	}
}

static int read_copy(const struct app *app, struct netview *v, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = fs_read_file(app->rootfd, "proc/net/dev", NET_DEV_MAX, &b, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	procfs_parse_net_dev(span_of(b.p, b.n), take_counters, v);
	return 0;
}

static int read_devices(const struct app *app, const struct ct *ct,
			const struct network_opts *o, struct netview *v, struct err *err)
{
	struct netlink *nl = NULL;
	int r;

	if (!app->live)
		return read_copy(app, v, err);
	r = netlink_open(&nl, err);
	if (r == 0)
		r = read_live(nl, ct, o->interval_usec, v, err);
	/* a table of interfaces has no place for them */
	if (r == 0 && (app->json || !app->table.columns))
		read_sockets(app, nl, ct, o, v);
	netlink_close(nl);
	return r;
}

/* ---- the command ---- */

static int print_view(struct app *app, const struct facts *f, const struct netview *v)
{
	struct err err = { 0 };
	struct jw *w;

	if (app->json) {
		if (jw_new(app->out, "ctscope.network/1", f->node, f->time_real_usec, &w,
			   &err) < 0)
			return app_error(app, EXIT_BROKEN, "%s", err.msg);
		jw_str(w, "error", f->pve_error);
		if (v->interval_usec)
			jw_ratio(w, "interval", v->interval_usec, USEC_PER_SEC);
		jw_obj(w, "container");
		netview_json(w, v);
		jw_end(w);
		return app_json_end(app, w);
	}
	if (app->table.columns) {
		_cleanup_free_ struct netview_row *rows =
			xcalloc(v->n_ifaces, sizeof(*rows));

		for (size_t i = 0; i < v->n_ifaces; i++)
			rows[i] = (struct netview_row){ v, &v->ifaces[i] };
		return app_table(app, netview_cols, NETVIEW_NCOLS, rows, v->n_ifaces,
				 sizeof(*rows), NULL);
	}
	netview_print(app->out, &app->table, v);
	return EXIT_FINE;
}

static void warn_of_gaps(const struct app *app, const struct netsocks *l)
{
	if (l->more)
		app_warn(app, "%s%ju more sockets are not shown",
			 l->more_atleast ? "at least " : "", (uintmax_t)l->more);
	else if (l->more_atleast)
		app_warn(app, "there are too many sockets: not all are shown");
	if (l->torn)
		app_warn(app, "not all sockets could be read in time");
	if (l->procs_left)
		app_warn(app,
			 "%ju processes were not looked through: a socket without "
			 "process may be theirs",
			 (uintmax_t)l->procs_left);
	if (l->nested_ns)
		app_warn(app,
			 "its processes are in %ju more network namespaces: "
			 "sockets there are not shown",
			 (uintmax_t)l->nested_ns);
}

static int print_sockets(struct app *app, const struct netview *v)
{
	const struct netsocks *l = &v->socks;
	_cleanup_free_ struct netsock_row *rows = xcalloc(l->n + 1, sizeof(*rows));
	int r;

	for (size_t i = 0; i < l->n; i++)
		rows[i] = (struct netsock_row){ l, &l->v[i], &v->guest.links };
	r = app_table(app, netsock_cols, NETSOCK_NCOLS, rows, l->n, sizeof(*rows), NULL);
	warn_of_gaps(app, l);
	return r;
}

/* The table alone: what is configured and the other containers do not matter. */
static int show_sockets(struct app *app, const struct network_opts *o, const char *arg)
{
	_cleanup_(facts_done) struct facts one = { 0 };
	_cleanup_(netview_done) struct netview v = { 0 };
	struct netlink *nl = NULL;
	struct err err = { 0 };
	const struct ct *ct;
	int r = app_facts_one(app, arg, (struct facts_want){ 0 }, &one);

	if (r)
		return r;
	ct = &one.cts[0];
	if (!ct->init_pid)
		return app_error(app, EXIT_FINE, "container %u is %s: it has no sockets",
				 ct->vmid, ct_state_name(ct->state));
	if (netlink_open(&nl, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	read_guest(nl, ct, &v);
	read_sockets(app, nl, ct, o, &v);
	netlink_close(nl);
	if (v.socks_error)
		return app_error(app, EXIT_BROKEN, "%s", v.socks_error);
	if (!v.socks_known)
		return app_error(app, EXIT_BROKEN,
				 "container %u has no network of its own: its sockets "
				 "are among those of the node",
				 ct->vmid);
	return print_sockets(app, &v);
}

static int show(struct app *app, const struct network_opts *o, const char *arg)
{
	_cleanup_(facts_done) struct facts one = { 0 };
	_cleanup_(facts_done) struct facts all = { 0 };
	_cleanup_(nets_done) struct nets nets = { 0 };
	_cleanup_(net_claims_done) struct net_claims claims = { 0 };
	_cleanup_(guestnet_done) struct guestnet files = { 0 };
	_cleanup_(netview_done) struct netview v = { 0 };
	struct err err = { 0 };
	const struct ct *ct;
	bool hangs;
	int r = app_facts_one(app, arg, (struct facts_want){ 0 }, &one);

	if (r)
		return r;
	/* a pmxcfs that hangs has been waited for once: that is enough */
	hangs = one.pve_error != NULL;
	r = app_facts(app, (struct facts_want){ .addrs = app->live, .no_config = hangs },
		      &all);
	if (r)
		return r;
	ct = &one.cts[0];
	v.vmid = ct->vmid;
	v.name = ct->name;
	v.status = ct_state_name(ct->state);
	v.running = ct->init_pid != 0;
	v.stopped = ct->state == CT_STOPPED;
	v.uptime_sec = ct->uptime_sec;
	v.config_error = ct->error;
	if (ct->conf)
		netdata_add_config(ct->conf, &v);
	if (read_devices(app, ct, o, &v, &err) < 0)
		v.host_error = xstrdup(err.msg);
	read_files(app, ct, &files, &v);
	if (!hangs)
		netfw_read(app, &v);
	read_claims(&all, &nets, &claims);
	network_check(&v, &claims);
	return print_view(app, &one, &v);
}

static int network_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	struct network_opts o = { 0 };
	struct err err = { 0 };
	int r = opts_parse(app, &cmd_network, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE,
				 pos.n ? "one container at a time"
				       : "which container? ctscope list shows them all");
	if (o.interval_usec && !app->live)
		return app_error(app, EXIT_USAGE,
				 "--interval measures this machine: not with --root");
	if (o.sockets && !app->live)
		return app_error(app, EXIT_USAGE,
				 "--sockets asks the running kernel: not with --root");
	if (o.sockets && o.interval_usec)
		return app_error(app, EXIT_USAGE,
				 "--interval has nothing to do with "
				 "--sockets");
	if (app->table.columns &&
	    table_check_columns(app->table.columns,
				o.sockets ? netsock_cols : netview_cols,
				o.sockets ? NETSOCK_NCOLS : NETVIEW_NCOLS, &err) < 0)
		return app_error(app, EXIT_USAGE, "-o: %s", err.msg);
	return o.sockets && !app->json ? show_sockets(app, &o, pos.v[0])
				       : show(app, &o, pos.v[0]);
}

const struct cmd cmd_network = {
	.name = "network",
	.args = "ID",
	.help = "interfaces: as configured, on the node, and inside; who listens",
	.more = "Each netN with its devices on the node, bridge, VLANs, rate and firewall, its\n"
		"addresses inside, and what is wrong between them. \"in\" is towards the\n"
		"container. With -o it is a table, one row an interface. Exit code 0 whatever it\n"
		"finds.\n\n"
		"Behind that which process listens where: of several that share a socket the\n"
		"first is named. --sockets is like ss(8) for the container, without entering it.\n\n"
		"  ctscope network 101\n"
		"  ctscope network 101 --interval 2\n"
		"  ctscope network 101 -o NET,STATE,ADDRESSES,FINDINGS --noheadings\n"
		"  ctscope network 101 --json | jq '.container.interfaces[].findings'\n"
		"  ctscope network 101 --sockets -o PROTO,ADDRESS,PEER,UNIT,PROCESS",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = netview_cols,
	.ncols = NETVIEW_NCOLS,
	.cols2_opt = "sockets",
	.cols2 = netsock_cols,
	.ncols2 = NETSOCK_NCOLS,
	.run = network_run,
};
