/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/netview.h"

#include <sys/socket.h>

#include "out/confjson.h"
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

static bool is_valid(const struct net_iface *i)
{
	return i->in_config && !i->config_error;
}

static void put_name(struct buf *b, const struct netif *i)
{
	text_escape(b, netif_name(i), false);
}

static void put_str(struct buf *b, const char *s)
{
	text_escape(b, tbytes_str(s), false);
}

/* The text from column `first` on; what the terminal has no room for goes on below. */
static void put_wrapped(const struct page *p, const char *text, size_t first, int indent)
{
	unsigned width = p->o->width > INDENT + 20 ? p->o->width : 0;
	struct span rest = span_str(text), word;
	size_t at = first;
	bool begun = false;

	while (span_cut(&rest, ' ', &word)) {
		size_t n = text_width(span_tbytes(word));

		if (width && begun && at + 1 + n > width) {
			fprintf(p->f, "\n%*s", indent, "");
			at = (size_t)indent;
		} else if (begun) {
			fputc(' ', p->f);
			at++;
		}
		begun = true;
		fwrite(word.p, 1, word.n, p->f);
		at += n;
	}
	fputc('\n', p->f);
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
	put_wrapped(p, buf_str(&p->line), INDENT, INDENT);
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

/* "up", "down", "no carrier", or nothing where no device is known. */
static const char *state_of(const struct netif *d)
{
	if (!d)
		return NULL;
	return !d->up ? "down" : !d->carrier ? "no carrier" : "up";
}

static void print_heading(struct page *p, const struct net_iface *i)
{
	const char *state = state_of(i->veth);
	struct buf *b = &p->line;

	buf_addf(b, "net%u", i->n);
	if (is_valid(i)) {
		buf_adds(b, ": ");
		put_str(b, i->conf.name);
	} else if (i->guest) {
		buf_adds(b, ": ");
		put_name(b, i->guest);
	}
	if (state)
		buf_addf(b, ", %s", state);
	if (is_valid(i) && i->conf.link_down)
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

	if (!p->v->host_known && is_valid(i) && i->conf.bridge) {
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

	if (is_valid(i)) {
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
	if (!first && is_valid(i) && i->conf.mtu.kind == VAL_SET)
		buf_addf(b, "%ju configured", (uintmax_t)i->conf.mtu.n);
}

static void print_hardware(struct page *p, const struct net_iface *i)
{
	struct buf *b = &p->line;
	_cleanup_free_ char *mac =
		i->guest ? netif_mac_text(i->guest->mac, i->guest->mac_n) : NULL;

	if (mac)
		buf_adds(b, mac);
	else if (is_valid(i) && i->conf.hwaddr)
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
	} else if (is_valid(i) && i->conf.tag.kind == VAL_SET) {
		buf_addf(b, "tag=%ju configured", (uintmax_t)i->conf.tag.n);
	}
	if (i->tagged && *i->tagged)
		buf_addf(b, "%s%s tagged", b->n ? ", " : "", i->tagged);
	else if (!i->tagged && is_valid(i))
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
	} else if (is_valid(i) && i->conf.rate) {
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

	if (!is_valid(i) || !i->fw_known)
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

static bool is_other(const struct netview *v, const struct netif *g)
{
	return !g->loopback && !netview_is_explained(v, g);
}

/* docker0, veths of nested containers, wg0: what the guest made itself. */
static void print_others(struct page *p)
{
	const struct netview *v = p->v;
	bool any = false;

	for (size_t k = 0; k < v->guest.links.n; k++) {
		const struct netif *g = &v->guest.links.v[k];
		struct buf addrs = { 0 };

		if (!is_other(v, g))
			continue;
		if (!any)
			fputs("\nMade inside the container\n", p->f);
		any = true;
		put_name(&p->line, g);
		buf_addf(&p->line, " (%s, %s)", *g->kind ? g->kind : "device",
			 state_of(g));
		put_addrs(&addrs, v, g);
		buf_adds(&p->line, addrs.n ? " " : "");
		buf_add(&p->line, buf_str(&addrs), addrs.n);
		buf_done(&addrs);
		fputs("  ", p->f);
		put_wrapped(p, buf_str(&p->line), 2, 6);
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

void netview_print(FILE *f, const struct table_opts *o, const struct netview *v)
{
	struct page p = { .f = f, .o = o, .v = v };

	put_str(&p.line, v->name ? v->name : "");
	fprintf(f, "%u %s\n", v->vmid, buf_str(&p.line));
	p.line.n = 0;
	buf_adds(&p.line, v->status);
	if (!v->n_ifaces)
		buf_adds(&p.line, ", no netN in the config");
	end_line(&p, "Status", NULL);
	print_findings(&p, &v->findings);
	for (size_t i = 0; i < v->n_ifaces; i++)
		print_iface(&p, &v->ifaces[i]);
	print_others(&p);
	print_routes(&p);
	buf_done(&p.line);
}

/* ---- JSON ---- */

static void json_counters(struct jw *w, const struct netif *d)
{
	const struct {
		const char *key;
		uint64_t n;
	} counters[] = {
		{ "rx_bytes", d->stats.rx_bytes },
		{ "rx_packets", d->stats.rx_packets },
		{ "rx_errors", d->stats.rx_errors },
		{ "rx_dropped", d->stats.rx_dropped },
		{ "tx_bytes", d->stats.tx_bytes },
		{ "tx_packets", d->stats.tx_packets },
		{ "tx_errors", d->stats.tx_errors },
		{ "tx_dropped", d->stats.tx_dropped },
	};

	for (size_t i = 0; d->has_stats && i < ARRAY_SIZE(counters); i++)
		jw_int(w, counters[i].key, counters[i].n);
}

static void json_name(struct jw *w, const char *key, const struct netif *d)
{
	if (d)
		jw_text(w, key, netif_name(d));
}

static void json_dev(struct jw *w, const struct netif *d)
{
	_cleanup_free_ char *mac = netif_mac_text(d->mac, d->mac_n);

	json_name(w, "name", d);
	jw_int(w, "ifindex", d->ifindex);
	if (*d->kind)
		jw_str(w, "kind", d->kind);
	jw_str(w, "mac", mac);
	jw_int(w, "mtu", d->mtu);
	jw_str(w, "operstate", netif_operstate_name(d->operstate));
	jw_bool(w, "up", d->up);
	jw_bool(w, "carrier", d->carrier);
	json_counters(w, d);
}

static void json_addr(struct jw *w, const struct netaddr *a)
{
	_cleanup_free_ char *ip = netaddr_text(a->family, a->addr);
	_cleanup_free_ char *text = xasprintf("%s/%u", ip, a->prefix_len);

	jw_obj(w, NULL);
	jw_str(w, "address", text);
	jw_str(w, "family", a->family == AF_INET ? "inet" : "inet6");
	jw_str(w, "scope", a->link_scope ? "link" : "global");
	jw_bool(w, "dynamic", a->dynamic);
	if (a->dynamic)
		jw_int(w, "valid", a->valid_sec);
	if (a->temporary)
		jw_bool(w, "temporary", true);
	if (a->deprecated)
		jw_bool(w, "deprecated", true);
	if (a->tentative)
		jw_bool(w, "tentative", true);
	if (a->dad_failed)
		jw_bool(w, "dadfailed", true);
	jw_end(w);
}

static void json_addrs(struct jw *w, const struct netview *v, const struct netif *g)
{
	jw_arr(w, "addresses");
	for (size_t k = 0; k < v->guest.addrs.n; k++)
		if (net_is_on(&v->guest.addrs.v[k], g))
			json_addr(w, &v->guest.addrs.v[k]);
	jw_end(w);
}

static void json_findings(struct jw *w, const struct net_findings *f)
{
	jw_arr(w, "findings");
	for (size_t i = 0; i < f->n; i++) {
		jw_obj(w, NULL);
		jw_str(w, "level", net_level_name(f->v[i].level));
		jw_str(w, "id", f->v[i].id);
		jw_text(w, "text", tbytes_str(f->v[i].text));
		jw_end(w);
	}
	jw_end(w);
}

static void json_host(struct jw *w, const struct net_iface *i)
{
	if (!i->veth)
		return;
	jw_obj(w, "host");
	json_dev(w, i->veth);
	jw_end(w);
}

static void json_guest(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!i->guest && !i->guest_moved)
		return;
	jw_obj(w, "guest");
	if (i->guest_moved)
		jw_bool(w, "moved", true);
	if (i->guest) {
		json_dev(w, i->guest);
		json_addrs(w, v, i->guest);
	}
	jw_end(w);
}

static void json_bridge(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!i->want_bridge && !i->bridge && !(is_valid(i) && i->conf.bridge))
		return;
	jw_obj(w, "bridge");
	jw_str(w, "configured",
	       i->want_bridge ? i->want_bridge
	       : is_valid(i)  ? i->conf.bridge
			      : NULL);
	if (v->host_known && i->want_bridge)
		jw_bool(w, "exists", i->want != NULL);
	json_name(w, "port", i->port);
	json_name(w, "fwbr", i->fwbr);
	json_name(w, "fwln", i->fwln);
	json_name(w, "fwpr", i->fwpr);
	if (i->bridge) {
		json_name(w, "name", i->bridge);
		jw_str(w, "kind", i->bridge->kind);
		jw_int(w, "mtu", i->bridge->mtu);
		jw_bool(w, "up", i->bridge->up);
		if (i->bridge->vlan_filtering.kind == VAL_SET)
			jw_bool(w, "vlan_aware", i->bridge->vlan_filtering.n != 0);
	}
	jw_end(w);
}

static void json_vlan(struct jw *w, const struct net_iface *i)
{
	if (!i->tagged)
		return;
	jw_obj(w, "vlan");
	jw_val(w, "pvid", i->pvid);
	if (i->pvid.kind == VAL_SET)
		jw_bool(w, "untagged", i->pvid_untagged);
	jw_str(w, "tagged", i->tagged);
	jw_end(w);
}

/* No limit is null: that there is none was read. */
static struct val limit(struct val v)
{
	return v.kind == VAL_SET ? v : (struct val){ .kind = VAL_MAX };
}

static void json_rate(struct jw *w, const struct net_iface *i)
{
	if (!i->rate_known && i->conf_rate.kind != VAL_SET)
		return;
	jw_obj(w, "rate");
	jw_val(w, "configured", i->conf_rate);
	if (i->rate_known) {
		jw_val(w, "to_guest", limit(i->rate.to_guest_bytes_per_sec));
		jw_val(w, "from_guest", limit(i->rate.from_guest_bytes_per_sec));
		jw_val(w, "to_guest_drops", i->rate.to_guest_drops);
		jw_val(w, "from_guest_drops", i->rate.from_guest_drops);
	}
	jw_end(w);
}

static void json_firewall(struct jw *w, const struct net_iface *i)
{
	if (!is_valid(i) || !i->fw_known)
		return;
	jw_obj(w, "firewall");
	jw_bool(w, "filtered", i->filtered);
	jw_bool(w, "cluster", !i->fw_missing.cluster);
	jw_bool(w, "container", !i->fw_missing.guest);
	jw_bool(w, "interface", !i->fw_missing.iface);
	if (i->veth)
		jw_bool(w, "firewall_bridge",
			i->fwbr && i->veth->master == i->fwbr->ifindex);
	jw_end(w);
}

static void json_speed(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	if (!v->interval_usec)
		return;
	jw_obj(w, "per_second");
	jw_val(w, "netin", i->speed.netin_bytes);
	jw_val(w, "netout", i->speed.netout_bytes);
	jw_val(w, "netin_packets", i->speed.netin_packets);
	jw_val(w, "netout_packets", i->speed.netout_packets);
	jw_end(w);
}

static void json_iface(struct jw *w, const struct netview *v, const struct net_iface *i)
{
	_cleanup_free_ char *id = xasprintf("net%u", i->n);

	jw_obj(w, NULL);
	jw_str(w, "id", id);
	if (is_valid(i)) {
		jw_str(w, "name", i->conf.name);
		confjson_props(w, "config", &i->conf.props);
	} else if (i->in_config) {
		jw_text(w, "config_text", tbytes_str(i->config_text));
	}
	if (i->pending)
		jw_bool(w, "pending", true);
	jw_val(w, "netin", i->netin_bytes);
	jw_val(w, "netout", i->netout_bytes);
	json_speed(w, v, i);
	json_host(w, i);
	json_guest(w, v, i);
	json_bridge(w, v, i);
	json_vlan(w, i);
	json_rate(w, i);
	json_firewall(w, i);
	json_findings(w, &i->findings);
	jw_end(w);
}

static void json_others(struct jw *w, const struct netview *v)
{
	jw_arr(w, "other_interfaces");
	for (size_t k = 0; k < v->guest.links.n; k++) {
		const struct netif *g = &v->guest.links.v[k];

		if (!is_other(v, g))
			continue;
		jw_obj(w, NULL);
		json_dev(w, g);
		json_addrs(w, v, g);
		jw_end(w);
	}
	jw_end(w);
	if (v->guest.links.more)
		jw_int(w, "interfaces_more", v->guest.links.more);
}

static void json_route(struct jw *w, const struct netview *v, const struct netroute *r)
{
	const struct netif *dev = netifs_find(&v->guest.links, r->oif);
	_cleanup_free_ char *ip = netaddr_text(r->family, r->dst);
	_cleanup_free_ char *dst = xasprintf("%s/%u", ip, r->dst_len);
	_cleanup_free_ char *gw = r->has_gw ? netaddr_text(r->gw_family, r->gw) : NULL;

	jw_obj(w, NULL);
	jw_str(w, "family", r->family == AF_INET ? "inet" : "inet6");
	jw_str(w, "dst", dst);
	jw_str(w, "gateway", gw);
	json_name(w, "dev", dev);
	jw_int(w, "metric", r->metric);
	if (r->n_hops)
		jw_int(w, "hops", r->n_hops);
	if (r->type != 1)
		jw_bool(w, "unreachable", true);
	jw_end(w);
}

static void json_routes(struct jw *w, const struct netview *v)
{
	if (!v->guest.routes_known)
		return;
	jw_arr(w, "routes");
	for (size_t k = 0; k < v->guest.routes.n; k++)
		json_route(w, v, &v->guest.routes.v[k]);
	jw_end(w);
	if (v->guest.routes.more)
		jw_int(w, "routes_more", v->guest.routes.more);
}

void netview_json(struct jw *w, const struct netview *v)
{
	jw_int(w, "vmid", v->vmid);
	jw_text(w, "name", tbytes_str(v->name ? v->name : ""));
	jw_str(w, "status", v->status);
	if (v->guest.known || v->guest.shares_host)
		jw_str(w, "network", v->guest.shares_host ? "node" : "own");
	jw_arr(w, "interfaces");
	for (size_t i = 0; i < v->n_ifaces; i++)
		json_iface(w, v, &v->ifaces[i]);
	jw_end(w);
	if (v->guest.known)
		json_others(w, v);
	json_routes(w, v);
	json_findings(w, &v->findings);
}

/* ---- table ---- */

#define GET(name)                                                                        \
	static void get_##name(const void *row, struct cell *ret)                        \
	{                                                                                \
		const struct netview_row *r = row;                                       \
		const struct net_iface *i = r->iface;                                    \
                                                                                         \
		*ret = cell_##name(r->view, i);                                          \
	}

static struct cell cell_net(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_owned(xasprintf("net%u", i->n));
}

static struct cell cell_name(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return is_valid(i) ? cell_str(i->conf.name)
	       : i->guest  ? cell_text(netif_name(i->guest))
			   : (struct cell){ 0 };
}

static struct cell cell_state(const struct netview *v, const struct net_iface *i)
{
	struct cell c = cell_str(state_of(i->veth));

	(void)v;
	if (i->veth)
		c.color = i->veth->up && i->veth->carrier ? COLOR_GOOD : COLOR_BAD;
	return c;
}

static struct cell cell_device(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return i->veth ? cell_text(netif_name(i->veth)) : (struct cell){ 0 };
}

static struct cell cell_bridge(const struct netview *v, const struct net_iface *i)
{
	if (v->host_known && i->veth)
		return i->bridge ? cell_text(netif_name(i->bridge)) : (struct cell){ 0 };
	return is_valid(i) ? cell_str(i->conf.bridge) : (struct cell){ 0 };
}

static struct cell cell_vlan(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->tagged)
		return cell_val(i->pvid, CELL_INT);
	return is_valid(i) ? cell_val(i->conf.tag, CELL_INT) : (struct cell){ 0 };
}

static struct cell cell_addresses(const struct netview *v, const struct net_iface *i)
{
	struct buf b = { 0 };

	for (size_t k = 0; i->guest && k < v->guest.addrs.n; k++) {
		const struct netaddr *a = &v->guest.addrs.v[k];
		_cleanup_free_ char *text = NULL;

		if (!net_is_on(a, i->guest) || a->link_scope || a->dad_failed)
			continue;
		text = netaddr_text(a->family, a->addr);
		buf_addf(&b, "%s%s/%u", b.n ? "," : "", text, a->prefix_len);
	}
	return cell_owned(b.p);
}

static struct cell cell_mac(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->guest)
		return cell_owned(netif_mac_text(i->guest->mac, i->guest->mac_n));
	return is_valid(i) ? cell_str(i->conf.hwaddr) : (struct cell){ 0 };
}

static struct cell cell_mtu(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	if (i->guest)
		return cell_int(i->guest->mtu);
	return is_valid(i) ? cell_val(i->conf.mtu, CELL_INT) : (struct cell){ 0 };
}

static struct cell cell_netin(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->netin_bytes, CELL_BYTES);
}

static struct cell cell_netout(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->netout_bytes, CELL_BYTES);
}

static struct cell cell_inrate(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->speed.netin_bytes, CELL_BYTES);
}

static struct cell cell_outrate(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return cell_val(i->speed.netout_bytes, CELL_BYTES);
}

static struct cell cell_firewall(const struct netview *v, const struct net_iface *i)
{
	(void)v;
	return i->fw_known && is_valid(i) ? cell_str(i->filtered ? "on" : "off")
					  : (struct cell){ 0 };
}

static struct cell cell_findings(const struct netview *v, const struct net_iface *i)
{
	struct buf b = { 0 };

	(void)v;
	for (size_t k = 0; k < i->findings.n; k++)
		buf_addf(&b, "%s%s", b.n ? "," : "", i->findings.v[k].id);
	return cell_owned(b.p);
}

GET(net)
GET(name)
GET(state)
GET(device)
GET(bridge)
GET(vlan)
GET(addresses)
GET(mac)
GET(mtu)
GET(netin)
GET(netout)
GET(inrate)
GET(outrate)
GET(firewall)
GET(findings)

const struct col netview_cols[NETVIEW_NCOLS] = {
	{ .heading = "NET", .help = "key in the config", .get = get_net },
	{ .heading = "NAME", .help = "name inside, as configured", .get = get_name },
	{ .heading = "STATE", .help = "up, down or no carrier", .get = get_state },
	{ .heading = "BRIDGE", .help = "that it is in", .get = get_bridge },
	{ .heading = "VLAN", .help = "untagged one", .right = true, .get = get_vlan },
	{ .heading = "ADDRESSES",
	  .help = "inside",
	  .shrink = true,
	  .get = get_addresses },
	{ .heading = "IN", .help = "bytes to it", .right = true, .get = get_netin },
	{ .heading = "OUT", .help = "bytes from it", .right = true, .get = get_netout },
	{ .heading = "FINDINGS", .help = "short names of them", .get = get_findings },
	{ .heading = "MAC", .help = "inside", .hidden = true, .get = get_mac },
	{ .heading = "MTU",
	  .help = "inside",
	  .right = true,
	  .hidden = true,
	  .get = get_mtu },
	{ .heading = "DEVICE",
	  .help = "its end on the node",
	  .hidden = true,
	  .get = get_device },
	{ .heading = "IN/S",
	  .help = "with --interval: bytes a second to it",
	  .right = true,
	  .hidden = true,
	  .get = get_inrate },
	{ .heading = "OUT/S",
	  .help = "with --interval: bytes a second from it",
	  .right = true,
	  .hidden = true,
	  .get = get_outrate },
	{ .heading = "FIREWALL",
	  .help = "on: filtered by the configuration",
	  .hidden = true,
	  .get = get_firewall },
};
