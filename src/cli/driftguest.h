/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <drift.h>
#include <facts.h>

#include "cli/app.h"
#include "read/guestread.h"
#include "read/utsname.h"

/*
 * What is asked inside, of all containers at once: host names by one child, resolv.conf by
 * guest-read where the config has something to say about it.
 */
struct driftguest {
	struct utsname_of *uts;
	struct guestread_job *jobs;
	size_t n_uts, n_jobs;
	char *why;                  /* no host name is known */
	struct guestread_item file; /* of each job */
};

void driftguest_read(const struct app *app, const struct facts *f,
		     struct driftguest *ret);
void driftguest_done(struct driftguest *g);

/* p NULL: not known. */
struct tbytes driftguest_uts(const struct driftguest *g, const struct ct *ct);

/* False: it was not asked for. The texts are borrowed of *g. */
bool driftguest_dns(const struct driftguest *g, const struct ct *ct,
		    struct drift_dns *ret);
