/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>
#include <netview.h>

#include "cli/app.h"

/*
 * The devices of the node, read once for all containers, and the view of each. Where they
 * cannot be had (a copy of a node, no libnl) `error` says why.
 */
struct driftnet {
	struct netlink *nl;
	struct netifs host;
	struct netvlans vlans;
	bool vlans_known;
	char *error;
};

void driftnet_open(const struct app *app, struct driftnet *ret);
void driftnet_done(struct driftnet *d);

/*
 * The joined view of a container that runs. It borrows the devices: driftnet_view_done(),
 * not netview_done(), ends it.
 */
void driftnet_view(const struct app *app, const struct driftnet *d, const struct ct *ct,
		   struct netview *ret);
void driftnet_view_done(struct netview *v);
