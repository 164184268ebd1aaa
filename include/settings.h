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

/* Of the collector's store; "off" is no limit. */
struct store_settings {
	struct val max_bytes;
	struct val keep_1s_sec, keep_10s_sec, keep_60s_sec;
	struct val keep_events_sec;
};

/* What the collector does beside hooks, cgroups, configs and tasks: VAL_SET is on. */
struct collect_settings {
	struct val recorder, network, kernel_messages;
};

/* From where on something is an incident: over the last minute, or for so long. */
struct incident_settings {
	struct val memory_some_percent, memory_full_percent;
	struct val io_full_percent, cpu_some_percent;
	struct val frozen_sec;
};

struct settings {
	struct warn_limits warn;
	struct store_settings store;
	struct collect_settings collect;
	struct incident_settings incidents;
};
