/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * A seccomp filter as the kernel gives it back: classic BPF over struct seccomp_data
 * (kernel: Documentation/userspace-api/seccomp_filter.rst, Documentation/networking/
 * filter.rst, kernel/seccomp.c for what is allowed in one). Pure; for a given system call
 * it says every answer that the filter may give, whatever the arguments are.
 */
struct secinsn { /* struct sock_filter */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

#define SECFILTER_MAX 4096 /* BPF_MAXINSNS */

struct secfilter {
	struct secinsn *v;
	size_t n;
};

/* The bytes of PTRACE_SECCOMP_GET_FILTER. -EINVAL: the kernel would not have taken it. */
int secfilter_parse(struct span bytes, struct secfilter *ret);
void secfilter_done(struct secfilter *f);

/* The 64 bytes of struct seccomp_data; those that are not known may be anything. */
#define SECDATA_WORDS 16
#define SECDATA_NR    0
#define SECDATA_ARCH  1

struct secdata {
	uint32_t word[SECDATA_WORDS];
	bool known[SECDATA_WORDS];
};

/* What may be answered. More than one: it depends on the arguments. */
struct secmay {
	bool kill; /* the thread or the process, or something newer that we do not know */
	bool trap, error, notify, trace, log, allow;
	uint16_t error_no; /* one of those that `error` may give */
};

/*
 * Never says less than the filter does; where it loses track of a value it says more.
 * Linear in the filter.
 */
void secfilter_run(const struct secfilter *f, const struct secdata *d,
		   struct secmay *ret);

/*
 * All filters of a process together: the answer that the kernel ranks first of them (kill,
 * trap, error, notify, trace, log, allow).
 */
void secmay_stack(struct secmay *all, const struct secmay *one);
