/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include "cli/toptrack.h"

/*
 * The minutes of the collector's store around a moment, for every container that it
 * knows. What was read is kept: to step through it costs nothing.
 */
struct toppast;

struct toppast *toppast_new(const struct app *app);
void toppast_free(struct toppast *p); /* NULL is fine */

/*
 * The samples of that moment and of a graph's time before it, as fine as they are still
 * kept; *ret_step_usec between two of them. *ret is borrowed, and empty where nothing was
 * recorded. -ENOENT: there is no store; others: it cannot be read.
 */
int toppast_at(struct toppast *p, uint64_t real_usec, const struct tracks **ret,
	       uint64_t *ret_step_usec, struct err *err);

/* The name of a container that may be gone since; NULL: not known. */
const char *toppast_name(const struct toppast *p, uint32_t vmid);
