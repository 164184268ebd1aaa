/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * A seccomp policy file of LXC (lxc.container.conf(5), SECCOMP CONFIGURATION), as LXC 5
 * and 6 read it (lxc/lxc src/lxc/seccomp.c), which is not always what it looks like:
 *  - the name of a call ends at the first blank: a line that begins with one names none;
 *  - a call without an action gets "kill" in a denylist, whatever comes behind a '#';
 *  - a section of an architecture only says whether this machine can run that one: its
 *    lines count for all architectures of the machine.
 * Version 1 is a list of numbers that are allowed, everything else is killed.
 */
enum secact { SECACT_KILL, SECACT_ERRNO, SECACT_ALLOW, SECACT_TRAP, SECACT_NOTIFY };

enum secop { SECOP_NE, SECOP_LT, SECOP_LE, SECOP_EQ, SECOP_GE, SECOP_GT, SECOP_MASKED };

struct secarg {
	uint8_t index; /* 0 to 5 */
	enum secop op;
	uint64_t value;
	uint64_t mask; /* of SECOP_MASKED: (argument & mask) == value */
};

#define SECPOLICY_ARGS 6

struct secrule {
	uint32_t line; /* of the file, from 1 */
	char *name;    /* NULL: `number` of version 1 */
	uint32_t number;
	enum secact action;
	uint16_t error_no; /* of SECACT_ERRNO */
	struct secarg args[SECPOLICY_ARGS];
	unsigned n_args; /* all of them have to hold */
};

struct secpolicy {
	bool native_only;  /* version 1: of the machine's own architecture alone */
	enum secact other; /* what all the other calls get */
	uint16_t other_errno;
	struct secrule *v; /* in the order of the file */
	size_t n;
};

#define SECPOLICY_MAX_BYTES ((size_t)1 << 20)
#define SECPOLICY_MAX_RULES ((size_t)8192)

void secpolicy_done(struct secpolicy *p);

/*
 * `arch`: AUDIT_ARCH_* of the machine. reject_force_umount comes out as the rule that it
 * stands for. -EINVAL: LXC does not start a container with it, and err says the line;
 * -ENOTSUP: of that machine it is not known what LXC makes of it. Linear.
 */
int secpolicy_parse(struct span text, uint32_t arch, struct secpolicy *ret,
		    struct err *err);
