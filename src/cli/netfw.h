/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include <netview.h>

/*
 * Is each interface of the container filtered (facts: pve-node.md 5.5)? Where the files
 * of the firewall cannot be read nothing is said (fw_known).
 */
void netfw_read(const struct app *app, struct netview *v);
