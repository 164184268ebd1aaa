/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/*
 * The formats a value of a guest configuration can have, exactly as PVE checks them
 * (facts: pve-node.md 1.4). Each: 0, or -EINVAL with PVE's own sentence added to *why
 * (may be NULL), without a line feed.
 */
typedef int pve_format(struct span v, struct buf *why);

pve_format pve_format_dns_name, pve_format_dns_name_list;
pve_format pve_format_nameserver_list; /* addresses, fe80::...%iface too */
pve_format pve_format_timezone;        /* host, UTC, or a zone of zone.tab */
pve_format pve_format_configid;        /* a snapshot name */
pve_format pve_format_volume_id, pve_format_tag_list, pve_format_startup;
pve_format pve_format_mac, pve_format_ipv4, pve_format_ipv6;
pve_format pve_format_ipv4_config, pve_format_ipv6_config;
pve_format pve_format_disk_size, pve_format_mp_path, pve_format_dev_path;

/* 1/on/yes/true, 0/off/no/false in any case. */
bool pve_is_bool(struct span v, bool *ret);

/* Perl's \s on bytes: blank, tab, LF, VT, FF, CR. */
bool pve_is_space(char c);
