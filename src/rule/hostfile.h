/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* A file of the node that is used for a container as root, mostly of the node: who can
 * change it is that root. */
enum hostfile_kind {
	HOSTFILE_RUN,   /* a program */
	HOSTFILE_READ,  /* configuration */
	HOSTFILE_WRITE, /* a log */
};

struct hostfile {
	enum hostfile_kind kind;
	bool start;      /* without it the container does not start */
	bool inside;     /* it is root of the container who runs it */
	const char *key; /* of the config: "hookscript", "lxc.hook.pre-start" */
	uint32_t line;
	const char *text; /* the value */
	char *path;       /* absolute */
};

struct hostfiles {
	struct hostfile *v; /* in the order of the config */
	size_t n, cap;
};

/*
 * Those of one container. Where storages are not known (NULL) the hookscript is left out;
 * so is whatever is no absolute path.
 */
void hostfiles_get(const struct ct *ct, const struct storages *s, struct hostfiles *ret);
void hostfiles_done(struct hostfiles *l);

/* Is it one that is run on the node? "lxc.hook.stop", "lxc.net.0.script.up", ... */
bool hostfile_is_program(const char *key);

/*
 * Does it run in the user namespace of a container that has one, as its root? Hooks of
 * mount time do.
 */
bool hostfile_is_inside(const struct ct *ct, const char *key);

/* The paths of all containers and of the node, sorted, each once: what to ask for. */
void hostfiles_wanted(const struct facts *facts, const struct storages *s,
		      struct strv *ret);

/* What LXC reads for every container; ends with NULL. */
extern const char *const hostfiles_of_node[];
