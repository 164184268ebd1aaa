/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/usage.h"

/* A section of `usage` each, of a container that is up. */
void usage_panel_memory(const struct app *app, const struct usage *u);
void usage_panel_io(const struct app *app, const struct usage *u);
void usage_panel_net(const struct app *app, const struct usage *u);

/* Its root file system, and when that will be full. */
void usage_panel_disk(const struct app *app, const struct usage *u);
