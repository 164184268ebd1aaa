/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fwcfg.h"
#include "guestnet.h"
#include "netif.h"
#include "netsock.h"
#include "pveprop.h"
#include "val.h"

/*
 * The network of one container: what its configuration asks for, joined with the devices
 * of the node and with what is inside its network namespace. Pointers to struct netif
 * point into `host.v` and `guest.links.v` of the same struct netview.
 */
enum net_level {
	NET_NOTE,    /* worth knowing, may be meant so */
	NET_WARNING, /* not as configured, or not usable as it is */
	NET_PROBLEM, /* no traffic, or somebody else's */
};

struct net_finding {
	enum net_level level;
	const char *id; /* frozen: "no-address", "mtu-above-bridge", ... */
	char *text;     /* one sentence; may hold tenant bytes */
};

struct net_findings {
	struct net_finding *v;
	size_t n, cap;
};

/* Per second over an interval; absent: not measured, or a counter went back. */
struct net_speed {
	struct val netin_bytes, netout_bytes, netin_packets, netout_packets;
};

/* netN, or a host device of the container that no netN explains. */
struct net_iface {
	uint32_t n;           /* of netN */
	bool in_config;       /* false: only the device is there */
	bool pending;         /* an edit of it waits for the next start */
	char *config_error;   /* PVE does not take the value: its words */
	char *config_text;    /* the value as written */
	struct pve_net conf;  /* valid where in_config and no config_error */
	struct val conf_rate; /* bytes per second */
	char *want_bridge;    /* the device that it should be a port of; NULL: none */

	/* on the node; all NULL where the links were not read */
	const struct netif *veth, *fwbr, *fwln, *fwpr;
	const struct netif *port;   /* what is (or would be) in the real bridge */
	const struct netif *bridge; /* that `port` is in; NULL: in none */
	const struct netif *want;   /* the device called want_bridge, NULL: not there */
	struct val netin_bytes, netout_bytes; /* PVE's: towards, from the guest */
	struct net_speed speed;
	bool rate_known;
	struct netrate rate;
	struct val pvid;    /* of the port, of a bridge that filters */
	char *tagged;       /* "2-4094", "10,20-30": tagged VLANs; NULL: not read */
	bool pvid_untagged; /* leaves the port without a tag */
	bool fwbr_expected; /* PVE of this node uses firewall bridges for it */
	bool fwbr_known;    /* fwbr_expected was found out */
	struct fw_missing fw_missing;
	bool filtered; /* cluster, guest and interface firewall are all switched on */
	bool fw_known; /* that was read */

	/* inside */
	const struct netif *guest;
	bool guest_moved; /* the other end of the veth is in another namespace */

	struct net_findings findings;
};

struct netview {
	uint32_t vmid;
	const char *name;   /* borrowed */
	const char *status; /* borrowed: "running", "stopped", ... */
	bool running;       /* its init is there */
	bool stopped;       /* nothing of it is there: not starting, not stopping */
	struct val uptime_sec;
	bool host_known; /* links of the node were read (by rtnetlink) */
	struct netifs host;
	bool vlans_known;
	struct netvlans vlans;
	struct netguest guest;
	bool socks_known;
	struct netsocks socks;
	const char *config_error;         /* borrowed; NULL: the config could be read */
	char *host_error;                 /* why the node's links are not known */
	char *guest_error;                /* why the inside is not known */
	char *socks_error;                /* why its sockets are not */
	const struct resolver *resolver;  /* borrowed; NULL: none was read */
	const struct dhcp_leases *leases; /* borrowed; NULL: not looked for */
	char *files_error;                /* why these are not (all) known */
	struct net_iface *ifaces;
	size_t n_ifaces;
	struct net_findings findings; /* of the container as a whole */
	uint64_t interval_usec;       /* between two readings of the counters, 0: one */
};

/* What an interface of any container of the node claims to be. */
struct net_claim {
	uint32_t vmid, net;
	const char *ct_name; /* borrowed */
	const char *bridge;  /* borrowed; NULL: none */
	uint32_t tag;        /* 0: none */
	uint8_t mac[6];
	bool has_mac;
	uint8_t family, addr[16]; /* family 0: no address */
	bool actual;              /* seen inside, not only in the config */
};

struct net_claims {
	struct net_claim *v;
	size_t n, cap;
};

void net_findings_done(struct net_findings *f);
void net_claims_done(struct net_claims *c);
void netview_done(struct netview *v);

const char *net_level_name(enum net_level level); /* "note", "warning", "problem" */

/* Is the address (of the guest) on that interface of it? */
static inline bool net_is_on(const struct netaddr *a, const struct netif *i)
{
	return i && a->ifindex == i->ifindex;
}

/* Is it in the config, and its line one that can be read? */
static inline bool net_iface_is_valid(const struct net_iface *i)
{
	return i->in_config && !i->config_error;
}

/* "up", "down", "no carrier", or NULL where no device is known. */
const char *netif_state_text(const struct netif *d);

/* Is the interface inside explained by one of netN? */
bool netview_is_explained(const struct netview *v, const struct netif *inside);
/* Is it one that the guest made itself? */
bool netview_is_other(const struct netview *v, const struct netif *inside);
