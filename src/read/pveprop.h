/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include <pveprop.h>

/*
 * Property strings exactly as PVE takes and refuses them (facts: pve-node.md 1.4, 1.5).
 * 0, or -EINVAL with PVE's own words in *why (may be NULL; several lines when several
 * properties are wrong). *ret is written on success only. Linear in the length, but for
 * sorting keys that PVE does not know.
 */
int pve_net_parse(struct span value, struct pve_net *ret, struct buf *why);
int pve_rootfs_parse(struct span value, struct pve_mp *ret, struct buf *why);
int pve_mp_parse(struct span value, struct pve_mp *ret, struct buf *why);
int pve_dev_parse(struct span value, struct pve_dev *ret, struct buf *why);
int pve_features_parse(struct span value, struct pve_features *ret, struct buf *why);

/* unusedN: the volume id, owned by the caller. */
int pve_unused_parse(struct span value, char **ret, struct buf *why);

/* Are they valid? Allocates nothing for a value that is. */
int pve_net_check(struct span value, struct buf *why);
int pve_rootfs_check(struct span value, struct buf *why);
int pve_mp_check(struct span value, struct buf *why);
int pve_dev_check(struct span value, struct buf *why);
int pve_features_check(struct span value, struct buf *why);
int pve_unused_check(struct span value, struct buf *why);

/*
 * "8G", "1537M", "0.5T", "4096", "8GiB": bytes, 1024-based, the fraction of a byte cut
 * off; UINT64_MAX where it does not fit. -EINVAL: not a size.
 */
int pve_size_parse(struct span value, uint64_t *ret);

/*
 * The names of a pending `delete:`, in their order; parted by comma, semicolon or blank,
 * "!" in front is "force". *ret is an array of *ret_n, freed by pve_delete_free().
 */
void pve_delete_parse(struct span value, struct pve_delete **ret, size_t *ret_n);
void pve_delete_free(struct pve_delete *v, size_t n);
