/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"

/* What PVE's reader does with a raw `lxc.*` line (facts: pve-node.md 1.2). */
enum lxckey {
	LXCKEY_UNKNOWN, /* warned about as a whole line and dropped */
	LXCKEY_REFUSED, /* dropped with the sentence */
	LXCKEY_KEPT,
	LXCKEY_WARNED,  /* kept, and the sentence is said */
	LXCKEY_RUNTIME, /* lxc.environment.runtime: becomes `env` */
};

/* *ret is what PVE says after the key, where it says something. */
enum lxckey lxckey_check(struct span key, const char **ret);
