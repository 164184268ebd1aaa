/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "guestnet.h"
#include "netif.h"
#include "out/json.h"
#include "out/table.h"

/* "Resolver inside", "DHCP leases"; NULL: not read, nothing is printed. */
void resolver_print(FILE *f, const struct table_opts *o, const struct resolver *r);
void dhcp_leases_print(FILE *f, const struct table_opts *o, const struct dhcp_leases *l,
		       const struct netifs *links);

/* The members `resolver` and `leases` of the object that is open. */
void resolver_json(struct jw *w, const struct resolver *r);
void dhcp_leases_json(struct jw *w, const struct dhcp_leases *l,
		      const struct netifs *links);
