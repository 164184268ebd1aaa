/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/drift.h"
#include "rule/network.h"

/* One netN of a container that runs. */
struct net {
	const struct drift_facts *f;
	const struct net_iface *i;
	struct drift *out;
};

static char *name_of(const struct netif *d)
{
	return d ? xstrndup((const char *)d->name, d->name_n) : NULL;
}

static bool is_called(const struct netif *d, const char *name)
{
	return d && name && span_eq(span_of((const char *)d->name, d->name_n), name);
}

static bool is_ovs(const struct netif *port)
{
	return port && str_eq(port->slave_kind, "openvswitch");
}

/* What it was started with, where that is known: "lxc.net.0.hwaddr". */
static const char *start_value(const struct net *n, const char *prop)
{
	_cleanup_free_ char *key = NULL;

	if (!drift_start_known(n->f))
		return NULL;
	key = xasprintf("lxc.net.%u.%s", n->i->n, prop);
	return lxcstart_last(n->f->start, key, false);
}

/* What two kinds of quotes keep as it is. */
static bool is_plain(const char *text)
{
	return !text[strcspn(text, "'\"$`\\!\n")];
}

/*
 * PVE plugs an interface in anew when one of its properties is another one: link_down is
 * the one that touches nothing else. It cuts the network for a moment, perhaps that of
 * whoever types this: the second half comes even when the terminal is gone.
 */
static char *fix_replug(const struct net *n)
{
	const char *text = n->i->config_text;

	/* a property that is there twice makes the value none */
	if (!text || !is_plain(text) || strstr(text, "link_down="))
		return NULL;
	return xasprintf("nohup sh -c \"pct set %u --net%u '%s,link_down=1'; "
			 "pct set %u --net%u '%s'\" # net%u is cut for a moment",
			 n->out->vmid, n->i->n, text, n->out->vmid, n->i->n, text,
			 n->i->n);
}

static void differs(const struct net *n, const char *prop, char *configured,
		    char *running, char *seen, enum drift_cause cause,
		    enum drift_action action)
{
	drift_add(n->out,
		  (struct drift_row){
			  .key = xasprintf("net%u%s%s", n->i->n, *prop ? "." : "", prop),
			  .configured = configured,
			  .running = running,
			  .seen = seen,
			  .cause = cause,
			  .action = action,
			  .fix = action == DRIFT_HOTPLUG ? fix_replug(n) : NULL,
		  });
}

static char *seen_on(const struct netif *d)
{
	return xasprintf("device %.*s", (int)d->name_n, (const char *)d->name);
}

static char *seen_inside(const struct netif *d)
{
	return xasprintf("%.*s inside the container", (int)d->name_n,
			 (const char *)d->name);
}

/* Is it there at all? */

static void missing(const struct net *n)
{
	bool known = drift_start_known(n->f);
	enum drift_cause cause = DRIFT_UNSURE;

	if (known)
		cause = start_value(n, "type") ? DRIFT_CHANGED : DRIFT_EDITED;
	differs(n, "", xstrdup(n->i->config_text), NULL,
		xasprintf("no device veth%ui%u", n->out->vmid, n->i->n), cause,
		DRIFT_RESTART);
}

static void unconfigured(const struct net *n)
{
	bool known = drift_start_known(n->f);
	enum drift_cause cause = DRIFT_UNSURE;

	if (known)
		cause = start_value(n, "type") ? DRIFT_EDITED : DRIFT_CHANGED;
	differs(n, "", NULL, name_of(n->i->veth), seen_on(n->i->veth), cause,
		DRIFT_RESTART);
}

/* On the node */

static void link_down(const struct net *n)
{
	const struct net_iface *i = n->i;

	if (i->conf.link_down != i->veth->up)
		drift_same(n->out);
	else
		differs(n, "link_down", xstrdup(i->conf.link_down ? "1" : "0"),
			xstrdup(i->veth->up ? "0" : "1"), seen_on(i->veth), DRIFT_UNSURE,
			DRIFT_HOTPLUG);
}

/* "vmbr0v30": the bridge that PVE makes of a tag where the bridge filters no VLANs. */
static bool is_tag_bridge(const struct net_iface *i)
{
	_cleanup_free_ char *name = NULL;

	if (!i->bridge || i->conf.tag.kind != VAL_SET || !i->conf.bridge)
		return false;
	name = xasprintf("%sv%" PRIu64, i->conf.bridge, i->conf.tag.n);
	return is_called(i->bridge, name);
}

/* False: what the port is in cannot be told from here. */
static bool bridge_known(const struct net_iface *i)
{
	if (is_ovs(i->port) || is_ovs(i->veth) || is_ovs(i->fwln))
		return false;
	/* a firewall bridge with an uplink that is not a veth pair */
	return !(i->fwbr && i->port != i->veth && !i->fwpr);
}

static void bridge(const struct net *n)
{
	const struct net_iface *i = n->i;

	if (i->conf.link_down || !i->want_bridge)
		return;
	if (!bridge_known(i)) {
		drift_add_gap(n->out, "net.bridge",
			      "ports of Open vSwitch are not looked at (net%u)", i->n);
		return;
	}
	if (is_called(i->bridge, i->want_bridge) || is_tag_bridge(i)) {
		drift_same(n->out);
		return;
	}
	differs(n, "bridge", xstrdup(i->want_bridge), name_of(i->bridge),
		seen_on(i->port ? i->port : i->veth), DRIFT_UNSURE, DRIFT_HOTPLUG);
}

static void tag(const struct net *n)
{
	const struct net_iface *i = n->i;

	if (!i->tagged || i->conf.link_down)
		return;
	if (i->pvid.kind == VAL_SET && i->pvid.n == val_or(i->conf.tag, 1)) {
		drift_same(n->out);
		return;
	}
	differs(n, "tag",
		i->conf.tag.kind == VAL_SET ? xasprintf("%" PRIu64, i->conf.tag.n) : NULL,
		i->pvid.kind == VAL_SET ? xasprintf("%" PRIu64, i->pvid.n) : NULL,
		xasprintf("untagged VLAN of %.*s", (int)i->port->name_n,
			  (const char *)i->port->name),
		DRIFT_UNSURE, DRIFT_HOTPLUG);
}

/* "2-4094,30" as a set. */
static bool parse_tagged(const char *text, uint64_t map[64])
{
	_cleanup_free_ char *s = xstrdup(text);

	for (char *p = s; *p; p++)
		if (*p == ',')
			*p = ';';
	return !*s || network_parse_trunks(s, map);
}

/* Without tag and trunks all VLANs that the bridge has are let through. */
static void trunks(const struct net *n)
{
	const struct net_iface *i = n->i;
	uint64_t want[64] = { 0 }, have[64] = { 0 }, pvid = val_or(i->conf.tag, 1);

	if (!i->tagged || i->conf.link_down ||
	    (!i->conf.trunks && i->conf.tag.kind != VAL_SET) ||
	    (i->conf.trunks && !network_parse_trunks(i->conf.trunks, want)) ||
	    !parse_tagged(i->tagged, have))
		return;
	want[pvid / 64 % 64] &= ~(UINT64_C(1) << pvid % 64);
	if (memcmp(want, have, sizeof(want)) == 0) {
		drift_same(n->out);
		return;
	}
	differs(n, "trunks", xstrdup_or_null(i->conf.trunks),
		*i->tagged ? xstrdup(i->tagged) : NULL,
		xasprintf("tagged VLANs of %.*s", (int)i->port->name_n,
			  (const char *)i->port->name),
		DRIFT_UNSURE, DRIFT_HOTPLUG);
}

/* tc keeps whole bytes per second of a decimal fraction: one percent is the same. */
static bool is_about(struct val have, struct val want)
{
	uint64_t tolerance = want.n / 100 + 1;

	if (have.kind != VAL_SET || want.kind != VAL_SET)
		return have.kind == want.kind;
	return have.n + tolerance >= want.n && have.n <= want.n + tolerance;
}

static char *rate_text(const struct netrate *r)
{
	struct val to = r->to_guest_bytes_per_sec, from = r->from_guest_bytes_per_sec;

	if (to.kind != VAL_SET && from.kind != VAL_SET)
		return NULL;
	if (to.kind != VAL_SET)
		return xasprintf("%" PRIu64 " bytes/s from the guest, none towards it",
				 from.n);
	if (from.kind != VAL_SET)
		return xasprintf("%" PRIu64 " bytes/s towards the guest, none from it",
				 to.n);
	if (to.n == from.n)
		return xasprintf("%" PRIu64 " bytes/s", to.n);
	return xasprintf("%" PRIu64 " bytes/s towards the guest, %" PRIu64 " from it",
			 to.n, from.n);
}

static void rate(const struct net *n)
{
	const struct net_iface *i = n->i;

	if (!i->rate_known || i->conf.link_down || is_ovs(i->veth))
		return;
	if (i->conf.rate && i->conf_rate.kind != VAL_SET &&
	    i->conf.rate[strspn(i->conf.rate, "0.")])
		return; /* a form of number that only Perl takes */
	if (is_about(i->rate.to_guest_bytes_per_sec, i->conf_rate) &&
	    is_about(i->rate.from_guest_bytes_per_sec, i->conf_rate)) {
		drift_same(n->out);
		return;
	}
	differs(n, "rate",
		i->conf_rate.kind == VAL_SET
			? xasprintf("%" PRIu64 " bytes/s", i->conf_rate.n)
			: NULL,
		rate_text(&i->rate),
		xasprintf("tc of %.*s", (int)i->veth->name_n,
			  (const char *)i->veth->name),
		DRIFT_UNSURE, DRIFT_HOTPLUG);
}

/* Only one that filters needs the extra bridge; what the node does is said by the view. */
static void firewall(const struct net *n)
{
	const struct net_iface *i = n->i;
	bool behind = i->fwbr && i->veth->master == i->fwbr->ifindex;

	if (!i->fw_known || !i->fwbr_known || i->conf.link_down || is_ovs(i->veth))
		return;
	if (i->conf.firewall ? (behind || !i->filtered || !i->fwbr_expected) : !behind) {
		drift_same(n->out);
		return;
	}
	differs(n, "firewall", xstrdup(i->conf.firewall ? "1" : "0"),
		xstrdup(behind ? "1" : "0"), seen_on(i->veth), DRIFT_UNSURE,
		DRIFT_HOTPLUG);
}

/* Inside: its owner may have done it. */

static enum drift_cause inside_cause(const struct net *n, const char *prop,
				     const char *running)
{
	const char *start = start_value(n, prop);

	if (!start)
		return DRIFT_UNSURE;
	return span_eq_nocase(span_str(start), running) ? DRIFT_EDITED : DRIFT_CHANGED;
}

static void inside_prop(const struct net *n, const char *prop, const char *want,
			const char *have, enum drift_action action)
{
	if (have && span_eq_nocase(span_str(want), have)) {
		drift_same(n->out);
		return;
	}
	differs(n, prop, xstrdup(want), xstrdup_or_null(have), seen_inside(n->i->guest),
		have ? inside_cause(n, prop, have) : DRIFT_UNSURE, action);
}

static void inside(const struct net *n)
{
	const struct net_iface *i = n->i;
	_cleanup_free_ char *mac = NULL, *name = NULL, *mtu = NULL, *want_mtu = NULL;

	if (!i->guest || n->f->net->guest.links.torn)
		return;
	name = name_of(i->guest);
	if (str_eq(name, i->conf.name))
		drift_same(n->out);
	else
		differs(n, "name", xstrdup(i->conf.name), xstrdup(name),
			seen_inside(i->guest), inside_cause(n, "name", name),
			DRIFT_RESTART);
	mac = netif_mac_text(i->guest->mac, i->guest->mac_n);
	if (i->conf.hwaddr)
		inside_prop(n, "hwaddr", i->conf.hwaddr, mac, DRIFT_RESTART);
	if (i->conf.mtu.kind != VAL_SET)
		return;
	want_mtu = xasprintf("%" PRIu64, i->conf.mtu.n);
	mtu = xasprintf("%" PRIu32, i->guest->mtu);
	inside_prop(n, "mtu", want_mtu, mtu, DRIFT_RESTART);
}

static void iface(const struct net *n)
{
	const struct net_iface *i = n->i;

	if (i->config_error) {
		drift_add_gap(n->out, "net", "net%u in the config is not valid", i->n);
	} else if (!i->in_config) {
		unconfigured(n);
	} else if (!i->veth) {
		missing(n);
	} else {
		drift_same(n->out);
		link_down(n);
		bridge(n);
		tag(n);
		trunks(n);
		rate(n);
		firewall(n);
		inside(n);
	}
}

void drift_net(const struct drift_facts *f, struct drift *out)
{
	const struct netview *v = f->net;

	if (!v || !v->host_known || v->host.torn) {
		drift_add_gap(out, "net", "%s",
			      v && v->host_error
				      ? v->host_error
				      : "the devices of the node are not looked at");
		return;
	}
	if (v->guest.shares_host) {
		drift_add_gap(out, "net", "it uses the network of the node itself");
		return;
	}
	for (size_t k = 0; k < v->n_ifaces; k++)
		iface(&(struct net){ f, &v->ifaces[k], out });
}
