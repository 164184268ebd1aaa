/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Which system calls are left to the process: all others kill it. Built by libseccomp
 * while everything is still allowed, entered later by one system call.
 *
 * A call is allowed when (argument & mask) == value for each of its `args` (n_args 0:
 * always). A filter sees numbers only: not what a pointer points to, so not the struct of
 * openat2(2) and not a path.
 */
struct filter_arg {
	unsigned no;
	uint64_t mask, value;
};

struct filter_call {
	int number; /* SYS_* */
	unsigned n_args;
	struct filter_arg args[2];
};

struct filter {
	void *code; /* struct sock_filter[n] */
	size_t n;
};

/* -EINVAL, -ENOMEM, -ENOSYS: none could be made. Release with filter_done(). */
int filter_build(const struct filter_call *calls, size_t n, struct filter *ret,
		 struct err *err);
void filter_done(struct filter *f);

/* For good, and on top of those that were entered before. Needs no_new_privs. */
int filter_enter(const struct filter *f, struct err *err);
