/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ctsec.h> /* of include/ */
#include <facts.h>
#include <secdeep.h>

#include "read/secfetch.h"
#include "read/secpolicy.h"

/* The system calls of this machine's architectures by libseccomp's names, made once. */
struct secnames;

/* -ENOENT: libseccomp is not there; -ENOTSUP: a machine that is not known. */
int secnames_new(struct secnames **ret, struct err *err);
void secnames_free(struct secnames *n);

/*
 * What the filters answer to each system call, beside what the profile says (NULL: only
 * what is dangerous is looked at). Pure but for libseccomp. `n_outer`: so many of the
 * filters that were added first are its monitor's. ret->got is set.
 */
void secdeep_judge(const struct secnames *n, const struct secfilters *f, size_t n_outer,
		   const struct secpolicy *p, struct secdeep *ret);

/*
 * The filters of a container's init, from the kernel (secfetch.h: it is stopped for a
 * moment), its profile, and both beside each other. *ret is filled in any case.
 * `started_real_usec`: of init, 0: not known.
 */
void secdeep_read(int rootfd, const struct secnames *n, const struct ct *ct,
		  uint64_t started_real_usec, struct secdeep *ret);
