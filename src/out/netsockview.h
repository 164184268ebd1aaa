/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "netsock.h"
#include "netif.h"
#include "out/json.h"
#include "out/table.h"

/*
 * "Listening inside": a line for each process with what it waits on, unix sockets only
 * counted; nothing where `l` has none of it.
 */
void netsocks_print(FILE *f, const struct table_opts *o, const struct netsocks *l);

/* The member `sockets` of the object that is open; links may be NULL. */
void netsocks_json(struct jw *w, const struct netsocks *l, const struct netifs *links);

/* One row a socket, for a table. */
struct netsock_row {
	const struct netsocks *all;
	const struct netsock *s;
	const struct netifs *links; /* of that namespace; NULL: not known */
};

enum { NETSOCK_NCOLS = 14 };
extern const struct col netsock_cols[NETSOCK_NCOLS];
