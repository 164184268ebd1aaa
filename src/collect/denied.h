/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "collect/collector.h"
#include "read/kernmsg.h"

/*
 * What AppArmor and seccomp refused. A guest can bring that about as often as it likes,
 * in as many ways: of one kind (an operation, a system call) there is an event at once,
 * then one for all that came since, ever more seldom while it goes on; and there are so
 * many kinds of a container, all others are one.
 */
#define DENIED_KINDS     16 /* of a container */
#define DENIED_MAX       1024
#define DENIED_WAIT_USEC (10 * (uint64_t)1000000)
#define DENIED_MOST_USEC (640 * (uint64_t)1000000)

struct denied_kind {
	uint32_t vmid;
	char key[48]; /* "apparmor mount", "seccomp c000003e 165"; "": all others */
	uint64_t told_boot_usec, wait_usec, last_boot_usec;

	/* since the last event of it */
	struct lc_time first;
	uint64_t times, others; /* others: of these, with another path than the first */
	uint64_t withheld;      /* as it stood then */
	enum denied_by by;
	char *operation, *path, *profile, *process, *requested, *error;
	struct val syscall, arch, action;
};

struct denied {
	struct denied_kind *v;
	size_t n, cap;
	uint64_t withheld; /* lines that the kernel left out, ever: only counted up */
};

/* vmid: whose it is; m->vmid may be 0. */
void denied_add(struct collector *c, struct denied *d, const struct kernmsg *m,
		uint32_t vmid);
void denied_look(struct collector *c, struct denied *d); /* every ten seconds */
void denied_done(struct denied *d);
