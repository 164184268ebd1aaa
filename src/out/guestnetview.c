/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/guestnetview.h"

#include "out/netviewimpl.h"
#include "out/text.h"

static void put_list(struct buf *b, const char *before, const struct guestnet_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(b, i ? " " : before);
		text_escape(b, l->v[i], false);
	}
	if (l->more)
		buf_addf(b, " and %ju more", (uintmax_t)l->more);
}

static void put_line(FILE *f, const struct table_opts *o, struct buf *b)
{
	if (b->n) {
		fputs("  ", f);
		netview_put_wrapped(f, o, buf_str(b), 2, 6);
	}
	b->n = 0;
}

void resolver_print(FILE *f, const struct table_opts *o, const struct resolver *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!r)
		return;
	fputs("\nResolver inside\n", f);
	put_list(&b, "nameserver ", &r->nameservers);
	if (!b.n)
		buf_adds(&b, "no nameserver in /etc/resolv.conf");
	put_line(f, o, &b);
	put_list(&b, "search ", &r->search);
	put_line(f, o, &b);
	put_list(&b, "options ", &r->options);
	put_line(f, o, &b);
}

static struct tbytes device_of(const struct dhcp_lease *l, const struct netifs *links)
{
	const struct netif *i = links ? netifs_find(links, l->ifindex) : NULL;

	return l->interface.p ? l->interface : i ? netif_name(i) : (struct tbytes) {
		0
	};
}

static void put_lease(struct buf *b, const struct dhcp_lease *l,
		      const struct netifs *links)
{
	_cleanup_free_ char *ip = netaddr_text(l->family, l->addr);
	struct tbytes dev = device_of(l, links);

	if (dev.n) {
		text_escape(b, dev, false);
		buf_adds(b, ": ");
	}
	buf_adds(b, ip);
	if (l->prefix_len.kind == VAL_SET)
		buf_addf(b, "/%ju", (uintmax_t)l->prefix_len.n);
	if (l->server.n) {
		buf_adds(b, " from ");
		text_escape(b, l->server, false);
	}
	put_list(b, ", gateway ", &l->routers);
	put_list(b, ", DNS ", &l->dns);
	if (l->expire_real_usec.kind == VAL_SET) {
		buf_adds(b, ", until ");
		text_stamp(b, l->expire_real_usec.n);
	} else if (l->expire_real_usec.kind == VAL_MAX) {
		buf_adds(b, ", for ever");
	}
	buf_addf(b, " (%s)", dhcp_client_name(l->client));
}

void dhcp_leases_print(FILE *f, const struct table_opts *o, const struct dhcp_leases *l,
		       const struct netifs *links)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!l || (!l->n && !l->more))
		return;
	fputs("\nDHCP leases\n", f);
	for (size_t i = 0; i < l->n; i++) {
		put_lease(&b, &l->v[i], links);
		put_line(f, o, &b);
	}
	if (l->more)
		fprintf(f, "  and %ju more\n", (uintmax_t)l->more);
}

static void json_list(struct jw *w, const char *key, const struct guestnet_list *l)
{
	jw_arr(w, key);
	for (size_t i = 0; i < l->n; i++)
		jw_text(w, NULL, l->v[i]);
	jw_end(w);
}

void resolver_json(struct jw *w, const struct resolver *r)
{
	if (!r)
		return;
	jw_obj(w, "resolver");
	json_list(w, "nameservers", &r->nameservers);
	json_list(w, "search", &r->search);
	json_list(w, "options", &r->options);
	if (r->nameservers.more + r->search.more + r->options.more)
		jw_int(w, "more", r->nameservers.more + r->search.more + r->options.more);
	jw_end(w);
}

static void json_stamp(struct jw *w, const char *key, struct val v)
{
	if (v.kind == VAL_SET)
		jw_stamp(w, key, v.n);
	else if (v.kind == VAL_MAX)
		jw_null(w, key);
}

static void json_lease(struct jw *w, const struct dhcp_lease *l,
		       const struct netifs *links)
{
	_cleanup_free_ char *ip = netaddr_text(l->family, l->addr);
	struct tbytes dev = device_of(l, links);

	jw_obj(w, NULL);
	jw_str(w, "client", dhcp_client_name(l->client));
	if (dev.n)
		jw_text(w, "interface", dev);
	jw_str(w, "address", ip);
	jw_val(w, "prefix", l->prefix_len);
	jw_text(w, "server", l->server);
	json_list(w, "routers", &l->routers);
	json_list(w, "nameservers", &l->dns);
	if (l->domain.n)
		jw_text(w, "domain", l->domain);
	jw_val(w, "lifetime", l->lifetime_sec);
	json_stamp(w, "obtained", l->obtained_real_usec);
	json_stamp(w, "renew", l->renew_real_usec);
	json_stamp(w, "expires", l->expire_real_usec);
	jw_end(w);
}

void dhcp_leases_json(struct jw *w, const struct dhcp_leases *l,
		      const struct netifs *links)
{
	if (!l)
		return;
	jw_arr(w, "leases");
	for (size_t i = 0; i < l->n; i++)
		json_lease(w, &l->v[i], links);
	jw_end(w);
	if (l->more)
		jw_int(w, "leases_more", l->more);
}
