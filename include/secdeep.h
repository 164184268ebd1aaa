/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The seccomp filter of a container as it is in the kernel, beside the profile that it
 * should have been made of. Read by read/secdeep.h, judged by rule/kernel-filter.c.
 */
enum secdeep_kind {
	SECDEEP_ALLOWED, /* let through where the profile refuses it */
	SECDEEP_REFUSED, /* refused where the profile lets it through */
	SECDEEP_OTHER,   /* refused as the profile says, but with another answer */
};

struct secdeep_call {
	enum secdeep_kind kind;
	unsigned arch; /* into secdeep.arch */
	uint32_t number;
	char *name; /* of libseccomp */
	bool some;  /* with some arguments, not with all */
};

/* A line of the profile that does nothing. */
struct secdeep_line {
	uint32_t line;
	char *name; /* of the call */
	int arch;   /* into secdeep.arch: there alone; -1: nowhere */
};

#define SECDEEP_ARCHS 3

struct secdeep_arch {
	const char *name; /* "x86_64", "i386", "x32" */
	size_t refused;   /* calls that the profile refuses, with all arguments or some */
	size_t let;       /* of these, how many the filter lets through nevertheless */
	uint32_t danger;  /* bit i: secdeep_danger(i) is let through */
};

struct secdeep {
	bool got;    /* the filters were read */
	char *error; /* one sentence: they could not be read; NULL: no */
	size_t n_filters;
	size_t n_outer;     /* the last of these its monitor has too: none of LXC's */
	uint64_t stop_usec; /* how long init was stopped for it */

	bool compared;       /* with the profile: v and `refused`, `let` mean something */
	char *profile;       /* "/var/lib/lxc/101/rules.seccomp"; NULL: none is set */
	char *profile_error; /* why not compared; NULL: there is nothing to compare */
	bool profile_newer;  /* it was written since the container started */

	struct secdeep_arch arch[SECDEEP_ARCHS]; /* the machine's own first */
	size_t n_archs;
	struct secdeep_call *v; /* by name, then arch */
	size_t n;
	struct secdeep_line *lines;
	size_t n_lines;
};

void secdeep_done(struct secdeep *d);
void secdeep_free(struct secdeep *d);

/*
 * What LXC's own profile refuses to every container: with these root of the node, and
 * only root, changes the node's kernel or reads any file. NULL: there are no more.
 */
const char *secdeep_danger(unsigned i);

/* The ones of LXC's profile; the others it forgets, and they are told only with these. */
#define SECDEEP_DANGER_OWN 0x1f
