/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * What is mounted where, out of the mountinfo of the guest's init (kernel:
 * Documentation/filesystems/proc.rst 3.5). A guest decides how long that is and what is
 * in its paths; the ids and types are the kernel's.
 */
#define MOUNTS_MAX_BYTES ((size_t)8 << 20) /* of mountinfo that are looked at */
#define MOUNTS_MAX_LINE  ((size_t)128 << 10)

/* Id and type of a line. False: it is none. */
bool mounts_parse_line(struct span line, uint64_t *ret_id, struct span *ret_type);

/*
 * Is the mount of that id on a file system that only this machine's kernel serves? Read
 * anew at each call: the id has to be that of a descriptor that is held, so that it is
 * not another mount's meanwhile. -ENOENT: it is not in there (unmounted, out of reach);
 * -EFBIG: too much is mounted to tell.
 */
int mounts_is_local(int mountinfo, uint64_t id, bool *ret);

/* The same by the name of a type. */
bool mounts_type_is_local(struct span type);
