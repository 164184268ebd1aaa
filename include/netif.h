/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"
#include "val.h"

/*
 * Network interfaces, addresses, routes as rtnetlink gives them (kernel:
 * Documentation/networking, include/uapi/linux/{rtnetlink,if_link,if_addr}.h). An ifindex
 * means something in one network namespace only. Names are what the owner of that
 * namespace chose: any byte but '/', blanks and NUL.
 */
enum { NETIF_NAME_MAX = 15, NETIF_MAC_MAX = 32, NETIF_KIND_MAX = 31 };

struct netif_stats {
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct netif {
	uint32_t ifindex;
	uint8_t name[NETIF_NAME_MAX + 1];
	uint8_t name_n;
	char kind[NETIF_KIND_MAX + 1]; /* "veth", "bridge", "vlan"; "": a real device, lo
					*/
	char slave_kind[NETIF_KIND_MAX + 1]; /* of the master: "bridge"; "": no port */
	uint32_t master;                     /* ifindex, 0: none */
	uint32_t link; /* ifindex of the veth's peer, of the vlan's device; 0: none */
	struct val link_netnsid; /* namespace that `link` is in, seen from where this was
				    read; absent: the same one */
	uint8_t mac[NETIF_MAC_MAX];
	uint8_t mac_n; /* 0: it has none */
	uint32_t mtu;
	uint8_t operstate; /* RFC 2863, see netif_operstate_name() */
	bool up;           /* IFF_UP: somebody switched it on */
	bool running;      /* IFF_RUNNING: and it works */
	bool carrier;      /* IFF_LOWER_UP: the other end is up */
	bool loopback;
	bool gone; /* a notification: it was removed */
	bool has_stats;
	struct netif_stats stats;
	struct val vlan_id;                           /* of a vlan device */
	struct val vlan_filtering, vlan_default_pvid; /* of a bridge */
	struct val port_state; /* of a bridge port: 0 disabled, 1 listening, 2 learning,
				  3 forwarding, 4 blocking */
};

/*
 * Several, in the kernel's order. `more`: so many further ones were not kept. `torn`:
 * they changed again and again while they were read: one may be missing, or there twice.
 */
struct netifs {
	struct netif *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

/* The counters of one link alone, as RTM_GETSTATS gives them. */
struct netstat {
	uint32_t ifindex;
	struct netif_stats stats;
};

struct netstats {
	struct netstat *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

struct netaddr {
	uint32_t ifindex;
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix_len;
	uint8_t scope;
	uint8_t addr[16]; /* network byte order, 4 or 16 bytes of it */
	uint8_t label[NETIF_NAME_MAX + 1];
	uint8_t label_n;    /* 0: none (IPv6 has no labels) */
	bool dad_failed;    /* somebody else has it already */
	bool tentative;     /* not yet checked for that */
	bool deprecated;    /* its preferred time is over */
	bool temporary;     /* a privacy address */
	bool dynamic;       /* with a lifetime: DHCP or router advertisement */
	bool link_scope;    /* link-local or host-local, by scope or 169.254/16 */
	uint32_t valid_sec; /* of a dynamic one */
};

struct netaddrs {
	struct netaddr *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

struct netroute {
	uint8_t family;
	uint8_t dst_len; /* 0: the default route */
	uint8_t dst[16];
	bool has_gw;
	uint8_t gw_family; /* IPv4 by way of an IPv6 neighbour is possible */
	uint8_t gw[16];
	uint32_t oif; /* ifindex, 0: none (several next hops, unreachable) */
	uint32_t table;
	uint8_t type; /* RTN_UNICAST 1, RTN_LOCAL 2, RTN_BLACKHOLE 6, ... */
	uint8_t scope, protocol;
	uint32_t metric;
	uint32_t n_hops; /* of a multipath route; gw and oif are then those of the first
			  */
};

struct netroutes {
	struct netroute *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

/* One entry of a bridge port's VLAN list: first..last. */
struct netvlan {
	uint32_t ifindex; /* the port, or the bridge itself */
	uint32_t master;  /* 0: ifindex is the bridge itself */
	uint16_t first, last;
	bool pvid, untagged;
};

struct netvlans {
	struct netvlan *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

/* A queueing discipline, class or filter of a device, what matters of it for a rate. */
struct netqdisc {
	uint32_t ifindex, handle, parent;
	char kind[NETIF_KIND_MAX + 1]; /* "htb", "ingress", "basic", "noqueue" */
	struct val rate_bytes_per_sec; /* of an htb class, of a police action */
	struct val drops;
};

struct netqdiscs {
	struct netqdisc *v;
	size_t n, cap;
	uint64_t more;
	bool torn;
};

/* The limits that PVE's rate= makes (facts: pve-node.md 5.3). Absent: there is none. */
struct netrate {
	struct val to_guest_bytes_per_sec, from_guest_bytes_per_sec;
	struct val to_guest_drops, from_guest_drops;
};

/* What is inside the network namespace of a container. */
struct netguest {
	bool known;       /* links and addrs were read */
	bool shares_host; /* it has no network of its own: the node's is not repeated here
			   */
	bool entered;     /* a child went in: no id was assigned to the namespace */
	struct val nsid;  /* of the namespace, seen from the node's */
	struct netifs links;
	struct netaddrs addrs;
	bool routes_known;
	struct netroutes routes; /* of the main tables, default routes first */
};

void netifs_done(struct netifs *l);
void netstats_done(struct netstats *l);
void netaddrs_done(struct netaddrs *l);
void netroutes_done(struct netroutes *l);
void netvlans_done(struct netvlans *l);
void netqdiscs_done(struct netqdiscs *l);
void netguest_done(struct netguest *g);

static inline struct tbytes netif_name(const struct netif *i)
{
	return (struct tbytes){ i->name, i->name_n };
}

/* NULL: there is none. */
const struct netif *netifs_find(const struct netifs *l, uint32_t ifindex);
const struct netif *netifs_find_name(const struct netifs *l, const char *name);

/* "UP", "DOWN", "LOWERLAYERDOWN", ... as `ip` writes them. */
const char *netif_operstate_name(uint8_t operstate);

/* "BC:24:11:2B:50:34", as PVE writes it; owned. NULL where n is 0. */
char *netif_mac_text(const uint8_t *mac, size_t n);

/* "10.0.0.5", "fd00::5"; owned. */
char *netaddr_text(uint8_t family, const uint8_t *addr);

/* A text as PVE has it in ip=, gw=: 0 or -EINVAL. *ret_len: the prefix, 255: none. */
int netaddr_parse(const char *text, uint8_t *ret_family, uint8_t *ret_addr,
		  uint8_t *ret_len);

/*
 * Which container a device of the node belongs to, by PVE's names (facts: pve-node.md
 * 5.1, 5.2).
 */
enum netdev_role {
	NETDEV_OTHER,
	NETDEV_VETH,     /* veth<vmid>i<N>: the host's end */
	NETDEV_VETH_TMP, /* veth<vmid>i<N>p: for an instant, during a hotplug */
	NETDEV_FWBR,     /* fwbr<vmid>i<N>: the bridge of the firewall */
	NETDEV_FWLN,     /* fwln<vmid>i<N>, on Open vSwitch fwln<vmid>o<N>: its uplink */
	NETDEV_FWPR,     /* fwpr<vmid>p<N>: the other end of that, in the real bridge */
};

struct netdev_id {
	enum netdev_role role;
	uint32_t vmid;
	uint32_t net; /* N of netN */
};

/* NETDEV_OTHER: the name is none of those (tap<vmid>i<N> is a virtual machine's). */
struct netdev_id netdev_parse_name(struct tbytes name);
