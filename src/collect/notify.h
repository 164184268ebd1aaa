/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * What a service says to its manager, by the protocol of sd_notify(3): datagrams to
 * $NOTIFY_SOCKET. A call of our own because that of libsystemd (252 and 257), and the
 * watchdog of sd-event, which uses it, wait until the manager has read: whoever waits for
 * a PID 1 that hangs records nothing.
 */
struct notify {
	struct sockaddr_un at;
	socklen_t len; /* 0: no manager */
	int fd;
	uint64_t watchdog_usec; /* WATCHDOG=1 is wanted at least that often; 0: never */

	/* what is still to be said */
	bool ready, stopping, alive;
	char status[256]; /* escaped; "": nothing new */
};

/* From the environment, which may say nothing, or nonsense: then there is no manager. */
void notify_init(struct notify *n);
void notify_done(struct notify *n);

/* The last one counts. Whatever its bytes are, it is one line. */
void notify_status(struct notify *n, const char *text);

/*
 * Says what is to be said, without waiting. False: the manager did not take it, call
 * again soon. One that is gone takes everything.
 */
bool notify_send(struct notify *n);
