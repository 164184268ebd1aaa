/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What systemd says of a unit (org.freedesktop.systemd1(5)). Texts are owned. */
struct sdunit {
	char *load, *active, *sub; /* "loaded", "active", "running" */
	char *file_state;          /* "enabled"; "" for one that has no file */
	char *result, *status;     /* of a service or socket; NULL: it is none */
	pid_t main_pid;            /* 0: none */
	uint64_t since_real_usec;  /* it is active; 0: it is not */
	uint64_t restarts;         /* by itself, since somebody started it */
	uint64_t watchdog_usec;    /* 0: none */
	bool need_reload;          /* its file was changed since it was read */
};

void sdunit_done(struct sdunit *u);

/*
 * Asks systemd over its own socket, root's, or the system bus, in a process with a
 * deadline. -ENOENT: systemd does not run here, or no libsystemd; -ETIMEDOUT: it does not
 * answer. A unit that nobody knows is one whose `load` is "not-found".
 */
int sdunit_read(const char *name, struct sdunit *ret, struct err *err);
