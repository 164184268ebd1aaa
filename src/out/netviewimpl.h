/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "out/table.h"

/*
 * What the pages about the network share: the text (escaped already) from column `first`
 * on; what the terminal has no room for goes on below, at `indent`.
 */
void netview_put_wrapped(FILE *f, const struct table_opts *o, const char *text,
			 size_t first, int indent);
