/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "out/text.h"

static bool number_of(const char *name, uint64_t *ret)
{
	const char *v = getenv(name);

	return v && num_parse_u64(span_str(v), ret) == 0;
}

static uint64_t watchdog(void)
{
	uint64_t usec, pid;

	if (!number_of("WATCHDOG_USEC", &usec) || usec == UINT64_MAX)
		return 0;
	if (getenv("WATCHDOG_PID") &&
	    (!number_of("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
		return 0;
	return usec;
}

/* "/path", or "@name" of an abstract socket; what virtual machines use is not for us. */
static bool address(const char *path, struct notify *n)
{
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(n->at.sun_path) || (*path != '/' && *path != '@'))
		return false;
	n->at.sun_family = AF_UNIX;
	memcpy(n->at.sun_path, path, len);
	n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*path == '@')
		n->at.sun_path[0] = '\0';
	else
		n->len++;
	return true;
}

void notify_init(struct notify *n)
{
	*n = (struct notify){ .fd = -1 };
	if (!address(getenv("NOTIFY_SOCKET"), n))
		return;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		n->len = 0;
	else
		n->watchdog_usec = watchdog();
}

void notify_done(struct notify *n)
{
	if (n->len)
		close(n->fd);
	*n = (struct notify){ .fd = -1 };
}

void notify_status(struct notify *n, const char *text)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, tbytes_str(text), false);
	snprintf(n->status, sizeof(n->status), "%s", buf_str(&b));
}

bool notify_send(struct notify *n)
{
	const struct {
		bool say;
		const char *line;
	} parts[] = {
		{ n->ready, "READY=1" },
		{ n->alive, "WATCHDOG=1" },
		{ n->stopping, "STOPPING=1" },
	};
	_cleanup_(buf_done) struct buf b = { 0 };
	ssize_t r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].say)
			buf_addf(&b, "%s%s", b.n ? "\n" : "", parts[i].line);
	if (*n->status)
		buf_addf(&b, "%sSTATUS=%s", b.n ? "\n" : "", n->status);
	if (b.n && n->len)
		r = sendto(n->fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (const struct sockaddr *)&n->at, n->len);
	if (r < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return false;
	n->ready = n->alive = n->stopping = false;
	*n->status = '\0';
	return true;
}
