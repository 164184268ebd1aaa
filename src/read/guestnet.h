/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
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
	struct strv host_texts;
};

void guestnet_done(struct guestnet *g);

/*
 * -ESRCH: the container is not there (any more); -ETIMEDOUT, -EBUSY: as of guest-read.
 * What came before is in *ret all the same: always release it.
 */
int guestnet_read(int rootfd, const struct guestread_target *target, struct guestnet *ret,
		  struct err *err);

struct pveconf;

/*
 * Appends the leases that a dhclient of the node keeps for the netN with host-managed=1
 * and dhcp: /var/lib/lxc/<vmid>/hook/dhclient{4,6}-<name>.leases (facts: pve-node.md 3.1).
 * One that is not there is none.
 */
int guestnet_read_host(int rootfd, uint32_t vmid, const struct pveconf *conf,
		       struct guestnet *io, struct err *err);
