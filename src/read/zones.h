/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Is it a time zone of zone.tab? "UTC" and other names outside that file are not. */
bool zone_is_known(const char *name);
