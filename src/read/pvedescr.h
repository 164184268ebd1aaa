/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"

/*
 * A line of a description as PVE decodes it: %XX, then UTF-8 as Perl does; what is none
 * becomes U+FFFD.
 */
void pvedescr_add(struct buf *b, struct span text);
