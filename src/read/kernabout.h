/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include "tbytes.h"

/*
 * Which container a message of the kernel's log is about, for one that is chosen: the
 * names in it that a guest has a hand in are not believed. Pure, linear. (What such a
 * message says in all is in read/kernmsg.h.)
 */
bool kernabout_names(struct tbytes msg, uint32_t vmid);

/* "oom-kill:...": the process that is killed, of the node. False: it is no such line. */
bool kernabout_oom_victim(struct span msg, uint32_t *ret_pid);

/* "... out of memory: Killed process <pid> (<name>) ...", which names no container. */
bool kernabout_killed(struct span msg, uint32_t *ret_pid);
