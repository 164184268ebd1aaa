/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <blockname.h>

/*
 * Out of sysfs (kernel: Documentation/ABI/testing/sysfs-block-loop, sysfs-bus-rbd),
 * without opening the device. Never fails: of a device that is gone nothing is known.
 */
void blockname_read(int rootfd, uint32_t major, uint32_t minor, struct blockname *ret);

/* The same, once for each device; those over 4,096 are left out. */
void blocknames_add(int rootfd, uint32_t major, uint32_t minor, struct blocknames *l);

/* One line of a small file of sysfs below `dir`, owned; NULL: there is none. */
char *blockname_attr(int rootfd, const char *dir, const char *file);
