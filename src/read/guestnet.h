/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include <guestnet.h> /* of include/ */
#include "read/guestread.h"

/*
 * /etc/resolv.conf of a running container and the leases that the DHCP clients in it
 * keep: dhclient, systemd-networkd, NetworkManager, dhcpcd (udhcpc keeps none). Read by
 * guest-read, in one request, and a second one where there are leases.
 */
enum { GUESTNET_MAX_LEASES = 16 };

struct guestnet {
	bool resolver_known;
	struct resolver resolver;
	const char *resolver_error; /* static; NULL: it is there, or there is none */
	bool leases_known;
	struct dhcp_leases leases;
	/* private: what the texts point into */
	struct guestread_answers looked, files;
	struct dhcp_texts *texts;
};

void guestnet_done(struct guestnet *g);

/*
 * -ESRCH: the container is not there (any more); -ETIMEDOUT, -EBUSY: as of guest-read.
 * What came before is in *ret all the same: always release it.
 */
int guestnet_read(int rootfd, const struct guestread_target *target, struct guestnet *ret,
		  struct err *err);
