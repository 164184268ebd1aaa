/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/netdata.h"

#include "base/str.h"
#include "read/pveprop.h"
#include "rule/network.h"

static bool is_pending(const struct pveconf *c, const char *key)
{
	struct pve_delete *del = NULL;
	bool found = pveconf_item(&c->pending, key) != NULL;
	struct tbytes list = pveconf_bytes(&c->pending, "delete");
	size_t n = 0;

	if (list.p)
		pve_delete_parse(span_of((const char *)list.p, list.n), &del, &n);
	for (size_t i = 0; i < n; i++)
		found |= str_eq(del[i].key, key);
	pve_delete_free(del, n);
	return found;
}

void netdata_add_config(const struct pveconf *c, struct netview *v)
{
	const struct pveconf_item *item;
	uint32_t at = 0, n;
	size_t cap = v->n_ifaces;

	while ((item = pveconf_next(&c->main, "net", &at, &n))) {
		_cleanup_(buf_done) struct buf why = { 0 };
		struct net_iface i = { .n = n, .in_config = true };

		i.config_text = xstrndup(item->value, item->value_n);
		i.pending = c->has_pending && is_pending(c, item->key);
		if (pve_net_parse(span_of(item->value, item->value_n), &i.conf, &why) < 0)
			i.config_error =
				span_dup(span_trim(span_of(buf_str(&why), why.n)));
		else
			i.conf_rate = network_rate(i.conf.rate);
		GROW(v->ifaces, v->n_ifaces, cap);
		v->ifaces[v->n_ifaces++] = i;
	}
}

bool netdata_read_vlans(struct netlink *nl, const struct netifs *host,
			struct netvlans *ret)
{
	for (size_t i = 0; i < host->n; i++)
		if (val_or(host->v[i].vlan_filtering, 0))
			return netlink_read_bridge_vlans(nl, ret, NULL) == 0;
	return false;
}

void netdata_read_rates(struct netlink *nl, struct netview *v)
{
	for (size_t k = 0; k < v->n_ifaces; k++) {
		struct net_iface *i = &v->ifaces[k];

		if (i->veth)
			i->rate_known = netlink_read_rate(nl, i->veth->ifindex, &i->rate,
							  NULL) == 0;
	}
}
