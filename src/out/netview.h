/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include <netview.h> /* of include/ */
#include "out/json.h"
#include "out/table.h"

/* A block of lines per interface, as `status` prints; color, width and exact_bytes of o.
 */
void netview_print(FILE *f, const struct table_opts *o, const struct netview *v);

/* The members of `container`, into the object that is open. */
void netview_json(struct jw *w, const struct netview *v);

/* One row an interface, for -o: what a script wants. */
struct netview_row {
	const struct netview *view;
	const struct net_iface *iface;
};

enum { NETVIEW_NCOLS = 15 };
extern const struct col netview_cols[NETVIEW_NCOLS];
