/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Users and groups by the files /etc/passwd and /etc/group, which is where a package makes
 * those of a system service; no directory service is asked, as it may hang.
 */
struct accounts {
	struct buf passwd, group;
};

/* -ENOENT: there is no etc/passwd, or no etc/group. */
int accounts_read(int rootfd, struct accounts *ret, struct err *err);
void accounts_done(struct accounts *a);

/* False: there is none of that name. */
bool accounts_user(const struct accounts *a, const char *name, uid_t *ret_uid);
bool accounts_group(const struct accounts *a, const char *name, gid_t *ret_gid);

/* The third field of the line that begins with `name`; both files have it there. */
bool accounts_parse(struct span text, const char *name, uint32_t *ret);
