/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <top.h>

#include "cli/app.h"

/*
 * What was inside a container in the past: not recorded second by second, but an incident
 * keeps the largest units of the moment it was opened.
 */
struct topincident;

void topincident_free(struct topincident *t); /* NULL is fine */

/*
 * Those of the incident of that container that was opened nearest to the moment, ten
 * minutes at most before or after it. *ret_note says of when they are, or that there are
 * none; all is borrowed until the next call or topincident_free(). *io: made when NULL.
 */
void topincident_units(const struct app *app, uint32_t vmid, uint64_t at_real_usec,
		       struct topincident **io, const struct topunit **ret, size_t *ret_n,
		       const char **ret_note);
