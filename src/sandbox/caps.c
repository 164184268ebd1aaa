/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/caps.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fsuid.h>

static int keep_only(const cap_value_t *caps, int n)
{
	cap_t c = cap_init(); /* none of them */
	int r = -ENOMEM;

	if (!c)
		return r;
	if (cap_set_flag(c, CAP_PERMITTED, n, caps, CAP_SET) < 0 ||
	    cap_set_flag(c, CAP_EFFECTIVE, n, caps, CAP_SET) < 0 || cap_set_proc(c) < 0)
		r = -errno;
	else
		r = 0;
	cap_free(c);
	return r;
}

/* setfsuid(2) tells what was before, never whether it worked. */
static int take_fs_ids(void)
{
	setfsgid(0);
	setfsuid(0);
	return setfsgid((gid_t)-1) == 0 && setfsuid((uid_t)-1) == 0 ? 0 : -EPERM;
}

int caps_become_guest(int userns, struct err *err)
{
	static const cap_value_t keep[] = { CAP_DAC_READ_SEARCH };
	int r;

	if (setgroups(0, NULL) < 0)
		return err_set(err, -errno, "setgroups: %s", strerror(errno));
	if (userns >= 0 && setns(userns, CLONE_NEWUSER) < 0)
		return err_set(err, -errno, "join the user namespace: %s",
			       strerror(errno));
	r = take_fs_ids();
	if (r < 0)
		return err_set(err, r, "the container's root has no id here");
	r = keep_only(keep, 1);
	if (r < 0)
		return err_set(err, r, "give up capabilities: %s", strerror(-r));
	return 0;
}
