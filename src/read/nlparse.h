/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "netif.h"

/*
 * rtnetlink messages to structs (kernel: Documentation/userspace-api/netlink, include/
 * uapi/linux/{netlink,rtnetlink,if_link,if_addr,if_bridge,pkt_sched,pkt_cls}.h). Pure:
 * `bytes` is what one or several receives gave, whole messages. Each parser takes the
 * messages of its kind, passes over all others, and appends to *io at most until io->n is
 * `max`: what comes then is counted in io->more.
 *
 * 0, or -EINVAL with the sentence: a message or attribute that is cut off or too small
 * for what it must hold (*io then holds what was whole before it). What the kernel itself
 * says is in *st: its error answers are not errors of the parser.
 */
struct nl_status {
	bool done;        /* the end of the dump was seen (or an acknowledgement) */
	bool interrupted; /* NLM_F_DUMP_INTR: it changed meanwhile, read it again */
	int error;        /* negative errno of the kernel's answer, 0: none */
	size_t messages;
};

int netlink_parse_links(struct span bytes, size_t max, struct netifs *io,
			struct nl_status *st, struct err *err);
int netlink_parse_stats(struct span bytes, size_t max, struct netstats *io,
			struct nl_status *st, struct err *err);
/*
 * The same of notifications (RTNLGRP_LINK): also those that are removed, with `gone` set;
 * what a bridge says about its ports (AF_BRIDGE) is passed over.
 */
int netlink_parse_link_changes(struct span bytes, size_t max, struct netifs *io,
			       struct nl_status *st, struct err *err);
int netlink_parse_addrs(struct span bytes, size_t max, struct netaddrs *io,
			struct nl_status *st, struct err *err);

/*
 * Unicast, blackhole, unreachable, prohibit and throw routes of any table; the kernel's
 * local and broadcast entries are not kept. A default route is kept even where `max` is
 * reached (then in the place of the last other one).
 */
int netlink_parse_routes(struct span bytes, size_t max, struct netroutes *io,
			 struct nl_status *st, struct err *err);

/* A dump of links of the family AF_BRIDGE with RTEXT_FILTER_BRVLAN_COMPRESSED. */
int netlink_parse_bridge_vlans(struct span bytes, size_t max, struct netvlans *io,
			       struct nl_status *st, struct err *err);

/* Queueing disciplines, classes (with the rate of htb) and filters (that of police). */
int netlink_parse_qdiscs(struct span bytes, size_t max, struct netqdiscs *io,
			 struct nl_status *st, struct err *err);

/* The answer to RTM_GETNSID: absent where no id is assigned. */
int netlink_parse_nsid(struct span bytes, struct val *ret, struct nl_status *st,
		       struct err *err);
