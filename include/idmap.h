/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * uid_map or gid_map of a user namespace, user_namespaces(7): as many ids from `inside` on
 * are those from `outside` on. At most 340 lines (the kernel's bound). No line: nothing is
 * mapped.
 */
struct idmap_line {
	uint32_t inside, outside, count;
};

struct idmap {
	struct idmap_line *v;
	size_t n;
};

void idmap_done(struct idmap *m);
