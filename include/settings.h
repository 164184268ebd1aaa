/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "val.h"

/*
 * What /etc/ctscope/ctscope.conf may set. A threshold is VAL_SET with its number, or
 * VAL_ABSENT: that warning is off.
 */
struct warn_limits {
	struct val memory_high_percent; /* of memory.high */
	struct val memory_max_percent;  /* of memory.max */
	struct val swap_percent;        /* of memory.swap.max */
	struct val cpu_percent;         /* of the CPUs it may use */
	struct val throttled_percent;   /* of the periods of cpu.max */
	struct val cpu_pressure_percent, io_pressure_percent, memory_pressure_percent;
	struct val pids_percent; /* of pids.max */
	struct val oom_kills;    /* since the start */
	struct val disk_percent; /* of the root file system */
};

struct settings {
	struct warn_limits warn;
};
