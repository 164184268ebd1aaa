/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* A directory of the node that a container can write: a bind mount that is not ro. */
struct shared_mount {
	const struct ct *ct;
	char *key; /* "mp0", "lxc.mount.entry" */
	uint32_t line;
	char *source; /* rule_tidy() */
};

/* Of all containers of this node that may run; by source. */
struct shared_mounts {
	struct shared_mount *v;
	size_t n, cap;
};

/* root_only: those that root of the node can write from inside. */
void shared_mounts_get(const struct facts *f, bool root_only, struct shared_mounts *ret);
void shared_mounts_done(struct shared_mounts *l);

/*
 * One whose source is that tidy path, or a directory that it is in, of another container
 * than `but` (NULL: of any); the nearest. NULL: none.
 */
const struct shared_mount *shared_mounts_above(const struct shared_mounts *l,
					       const char *path, const struct ct *but);

/* Names the first few of many containers: "101, 102, 103, 104 and 5 more". */
struct shared_some {
	struct buf text;
	size_t n;
};

void shared_some_add(struct shared_some *s, uint32_t vmid);
const char *shared_some_end(struct shared_some *s);
void shared_some_done(struct shared_some *s);
