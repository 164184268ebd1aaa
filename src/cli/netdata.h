/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netview.h>
#include <pveconf.h>

#include "base/err.h"
#include "read/netlink.h"

/* What a view of a container's network is made of, for network and drift alike. */

/* Each netN of the config; those that are no valid value with why. */
void netdata_add_config(const struct pveconf *c, struct netview *v);

/* The VLANs of bridge ports, where a bridge filters them. False: not known. */
bool netdata_read_vlans(struct netlink *nl, const struct netifs *host,
			struct netvlans *ret);

/* Of each interface that is there; one that cannot be read is not known. */
void netdata_read_rates(struct netlink *nl, struct netview *v);
