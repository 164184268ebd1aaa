/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <metric.h>

#include "base/str.h"

/*
 * The files of a container's cgroup that are read every second, and parsers for exactly
 * the keys that are recorded: what read/cgroup.h reads whole, at a fraction of the cost.
 */
enum cgsample_file {
	/* these three tell whether anything happened at all, and come first */
	CGSAMPLE_CPU_STAT,
	CGSAMPLE_IO_PRESSURE,
	CGSAMPLE_MEMORY_PRESSURE,
	CGSAMPLE_CPU_PRESSURE,
	CGSAMPLE_MEMORY_CURRENT,
	CGSAMPLE_MEMORY_STAT,
	CGSAMPLE_MEMORY_SWAP_CURRENT,
	CGSAMPLE_MEMORY_EVENTS,
	CGSAMPLE_IO_STAT,
	CGSAMPLE_PIDS_CURRENT,
	CGSAMPLE_FILES
};

const char *cgsample_name(enum cgsample_file f); /* "cpu.stat" */

/*
 * Takes the columns of that file out of its text into io->v, and sets their bits in
 * io->have; a key that is not there leaves its column as it was. `details`: those of
 * METRIC_DETAIL_BITS, too (their time is the caller's to set). 0, or -EINVAL: half a number
 * (then columns may be missing, none is wrong).
 */
int cgsample_parse(enum cgsample_file f, struct span text, bool details,
		   struct sample *io);
