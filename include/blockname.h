/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What a block device of the node is of, by its number. The kernel says it of itself: a
 * guest can neither make such a device nor change what is said of one.
 */
struct blockname {
	uint32_t major, minor;
	char *name; /* the kernel's: "loop0", "rbd1", "dm-4", "sda3"; NULL: not known */
	/*
	 * Of a loop device: the file, as it is called now, links followed; the kernel adds
	 * " (deleted)" to one that is gone. NULL: it is no loop device, or not known.
	 */
	char *file;
	/* Of an RBD image; `ns` and `snap` NULL: none. `image` NULL: no RBD, or not known */
	char *pool, *ns, *image, *snap;
};

struct blocknames {
	struct blockname *v; /* by number */
	size_t n;
};

void blockname_done(struct blockname *b);
void blocknames_done(struct blocknames *l);

/* NULL: it was not asked for. l may be NULL. */
const struct blockname *blocknames_find(const struct blocknames *l, uint32_t major,
					uint32_t minor);
