/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlwatch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define RECEIVE_MAX ((size_t)64 << 10)
/* A thousand containers that start at once. */
#define BUFFER_BYTES (2 << 20)

int nlwatch_open(int *ret, struct err *err)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	_cleanup_close_ int fd = socket(
		AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	const int size = BUFFER_BYTES;

	if (fd < 0)
		return err_set(err, -errno, "rtnetlink: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
		return err_set(err, -errno, "rtnetlink: %s", strerror(errno));
	*ret = take_fd(&fd);
	return 0;
}

int nlwatch_ask(int fd)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} req = { .h = { .nlmsg_len = sizeof(req),
			 .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  .m = { .ifi_family = AF_UNSPEC } };

	return send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

int nlwatch_read(int fd, struct buf *ret)
{
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	buf_reserve(ret, RECEIVE_MAX);
	do
		n = recvfrom(fd, ret->p + ret->n, RECEIVE_MAX, 0,
			     (struct sockaddr *)&from, &len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (from.nl_pid == 0) /* the kernel, nobody else */
		ret->n += (size_t)n;
	return 0;
}
