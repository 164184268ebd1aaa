/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tbytes.h"
#include "val.h"

/*
 * What files inside a container say about its network: /etc/resolv.conf and the leases
 * of DHCP clients. All of it is the guest's word: texts are tenant bytes that point into
 * what was parsed, which has to outlive them.
 */
#define GUESTNET_LIST 16

/* What is beyond its end is counted in `more`. */
struct guestnet_list {
	struct tbytes v[GUESTNET_LIST];
	size_t n;
	uint64_t more;
};

struct resolver {
	struct guestnet_list nameservers; /* as written; glibc asks the first three that
					     are addresses */
	struct guestnet_list search;      /* of the last search or domain line */
	struct guestnet_list options;     /* of all options lines */
	uint64_t bad_nameservers;         /* that are no addresses */
};

/* Where a lease was found. */
enum dhcp_client {
	DHCP_DHCLIENT,
	DHCP_NETWORKD,
	DHCP_NETWORKMANAGER,
	DHCP_DHCPCD,
	DHCP_HOST_DHCLIENT, /* run by the node for a host-managed interface */
	DHCP_N_CLIENTS,
};

struct dhcp_lease {
	enum dhcp_client client;
	struct tbytes interface; /* p NULL: not said */
	uint32_t ifindex;        /* 0: not said */
	uint8_t family;          /* 0: it names no address */
	uint8_t addr[16];
	struct val prefix_len;
	struct tbytes server; /* all of these as written; p NULL: not said */
	struct guestnet_list routers, dns;
	struct tbytes domain;
	struct val lifetime_sec; /* VAL_MAX: for ever */
	struct val renew_real_usec, rebind_real_usec, expire_real_usec; /* MAX: never */
	struct val obtained_real_usec;
};

struct dhcp_leases {
	struct dhcp_lease *v;
	size_t n, cap;
	uint64_t more;
};

void dhcp_leases_done(struct dhcp_leases *l);
const char *
dhcp_client_name(enum dhcp_client c); /* "dhclient", "systemd-networkd", ... */
