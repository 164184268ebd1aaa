/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The requests of the kernel to the stand-in for pmxcfs, one at a time.
 */
#pragma once

#include <linux/fuse.h>
#include <stdbool.h>

#include "pmxview.h"

#define PMXOPS_MAX_WRITE 131072

/* What is shown: see pmxview_init(). */
int pmxops_init(const char *dir);

/* Answers go to this descriptor of /dev/fuse. */
void pmxops_start(int fd);

/* Without a quorum nothing is written. */
void pmxops_quorum(bool is);

/* Does what is asked for, and answers. */
void pmxops_serve(struct fuse_in_header *h);

/* EACCES */
void pmxops_refuse(const struct fuse_in_header *h);
