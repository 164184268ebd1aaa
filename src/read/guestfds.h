/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

/* The descriptors that guest-read is started with; it closes all others. */
enum guestfd {
	GUESTFD_REQUEST,   /* read to its end */
	GUESTFD_ANSWER,    /* a pipe */
	GUESTFD_STDERR,    /* /dev/null */
	GUESTFD_ROOT,      /* O_PATH of the container's root directory */
	GUESTFD_MOUNTINFO, /* of its init */
	GUESTFD_USERNS,    /* its user namespace; not open: it has the host's */
	GUESTFD_LOCK,      /* a file of this container's: flock() while at work */
	GUESTFD_N,
};

/* Its exit code when it did not come to its end; why not is in its answer, if anywhere. */
#define GUESTREAD_EXIT EPROTO
