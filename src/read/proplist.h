/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "read/pveformat.h"
#include "read/pveprop.h"

/*
 * Property strings as PVE's schema takes them apart and checks them (facts: pve-node.md
 * 1.4): "key=value,..." by a table of keys; what a string of each kind means is of
 * pveprop.c.
 */
enum prop_type { PROP_TEXT, PROP_BOOL, PROP_INT, PROP_NUMBER };

struct prop_desc {
	const char *key;
	enum prop_type type;
	bool optional, is_default; /* a part without "key=" is this one */
	pve_format *format;
	bool (*pattern)(struct span v);
	bool has_min, has_max;
	uint64_t min, max;
	const char *only; /* the one value there is */
};

struct prop_schema {
	const struct prop_desc *v;
	size_t n;
};

/* A property string taken apart: by index of the schema; p NULL is "not there". */
struct prop_found {
	struct span v[PVE_PROPS_MAX];
	bool is_bool[PVE_PROPS_MAX], on[PVE_PROPS_MAX];
	size_t order[PVE_PROPS_MAX]; /* as they came */
	size_t n;
};

/* -EINVAL: PVE refuses it; its sentences are appended to *why (NULL: nobody asks). */
int proplist_take(const struct prop_schema *s, struct span value, struct prop_found *f,
		  struct buf *why);
