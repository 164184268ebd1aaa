/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ct.h>

#include "cli/app.h"
#include "guestread.h"

/*
 * The volume of a stopped container as a directory of this node: found in what is there,
 * nothing is mounted and no program is run.
 */
struct ctvolume {
	struct guestread_volume v; /* path NULL: see why */
	char *name;                /* the config's: "local-zfs:subvol-101-disk-0" */
	char *why;                 /* one sentence; NULL: it is there. Escape both */
};

/* `ct` with its config, if it has one. Never fails: `why` tells. */
void ctvolume_read(const struct app *app, const struct ct *ct, struct ctvolume *ret);
void ctvolume_done(struct ctvolume *c);
