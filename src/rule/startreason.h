/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"

/*
 * Why a start failed, in one line, out of what was said about it. Pure.
 *
 * The line of lxc-start's stderr (`lxc-start: <id>: ../src/lxc/<file>: <function>: <line>
 * <message>`, facts: pve-node.md 6.3) that tells most: the first that is not only the
 * consequence of another ("Failed to spawn container"). The message without what is in
 * front of it, at most 200 bytes, a part of `text`; n 0: every line is such a
 * consequence. The container's own name and paths may be in it: tenant bytes, escape.
 */
struct span startreason_of_stderr(struct span text);

/*
 * Does the status of a failed task say why? False for those that only say that it did
 * ("startup for container '101' failed", "unexpected status", "OK").
 */
bool startreason_of_task(struct span status);
