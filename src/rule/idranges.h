/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>

#include "pveconf.h"

/*
 * lxc.idmap: "u 0 100000 65536", type, first id inside, first id of the node, how many.
 */
struct idrange {
	char type; /* 'u' or 'g' */
	uint64_t ct, host, n;
	uint32_t line; /* of the config; 0: PVE's default */
};

struct idranges {
	struct idrange *v;
	size_t n, cap;
};

/* What PVE maps where the config says nothing: 0 to 65535 to here and up. */
#define IDRANGE_DEFAULT   100000
#define IDRANGE_DEFAULT_N 65536

/* As LXC reads it: u or g and three numbers, nothing behind. False: it would not. */
bool idrange_parse(const struct pveconf_lxc *l, struct idrange *ret);

/*
 * The lxc.idmap lines that count: an empty one clears what was before it, malformed ones
 * are left out.
 */
void idranges_get(const struct ct *ct, struct idranges *ret);

/*
 * Those, or PVE's default for `unprivileged: 1` where there is no such line at all (an
 * empty one is: then there is no map). None: root inside is root of the node.
 */
void idranges_get_effective(const struct ct *ct, struct idranges *ret);

/* Is an id of the node among them? */
bool idranges_have(const struct idranges *r, char type, uint64_t host);

/* Is user root of the node an id inside, or is there no map at all? */
bool idranges_has_root(const struct ct *ct);

/*
 * The same of what is written below one mount point, whose idmap= may undo the container's
 * (facts: pve-node.md 1.5). mp NULL: a mount without one.
 */
bool idranges_has_root_at(const struct ct *ct, const struct pve_mp *mp);

void idranges_done(struct idranges *r);
