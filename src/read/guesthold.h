/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "read/guestfds.h"
#include "read/guestread.h"

/*
 * What is held of one container while guest-read works: the descriptors it is started
 * with (by enum guestfd; what is the request's and the answer's is the caller's), and two
 * of its init. -1: not there.
 */
struct guesthold {
	int fd[GUESTFD_N];
	int proc; /* /proc/<init>: of this process, even when its number is used again */
	int pidfd;
};

void guesthold_init(struct guesthold *h); /* none */
void guesthold_done(struct guesthold *h);

/*
 * Takes hold of the container that is meant and of no other: see read/guestread.h. -ESRCH:
 * it is not there (any more); -EAGAIN: it has no root of its own yet. *ret is written on
 * success only.
 */
int guesthold_open(int rootfd, const struct guestread_target *t, struct guesthold *ret,
		   struct err *err);

/* -ESRCH, and the sentence that says so. */
int guesthold_gone(const struct guestread_target *t, struct err *err);
