/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guestnet.h"

#include "base/str.h"

void dhcp_leases_done(struct dhcp_leases *l)
{
	free(l->v);
	*l = (struct dhcp_leases){ 0 };
}

const char *dhcp_client_name(enum dhcp_client c)
{
	static const char *const names[DHCP_N_CLIENTS] = {
		[DHCP_DHCLIENT] = "dhclient",
		[DHCP_NETWORKD] = "systemd-networkd",
		[DHCP_NETWORKMANAGER] = "NetworkManager",
		[DHCP_DHCPCD] = "dhcpcd",
		[DHCP_HOST_DHCLIENT] = "dhclient of the node",
	};

	return c < DHCP_N_CLIENTS ? names[c] : NULL;
}
