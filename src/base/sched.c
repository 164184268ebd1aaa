/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/sched.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NSEC 100000 /* the least there is */

/* sched_setattr(2), its first version; the name is taken in newer C libraries */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

void sched_wake_soon(void)
{
	struct attr a = { .size = sizeof(a) };

	/* the niceness is set with it: that which there is */
	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 ||
	    a.policy != SCHED_OTHER)
		return;
	a.size = sizeof(a);
	a.runtime = SLICE_NSEC;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}
