/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <drift.h>
#include <facts.h>

#include "cli/app.h"

/* The comparison of each container of this node, and what could not be read. */
struct driftdata {
	struct drift *v;
	const char **errors; /* of each, borrowed; NULL: none */
	size_t n;
};

/*
 * Reads what the comparison needs; what fails for one container is that container's gap.
 * *f has to outlive *ret.
 */
void driftdata_read(const struct app *app, const struct facts *f, struct driftdata *ret);
void driftdata_done(struct driftdata *d);
