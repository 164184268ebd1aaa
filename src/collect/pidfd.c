/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* include/uapi/linux/pidfd.h of 6.15, whatever headers this is built with: the kernel
 * fills what a caller's size and mask ask for. */
struct info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};

#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO  _IOWR(0xFF, 11, struct info)

int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

bool pidfd_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLHUP));
}

enum init_exit pidfd_exit(int fd, int *ret_value)
{
	struct info i = { .mask = INFO_EXIT };

	if (ioctl(fd, GET_INFO, &i) < 0 || !(i.mask & INFO_EXIT))
		return INIT_EXIT_UNKNOWN;
	if (WIFSIGNALED(i.exit_code)) {
		*ret_value = WTERMSIG(i.exit_code);
		return INIT_EXIT_SIGNAL;
	}
	*ret_value = WEXITSTATUS(i.exit_code);
	return INIT_EXIT_CODE;
}
