/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/*
 * LXC's own configuration files, as LXC reads them (lxc/lxc src/lxc/confile.c,
 * parse_line): blanks around a line are skipped, '#' begins a comment line, what does not
 * begin with "lxc." is no item, one pair of quotes around a value is taken off.
 */
struct lxcconf_item {
	struct span key;
	struct span value; /* empty: clears what was set before, for lists */
	unsigned line;     /* from 1 */
	bool broken;       /* no '=': LXC starts no container with such a file */
};

/* The next item; false: there is none. *line begins with 0 and counts on. */
bool lxcconf_next(struct span *text, unsigned *line, struct lxcconf_item *ret);
