/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct.h"
#include "settings.h"
#include "val.h"

/*
 * What `top` shows, as data: made of samples by rule/toprow.h, drawn by out/topview.h.
 * Ratios are in millionths (ppm), rates per second.
 */
#define TOP_GRAPH 60 /* values of a row's graph, the newest last */

enum topsort {
	TOPSORT_VMID,
	TOPSORT_NAME,
	TOPSORT_CPU,
	TOPSORT_MEM,
	TOPSORT_SWAP,
	TOPSORT_IO,
	TOPSORT_NET,
	TOPSORT_PSI,
	TOPSORT_PIDS,
	TOPSORTS
};

/* What is known of a container besides its counters, at the time it is shown. */
struct toplimits {
	struct val cpus_centi; /* CPUs it may use, in hundredths */
	struct val maxmem_bytes, maxswap_bytes, pids_max;
	const struct warn_limits *warn; /* borrowed; NULL: nothing stands out */
};

/* One container in one moment. */
struct toprow {
	uint32_t vmid;
	const char *name; /* borrowed; NULL: not known */
	enum ct_state state;
	bool was; /* recorded: of its state it is known that it ran, or was frozen */
	bool limits_then; /* with `was`: they are those of that time */
	bool error;       /* its row is not to be trusted: notes of `list` tell why */

	struct val cpu_ppm;   /* of the CPUs it may use */
	struct val cores_ppm; /* of one CPU */
	struct val mem_bytes; /* PVE's figure: without the page cache */
	struct val maxmem_bytes, mem_ppm;
	struct val swap_bytes, maxswap_bytes;
	struct val read_bps, write_bps, io_bps;
	struct val in_bps, out_bps, net_bps;
	struct val psi_cpu_ppm, psi_io_ppm, psi_mem_ppm,
		psi_ppm; /* the last: the largest */
	struct val pids, pids_max;

	bool throttled; /* its CPU share was used up in the time shown */
	bool mem_limit; /* it was at memory.max, or slowed down at memory.high, in it */
	bool pids_limit;
	struct val oom_kills; /* in the time of the graph */
	bool cpu_hot, mem_hot, psi_cpu_hot, psi_io_hot, psi_mem_hot; /* at a threshold */

	struct val graph[TOP_GRAPH]; /* of what is sorted by; absent: a gap */
	struct val graph_full;       /* the value that is a whole bar, of this row */
};

/* Where a frame's figures are from. */
enum topsource {
	TOP_NONE,
	TOP_RING,    /* the collector's last two minutes */
	TOP_SAMPLED, /* by this program */
	TOP_STORE,   /* minutes of the collector's database */
};

struct tophost {
	unsigned cpus;
	struct val cpu_ppm; /* of all its CPUs */
	struct val mem_bytes, maxmem_bytes, swap_bytes, maxswap_bytes;
	struct val psi_cpu_centi, psi_io_centi, psi_mem_centi; /* some, avg10 */
};

/* One picture: a moment of the node. */
struct topframe {
	const char *node;   /* borrowed; NULL: not known */
	uint64_t real_usec; /* of the moment shown */
	uint64_t now_real_usec;
	enum topsource source;
	bool past;
	uint64_t step_usec;     /* between two values of a graph */
	uint64_t interval_usec; /* rates are taken over it */
	size_t n_running, n_frozen, n_stopped, n_other;
	struct tophost host; /* absent in the past */
	const char *note;    /* what the admin must know of this frame; NULL: nothing */
	bool limits_then;    /* in the past: rows have the limits of that time */
	bool no_store; /* in the past: there is no store to look for it in; note says so */
	uint64_t newest_real_usec; /* in the past: of the samples shown; 0: there are none
				    */
	struct toprow *v;
	size_t n;
};

/* One cgroup inside a container. */
struct topunit {
	unsigned depth;
	const char *name; /* tenant bytes, borrowed; NULL: the container itself */
	const char *kind; /* "unit", "slice", "docker", ... */
	struct val cores_ppm, mem_bytes, read_bps, write_bps, pids;
};

/* The state of the screen, changed by keys: rule/topnav.h. */
#define TOPNAV_TEXT 64

enum topprompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_TIME };

struct topnav {
	enum topsort sort;
	bool reverse, all, help, paused;
	char filter[TOPNAV_TEXT];

	enum topprompt prompt;
	char text[TOPNAV_TEXT];   /* being typed */
	char before[TOPNAV_TEXT]; /* the filter when the prompt was opened */

	uint32_t selected; /* VMID the cursor is on; 0: the first row */
	size_t cursor;     /* its row */
	size_t scroll;     /* first row shown */
	uint32_t unit;     /* the container that is looked into; 0: the table */
	size_t unit_scroll;

	uint64_t interval_usec;
	bool past;
	uint64_t at_real_usec; /* with past */
};
