/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * Names of system calls, from libseccomp (loaded at the first call). arch is an
 * AUDIT_ARCH_* value as audit writes it. Owned; NULL: libseccomp is not there, or does
 * not know it.
 */
char *syscall_name(uint64_t arch, uint64_t number);

/*
 * Its number there. Negative: SYSCALL_UNKNOWN, a name that libseccomp has never heard of
 * (or it is not there), else it is none of that architecture's own.
 */
#define SYSCALL_UNKNOWN (-1)
int syscall_number(uint64_t arch, const char *name);

/* AUDIT_ARCH_* of this machine. */
uint32_t syscall_native(void);

/* x32 has x86_64's AUDIT_ARCH_*, and this bit in its numbers; to libseccomp it is this. */
#define SYSCALL_X32     0x4000003eU
#define SYSCALL_X32_BIT 0x40000000U

/* "x86_64", "i386", ...; NULL: another one. */
const char *syscall_arch_name(uint64_t arch);
