/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"

/*
 * Notifications of links (rtnetlink, RTNLGRP_LINK) of the network namespace we are in.
 * Any user may listen. The kernel drops what does not fit the socket's buffer and says so
 * (-ENOBUFS): then, and at the start, all links are asked for with nlwatch_ask(); they
 * come through the same socket.
 */
int nlwatch_open(int *ret, struct err *err); /* close with close() */
int nlwatch_ask(int fd);

/* Appends one receive to *ret. -EAGAIN: nothing there; -ENOBUFS: some were lost. */
int nlwatch_read(int fd, struct buf *ret);
