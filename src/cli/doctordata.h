/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include "rule/doctor.h"

/*
 * Looks at every part of the installation, each on its own: what cannot be read is noted
 * there. *ret_node (owned, may be NULL): the node's name.
 */
void doctor_gather(const struct app *app, struct doctor_facts *ret, char **ret_node);

/* The part about the store, in a process that can be abandoned: its disk may hang. */
void doctor_gather_store(const struct app *app, struct val max_bytes,
			 struct doctor_store *ret);

/* About the collector: units, its process, the ring. */
void doctor_gather_collector(const struct app *app, struct doctor_facts *io);
