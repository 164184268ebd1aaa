/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "netview.h"

/*
 * The network of a container, put together and judged (facts: pve-node.md 5). Pure: what
 * is not known in the view is neither joined nor judged.
 */

/*
 * Finds the devices, VLANs, counters and the inner end of every netN; adds an entry for
 * each host device of the container that no netN explains. Afterwards nothing may be
 * appended to v->host and v->guest.links.
 */
void network_join(struct netview *v);

/* Fills the findings. `claims`: of all containers of the node, this one included. */
void network_check(struct netview *v, const struct net_claims *claims);

/*
 * Adds a claim, unless the container has made the same one: `first` is where its claims
 * begin. A claim is a MAC address or an address, not both.
 */
void network_claim(struct net_claims *claims, size_t first, struct net_claim c);

/* Per second, out of the counters of an earlier reading of the same device. */
void network_speed(struct netview *v, const struct netifs *earlier,
		   uint64_t interval_usec);

/* PVE's rate=: megabytes per second, as bytes; absent where it is not a number. */
struct val network_rate(const char *rate);

/* "10;20-22": sets the bits of these VLANs in a map of 4096 bits. False: not a list. */
bool network_parse_trunks(const char *trunks, uint64_t map[64]);

/* The same the other way: "10,20-22"; empty: none. */
char *network_vlans_text(const uint64_t map[64]);
