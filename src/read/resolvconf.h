/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include <guestnet.h>

/*
 * /etc/resolv.conf as glibc reads it (resolv.conf(5)): a keyword begins the line and is
 * followed by a blank; '#' and ';' begin comment lines; of `search` and `domain` the
 * last line counts. Anything else is passed over: no text is an error.
 */
void resolvconf_parse(struct span text, struct resolver *ret);
