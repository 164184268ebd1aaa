/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct.h"
#include "ctsec.h"
#include "devnode.h"
#include "guestnet.h"
#include "lxcstart.h"
#include "netview.h"
#include "pveprop.h"

/*
 * What the config of a running container says against what runs. Only what is known on
 * both sides is compared; what is not is a gap, never a difference.
 */
enum drift_cause {
	DRIFT_PENDING, /* PVE keeps it in [pve:pending] for the next start */
	DRIFT_EDITED,  /* it runs as it was started, the config was edited since */
	DRIFT_CHANGED, /* it was started otherwise: changed while it ran, not by PVE */
	DRIFT_UNSURE,  /* one of the two last: how it was started is not known */
};

/* What makes the running container as its config says. */
enum drift_action {
	DRIFT_NOTHING, /* PVE sees to it by itself */
	DRIFT_HOTPLUG, /* pct set, while it runs */
	DRIFT_RESTART,
};

const char *drift_cause_name(enum drift_cause c);   /* "pending", "edited", ... */
const char *drift_action_name(enum drift_action a); /* "nothing", "hotplug", "restart" */

struct drift_row {
	char *key;        /* "memory", "net0.rate", "lxc.cap.drop" */
	char *configured; /* NULL: the config has nothing of the kind */
	char *running;    /* NULL: there is nothing of the kind */
	char *seen;       /* where: "memory.max of lxc/101" */
	enum drift_cause cause;
	enum drift_action action;
	char *fix; /* a command, or a sentence; NULL: nothing but the action */
};

/* What could not be compared. */
struct drift_gap {
	char *key;
	char *why;
};

/* One container. Keys, values and reasons may hold bytes of a config or of a guest. */
struct drift {
	uint32_t vmid;
	const char *name;   /* borrowed */
	const char *status; /* borrowed */
	bool running;       /* else nothing was compared */
	struct drift_row *v;
	size_t n, cap;
	struct drift_gap *gaps;
	size_t n_gaps, cap_gaps;
	size_t n_compared; /* values that were, those that differ included */
};

void drift_done(struct drift *d);

/* A devN of the config: the node's device and what the container got of it. */
struct drift_dev {
	const struct pve_dev *dev;
	struct devnode host, made;
};

/* What the resolver inside is told. */
struct drift_dns {
	const char *why; /* it is not known; NULL: it is */
	bool marked;     /* PVE's own part of the file was found: the lists are of it */
	struct resolver resolver; /* borrowed texts */
};

struct ctmounts;
struct mounttree;

/* What is known of one. */
struct drift_facts {
	const struct ct *ct; /* with cpu, memory and its limits, pids, cpuset read */
	const struct pve_delete *deletes; /* of the pending section */
	size_t n_deletes;
	const struct lxcstart *start; /* NULL: not looked for */
	/* "cgroup2.pids.max": what LXC's own files of the node set for all */
	const char *const *common;
	size_t n_common;
	struct val cpus;           /* that containers may use */
	const struct ctsec *sec;   /* of init at least; NULL: not looked at */
	const struct netview *net; /* joined; NULL: not looked at */
	/* the mounts of init, and the same joined with the config; NULL: not known */
	const struct mounttree *inside;
	const struct mounttree *host; /* of the node; NULL: not known */
	const struct ctmounts *mounts;
	const char *mounts_why; /* why they are not */
	/* "dev/fuse": where LXC's own files of the node mount something for all */
	const char *const *common_mounts;
	size_t n_common_mounts;
	bool common_hooks; /* they run hooks of others, too, which may mount anything */
	const struct drift_dev *devs; /* each of the config */
	size_t n_devs;
	const struct passthrough *passthrough; /* NULL: not looked at */
	struct tbytes uts;           /* the host name inside; p NULL: not known */
	const struct drift_dns *dns; /* NULL: not looked at */
	/* the seccomp profile that PVE wrote for the start; p NULL: not known */
	struct tbytes seccomp;
};
