/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "storagecfg.h"

/*
 * storage.cfg with what PVE adds to it (facts: pve-node.md 7.4): `local` is always there,
 * content and path have the defaults of the type, some types are always shared. Sections
 * that lack what their type needs are left out with a warning, as PVE does; those of
 * types that nobody knows are kept (a plug-in may). An empty text, or none, is `local`
 * alone. -EFBIG: larger than any file of pmxcfs.
 */
int storage_parse(const char *p, size_t n, struct storages *ret, struct err *err);

/* PVE's id of a storage: a letter, then letters, digits and -_. , none of those last. */
bool storage_is_id(struct span s);
