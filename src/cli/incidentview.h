/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <event.h>
#include <incident.h>

#include "cli/app.h"

/*
 * Prints one incident for a human: what it was, limits, memory, processes, units, the
 * events around it, saved texts. Data that is not what include/incident.h describes is
 * left out.
 */
void incidentview_print(const struct app *app, const struct incident *i,
			const struct events *around);

/*
 * Of each column, the limit that was recorded with the incident, in the column's unit;
 * ret[c] stays as it is where none is known.
 */
void incidentview_limits(const struct incident *i, const unsigned *columns, size_t n,
			 struct val *ret);
