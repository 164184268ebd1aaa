/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "out/json.h"
#include "pveconf.h"

/*
 * A guest configuration as the object PVE's own parser returns: its keys, `description`,
 * `lxc` (pairs), `env`, `digest`, `pending` and `snapshots` (objects, there also when
 * empty). Integers and booleans that PVE took are numbers (booleans 1 and 0), all else is
 * text. Where PVE's number is a floating one (more digits than 64 bits hold) so is this;
 * bytes that are not UTF-8 are {"b64": "..."} as everywhere.
 */
void confjson_config(struct jw *w, const char *key, const struct pveconf *c);

/* One section alone: a snapshot, the pending values. */
void confjson_section(struct jw *w, const char *key, const struct pveconf_section *s);

/*
 * A property string as PVE parses it: booleans 1 and 0, `size` in bytes, `type` of a
 * mount, `idmap` a list of [type, ct, disk, count]; all else text.
 */
void confjson_props(struct jw *w, const char *key, const struct pve_props *p);
void confjson_mp(struct jw *w, const char *key, const struct pve_mp *m);
