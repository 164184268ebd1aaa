/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <regex.h>

#include "base/str.h"
#include "cli/app.h"
#include "logline.h"
#include "read/hostlog.h"

/* What `logs` is asked for: its options as they were given, then what follows from them. */
struct logask {
	const char *lines, *sources, *grep, *unit, *priority;
	struct strv files;
	uint64_t since, until;
	bool follow;

	struct log_want want; /* .vmid and .console are the caller's */
	bool wants[LOG_SOURCES];
	bool unlevelled[LOG_SOURCES]; /* of `want` */
	regex_t re;
	bool has_re;
};

/* EXIT_FINE, or EXIT_USAGE and it was said why. *l must stay where it is: the match of `want`
 * points to it. */
int logask_check(const struct app *app, struct logask *l);
void logask_done(struct logask *l);
