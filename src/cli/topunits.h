/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <top.h>

#include "cli/app.h"

/* What the cgroups inside one container use, between two looks at them. */
struct topunits;

struct topunits *topunits_new(const struct app *app);
void topunits_free(struct topunits *u); /* NULL is fine */

/*
 * Looks at container nav->unit again: rates are since the look before, absent at the
 * first. Units are in the order of a tree, brothers by nav->sort. All is borrowed until
 * the next call; *ret_note (NULL: nothing) says why there are none, or not all.
 */
void topunits_read(struct topunits *u, const struct topnav *nav,
		   const struct topunit **ret, size_t *ret_n, const char **ret_note);
