/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pveconf.h> /* of include/ */
#include <pveprop.h>

/* Networks, mount points, devices and features of a section, parsed; what PVE drops is
 * not there. */
void pvetyped_take(const struct pveconf_section *s, struct pve_typed *t);
