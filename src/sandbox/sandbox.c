/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/magic.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <unistd.h>

int sandbox_begin(struct err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "prctl: %s", strerror(errno));
	return 0;
}

int sandbox_shut_in(struct err *err)
{
	struct statfs fs;

	if (chdir("/proc/self/fd") < 0 || statfs(".", &fs) < 0)
		return err_set(err, -errno, "/proc/self/fd: %s", strerror(errno));
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, -ENOTSUP, "/proc is no procfs");
	if (chroot(".") < 0)
		return err_set(err, -errno, "chroot: %s", strerror(errno));
	return 0;
}

int sandbox_close_from(unsigned first, struct err *err)
{
	if (syscall(SYS_close_range, first, ~0u, 0) < 0)
		return err_set(err, -errno, "close_range: %s", strerror(errno));
	return 0;
}

int sandbox_limit(const struct sandbox_limits *l, struct err *err)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t to;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_CPU, l->cpu_sec },
		{ RLIMIT_NOFILE, l->descriptors },
		{ RLIMIT_AS, l->memory_bytes ? l->memory_bytes : RLIM_INFINITY },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit r = { .rlim_cur = limits[i].to, .rlim_max = limits[i].to };

		if (limits[i].to == RLIM_INFINITY)
			continue;
		if (setrlimit(limits[i].what, &r) < 0)
			return err_set(err, -errno, "setrlimit: %s", strerror(errno));
	}
	return 0;
}

static int end_after(__itimer_which_t timer, int sig, uint32_t msec)
{
	struct itimerval t = {
		.it_value = { .tv_sec = msec / 1000, .tv_usec = msec % 1000 * 1000 },
	};

	return signal(sig, SIG_DFL) == SIG_ERR || setitimer(timer, &t, NULL) < 0 ? -errno
										 : 0;
}

int sandbox_deadline(uint32_t msec, uint32_t cpu_msec, struct err *err)
{
	sigset_t none;
	int r;

	sigemptyset(&none);
	r = sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
	if (r == 0)
		r = end_after(ITIMER_REAL, SIGALRM, msec);
	if (r == 0 && cpu_msec)
		r = end_after(ITIMER_PROF, SIGPROF, cpu_msec);
	return r < 0 ? err_set(err, r, "a deadline: %s", strerror(-r)) : 0;
}

int sandbox_lock(pid_t parent, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set(err, -errno, "prctl: %s", strerror(errno));
	if (getppid() != parent)
		return err_set(err, -ESRCH, "the caller is gone");
	return 0;
}
