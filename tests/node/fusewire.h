/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the file systems of the tests share: mounting, and answering on /dev/fuse (kernel:
 * include/uapi/linux/fuse.h).
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

/* The descriptor that is served, -1: it said why. */
static inline int fusewire_mount(const char *name, const char *dir, const char *more)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char opts[160];

	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other%s", fd, more);
	if (fd >= 0 && mount(name, dir, "fuse", MS_NOSUID | MS_NODEV, opts) == 0)
		return fd;
	perror("mount");
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void fusewire_answer(int fd, uint64_t unique, int error, const void *data,
				   size_t size)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + size),
		.error = error,
		.unique = unique,
	};
	struct iovec v[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)data, size } };

	/* ENOENT: who asked was killed meanwhile */
	if (writev(fd, v, 2) < 0 && errno != ENOENT)
		perror("writev");
}
