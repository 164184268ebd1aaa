/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Which containers have a monitor: PVE calls a container running when the abstract
 * socket @/var/lib/lxc/<vmid>/command exists (facts: pve-node.md 4.1). *ret_ids is
 * sorted, each id once; the caller frees it.
 *
 * Live it is asked over sock_diag, which gives names with their length, so that no socket
 * name can forge a line; a kernel without unix_diag and a copy of a node are read from
 * /proc/net/unix.
 */
int unixsock_read_monitors(int rootfd, bool live, uint32_t **ret_ids, size_t *ret_n,
			   struct err *err);

/* Is it in the sorted list? */
bool unixsock_has(const uint32_t *ids, size_t n, uint32_t vmid);

/* Does somebody listen at a socket of that path? By the text form, which may be forged. */
bool unixsock_parse_listens(struct span text, const char *path);

/* The text form. */
void unixsock_parse_text(struct span text, uint32_t **ids, size_t *n, size_t *cap);

/* One sock_diag dump (a buffer of netlink messages). 1: the dump has ended, 0: more
 * comes. */
int unixsock_parse_diag(struct span msgs, uint32_t **ids, size_t *n, size_t *cap);
