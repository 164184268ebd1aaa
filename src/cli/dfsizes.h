/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/dfdata.h"

/*
 * The sizes of the rows whose `asked` is set: of a root by its init, of a directory of the
 * node by the node, of all else by guest-read. Fills `state`, `use` and `error`.
 */
void dfsizes_read(const struct app *app, struct dfdata *d);
