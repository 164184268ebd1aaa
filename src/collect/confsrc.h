/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pveconf.h>

#include "collect/collector.h"

/* The config as it was last read; NULL: not known. Valid until the next call. */
const struct pveconf *confsrc_get(struct collector *c, uint32_t vmid);

/* False: not known. */
bool confsrc_quorum(struct collector *c, bool *ret_quorate);
