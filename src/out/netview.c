/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/netview.h"

#include <sys/socket.h>

#include "out/guestnetview.h"
#include "out/netsockview.h"
#include "out/netviewimpl.h"
#include "out/text.h"

#define LABEL_WIDTH 12
#define INDENT      (LABEL_WIDTH + 2)

/* Where the text goes: one line is built at a time. */
struct page {
	FILE *f;
	const struct table_opts *o;
	const struct netview *v;
	struct buf line;
};

static void put_name(struct buf *b, const struct netif *i)
{
	text_escape(b, netif_name(i), false);
}

static void put_str(struct buf *b, const char *s)
{
	text_escape(b, tbytes_str(s), false);
}

void netview_put_wrapped(FILE *f, const struct table_opts *o, const char *text,
			 size_t first, int indent)
{
	unsigned width = o->width > INDENT + 20 ? o->width : 0;
	struct span rest = span_str(text), word;
	size_t at = first;
	bool begun = false;

	while (span_cut(&rest, ' ', &word)) {
		size_t n = text_width(span_tbytes(word));

		if (width && begun && at + 1 + n > width) {
			fprintf(f, "\n%*s", indent, "");
			at = (size_t)indent;
		} else if (begun) {
			fputc(' ', f);
			at++;
		}
		begun = true;
		fwrite(word.p, 1, word.n, f);
		at += n;
	}
	fputc('\n', f);
}

/* The line that was built, behind its label; nothing was built: nothing is printed. */
static void end_line(struct page *p, const char *label, const char *color)
{
	if (!p->line.n)
		return;
	if (p->o->color && color)
		fprintf(p->f, "\x1b[%sm%*s:\x1b[0m ", color, LABEL_WIDTH, label);
	else
		fprintf(p->f, "%*s: ", LABEL_WIDTH, label);
	netview_put_wrapped(p->f, p->o, buf_str(&p->line), INDENT, INDENT);
	p->line.n = 0;
}

static void put_bytes(const struct page *p, struct buf *b, uint64_t n)
{
	if (p->o->exact_bytes)
		buf_addf(b, "%ju", (uintmax_t)n);
	else
		text_size(b, n);
}

static void print_findings(struct page *p, const struct net_findings *f)
{
	static const struct {
		const char *label, *color;
	} levels[] = {
		[NET_NOTE] = { "Note", NULL },
		[NET_WARNING] = { "Warning", "33" },
		[NET_PROBLEM] = { "Problem", "31" },
	};

	for (int level = NET_PROBLEM; level >= NET_NOTE; level--) {
		for (size_t i = 0; i < f->n; i++) {
			if (f->v[i].level != (enum net_level)level)
				continue;
			put_str(&p->line, f->v[i].text);
			end_line(p, levels[level].label, levels[level].color);
		}
	}
}

static void print_heading(struct page *p, const struct net_iface *i)
{
	const char *state = netif_state_text(i->veth);
	struct buf *b = &p->line;

	buf_addf(b, "net%u", i->n);
	if (net_iface_is_valid(i)) {
		buf_adds(b, ": ");
		put_str(b, i->conf.name);
	} else if (i->guest) {
		buf_adds(b, ": ");
		put_name(b, i->guest);
	}
	if (state)
		buf_addf(b, ", %s", state);
	if (net_iface_is_valid(i) && i->conf.link_down)
		buf_adds(b, " (link_down=1)");
	fprintf(p->f, "\n%s%s%s\n", p->o->color ? "\x1b[1m" : "", buf_str(b),
		p->o->color ? "\x1b[0m" : "");
	b->n = 0;
}

/* veth101i0 - fwbr101i0 - fwln101i0 - fwpr101p0 - vmbr0, from the container outwards. */
static void print_chain(struct page *p, const struct net_iface *i)
{
	const struct netif *chain[] = { i->veth, i->fwbr, i->fwln, i->fwpr };
	struct buf *b = &p->line;

	if (!p->v->host_known && net_iface_is_valid(i) && i->conf.bridge) {
		put_str(b, i->conf.bridge);
		end_line(p, "Bridge", NULL);
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(chain); k++) {
		/* leftovers of a firewall chain that the veth is not in are not its way
		 */
		if (!chain[k] || (k && i->port == i->veth))
			continue;
		buf_adds(b, b->n ? " - " : "");
		put_name(b, chain[k]);
	}
	if (i->bridge) {
		buf_adds(b, " - ");
		put_name(b, i->bridge);
	} else if (!i->veth && i->want_bridge) {
		put_str(b, i->want_bridge);
		buf_adds(b, i->want ? "" : " (not there)");
	}
	end_line(p, "Bridge", NULL);
}

static void put_addr(struct buf *b, const struct netaddr *a)
{
	_cleanup_free_ char *text = netaddr_text(a->family, a->addr);

	buf_addf(b, "%s%s/%u", b->n ? ", " : "", text, a->prefix_len);
	if (a->dad_failed)
		buf_adds(b, " (in use elsewhere)");
	else if (a->tentative)
		buf_adds(b, " (tentative)");
	else if (a->deprecated)
		buf_adds(b, " (deprecated)");
	else if (a->dynamic && a->family == AF_INET)
		buf_adds(b, " (dynamic)");
}

static void put_addrs(struct buf *b, const struct netview *v, const struct netif *g)
{
	for (size_t k = 0; k < v->guest.addrs.n; k++)
		if (net_is_on(&v->guest.addrs.v[k], g))
			put_addr(b, &v->guest.addrs.v[k]);
}

static void put_pair(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s%s=", b->n ? " " : "", key);
	put_str(b, value);
}

static void print_addrs(struct page *p, const struct net_iface *i)
{
	struct buf *b = &p->line;

	if (net_iface_is_valid(i)) {
		put_pair(b, "ip", i->conf.ip);
		put_pair(b, "gw", i->conf.gw);
		put_pair(b, "ip6", i->conf.ip6);
		put_pair(b, "gw6", i->conf.gw6);
	}
	end_line(p, "Configured", NULL);
	if (!i->guest)
		return;
	put_addrs(b, p->v, i->guest);
	if (!b->n)
		buf_adds(b, "none");
	end_line(p, "Addresses", NULL);
}

static void put_route(struct buf *b, const struct netview *v, const struct netroute *r)
{
	static const char *const types[] = {
		[6] = "blackhole ", "unreachable ", "prohibit ", "throw "
	};
	const struct netif *dev = netifs_find(&v->guest.links, r->oif);
	_cleanup_free_ char *dst = netaddr_text(r->family, r->dst);
	_cleanup_free_ char *gw = r->has_gw ? netaddr_text(r->gw_family, r->gw) : NULL;

	buf_adds(b, r->type >= 6 && r->type < ARRAY_SIZE(types) ? types[r->type] : "");
	if (r->dst_len)
		buf_addf(b, "%s/%u", dst, r->dst_len);
	else
		buf_adds(b, r->family == AF_INET ? "default" : "default (IPv6)");
	if (gw)
		buf_addf(b, " via %s", gw);
	if (dev) {
		buf_adds(b, " dev ");
		put_name(b, dev);
	}
	if (r->n_hops > 1)
		buf_addf(b, " and %u more next hops", r->n_hops - 1);
}

/* One number where they agree, as they should. */
static void put_mtus(struct buf *b, const struct net_iface *i)
{
	const struct netif *devs[] = { i->guest, i->veth, i->bridge };
	const struct netif *first = NULL;
	bool differ = false;

	for (size_t k = 0; k < ARRAY_SIZE(devs); k++) {
		first = first ? first : devs[k];
		differ |= devs[k] && devs[k]->mtu != first->mtu;
	}
	if (first && !differ)
		buf_addf(b, "%u", first->mtu);
	for (size_t k = 0; differ && k < ARRAY_SIZE(devs); k++) {
		if (!devs[k])
			continue;
		buf_addf(b, "%s%u ", b->n ? ", " : "", devs[k]->mtu);
		put_name(b, devs[k]);
		buf_adds(b, k ? "" : " inside");
	}
	if (!first && net_iface_is_valid(i) && i->conf.mtu.kind == VAL_SET)
		buf_addf(b, "%ju configured", (uintmax_t)i->conf.mtu.n);
}

static void print_hardware(struct page *p, const struct net_iface *i)
{
	struct buf *b = &p->line;
	_cleanup_free_ char *mac =
		i->guest ? netif_mac_text(i->guest->mac, i->guest->mac_n) : NULL;

	if (mac)
		buf_adds(b, mac);
	else if (net_iface_is_valid(i) && i->conf.hwaddr)
		put_str(b, i->conf.hwaddr);
	end_line(p, "MAC", NULL);
	put_mtus(b, i);
	end_line(p, "MTU", NULL);
}

static void print_vlan(struct page *p, const struct net_iface *i)
{
	struct buf *b = &p->line;

	if (i->pvid.kind == VAL_SET) {
		buf_addf(b, "%ju%s", (uintmax_t)i->pvid.n,
			 i->pvid_untagged ? " untagged" : " (leaves tagged)");
	} else if (net_iface_is_valid(i) && i->conf.tag.kind == VAL_SET) {
		buf_addf(b, "tag=%ju configured", (uintmax_t)i->conf.tag.n);
	}
	if (i->tagged && *i->tagged)
		buf_addf(b, "%s%s tagged", b->n ? ", " : "", i->tagged);
	else if (!i->tagged && net_iface_is_valid(i))
		put_pair(b, "trunks", i->conf.trunks);
	end_line(p, "VLAN", NULL);
}

static void put_rate(const struct page *p, struct buf *b, const char *what, struct val v)
{
	buf_adds(b, what);
	if (v.kind != VAL_SET) {
		buf_adds(b, "no limit");
		return;
	}
	put_bytes(p, b, v.n);
	buf_adds(b, "/s");
}

static void print_rate(struct page *p, const struct net_iface *i)
{
	struct val to = i->rate.to_guest_bytes_per_sec;
	struct val from = i->rate.from_guest_bytes_per_sec;

	if (to.kind == VAL_SET || from.kind == VAL_SET) {
		put_rate(p, &p->line, "in ", to);
		put_rate(p, &p->line, ", out ", from);
	} else if (net_iface_is_valid(i) && i->conf.rate) {
		buf_adds(&p->line, "rate=");
		put_str(&p->line, i->conf.rate);
		buf_adds(&p->line, " MB/s configured");
	}
	end_line(p, "Rate limit", NULL);
}

static void print_firewall(struct page *p, const struct net_iface *i)
{
	const struct fw_missing *m = &i->fw_missing;
	struct buf *b = &p->line;

	if (!net_iface_is_valid(i) || !i->fw_known)
		return;
	if (i->filtered)
		buf_adds(b, "on (cluster, container and interface)");
	else if (m->iface)
		buf_adds(b, "off: no firewall=1 on this interface");
	else if (m->cluster)
		buf_addf(b, "off: firewall=1, but the firewall of the cluster is %s",
			 m->cluster_expired ? "off again (its time is over)" : "off");
	else
		buf_adds(b, "off: firewall=1, but the firewall of the container is off");
	end_line(p, "Firewall", NULL);
}

static void put_way(const struct page *p, struct buf *b, const char *way,
		    struct val bytes, struct val speed, uint64_t packets,
		    uint64_t dropped, bool has_packets)
{
	if (bytes.kind != VAL_SET)
		return;
	buf_addf(b, "%s%s ", b->n ? ", " : "", way);
	put_bytes(p, b, bytes.n);
	if (speed.kind == VAL_SET) {
		buf_adds(b, " at ");
		put_bytes(p, b, speed.n);
		buf_adds(b, "/s");
	}
	if (has_packets)
		buf_addf(b, " (%ju packets", (uintmax_t)packets);
	if (has_packets && dropped)
		buf_addf(b, ", %ju dropped", (uintmax_t)dropped);
	buf_adds(b, has_packets ? ")" : "");
}

static void print_traffic(struct page *p, const struct net_iface *i)
{
	struct netif_stats none = { 0 };
	bool has = i->veth && i->veth->has_stats;
	const struct netif_stats *s = has ? &i->veth->stats : &none;

	put_way(p, &p->line, "in", i->netin_bytes, i->speed.netin_bytes, s->tx_packets,
		s->tx_dropped, has);
	put_way(p, &p->line, "out", i->netout_bytes, i->speed.netout_bytes, s->rx_packets,
		s->rx_dropped, has);
	end_line(p, "Traffic", NULL);
}

static void print_iface(struct page *p, const struct net_iface *i)
{
	print_heading(p, i);
	if (i->in_config && i->config_error) {
		put_str(&p->line, i->config_text);
		end_line(p, "Configured", NULL);
	}
	print_chain(p, i);
	print_addrs(p, i);
	print_hardware(p, i);
	print_vlan(p, i);
	print_rate(p, i);
	print_firewall(p, i);
	print_traffic(p, i);
	print_findings(p, &i->findings);
}

/* docker0, veths of nested containers, wg0: what the guest made itself. */
static void print_others(struct page *p)
{
	const struct netview *v = p->v;
	bool any = false;

	for (size_t k = 0; k < v->guest.links.n; k++) {
		const struct netif *g = &v->guest.links.v[k];
		struct buf addrs = { 0 };

		if (!netview_is_other(v, g))
			continue;
		if (!any)
			fputs("\nMade inside the container\n", p->f);
		any = true;
		put_name(&p->line, g);
		buf_addf(&p->line, " (%s, %s)", *g->kind ? g->kind : "device",
			 netif_state_text(g));
		put_addrs(&addrs, v, g);
		buf_adds(&p->line, addrs.n ? " " : "");
		buf_add(&p->line, buf_str(&addrs), addrs.n);
		buf_done(&addrs);
		fputs("  ", p->f);
		netview_put_wrapped(p->f, p->o, buf_str(&p->line), 2, 6);
		p->line.n = 0;
	}
}

static void print_routes(struct page *p)
{
	const struct netroutes *l = &p->v->guest.routes;
	bool any = false;

	if (!p->v->guest.routes_known)
		return;
	fputs("\nRoutes inside\n", p->f);
	for (size_t k = 0; k < l->n; k++) {
		/* every IPv6 interface has one for its link-local addresses */
		if (l->v[k].family == AF_INET6 && l->v[k].dst[0] == 0xfe &&
		    l->v[k].dst[1] == 0x80 && l->v[k].dst_len == 64)
			continue;
		any = true;
		put_route(&p->line, p->v, &l->v[k]);
		fprintf(p->f, "  %s\n", buf_str(&p->line));
		p->line.n = 0;
	}
	if (!any)
		fputs("  none\n", p->f);
	if (l->more)
		fprintf(p->f, "  and %ju more\n", (uintmax_t)l->more);
}

static void print_sockets(struct page *p)
{
	if (p->v->socks_known)
		netsocks_print(p->f, p->o, &p->v->socks);
	if (!p->v->socks_error)
		return;
	fputs("\nListening inside\n  not known: ", p->f);
	put_str(&p->line, p->v->socks_error);
	netview_put_wrapped(p->f, p->o, buf_str(&p->line), 13, 6);
	p->line.n = 0;
}

static void print_files_error(struct page *p)
{
	if (!p->v->files_error)
		return;
	fputs("\nResolver and leases inside\n  not known: ", p->f);
	put_str(&p->line, p->v->files_error);
	netview_put_wrapped(p->f, p->o, buf_str(&p->line), 13, 6);
	p->line.n = 0;
}

void netview_print(FILE *f, const struct table_opts *o, const struct netview *v)
{
	struct page p = { .f = f, .o = o, .v = v };

	put_str(&p.line, v->name ? v->name : "");
	fprintf(f, "%u %s\n", v->vmid, buf_str(&p.line));
	p.line.n = 0;
	buf_adds(&p.line, v->status);
	if (!v->n_ifaces && !v->config_error)
		buf_adds(&p.line, ", no netN in the config");
	end_line(&p, "Status", NULL);
	print_findings(&p, &v->findings);
	for (size_t i = 0; i < v->n_ifaces; i++)
		print_iface(&p, &v->ifaces[i]);
	print_others(&p);
	print_routes(&p);
	resolver_print(f, o, v->resolver);
	dhcp_leases_print(f, o, v->leases, &v->guest.links);
	print_files_error(&p);
	print_sockets(&p);
	buf_done(&p.line);
}
