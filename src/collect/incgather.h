/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <cgstat.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "out/json.h"

/* What is inside a container at the moment that an incident opens. */
struct incgather {
	bool memory; /* the event did not tell */
	int rootfd;
	uint32_t vmid;
	pid_t init;
};

/* For guard_start(): writes one JSON object. -ENOENT: the container is gone. */
int incgather_run(int out, void *arg);

void data_ppm(struct jw *w, const char *key, struct val centi);
