/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include <facts.h> /* of include/: in quotes it would be this file */

/*
 * Reads the node: configs through a process that can be abandoned (pmxcfs may hang: then
 * pve_error says so after 2 s and the kernel's containers are still there), the rest
 * from the kernel. `live`: rootfd is this machine's "/" (netlink and statfs make sense).
 * A container that stops while it is read is shown as it was last seen.
 *
 * With want->vmid: -ENOENT no such container anywhere, -EXDEV it is on another node,
 * -ENOTSUP the id is a virtual machine; each with its sentence. -ENODEV: this is not a
 * Proxmox node (no /etc/pve).
 */
int facts_read(int rootfd, bool live, const struct facts_want *want,
	       uint64_t now_real_usec, struct facts *ret, struct err *err);
