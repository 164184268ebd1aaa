/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include <guestnet.h>

/*
 * Leases as DHCP clients keep them. Pure; what is not understood is passed over, as these
 * files belong to the guest. Texts of the leases point into `text`.
 */

/*
 * ISC dhclient (dhclient.leases(5), dhclient.conf(5)): a log of `lease { }` and
 * `lease6 { }` blocks. Of each interface and family the last whole one counts; at most
 * `max` are appended to *io.
 */
void dhcplease_parse_dhclient(struct span text, size_t max, struct dhcp_leases *io);

/*
 * systemd-networkd (until version 259) and NetworkManager: lines KEY=VALUE, times in
 * seconds or as "1h 30min". `obtained`: when the file was written; absent: not known, the
 * lease then has no points in time. -ENODATA: there is no address in it.
 */
int dhcplease_parse_keys(struct span text, struct val obtained_real_usec,
			 struct dhcp_lease *ret);

/*
 * dhcpcd: the server's answer as it came (RFC 2131, options of RFC 2132), its address
 * lists as text into `texts`, which must outlive *ret. -ENODATA: it is none.
 */
struct dhcp_texts {
	char p[2 * GUESTNET_LIST + 1][16];
	size_t n;
};
int dhcplease_parse_packet(struct span bytes, struct val obtained_real_usec,
			   struct dhcp_texts *texts, struct dhcp_lease *ret);
